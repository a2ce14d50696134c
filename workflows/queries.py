"""Read-only questions. No counts over whole tables; pages are found by their last row, not by an offset."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Case, F, Func, IntegerField, Q, QuerySet, TextField, When
from django.db.models import Value as Literal
from django.db.models.functions import Cast

from workflows.errors import WorkflowNotFound
from workflows.history import last_event, of_kinds, wire_time
from workflows.ids import possible
from workflows.models import Deletion, Event, Step, Value, Workflow
from workflows.sql import fetch, lifecycle, reads
from workflows.states import EventKind, Status
from workflows.waits import PublishedValue

Summary = dict[str, Any]
_LIST_KEYS = ("progress", "phase")
_GAPS = 50  # of which the mean is taken
_LONGEST, _BEGINNING = 2_000, 200  # bytes of a value in a list, and characters of one that is longer
_LOOKED_AT, _MOST_VALUES = 500, 20_000  # of the newest workflows, for the keys that there are
_MOST_RUNNING = 1_000  # looked at; longest running first
_OUTPUT_COMPARED = 8 * 1024  # bytes of a step's output as the database keeps it
EVENTS_LOOKED_AT = 200  # the last ones of each history, where many are compared
_NOBODY_WORKS_AFTER = (
    EventKind.CREATED, EventKind.DEBOUNCED, EventKind.DUE, EventKind.WOKEN, EventKind.SUSPENDED, EventKind.RELEASED,
    EventKind.RESUMED, EventKind.FORKED, EventKind.WAIT_STARTED, EventKind.STEP_RETRYING,
)  # fmt: skip


def get_workflow(workflow_id: str) -> Workflow:
    """This will return the workflow. Raises WorkflowNotFound."""
    workflow = Workflow.objects.filter(id=possible(workflow_id)).first()
    if workflow is None:
        raise WorkflowNotFound(workflow_id)
    return workflow


def deletion(workflow_id: str) -> Deletion | None:
    """Who deleted it, the latest time that somebody did; None: nobody. Retention leaves no trace."""
    return Deletion.objects.filter(workflow_id=workflow_id).order_by("-id").first()


def steps(workflow_id: str) -> list[Step]:
    """This will return the steps in the order of their positions."""
    return list(Step.objects.filter(workflow_id=workflow_id).order_by("position"))


class StepOutline(NamedTuple):
    """A step without what it returned and raised. `digest` tells two outputs apart; None: it is too large for that."""

    position: int
    name: str
    status: str
    attempt: int
    started_at: datetime
    finished_at: datetime | None
    digest: str | None


def step_outlines(workflow_id: str, limit: int) -> list[StepOutline]:
    """This will return the first steps in the order of their positions."""
    stored = Func("output", function="pg_column_size", output_field=IntegerField())
    digest = Case(
        When(output__isnull=True, then=Literal("")),
        When(stored__lte=_OUTPUT_COMPARED, then=_digest("output")),
        output_field=TextField(),
    )
    rows = Step.objects.filter(workflow_id=workflow_id).alias(stored=stored).annotate(digest=digest)
    return [StepOutline(*row) for row in rows.order_by("position").values_list(*StepOutline._fields)[:limit]]


def step_errors(workflow_id: str, positions: Collection[int]) -> dict[int, dict[str, Any]]:
    """This will return what the steps at these positions raised; those that raised nothing are left out."""
    raised = Step.objects.filter(workflow_id=workflow_id, position__in=positions, error__isnull=False)
    return {position: error for position, error in raised.values_list("position", "error") if error}


class Stored(NamedTuple):
    """JSON as it is stored: its bytes, what tells it from other JSON, and its text; None: that is too long."""

    size: int
    digest: str
    text: str | None


def stored_payloads(workflow_id: str, longest: int) -> dict[str, Stored]:
    """This will return the `input`, and the `output` of a workflow that succeeded; of a long one without its text."""
    found = Workflow.objects.filter(id=workflow_id)
    rows = {"input": found, "output": found.filter(status=Status.SUCCEEDED, output__isnull=False)}
    read = {of: _stored(row, of, longest).first() for of, row in rows.items()}
    return {of: Stored(*row) for of, row in read.items() if row is not None}


def stored_values(workflow_id: str, keys: Collection[str], longest: int) -> dict[str, Stored]:
    """This will return the current values of these keys, of a long one without its text; others are left out."""
    found = Value.objects.filter(workflow_id=workflow_id, key__in=keys)
    return {key: Stored(*row) for key, *row in _stored(found, "value", longest, "key")}


def _stored(found: QuerySet[Any], column: str, longest: int, *before: str) -> QuerySet[Any, tuple[Any, ...]]:
    text = Cast(column, TextField())
    size = Func(text, function="octet_length", output_field=IntegerField())
    shown = Case(When(size__lte=longest, then=text), output_field=TextField())
    told: QuerySet[Any, Any] = found.annotate(size=size, digest=_digest(column), text=shown)
    rows: QuerySet[Any, tuple[Any, ...]] = told.values_list(*before, *Stored._fields)
    return rows


def _digest(column: str) -> Func:
    return Func(Cast(F(column), TextField()), function="md5", output_field=TextField())


def first_keys(ids: Collection[str], limit: int) -> list[str]:
    """This will return the first keys, in the order of the alphabet, that any of these workflows has published."""
    of_each = [Value.objects.filter(workflow_id=each).order_by("key").values_list("key", flat=True) for each in ids]
    arms = [keys[:limit] for keys in of_each]
    return list(arms[0].union(*arms[1:]).order_by("key")[:limit]) if arms else []


def active_descendants(ids: Collection[str]) -> dict[str, list[str]]:
    """This will return what goes on below each of these workflows: the ids of children, and of theirs, that have not
    ended. Workflows below which nothing goes on are left out.
    """
    found: dict[str, list[str]] = {}
    for root, descendant in fetch(lifecycle.ACTIVE_DESCENDANTS, {"ids": list(ids)}):
        found.setdefault(root, []).append(descendant)
    return found


def values(workflow_id: str) -> dict[str, PublishedValue]:
    """This will return the current value of every key; empty for an unknown workflow."""
    rows = Value.objects.filter(workflow_id=workflow_id).order_by("key")
    return {row.key: PublishedValue(row.value, row.seq, row.at) for row in rows}


def values_after(workflow_id: str, key: str, seq: int, limit: int = 500) -> list[PublishedValue]:
    """This will return up to `limit` values that a key got after a seq, ascending."""
    rows = Event.objects.filter(workflow_id=workflow_id, kind=EventKind.VALUE_SET, key=key, seq__gt=seq).order_by("seq")
    return [PublishedValue(row.data["value"], row.seq, row.at) for row in rows[:limit]]


def events_after(workflow_id: str, seq: int = 0, limit: int = 500) -> list[Event]:
    """This will return up to `limit` events after a seq, ascending."""
    return list(Event.objects.filter(workflow_id=workflow_id, seq__gt=seq).order_by("seq")[:limit])


def latest_events(workflow_id: str, limit: int = 200, before: int | None = None) -> list[Event]:
    """This will return the last events (before a seq, if given), ascending."""
    events = Event.objects.filter(workflow_id=workflow_id)
    if before is not None:
        events = events.filter(seq__lt=before)
    return list(events.order_by("-seq")[:limit])[::-1]


# What makes a history worth to be looked at again: failures, what people did, who lost it, and how it ended.
_LANDMARKS = frozenset({
    EventKind.STEP_RETRYING, EventKind.STEP_FAILED, EventKind.RELEASED, EventKind.MESSAGE_SENT, EventKind.SUCCEEDED,
    EventKind.FAILED, EventKind.CANCELLED, EventKind.QUARANTINED, EventKind.RESUMED, EventKind.FORKED,
    EventKind.FORK_STARTED, EventKind.PINNED, EventKind.UNPINNED,
})  # fmt: skip


def landmarks(workflow_id: str, limit: int) -> list[tuple[int, str]]:
    """This will return seq and kind of the latest failures, takeovers, acts of people and ends, ascending."""
    return list(of_kinds(workflow_id, _LANDMARKS).order_by("-seq").values_list("seq", "kind")[:limit])[::-1]


def summaries(ids: Sequence[str], keys: Collection[str] = ()) -> list[Summary]:
    """This will return the list rows of these workflows, in the order of `ids`; unknown ids are left out."""
    rows = Workflow.objects.defer("input", "output").in_bulk(list(ids))
    return summaries_of([rows[workflow_id] for workflow_id in ids if workflow_id in rows], keys)


def summaries_of(
    rows: Sequence[Workflow], keys: Collection[str] = (), *, with_last_event: bool = True
) -> list[Summary]:
    """This will return the list rows of workflows that were read already, with their values of these keys, if any."""
    shown = list_values([row.id for row in rows], {*_LIST_KEYS, *keys})
    last = _last_events(rows) if with_last_event else {}
    found = [_summary(row, shown.get(row.id, {}), last.get(row.id)) for row in rows]
    for summary in found if keys else ():
        values = shown.get(summary["id"], {})
        summary["values"] = {key: values[key] for key in keys if key in values}
    return found


def _last_events(rows: Sequence[Workflow]) -> dict[str, Event]:
    newest = Q()
    for row in rows:
        newest |= Q(workflow_id=row.id, seq=row.last_seq)
    return {event.workflow_id: event for event in Event.objects.filter(newest)} if rows else {}


def list_values(ids: Collection[str], keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """This will return the values of these keys by workflow; of one above 2,000 bytes only the beginning, as text."""
    if not ids:
        return {}
    found: dict[str, dict[str, Any]] = {}
    parameters = {"ids": list(ids), "keys": list(keys), "longest": _LONGEST, "beginning": _BEGINNING}
    for workflow_id, key, value in fetch(reads.LIST_VALUES, parameters):
        found.setdefault(workflow_id, {})[key] = json.loads(value)
    return found


def published_keys(found: QuerySet[Workflow], *, limit: int) -> list[str]:
    """This will return keys that the newest of these workflows have published, in the order of the alphabet."""
    ids = list(found.order_by("-created_at", "-id").values_list("id", flat=True)[:_LOOKED_AT])
    keys = Value.objects.filter(workflow_id__in=ids).values_list("key", flat=True)[:_MOST_VALUES]
    return sorted(set(keys))[:limit]


def _summary(row: Workflow, shown: dict[str, Any], last: Event | None) -> Summary:
    return {
        "id": row.id,
        "definition": row.definition,
        "queue": row.queue,
        "status": row.status,
        "seq": row.last_seq,
        "created_at": wire_time(row.created_at),
        "started_at": wire_time(row.started_at),
        "finished_at": wire_time(row.finished_at),
        "status_at": wire_time(row.status_at),
        "progress": shown.get("progress"),
        "phase": shown.get("phase"),
        "last_event": last and last_event(last),
        "waiting": row.waiting,
        "error": _error_line(row.error),
        "pinned": row.pinned,
    }


def _error_line(error: dict[str, Any] | None) -> str | None:
    if not error:
        return None
    first_line = str(error.get("message", "")).partition("\n")[0]
    return f"{error.get('type')}: {first_line[:200]}"


def seqs(ids: Collection[str]) -> dict[str, int]:
    """This will return the newest seq of each of these workflows; unknown ids are left out."""
    return dict(Workflow.objects.filter(id__in=ids).values_list("id", "last_seq"))


def definitions_of(ids: Collection[str]) -> dict[str, str]:
    """This will return the definition of each of these workflows; unknown ids are left out."""
    return dict(Workflow.objects.filter(id__in=ids).values_list("id", "definition")) if ids else {}


def ends(ids: Collection[str]) -> dict[str, datetime | None]:
    """This will return when each of these workflows ended (None: not yet), by that time; unknown ids are left out."""
    rows = Workflow.objects.filter(id__in=ids).order_by("finished_at", "id")
    return dict(rows.values_list("id", "finished_at"))


def payload_text(workflow_id: str, of: str, *, position: int = 0, key: str = "") -> str | None:
    """This will return the stored JSON of an `input`, an `output`, a `step`'s output or a `value`; None: there is none.

    As the database writes it, which loses no digit, and not decoded, which deeply nested JSON may not bear. Raises
    KeyError for anything else.
    """
    rows: dict[str, tuple[QuerySet[Any], str]] = {
        "input": (Workflow.objects.filter(id=workflow_id), "input"),
        "output": (Workflow.objects.filter(id=workflow_id, status=Status.SUCCEEDED), "output"),
        "step": (Step.objects.filter(workflow_id=workflow_id, position=position), "output"),
        "value": (Value.objects.filter(workflow_id=workflow_id, key=key), "value"),
    }
    found, column = rows[of]
    text: str | None = found.annotate(as_text=Cast(column, TextField())).values_list("as_text", flat=True).first()
    return text


def outputs(ids: Collection[str]) -> dict[str, Any]:
    """This will return what these workflows returned; unknown ids are left out."""
    return dict(Workflow.objects.filter(id__in=ids).values_list("id", "output"))


def children(workflow_id: str, limit: int = 50) -> list[Workflow]:
    """This will return the first children of a workflow, in the order of their creation."""
    rows = Workflow.objects.filter(parent_id=workflow_id).order_by("created_at", "id")
    return list(rows.defer("input", "output")[:limit])


def forks(workflow_id: str, limit: int = 50) -> list[Workflow]:
    """This will return workflows that were forked from this one."""
    rows = Workflow.objects.filter(forked_from_id=workflow_id).order_by("created_at", "id")
    return list(rows.defer("input", "output")[:limit])


class StatusChange(NamedTuple):
    """A workflow's latest change of status (its creation is the first)."""

    id: str
    status: str
    definition: str
    created_at: datetime
    status_at: datetime
    parent: str | None = None  # its id


