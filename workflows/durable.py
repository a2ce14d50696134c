"""The authoring API: `@workflow`, `@step`, `set_event`, `get_event`, `receive`, `track`, and the handle of a workflow.

What a developer imports, and all of it. Replay is by position: the operations of a workflow's body must come in the
same order on every execution, so put what may differ (time, randomness, the network, the database) into steps.
"""

from __future__ import annotations

from workflows.authoring import Definition, Starter, Step, step, workflow
from workflows.errors import (
    DuplicateWorkflow,
    InvalidInput,
    InvalidSchedule,
    InvalidWorkflowId,
    NonDeterminism,
    NotInWorkflow,
    PayloadError,
    ResultTimeout,
    ScheduleNotFound,
    StepFailed,
    TelltaleError,
    TransitionRefused,
    UnknownDefinition,
    WorkflowCancelled,
    WorkflowConflict,
    WorkflowEnded,
    WorkflowFailed,
    WorkflowNotFound,
    WorkflowQuarantined,
)
from workflows.handles import HistoryEvent, WorkflowHandle, as_completed, gather, get_event, retrieve, send
from workflows.publishing import patched, receive, set_event, sleep, track, workflow_id
from workflows.states import Status
from workflows.waits import PublishedValue

__all__ = [
    "Definition",
    "DuplicateWorkflow",
    "HistoryEvent",
    "InvalidInput",
    "InvalidSchedule",
    "InvalidWorkflowId",
    "NonDeterminism",
    "NotInWorkflow",
    "PayloadError",
    "PublishedValue",
    "ResultTimeout",
    "ScheduleNotFound",
    "Starter",
    "Status",
    "Step",
    "StepFailed",
    "TelltaleError",
    "TransitionRefused",
    "UnknownDefinition",
    "WorkflowCancelled",
    "WorkflowConflict",
    "WorkflowEnded",
    "WorkflowFailed",
    "WorkflowHandle",
    "WorkflowNotFound",
    "WorkflowQuarantined",
    "as_completed",
    "gather",
    "get_event",
    "patched",
    "receive",
    "retrieve",
    "send",
    "set_event",
    "sleep",
    "step",
    "track",
    "workflow",
    "workflow_id",
]
