"""What went wrong, as RFC 9457 says it: each kind has a stable `type`, so that programs need not read prose."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from ninja.errors import AuthenticationError, HttpError, ValidationError
from psycopg.errors import QueryCanceled

from dashboard.acting import ID_TAKEN, NotTheirs
from dashboard.decoding import BadMessage
from dashboard.seats import TooMany
from workflows.errors import (
    DuplicateWorkflow,
    InvalidInput,
    InvalidSchedule,
    InvalidWorkflowId,
    PayloadError,
    ScheduleNotFound,
    TransitionRefused,
    UnknownDefinition,
    WorkflowConflict,
    WorkflowNotFound,
)

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:problem-type:telltale:"
MOST_ERRORS = 20  # of one body that are told
NOT_FOUND = "There is nothing here, or nothing that you may see."


class Kind(NamedTuple):
    """One kind of problem."""

    status: int
    title: str


KINDS = {
    "bad-request": Kind(400, "The request cannot be read"),
    "unauthenticated": Kind(401, "Nobody is signed in, and there is no token that is in force"),
    "forbidden": Kind(403, "The account may not do this"),
    "missing-scope": Kind(403, "The token is not made for this"),
    "csrf": Kind(403, "A session acts only with its CSRF token"),
    "not-found": Kind(404, "There is nothing here, or nothing that you may see"),
    "method-not-allowed": Kind(405, "This address has no such method"),
    "workflow-conflict": Kind(409, "The id belongs to another workflow"),
    "duplicate-workflow": Kind(409, "There is such a workflow already"),
    "transition-refused": Kind(409, "The workflow's status does not allow this"),
    "too-large": Kind(413, "The body is too large"),
    "invalid-request": Kind(422, "Something that was given cannot be"),
    "unknown-definition": Kind(422, "There is no such definition"),
    "too-many-requests": Kind(429, "Too many requests"),
    "internal-error": Kind(500, "Something broke on our side"),
    "database-away": Kind(503, "The database is away"),
    "took-too-long": Kind(503, "The answer took too long to find"),
}
_RETRY_AFTER = {"database-away": "5", "took-too-long": "5", "too-many-requests": "5"}  # seconds


class Problem(Exception):
    """An answer that is a problem; `more` are its further members, `headers` go with it."""

    def __init__(self, kind: str, detail: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.headers, self.more = kind, detail, headers or {}, more


def response(problem: Problem) -> HttpResponse:
    """The problem as an answer."""
    kind = KINDS[problem.kind]
    content = {"type": TYPE + problem.kind, "title": kind.title, "status": kind.status, "detail": problem.detail}
    headers = {"Cache-Control": "no-store", **problem.headers}
    if problem.kind in _RETRY_AFTER:
        headers.setdefault("Retry-After", _RETRY_AFTER[problem.kind])
    if kind.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="Telltale"'
    return HttpResponse(json.dumps(content | problem.more), MEDIA_TYPE, kind.status, headers=headers)


def not_found(_request: HttpRequest, **_parts: str) -> HttpResponse:
    """The answer of every address that is none."""
    return response(Problem("not-found", NOT_FOUND))


def of(error: Exception) -> Problem | None:
    """The problem that an error is; None: it is a defect of ours."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HttpError) and isinstance(error.__cause__, Problem):
        return error.__cause__  # ninja says of every body that its parser refuses only that
    if isinstance(error, ValidationError):
        return _invalid(error)
    if isinstance(error, OperationalError) and isinstance(error.__cause__, QueryCanceled):
        return Problem("took-too-long", "Ask for less: a narrower filter, fewer rows.")
    for classes, kind, detail in _ERRORS:
        if isinstance(error, classes):
            return Problem(kind, detail or str(error))
    return None


def _invalid(error: ValidationError) -> Problem:
    """Where each wrong thing is, and what is wrong with it; not what it was, which may be megabytes or a secret."""
    errors = [
        {"field": ".".join(str(part)[:80] for part in each["loc"]), "message": str(each["msg"])[:300]}
        for each in error.errors[:MOST_ERRORS]
    ]
    first = errors[0] if errors else {"field": "", "message": "nothing fits"}
    return Problem("invalid-request", f"{first['field']}: {first['message']}", errors=errors)


_ERRORS: list[tuple[type[Exception] | tuple[type[Exception], ...], str, str]] = [
    ((WorkflowNotFound, ScheduleNotFound, Http404), "not-found", NOT_FOUND),
    (UnknownDefinition, "unknown-definition", ""),
    (WorkflowConflict, "workflow-conflict", ID_TAKEN),  # its own text tells the input of the other one
    (DuplicateWorkflow, "duplicate-workflow", DuplicateWorkflow.brief),
    (TransitionRefused, "transition-refused", ""),
    ((InvalidInput, InvalidSchedule, InvalidWorkflowId, PayloadError), "invalid-request", ""),
    (BadMessage, "invalid-request", ""),
    (NotTheirs, "forbidden", ""),
    (AuthenticationError, "unauthenticated", "Send a token as “Authorization: Bearer …”, or sign in."),
    (TooMany, "too-many-requests", ""),
    (RequestDataTooBig, "too-large", "The body is larger than any input may be."),
    (UnreadablePostError, "bad-request", "The body ended before it was complete."),
    ((OperationalError, InterfaceError), "database-away", "Come back in a few seconds."),
]
