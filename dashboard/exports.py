"""Lists as files: CSV that no spreadsheet takes for formulas, or JSON Lines; streamed, so that a list has no end.

Knows nothing of what is listed: it is given documents, and the columns that a spreadsheet has of them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

Document = Mapping[str, Any]
KINDS = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson; charset=utf-8",
}  # by the end of a file's name
# A spreadsheet takes what begins so for a formula, which may fetch, send or run something.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_lines(columns: Sequence[str], documents: Iterable[Document]) -> str:
    """The documents' rows as RFC 4180 has them. What a spreadsheet would take for a formula gets an apostrophe."""
    return _csv([_inert(document[column]) for column in columns] for document in documents)


def csv_head(columns: Sequence[str]) -> str:
    """The first row of such a file."""
    return _csv([columns])


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _inert(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def json_lines(documents: Iterable[Document]) -> str:
    """One JSON object per line."""
    return "".join(json.dumps(document, ensure_ascii=False, default=str) + "\n" for document in documents)


def headers(name: str, ending: str) -> dict[str, str]:
    """Of a file that is kept, not shown."""
    stamp = timezone.now().strftime("%Y-%m-%d-%H%M%S")
    return {"Content-Disposition": f'attachment; filename="{name}-{stamp}.{ending}"', "Cache-Control": "no-store"}


def streamed(
    request: HttpRequest, name: str, ending: str, columns: Sequence[str], parts: Iterable[Iterable[Document]]
) -> StreamingHttpResponse:
    """The file, made while it is sent, part by part. Raises KeyError for an ending that is none of KINDS."""
    write: Callable[[Iterable[Document]], str] = (
        json_lines if ending == "jsonl" else lambda part: csv_lines(columns, part)
    )
    texts = _texts("" if ending == "jsonl" else csv_head(columns), parts, write)
    content = _in_threads(texts) if isinstance(request, ASGIRequest) else texts
    return StreamingHttpResponse(content, content_type=KINDS[ending], headers=headers(name, ending))


def _texts(head: str, parts: Iterable[Iterable[Document]], write: Callable[[Iterable[Document]], str]) -> Iterator[str]:
    if head:
        yield head
    for part in parts:
        yield write(part)


async def _in_threads(texts: Iterator[str]) -> AsyncIterator[str]:
    """Each text in the thread that talks to the database, so that no reader holds up the loop."""
    following = sync_to_async(lambda: next(texts, None))
    while (text := await following()) is not None:
        yield text
