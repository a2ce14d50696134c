"""The states of workflows and steps, the kinds of events, and which status may follow which.

This is the one list: guards, CHECK constraints, buttons, documents and tests are derived from it. Pure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """Where a workflow stands."""

    # Not before a given time; becomes queued when the time has come.
    DELAYED = "delayed"
    # Ready for a worker. Also while its queue is paused or at its limit, or while a crash's back-off passes.
    QUEUED = "queued"
    # A worker holds its token and lease and executes it, or waits inside it.
    RUNNING = "running"
    # Suspended for a time, message, event or child; holds no worker.
    WAITING = "waiting"
    # Returned; the output is recorded.
    SUCCEEDED = "succeeded"
    # Raised; the error is recorded.
    FAILED = "failed"
    # Somebody stopped it.
    CANCELLED = "cancelled"
    # Kept killing its worker and was set aside.
    QUARANTINED = "quarantined"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.QUARANTINED})
ACTIVE = frozenset(Status) - TERMINAL


class StepStatus(StrEnum):
    """Where a step stands."""

    RUNNING = "running"
    RETRYING = "retrying"  # waits for its next attempt
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"  # its workflow was stopped before it finished


OPEN_STEPS = frozenset({StepStatus.RUNNING, StepStatus.RETRYING})


class EventKind(StrEnum):
    """What one row of the history says."""

    CREATED = "created"
    DEBOUNCED = "debounced"  # a further start replaced its input and put it off
    DUE = "due"  # its time to start has come
    CLAIMED = "claimed"
    RELEASED = "released"
    SUSPENDED = "suspended"  # waits without a worker
    WOKEN = "woken"  # what it waited for has happened
    STEP_STARTED = "step_started"
    STEP_RETRYING = "step_retrying"
    STEP_SUCCEEDED = "step_succeeded"
    STEP_FAILED = "step_failed"
    VALUE_SET = "value_set"
    WAIT_STARTED = "wait_started"
    MESSAGE_SENT = "message_sent"
    MESSAGE_RECEIVED = "message_received"
    EVENT_READ = "event_read"
    SLEPT = "slept"
    CHILD_STARTED = "child_started"
    RESULT_READ = "result_read"
    RESULTS_GATHERED = "results_gathered"
    COMPLETION_READ = "completion_read"
    PATCHED = "patched"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    QUARANTINED = "quarantined"
    RESUMED = "resumed"
    FORKED = "forked"  # what precedes it was copied from another workflow
    FORK_STARTED = "fork_started"  # another workflow was made from this one
    PINNED = "pinned"
    UNPINNED = "unpinned"


# The kinds of events that have a key: of a value, a topic, or another workflow.
KEYED = frozenset({
    EventKind.VALUE_SET, EventKind.MESSAGE_SENT, EventKind.MESSAGE_RECEIVED, EventKind.EVENT_READ, EventKind.SLEPT,
    EventKind.CHILD_STARTED, EventKind.RESULT_READ, EventKind.RESULTS_GATHERED, EventKind.COMPLETION_READ,
    EventKind.PATCHED,
})  # fmt: skip

# The kinds of events that say, as `by` of their data, whose doing they were.
ACTS = frozenset({
    EventKind.CREATED, EventKind.DEBOUNCED, EventKind.MESSAGE_SENT, EventKind.CANCELLED, EventKind.RESUMED,
    EventKind.FORKED, EventKind.FORK_STARTED, EventKind.PINNED, EventKind.UNPINNED,
})  # fmt: skip


class MissedPolicy(StrEnum):
    """What a schedule does about occurrences whose time passed while nothing could start them."""

    SKIP = "skip"
    LAST = "last"  # start only the latest of them
    ALL = "all"


class Transition(NamedTuple):
    """From which statuses a change may start, and where it leads."""

    sources: frozenset[Status]
    target: Status


TRANSITIONS: dict[str, Transition] = {
    "claim": Transition(frozenset({Status.QUEUED}), Status.RUNNING),
    "due": Transition(frozenset({Status.DELAYED}), Status.QUEUED),
    "suspend": Transition(frozenset({Status.RUNNING}), Status.WAITING),
    "wake": Transition(frozenset({Status.WAITING}), Status.QUEUED),
    "release": Transition(frozenset({Status.RUNNING}), Status.QUEUED),
    "succeed": Transition(frozenset({Status.RUNNING}), Status.SUCCEEDED),
    "fail": Transition(frozenset({Status.RUNNING}), Status.FAILED),
    "quarantine": Transition(frozenset({Status.RUNNING}), Status.QUARANTINED),
    "cancel": Transition(ACTIVE, Status.CANCELLED),
    "resume": Transition(frozenset({Status.FAILED, Status.CANCELLED, Status.QUARANTINED}), Status.QUEUED),
}


def may(transition: str, status: Status | str) -> bool:
    """Whether a workflow in this status may make the transition."""
    return Status(status) in TRANSITIONS[transition].sources
