"""Lists: what a filter means, which page of it is asked for, and the cursor that leads to the next one."""

from __future__ import annotations

import base64
import json
from datetime import datetime

from django.http import QueryDict

from dashboard import access
from dashboard.api.authentication import Caller
from dashboard.api.schemas import Filter
from dashboard.filters import ListFilter, understood
from dashboard.listings import Listing, listing
from dashboard.terms import PREFIXES, parse
from workflows import ids
from workflows.errors import InvalidInput
from workflows.finding import Cursor


def filter_of(asked: Filter) -> ListFilter:
    """The filter that is meant. Raises InvalidInput for what means nothing: a program is not guessed at."""
    for word in asked.where:
        _check_term(word)
    query = QueryDict(mutable=True)
    query.setlist("status", [status.value for status in asked.status])
    query.setlist("where", list(asked.where))
    query.update({"q": asked.q, "definition": asked.definition, "since": asked.since, "parent": asked.parent})
    typed = ListFilter.from_query(query)
    if asked.since and not typed.since:
        raise InvalidInput(f"since is an age as 90m, 2h or 7d, or a time; not {asked.since!r}.")
    found, problems = understood(typed)
    if problems:
        raise InvalidInput(problems[0])
    return found


def _check_term(word: str) -> None:
    if not word.startswith(PREFIXES):
        raise InvalidInput(f"A term of `where` begins with {' or '.join(PREFIXES)}; not {word[:40]!r}.")
    try:
        parse(word)
    except ValueError as error:
        raise InvalidInput(str(error)) from None


def matching(caller: Caller, wanted: ListFilter, limit: int, before: Cursor | None = None) -> Listing:
    """One page of what matches, as far as the caller may see it."""
    return listing(wanted, access.visible_workflows(caller.user), caller.audience, before=before, limit=limit)


def cursor(place: Cursor) -> str:
    """A place in a list as text whose inside is nobody's business."""
    return base64.urlsafe_b64encode(json.dumps([place.created_at.isoformat(), place.workflow_id]).encode()).decode()


def place(text: str) -> Cursor | None:
    """The place that a cursor names; None for none. Raises InvalidInput for what is no cursor of ours."""
    if not text:
        return None
    try:
        created_at, workflow_id = json.loads(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True))
        moment = datetime.fromisoformat(created_at)
        ids.checked(workflow_id)
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise InvalidInput("The cursor is none that was given with a page.") from None
    if moment.tzinfo is None:
        raise InvalidInput("The cursor is none that was given with a page.")
    return Cursor(moment, workflow_id)
