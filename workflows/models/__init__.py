"""The tables. Fields, constraints and QuerySets only; who writes them is `transitions` and `event_log`."""

from workflows.models.event import Event
from workflows.models.message import Message
from workflows.models.step import Step
from workflows.models.value import Value
from workflows.models.workflow import Workflow

__all__ = ["Event", "Message", "Step", "Value", "Workflow"]
