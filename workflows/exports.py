"""One workflow as a document that has everything: kept, sent on, and folded again by whoever reads it.

The fold of `before` and `events` is `state`, in Python (`fold`) and in JavaScript (`static/js/live/fold.js`) alike.
What the lens hides is hidden in both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast
from django.db.models.query import QuerySet
from django.utils import timezone

from workflows import history, queries
from workflows.errors import InvalidExport, WorkflowNotFound
from workflows.fold import State, empty_state, fold
from workflows.models import Message, Step, Workflow
from workflows.redaction import Lens
from workflows.states import EventKind

FORMAT = "telltale.workflow/1"
_ROWS, _EVENTS, _BYTES = 100, 500, 1_000_000  # at once; of events so many bytes, but one at least
_WORKFLOW = (
    "id", "definition", "queue", "status", "priority", "partition_key", "dedup_key", "timeout", "parent_id",
    "forked_from_id", "forked_position", "schedule", "pinned", "created_by", "created_at", "started_at", "finished_at",
    "takeovers", "crashes", "version",
)  # fmt: skip
_STEP = (
    "position", "name", "status", "attempt", "failures", "worker", "started_at", "attempt_started_at", "finished_at",
    "next_attempt_at",
)  # fmt: skip
_MESSAGE = ("id", "topic", "sent_at", "sent_by", "idempotency_key", "consumed_seq")


def document(workflow_id: str, lens: Lens) -> Iterator[str]:
    """The document as JSON, piece by piece, with numbers as the database has them.

    Needs a transaction, for what it reads in parts: inside `history.one_moment` all of it is of one moment. Raises
    WorkflowNotFound.
    """
    row = Workflow.objects.defer("input", "output").filter(id=workflow_id).first()
    placed = history.placed_snapshot(workflow_id)
    if row is None or placed is None:
        raise WorkflowNotFound(workflow_id)
    epoch, state = placed
    told = {"format": FORMAT, "exported_at": history.wire_time(timezone.now().astimezone(UTC)), "epoch": epoch}
    about = told | {"workflow": _of(row, _WORKFLOW)}
    yield _json(about)[:-1]
    for name in ("input", "output"):
        stored = queries.payload_text(workflow_id, name)
        yield f',\n"{name}":{"null" if stored is None else lens.payload_text(name, stored)}'
    yield f',\n"before":{_json(empty_state(workflow_id))},\n"state":{_json(lens.state(state))}'
    yield from _list("steps", _steps(workflow_id, lens))
    yield from _list("messages", _messages(workflow_id, lens))
    for name, origin in (("children", "parent_id"), ("forks", "forked_from_id")):
        found = Workflow.objects.filter((origin, workflow_id)).order_by("created_at", "id").values_list("id", flat=True)
        yield from _list(name, (_json(relative) for relative in found.iterator(chunk_size=_ROWS)))
    yield from _list("events", _events(workflow_id, lens))
    yield "}\n"


def _list(name: str, items: Iterator[str]) -> Iterator[str]:
    yield f',\n"{name}":['
    for number, item in enumerate(items):
        yield f",\n{item}" if number else f"\n{item}"
    yield "]"


def _steps(workflow_id: str, lens: Lens) -> Iterator[str]:
    for row in _in_parts(Step.objects.filter(workflow_id=workflow_id).order_by("position"), "output"):
        output = "null" if row.stored is None else lens.payload_text("step", row.stored)
        yield f'{_json({**_of(row, _STEP), "error": lens.error(row.error)})[:-1]},"output":{output}}}'


def _messages(workflow_id: str, lens: Lens) -> Iterator[str]:
    for row in _in_parts(Message.objects.filter(workflow_id=workflow_id).order_by("id"), "body"):
        yield f'{_json(_of(row, _MESSAGE))[:-1]},"body":{lens.payload_text("message", row.stored)}}}'


def _in_parts(rows: QuerySet[Any], column: str) -> Iterator[Any]:
    """The rows, each with a JSON column as the text that is `stored`."""
    yield from rows.defer(column).annotate(stored=Cast(column, TextField())).iterator(chunk_size=_ROWS)


def _events(workflow_id: str, lens: Lens) -> Iterator[str]:
    """Encoded events, some joined by commas already."""
    seq = 0
    while True:
        tail = history.tail([(workflow_id, seq)], limit=_EVENTS, max_bytes=_BYTES)[workflow_id, seq]
        if not tail.length:
            return
        yield lens.events_text(tail.events)
        seq = tail.last


def _of(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in names}
    return {name: history.wire_time(value) if hasattr(value, "tzinfo") else value for name, value in told.items()}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> dict[str, Any]:
    """This will return an exported document. Raises InvalidExport where that is none, or its events have a gap."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidExport(f"it is no JSON: {error}") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise InvalidExport(f'its "format" is not "{FORMAT}"')
    try:
        seqs = [event[0] for event in told["events"]]
        is_whole = seqs == list(range(1, len(seqs) + 1)) and told["state"]["seq"] == len(seqs)
    except (KeyError, TypeError, IndexError) as error:
        raise InvalidExport(f"it lacks something: {error!r}") from error
    if not is_whole:
        raise InvalidExport("its events are not 1, 2, 3 … up to its state; it was cut or changed")
    try:
        _count_sets(told["state"]["values"], told["events"])
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise InvalidExport(f"its values are not as they were written: {error!r}") from error
    return told


def _count_sets(values: dict[str, Any], events: list[list[Any]]) -> None:
    """Documents of before how often a key was set was counted leave that to their events."""
    sets = Counter(event[4] for event in events if event[2] == EventKind.VALUE_SET)
    for key, value in values.items():
        value.setdefault("sets", sets[key])


def state_at(told: dict[str, Any], seq: int) -> State:
    """This will return the state after an event of an exported workflow, by the fold. Raises InvalidExport."""
    events = told["events"]
    if not 0 <= seq <= len(events):
        raise InvalidExport(f"it has events 1 to {len(events)}, and none of seq {seq}")
    try:
        return fold(empty_state(told["workflow"]["id"]), events[:seq])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidExport(f"its events cannot be folded: {error!r}") from error
