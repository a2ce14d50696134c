"""The tables. Fields, constraints and QuerySets only; who writes them is `transitions` and `event_log`."""

from workflows.models.audit import AuditEntry
from workflows.models.bulk import BulkAction, BulkOutcome
from workflows.models.count import Count, CountChange, MinuteCount, QueueMinuteCount, Tally
from workflows.models.deletion import Deletion
from workflows.models.event import Event
from workflows.models.message import Message
from workflows.models.queue import Queue, QueueStart
from workflows.models.schedule import Schedule
from workflows.models.step import Step
from workflows.models.value import Value
from workflows.models.wait import Wait, Wakeup
from workflows.models.webhook import Webhook
from workflows.models.worker import Worker
from workflows.models.workflow import Workflow

__all__ = [
    "AuditEntry",
    "BulkAction",
    "BulkOutcome",
    "Count",
    "CountChange",
    "Deletion",
    "Event",
    "Message",
    "MinuteCount",
    "Queue",
    "QueueMinuteCount",
    "QueueStart",
    "Schedule",
    "Step",
    "Tally",
    "Value",
    "Wait",
    "Wakeup",
    "Webhook",
    "Worker",
    "Workflow",
]
