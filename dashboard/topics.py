"""Names of what a client subscribes to: `workflow:<id>`, `workflows` (the list), overviews. Builds and parses them."""

from __future__ import annotations

from workflows import ids
from workflows.errors import InvalidWorkflowId

LIST = "workflows"
COUNTERS = "counters"  # how many workflows there are, by status and definition
QUEUES = "queues"
WORKERS = "workers"
SCHEDULES = "schedules"
BULK = "bulk"  # the latest bulk actions
VIEWS = "views"  # saved views, as one cell: most are private
OVERVIEWS = (COUNTERS, QUEUES, WORKERS, SCHEDULES, BULK, VIEWS)
_WORKFLOW = "workflow:"


def workflow(workflow_id: str) -> str:
    """The topic of one workflow."""
    return f"{_WORKFLOW}{workflow_id}"


def workflow_id(topic: str) -> str | None:
    """The workflow that a topic is about; None if the text names none."""
    if not topic.startswith(_WORKFLOW):
        return None
    try:
        return ids.checked(topic.removeprefix(_WORKFLOW))
    except InvalidWorkflowId:
        return None
