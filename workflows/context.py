"""Who am I: the execution that the current code belongs to, and its place in the workflow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from workflows.errors import HandBack, NonDeterminism, NotInWorkflow
from workflows.event_log import Owner, Recorded


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
    recorded: dict[int, Recorded]
    deadlines: dict[int, str | None]
    next_attempts: dict[int, str]  # by position, when a retrying step is due
    stopping: Callable[[], bool]  # whether the worker wants its workflows handed back
    position: int = 0
    step: StepScope | None = None
    broken: NonDeterminism | None = None
    reports: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def is_replaying(self) -> bool:
        """Whether the next operation of the body has a recorded outcome."""
        return self.position + 1 in self.recorded

    def next_operation(self, kind: str, name: str) -> tuple[int, Recorded | None]:
        """Take the next position of the body, and what is recorded there.

        Raises NonDeterminism when another operation is recorded, HandBack when the worker is stopping.
        """
        if self.broken is not None:  # raised once already and swallowed: nothing further may be recorded
            raise self.broken
        self.position += 1
        recorded = self.recorded.get(self.position)
        if recorded is None:
            self.check_stopping()
        elif (recorded.kind, recorded.name) != (kind, name):
            self.broken = NonDeterminism(self.position, described(recorded), f"{kind} {name!r}")
            raise self.broken
        return self.position, recorded

    def check_complete(self) -> None:
        """Raises NonDeterminism when the body ended before all that is recorded was replayed, or swallowed one."""
        if self.broken is not None:
            raise self.broken
        skipped = self.recorded.get(self.position + 1)
        if skipped is not None:
            raise NonDeterminism(self.position + 1, described(skipped), "the end of the workflow")

    def check_stopping(self) -> None:
        """Raises HandBack when the worker is stopping and its grace is over."""
        if self.stopping():
            raise HandBack(f"the worker of workflow {self.owner.workflow_id!r} is stopping")


def described(recorded: Recorded) -> str:
    """A recorded operation in the words of error messages."""
    return f"{recorded.kind} {recorded.name!r}"


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