def status_changes(after: datetime, *, limit: int) -> list[StatusChange]:
    """This will return workflows whose status changed after a time, oldest change first."""
    rows = Workflow.objects.filter(status_at__gt=after).order_by("status_at")
    return [StatusChange(*row) for row in rows.values_list(*StatusChange._fields)[:limit]]


def statuses_of(ids: Collection[str]) -> list[StatusChange]:
    """This will return the latest change of status of these workflows."""
    rows = Workflow.objects.filter(id__in=ids)
    return [StatusChange(*row) for row in rows.values_list(*StatusChange._fields)]


def durations(definitions: Collection[str], *, limit: int) -> dict[str, list[float]]:
    """This will return what the latest workflows of each definition that succeeded took, in ms from the first claim to
    the end, waits included.

    Forks are left out: they take over what another one did. Definitions without any are left out.
    """
    return dict(fetch(reads.DURATIONS, {"definitions": list(definitions), "limit": limit}))


def longest_silences(definitions: Collection[str], *, limit: int) -> dict[str, list[float]]:
    """This will return how long the latest workflows of each definition that succeeded were without an event, in ms.

    One number for each workflow: the longest time among its last events in which a worker had it and it waited for
    nothing. Those that never were so are left out.
    """
    parameters = {
        "definitions": list(definitions), "limit": limit, "events": EVENTS_LOOKED_AT,
        "idle": [kind.value for kind in _NOBODY_WORKS_AFTER],
    }  # fmt: skip
    return dict(fetch(reads.LONGEST_SILENCES, parameters))


class Silent(NamedTuple):
    """A running workflow without an event since `since`. So far one came every `gap` seconds (None: it had but one)."""

    id: str
    definition: str
    since: datetime
    gap: float | None


def silent(now: datetime, at_least: timedelta) -> list[Silent]:
    """This will return running workflows that have been silent for so long, longest first, with the mean of their gaps.

    One that waits says for what: it is not silent.
    """
    parameters = {"now": now, "at_least": at_least, "gaps": _GAPS, "looked_at": _MOST_RUNNING}
    return [Silent(*row) for row in fetch(reads.SILENT, parameters)]
