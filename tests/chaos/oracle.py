"""Whether the storm changed anything: outcomes, histories, effects, leases, leftovers, counts. Says which, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group

from tests.chaos import limits
from tests.chaos.kinds import Outcome
from tests.chaos.load import Started
from tests.chaos.world import CRASH_LIMIT
from tests.execution import folded
from workflows import counts, history
from workflows.models import Event, Step, Value, Wait, Wakeup, Workflow
from workflows.states import ACTIVE

_NO_PROGRESS = {
    "created", "claimed", "released", "quarantined", "step_started", "step_retrying", "wait_started", "message_sent",
    "due", "suspended", "woken",
}  # fmt: skip


def unsettled() -> list[str]:
    """Workflows that have not ended, with what is known of them."""
    rows = Workflow.objects.filter(status__in=ACTIVE).order_by("status_at")
    return [
        f"{row.id} is {row.status} since {row.status_at}, worker {row.worker}, lease until {row.lease_expires_at}, "
        f"available at {row.available_at}, crashes {row.crashes}, waiting {row.waiting}"
        for row in rows
    ]


def violations(started: list[Started], bodies: Path) -> tuple[list[str], list[str]]:
    """(sentences about what is wrong, ids of innocent workflows that crashed often enough for their quarantine)."""
    lines = _bodies(bodies)
    wrong = [*_leftovers(), *limits.exceeded(), *(f"counted wrongly: {one}" for one in counts.differences())]
    quarantined: list[str] = []
    for one in started:
        found, excused = _workflow(one.id, one.outcome, lines)
        wrong += found
        quarantined += excused
    return wrong, quarantined


def _bodies(file: Path) -> dict[str, Counter[tuple[int, int]]]:
    """By workflow, how often each attempt of each position ran its body."""
    lines: dict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    for line in file.read_text().splitlines() if file.exists() else ():
        workflow_id, position, attempt, _pid = line.split()
        lines[workflow_id][int(position), int(attempt)] += 1
    return lines


def _leftovers() -> list[str]:
    wrong = [f"not settled: {sentence}" for sentence in unsettled()]
    for model in (Wait, Wakeup):
        left = list(model.objects.values_list("target_id", flat=True)[:10])
        if left:
            wrong.append(f"{model.__name__} rows are left over, for {left}")
    return wrong


def _workflow(
    workflow_id: str, outcome: Outcome, lines: dict[str, Counter[tuple[int, int]]]
) -> tuple[list[str], list[str]]:
    row = Workflow.objects.filter(id=workflow_id).first()
    if row is None:
        return [f"{workflow_id} does not exist"], []
    events = list(Event.objects.filter(workflow_id=workflow_id).order_by("seq"))
    wrong = [*_history(row, events), *_steps(events, lines[workflow_id])]
    excused: list[str] = []
    if row.status == "quarantined" != outcome.status and _crashes_at_the_end(events) >= CRASH_LIMIT:
        excused.append(workflow_id)
    elif row.status not in ACTIVE:
        wrong += [*_end(row, outcome), *_delay(row, outcome), *_values(row, outcome, events), *_groups(row, outcome)]
        for other, its in outcome.others.items():
            found, also = _workflow(other, its, lines)
            wrong, excused = wrong + found, excused + also
    return [f"{workflow_id}: {sentence}" for sentence in wrong], excused


def _crashes_at_the_end(events: list[Event]) -> int:
    """Crashes in a row without a recorded operation, as the history tells them."""
    crashes = 0
    for event in reversed(events):
        if event.kind not in _NO_PROGRESS and not (event.kind == "value_set" and "." in (event.op or "")):
            break
        crashes += event.kind == "quarantined" or (
            event.kind == "released" and event.data["reason"] in {"lease_expired", "worker_lost"}
        )
    return crashes


def _history(row: Workflow, events: list[Event]) -> list[str]:
    seqs = [event.seq for event in events]
    wrong = []
    if seqs != list(range(1, row.last_seq + 1)):
        wrong.append(f"the history's seqs are {seqs}, last_seq is {row.last_seq}")
    snapshot, state = history.snapshot(row.id), folded(row.id)
    if snapshot != state and snapshot is not None:
        wrong += [f"rows and history differ in {part}: {a} != {b}" for part, a, b in _differences(snapshot, state)]
    return wrong


def _differences(snapshot: Any, state: Any) -> list[tuple[str, Any, Any]]:
    return [(part, snapshot.get(part), state.get(part)) for part in snapshot if snapshot.get(part) != state.get(part)]


def _steps(events: list[Event], bodies: Counter[tuple[int, int]]) -> list[str]:
    """No attempt ran twice; nothing of a step happened after its record; what is recorded did run."""
    wrong = [f"step {p}, attempt {a}, ran {n} times" for (p, a), n in bodies.items() if n > 1]
    recorded: dict[int, int] = {}
    for event in events:
        position = event.position or 0
        if position in recorded and event.kind.startswith("step_"):
            wrong.append(f"{event.kind} of step {position} at seq {event.seq}, after its record")
        if event.kind in {"step_succeeded", "step_failed"}:
            recorded[position] = event.data["attempt"]
            if bodies and not bodies[position, event.data["attempt"]]:
                wrong.append(f"step {position} is recorded, but its attempt {event.data['attempt']} did not run")
    late = [(position, attempt) for position, attempt in bodies if attempt > recorded.get(position, attempt)]
    return wrong + [f"step {position} ran again (attempt {attempt}) after its record" for position, attempt in late]


def _end(row: Workflow, outcome: Outcome) -> list[str]:
    error = row.error and row.error["type"]
    if (row.status, row.output, error) == (outcome.status, outcome.output, outcome.error):
        return []
    return [
        f"ended {row.status} with output {row.output!r}, error {row.error and row.error['type']}: "
        f"{row.error and row.error['message']}; expected {outcome.status}, {outcome.output!r}, {outcome.error}"
    ]


def _delay(row: Workflow, outcome: Outcome) -> list[str]:
    if not outcome.delay or row.started_at is None:
        return []
    waited = (row.started_at - row.created_at).total_seconds()
    return [] if waited >= outcome.delay else [f"began {waited} s after its start, expected {outcome.delay} s or more"]


def _values(row: Workflow, outcome: Outcome, events: list[Event]) -> list[str]:
    values = dict(Value.objects.filter(workflow_id=row.id).values_list("key", "value"))
    values.get("progress", {}).pop("rate", None)
    wrong = [] if values == outcome.values else [f"its values are {values}, expected {outcome.values}"]
    for key, expected in outcome.published.items():
        told = [event.data["value"] for event in events if event.kind == "value_set" and event.key == key]
        if told != expected:
            wrong.append(f"published {told} under {key!r}, expected {expected}")
    return wrong


def _groups(row: Workflow, outcome: Outcome) -> list[str]:
    missing = [name for name in outcome.groups if Group.objects.filter(name=name).count() != 1]
    return [f"its atomic steps' writes {missing} are not there exactly once"] if missing else []


def told(workflow_id: str, bodies: Path) -> str:
    """The whole history and the bodies that ran, for a report."""
    lines = [str(history.wire(event)) for event in Event.objects.filter(workflow_id=workflow_id).order_by("seq")]
    steps = Step.objects.filter(workflow_id=workflow_id).order_by("position")
    lines += [f"step {step.position} {step.name} {step.status} attempt {step.attempt}" for step in steps]
    ran = bodies.read_text().splitlines() if bodies.exists() else []
    return "\n    ".join([*lines, *(line for line in ran if line.split()[0] == workflow_id)])
