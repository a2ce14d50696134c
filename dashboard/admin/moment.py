"""A workflow after one of its events, as its page in the admin shows it: what the address asks for, and the answer."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from dashboard import access
from dashboard.admin import shown
from dashboard.filters import seq_of
from dashboard.presenters.history import HistoryRow, rows
from dashboard.presenters.sentences import sentence
from dashboard.presenters.times import iso_utc
from dashboard.presenters.values import Diff, brief, diff
from workflows import history
from workflows.fold import State, empty_state
from workflows.history import Part
from workflows.models import Event, Step, Value, Workflow
from workflows.redaction import HIDDEN
from workflows.states import EventKind

MOST_EVENTS, MOST_STEPS, MOST_VALUES, MOST_CHANGES = 100, 50, 50, 200
_LINE = 300


class Moment:
    """A workflow after event `seq`, compared with itself after event `against`, and a part of its history.

    The newest moment is read from the tables, so that a page of many thousand steps reads as many as it shows; one of
    the past is folded. `lens` keeps back what this person may not read.
    """

    def __init__(self, user: access.Visitor, workflow: Workflow, asked: QueryDict) -> None:
        self.user = user
        self.workflow = workflow
        self.lens = access.lens(user, workflow)
        self.last = workflow.last_seq
        self.seq = self._within(asked.get("seq", ""), self.last)
        self.against = self._within(asked.get("against", ""), max(0, self.seq - 1))
        self.compares = "against" in asked or self.seq != self.last
        self.before = min(seq_of(asked.get("before", "")) or self.last + 1, self.last + 1)

    def _within(self, text: str, otherwise: int) -> int:
        """An event that there is, or 0, which is before the first."""
        seq = seq_of(text)
        return otherwise if seq is None else min(seq, self.last)

    @property
    def is_past(self) -> bool:
        """Whether something happened since."""
        return self.seq != self.last

    def _folded(self, seq: int) -> State:
        state = history.state_at(self.workflow.id, seq) if seq else None
        return self.lens.state(state or empty_state(self.workflow.id))

    @cached_property
    def _state(self) -> State:
        """Of the newest moment only with the last steps, and without values."""
        if self.is_past:
            return self._folded(self.seq)
        row, last = self.workflow, Event.objects.filter(workflow=self.workflow).order_by("-seq").first()
        steps = Step.objects.filter(workflow=row).defer("output").order_by("-position")[:MOST_STEPS]
        state = {
            "seq": self.seq,
            "workflow": history.workflow_state(row, last),
            "values": {},
            "steps": {str(step.position): _step_state(step) for step in steps},
        }
        return self.lens.state(state)

    @property
    def head(self) -> dict[str, Any]:
        """What the state says of the workflow itself: status, worker, waiting, error and times in wire form."""
        return dict(self._state["workflow"])

    @property
    def sentence(self) -> str:
        """What it was doing, or how it ended."""
        if not self.seq:
            return "Nothing had happened yet."
        at = self.head["last_event"]["at"] if self.is_past else iso_utc(timezone.now())
        ending = self._ending_data() if self.head["finished_at"] else None
        return sentence(self._state, at, ending)

    def _ending_data(self) -> dict[str, Any] | None:
        """What the event says that ended it: who and why."""
        ends = history.of_kinds(self.workflow.id, [EventKind(self.head["status"])]).filter(seq__lte=self.seq)
        event = ends.order_by("-seq").first()
        return None if event is None else self.lens.event(history.wire(event))[5]

    @cached_property
    def entry(self) -> HistoryRow | None:
        """The event itself, in words."""
        found = history.part_before(self.workflow.id, self.seq + 1, limit=1, lens=self.lens)
        return rows(found.entries)[-1] if self.seq and found.entries else None

    def values(self) -> list[tuple[str, str, int, str]]:
        """Key, value, and the event that set it when: the first ones by key."""
        if self.is_past:
            of = sorted(self._state["values"].items())[:MOST_VALUES]
            return [(key, brief(one["value"], _LINE), one["seq"], shown.wired(one["at"])) for key, one in of]
        found = Value.objects.filter(workflow=self.workflow).order_by("key").annotate(line=shown.line_of("value"))
        lines = found.values_list("key", "line", "seq", "at")[:MOST_VALUES]
        return [(k, line if self.lens.shows(k) else HIDDEN, seq, shown.moment(at)) for k, line, seq, at in lines]

    def steps(self) -> list[tuple[object, ...]]:
        """Position, name, status, attempt, start and end of the last steps."""
        last = sorted(self._state["steps"].values(), key=lambda step: int(step["position"]))[-MOST_STEPS:]
        times = ("started_at", "finished_at")
        return [
            (*(step[name] for name in ("position", "name", "status", "attempt")),
             *(shown.wired(step[name]) for name in times))
            for step in last
        ]  # fmt: skip

    def changes(self) -> Diff:
        """What differs between the two moments: status, values, steps and the rest."""
        then, now = self._folded(self.against), self._folded(self.seq)
        return diff(_compared(then), _compared(now), most=MOST_CHANGES, length=_LINE)

    @cached_property
    def part(self) -> Part:
        """The part of the history that is shown, up to the event before `before`."""
        return history.part_before(self.workflow.id, self.before, limit=MOST_EVENTS, lens=self.lens)

    def rows(self) -> list[HistoryRow]:
        """Its rows, newest first."""
        return rows(self.part.entries)[::-1]


def _step_state(step: Step) -> dict[str, Any]:
    """As `history.snapshot` has it, of which a page shows only the last ones."""
    told = {name: getattr(step, name) for name in history.STEP_FIELDS}
    return {name: history.wire_time(one) if isinstance(one, datetime) else one for name, one in told.items()}


def _compared(state: State) -> dict[str, Any]:
    """A state without what changes with every event, and without the times of steps."""
    workflow = {name: part for name, part in state["workflow"].items() if name != "last_event"}
    values = {key: one["value"] for key, one in state["values"].items()}
    steps = {
        f"{place} {step.get('name', '')}": {name: step.get(name) for name in ("status", "attempt", "worker", "error")}
        for place, step in state["steps"].items()
    }
    return {"workflow": workflow, "values": values, "steps": steps}
