"""Files to take along: the list as it is filtered, and one workflow with everything."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access
from dashboard.columns import Columns
from dashboard.exports import KINDS, Document, headers, in_threads, streamed
from dashboard.filters import ListFilter, understood
from dashboard.listings import listing
from dashboard.views.pages import visible_workflow
from workflows import exports, history, ids, queries, redaction
from workflows.models import Workflow
from workflows.visibility import Visibility

_AT_ONCE = 500  # rows that are read together
_COLUMNS = (
    "id", "definition", "queue", "status", "created_at", "started_at", "finished_at", "status_at", "seq", "phase",
    "progress", "waiting", "error", "pinned",
)  # fmt: skip
_IN_MEMORY, _PIECE = 1_000_000, 64 * 1024  # bytes of a document, which waits on disk if it has more; sent at once


@require_safe
@never_cache
@login_required
def workflows(request: HttpRequest, ending: str) -> HttpResponseBase:
    """All that the list's filter matches, newest first, with the keys that are shown as columns."""
    if not access.can(request.user, "view"):
        raise PermissionDenied
    if ending not in KINDS:
        raise Http404
    wanted, problems = understood(ListFilter.from_query(request.GET))
    if problems:
        return HttpResponseBadRequest(" ".join(problems), content_type="text/plain; charset=utf-8")
    keys = list(dict.fromkeys([*Columns.from_query(request.GET).keys, *wanted.keys]))
    columns = [*_COLUMNS, *(f"event.{key}" for key in keys)]
    parts = _parts(wanted, access.visible_workflows(request.user), access.audience(request.user), keys)
    return streamed(request, "workflows", ending, columns, parts)


def _parts(
    wanted: ListFilter, within: QuerySet[Workflow], audience: Visibility | None, keys: list[str]
) -> Iterator[list[Document]]:
    before = None
    while True:
        page = listing(wanted, within, audience, before=before, limit=_AT_ONCE)
        found = queries.summaries_of(page.rows, keys, with_last_event=False)
        yield [_document(redaction.summary(one, audience, keys), keys) for one in found]
        before = page.older or page.further
        if before is None:
            return


def _document(one: queries.Summary, keys: list[str]) -> Document:
    values = one.get("values", {})
    return {**{name: one[name] for name in _COLUMNS}, **{f"event.{key}": values.get(key) for key in keys}}


@require_safe
@never_cache
@login_required
def workflow(request: HttpRequest, workflow_id: str) -> HttpResponse | StreamingHttpResponse:
    """Everything about one workflow as it is recorded, as JSON that `manage.py workflow replay` folds again."""
    row = visible_workflow(request, workflow_id)
    # Read at once, for it is of one moment; sent as slowly as the reader takes it, which no transaction waits for.
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  closed with the answer
    with history.one_moment():
        for piece in exports.document(workflow_id, access.lens(request.user, row)):
            file.write(piece.encode())
    size = file.tell()
    file.seek(0)
    pieces = in_threads(request, iter(lambda: file.read(_PIECE), b""))
    told = headers(ids.segment(workflow_id), "json") | {"Content-Length": str(size)}
    return StreamingHttpResponse(pieces, content_type="application/json", headers=told)
