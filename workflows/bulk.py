"""One verb for many workflows: over ids, or over a filter whose matches are fixed before the first is touched.

Each is asked for by itself, through `operations`: what is refused is reported beside what was done, and stopping in
the middle leaves nothing half-done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from django.db.models import QuerySet

from workflows import operations
from workflows.errors import InvalidInput, TelltaleError
from workflows.models import Workflow


class Outcome(NamedTuple):
    """What came of one of them. `detail`: why it was refused, or the id of the workflow that was made."""

    workflow_id: str
    done: bool
    detail: str


def _pin(workflow_id: str, **told: Any) -> None:
    operations.pin(workflow_id, True, **told)


def _unpin(workflow_id: str, **told: Any) -> None:
    operations.pin(workflow_id, False, **told)


def _cancel_tree(workflow_id: str, **told: Any) -> Workflow:
    return operations.cancel(workflow_id, tree=True, **told)


VERBS: dict[str, Callable[..., Workflow | None]] = {
    "cancel": operations.cancel,
    "cancel_tree": _cancel_tree,
    "resume": operations.resume,
    "restart": operations.restart,
    "fork": operations.fork,
    "delete": operations.delete,
    "pin": _pin,
    "unpin": _unpin,
}


def apply(verb: str, ids: Iterable[str], *, by: str = "", reason: str = "", **options: Any) -> Iterator[Outcome]:
    """This will ask for the verb for each of these workflows, and yield what came of it, in order.

    `options` go to the verb (`position` for fork). Raises InvalidInput for an unknown verb, before anything is done.
    """
    if verb not in VERBS:
        raise InvalidInput(f"No verb is named {verb!r}; known are: {', '.join(sorted(VERBS))}.")
    return (_one(verb, workflow_id, by=by, reason=reason, **options) for workflow_id in dict.fromkeys(ids))


def _one(verb: str, workflow_id: str, **told: Any) -> Outcome:
    try:
        made = VERBS[verb](workflow_id, **told)
    except TelltaleError as refused:
        return Outcome(workflow_id, False, str(refused))
    return Outcome(workflow_id, True, made.id if made is not None and made.id != workflow_id else "")


def matching(found: QuerySet[Workflow], *, limit: int | None = None) -> list[str]:
    """This will return the ids that a filter matches now, newest first: the fixed set for `apply`."""
    ids = found.order_by("-created_at", "-id").values_list("id", flat=True)
    return list(ids[:limit] if limit is not None else ids)
