"""One verb for many workflows: over ids, or over a filter whose matches are fixed before the first is touched.

Each is asked for by itself, through `operations`: what is refused is reported beside what was done, and stopping in
the middle leaves nothing half-done. `apply` does so now, for who waits; an action that was begun is a row with its
outcomes, which whoever finds them left carries on with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, F, QuerySet
from django.db.models.functions import Now

from workflows import audit, operations, payloads, telemetry
from workflows.audit import Carrier, Origin, asked_through, audited
from workflows.errors import InvalidInput, TelltaleError
from workflows.models import BulkAction, BulkOutcome, Workflow


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
    _check(verb)
    return (_one(verb, workflow_id, by=by, reason=reason, **options) for workflow_id in dict.fromkeys(ids))


def _check(verb: str) -> None:
    if verb not in VERBS:
        raise InvalidInput(f"No verb is named {verb!r}; known are: {', '.join(sorted(VERBS))}.")


def _one(verb: str, workflow_id: str, **told: Any) -> Outcome:
    try:
        made = VERBS[verb](workflow_id, **told)
    except TelltaleError as refused:
        return Outcome(workflow_id, False, getattr(refused, "brief", "") or str(refused))
    return Outcome(workflow_id, True, made.id if made is not None and made.id != workflow_id else "")


def matching(found: QuerySet[Workflow], *, limit: int | None = None) -> list[str]:
    """This will return the ids that a filter matches now, newest first: the fixed set for `apply`."""
    ids = found.order_by("-created_at", "-id").values_list("id", flat=True)
    return list(ids[:limit] if limit is not None else ids)


def begin(
    action_id: UUID, verb: str, ids: Sequence[str], *, by: str = "", reason: str = "",
    refused: Mapping[str, str] | None = None,
) -> BulkAction:  # fmt: skip
    """This will write down that the verb is asked for these workflows; or return the action that has the id already.

    `refused` says of which of them it is refused beforehand, and why. Nothing is done yet: see `carry_on`. Raises
    InvalidInput for an unknown verb.
    """
    _check(verb)
    refused = refused or {}
    wanted = list(dict.fromkeys(ids))
    facts = {"verb": verb, "by": by[:200], "reason": payloads.storable_text(reason, limit=1_000), "created_at": Now()}
    if (origin := audit.asked()) is not None:
        facts |= origin._asdict()
    facts |= {"total": len(wanted), "refused": len(refused.keys() & set(wanted))}
    with transaction.atomic():
        action, is_new = BulkAction.objects.get_or_create(id=action_id, defaults=facts)
        if is_new:
            _tell_refused(action, refused)
            BulkOutcome.objects.bulk_create(
                BulkOutcome(
                    action=action, place=place, workflow_id=workflow_id, detail=refused.get(workflow_id, ""),
                    outcome=BulkOutcome.REFUSED if workflow_id in refused else BulkOutcome.LEFT,
                )
                for place, workflow_id in enumerate(wanted)
            )  # fmt: skip
    return action


def _tell_refused(action: BulkAction, refused: Mapping[str, str]) -> None:
    if action.by and action.carrier:
        for workflow_id, why in refused.items():
            audit.refused(
                action.verb.removesuffix("_tree"), "workflow", workflow_id, by=action.by, why=why, reason=action.reason
            )


def _origin(action: BulkAction) -> Callable[[], Origin] | None:
    """Whoever carries on with it does so for who asked for it, not for who asks this process for something now."""
    if not action.carrier:
        return None
    return lambda: Origin(Carrier(action.carrier), action.address, action.account)


def carry_on(action_id: UUID, *, seconds: float | None = None) -> bool:
    """This will ask for what is left of an action, each workflow in a transaction of its own with its outcome.

    Several may do so at once, and each workflow is asked for once. Stops when `seconds` are over, or when somebody
    aborts the action. Returns whether the action has ended.
    """
    until = None if seconds is None else time.monotonic() + seconds
    action = BulkAction.objects.get(id=action_id)
    while _next_one(action):
        if until is not None and time.monotonic() >= until:
            break
    rest = BulkOutcome.objects.filter(action=action, outcome=BulkOutcome.LEFT)
    BulkAction.objects.filter(~Exists(rest), id=action_id, ended_at__isnull=True).update(ended_at=Now())
    return BulkAction.objects.filter(id=action_id, ended_at__isnull=False).exists()


def _next_one(action: BulkAction) -> bool:
    """Whether one was left that nobody else is at."""
    with transaction.atomic():
        left = BulkOutcome.objects.filter(action=action, action__ended_at__isnull=True, outcome=BulkOutcome.LEFT)
        row = left.select_for_update(of=("self",), skip_locked=True).order_by("place").first()
        if row is None:
            return False
        with asked_through(_origin(action)):
            came = _one(action.verb, row.workflow_id, by=action.by, reason=action.reason)
        row.outcome, row.detail = BulkOutcome.DONE if came.done else BulkOutcome.REFUSED, came.detail
        row.save(update_fields=["outcome", "detail"])
        counted = {row.outcome: F(row.outcome) + 1}  # last, because all who are at this action wait for this row
        BulkAction.objects.filter(id=action.pk).update(**counted)
    return True


def carry_on_with_all(*, seconds: float | None = None) -> int:
    """This will carry on with every action that is under way, oldest first; returns how many have ended by that."""
    until = None if seconds is None else time.monotonic() + seconds
    ended = 0
    for action_id in (
        BulkAction.objects.filter(ended_at__isnull=True).order_by("created_at").values_list("id", flat=True)
    ):
        rest = None if until is None else max(0.0, until - time.monotonic())
        ended += carry_on(action_id, seconds=rest)
        if rest == 0:
            break
    return ended


_background = threading.Lock()


def carry_on_in_background() -> None:
    """This will carry on with every action in a thread of this process, for a set-up whose workers are away.

    When the process ends in the middle, workers go on (`recovery.carry_on_bulk`).
    """
    threading.Thread(target=_in_background, name="telltale-bulk", daemon=True).start()


def _in_background() -> None:
    with _background:  # one at a time; who waits looks again, so that no action falls between two
        try:
            carry_on_with_all()
        except DatabaseError as error:
            telemetry.bulk_interrupted(error)
        finally:
            connection.close()


@audited("abort", of="bulk action")
def abort(action_id: UUID, *, by: str) -> bool:
    """This will leave alone what was not asked for yet. Returns whether there was anything left to stop."""
    under_way = BulkAction.objects.filter(id=action_id, ended_at__isnull=True)
    return bool(under_way.update(ended_at=Now(), aborted_by=by[:200] or "somebody"))
