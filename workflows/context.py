"""Who am I: the execution that the current code belongs to, and its place in the workflow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.transaction import TransactionManagementError

from workflows.errors import HandBack, NonDeterminism, NotInWorkflow, Suspend
from workflows.event_log import Owner
from workflows.history import Recorded, Replay
from workflows.states import EventKind
from workflows.versions import code_version


@dataclass
class StepScope:
    """The attempt of a step that is being executed; `buffered` collects the events of an atomic one."""

    position: int
    attempt: int
    buffered: list[tuple[str, str]] | None = None  # (key, encoded value)
    calls: Iterator[int] = field(default_factory=lambda: itertools.count(1))


@dataclass
class Execution:
    """One claim of one workflow, being executed by this thread."""

    owner: Owner
    replay: Replay
    version: str  # the code version that the workflow began with
    stopping: Callable[[], bool]  # whether the worker wants its workflows handed back
    position: int = 0
    step: StepScope | None = None
    broken: NonDeterminism | Suspend | None = None
    reports: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    transactions: int = field(default_factory=lambda: len(connection.atomic_blocks))  # open when the body began

    @property
    def is_replaying(self) -> bool:
        """Whether the next operation of the body has a recorded outcome."""
        return self.position + 1 in self.replay.operations

    def next_operation(self, kind: str, name: str | None) -> tuple[int, Recorded | None]:
        """Take the next position of the body, and what is recorded there; name None: only the outcome tells it.

        Raises NonDeterminism when another operation is recorded, HandBack when the worker is stopping.
        """
        if self.broken is not None:  # raised once already and swallowed: nothing further may be recorded
            raise self.broken
        self.position += 1
        while self._is_dropped_patch(kind, name):
            self.position += 1
        recorded = self.replay.operations.get(self.position)
        if recorded is None:
            self._check_started_wait(kind, name or "")
            self.check_stopping()
        elif recorded.kind != kind or name not in (None, recorded.name):
            raise self.mismatch(described(recorded), _described(kind, name))
        return self.position, recorded

    def _is_dropped_patch(self, kind: str, name: str | None) -> bool:
        """A patch that the code does not ask for any more has served its time; its position is passed over."""
        recorded = self.replay.operations.get(self.position)
        if recorded is None or recorded.kind != EventKind.PATCHED:
            return False
        return (kind, name) != (recorded.kind, recorded.name)

    def _check_started_wait(self, kind: str, name: str) -> None:
        """Raises NonDeterminism when the body waited for something else at this position."""
        started = self.replay.waits.get(self.position)
        if started is not None and (waited := _operation_of(started.wait)) != (kind, name):
            raise self.mismatch(f"a wait for {_described(*waited)}", _described(kind, name))

    def mismatch(self, recorded: str, found: str) -> NonDeterminism:
        """What the caller raises when another operation is recorded here; the workflow records nothing further."""
        self.broken = NonDeterminism(self.position, recorded, found, (self.version, code_version()))
        return self.broken

    def patched(self, name: str) -> bool:
        """Whether the code after a change may run: not where the code before it has recorded, or waits, already."""
        if self.broken is not None:
            raise self.broken
        ahead = self.position + 1
        while (recorded := self.replay.operations.get(ahead)) is not None and recorded.kind == EventKind.PATCHED:
            if recorded.name == name:
                return True
            ahead += 1  # another one, whose call was removed or comes later
        return recorded is None and ahead not in self.replay.waits

    def suspend(self, wait: dict[str, Any], wakes: int) -> Suspend:
        """What the caller raises to give up the worker until the wait is over."""
        self.broken = Suspend(wait, wakes)
        return self.broken

    def check_complete(self) -> None:
        """Raises NonDeterminism when the body ended before all that is recorded was replayed, or swallowed one."""
        if self.broken is not None:
            raise self.broken
        while (skipped := self.replay.operations.get(self.position + 1)) is not None:
            self.position += 1
            if skipped.kind != EventKind.PATCHED:
                raise self.mismatch(described(skipped), "the end of the workflow")

    def check_waitable(self) -> None:
        """Raises TransactionManagementError inside a transaction of the body: it would undo what the wait records."""
        if len(connection.atomic_blocks) > self.transactions:
            raise TransactionManagementError(
                f"Workflow {self.owner.workflow_id!r} waits inside transaction.atomic(), which it would hold open. "
                "Wait before or after the block; put what belongs together into a step with atomic=True."
            )

    def check_stopping(self) -> None:
        """Raises HandBack when the worker is stopping and its grace is over."""
        if self.stopping():
            raise HandBack(f"the worker of workflow {self.owner.workflow_id!r} is stopping")


# Which operation a wait is part of, and what that is about.
_WAITS = {
    "message": (EventKind.MESSAGE_RECEIVED, "name"),
    "event": (EventKind.EVENT_READ, "name"),
    "result": (EventKind.RESULT_READ, "workflow"),
    "results": (EventKind.RESULTS_GATHERED, None),
    "completion": (EventKind.COMPLETION_READ, None),
    "time": (EventKind.SLEPT, None),
}


def _operation_of(wait: dict[str, Any]) -> tuple[str, str]:
    kind, about = _WAITS[wait["for"]]
    return kind.value, str(wait[about]) if about else ""


def described(recorded: Recorded) -> str:
    """A recorded operation in the words of error messages."""
    return _described(recorded.kind, recorded.name)


def _described(kind: str, name: str | None) -> str:
    return f"{kind} {name!r}" if name else kind


_current: ContextVar[Execution | None] = ContextVar("telltale_execution", default=None)


def current() -> Execution | None:
    """The execution this code runs in, or None."""
    return _current.get()


def required(call: str) -> Execution:
    """The execution this code runs in. Raises NotInWorkflow, naming the call."""
    execution = _current.get()
    if execution is None:
        raise NotInWorkflow(
            f"{call} was called outside a workflow. Call it from a function decorated with @workflow that a worker "
            "executes, or from one of its steps; threads that the code starts itself do not belong to the workflow."
        )
    return execution


def in_body(call: str) -> Execution:
    """The execution, provided that the code is in the workflow's body. Raises NotInWorkflow inside a step."""
    execution = required(call)
    if execution.step is not None:
        raise NotInWorkflow(f"{call} was called inside a step. Call it from the workflow's own body, between steps.")
    return execution


@contextmanager
def entered(execution: Execution) -> Iterator[None]:
    """Make the execution the current one."""
    reset = _current.set(execution)
    try:
        yield
    finally:
        _current.reset(reset)
