"""Lists as files: CSV that no spreadsheet takes for formulas, or JSON Lines; streamed, so that a list has no end.

Knows nothing of what is listed: it is given documents, and the columns that a spreadsheet has of them.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

_Piece = TypeVar("_Piece", str, bytes)
SECONDS = 600.0  # that one file may take
Document = Mapping[str, Any]
KINDS = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson; charset=utf-8",
}  # by the end of a file's name
# A spreadsheet takes what begins so for a formula, which may fetch, send or run something.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_lines(columns: Sequence[str], documents: Iterable[Document]) -> str:
    """The documents' rows as RFC 4180 has them. What a spreadsheet would take for a formula gets an apostrophe."""
    return _csv([_cell(document[column]) for column in columns] for document in documents)


def csv_head(columns: Sequence[str]) -> str:
    """The first row of such a file."""
    return _csv([columns])


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(content: Any) -> Any:
    if content is None or isinstance(content, bool | int | float):
        return content
    text = json.dumps(content, ensure_ascii=False) if isinstance(content, dict | list) else str(content)
    return f"'{text}" if text.startswith(_FORMULA) else text


def json_lines(documents: Iterable[Document]) -> str:
    """One JSON object per line."""
    return "".join(json.dumps(document, ensure_ascii=False, default=str) + "\n" for document in documents)


def whole(ending: str, columns: Sequence[str], documents: Iterable[Document]) -> str:
    """All of a short file, of one of KINDS."""
    return json_lines(documents) if ending == "jsonl" else csv_head(columns) + csv_lines(columns, documents)


def headers(name: str, ending: str) -> dict[str, str]:
    """Of a file that is kept, not shown."""
    stamp = timezone.now().strftime("%Y-%m-%d-%H%M%S")
    return {"Content-Disposition": f'attachment; filename="{name}-{stamp}.{ending}"', "Cache-Control": "no-store"}


def streamed(
    request: HttpRequest, name: str, ending: str, columns: Sequence[str], parts: Iterable[Iterable[Document]]
) -> StreamingHttpResponse:
    """The file, made while it is sent, part by part. Raises KeyError for an ending that is none of KINDS.

    One that is not done after SECONDS ends with a line that says so: half a list must not look like one.
    """
    write: Callable[[Iterable[Document]], str] = (
        json_lines if ending == "jsonl" else lambda part: csv_lines(columns, part)
    )
    cut = {"cut": f"cut after {SECONDS:.0f} s: narrow the filter to have the rest"}
    notice = json_lines([cut]) if ending == "jsonl" else csv_head([cut["cut"]])
    texts = _texts("" if ending == "jsonl" else csv_head(columns), parts, write, notice)
    return StreamingHttpResponse(in_threads(request, texts), content_type=KINDS[ending], headers=headers(name, ending))


def _texts(
    head: str, parts: Iterable[Iterable[Document]], write: Callable[[Iterable[Document]], str], notice: str
) -> Iterator[str]:
    until = time.monotonic() + SECONDS
    if head:
        yield head
    for part in parts:
        yield write(part)
        if time.monotonic() > until:
            yield notice
            return


def in_threads(request: HttpRequest, pieces: Iterator[_Piece]) -> Iterator[_Piece] | AsyncIterator[_Piece]:
    """Each piece in the thread that talks to the database, so that no reader holds up the loop of an ASGI server.

    Such a server would collect whatever is not asynchronous before it sends any of it.
    """
    return _in_threads(pieces) if isinstance(request, ASGIRequest) else pieces


async def _in_threads(pieces: Iterator[_Piece]) -> AsyncIterator[_Piece]:
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece
