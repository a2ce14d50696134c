"""Topic names go there and back."""

from __future__ import annotations

import pytest

from dashboard import topics


@pytest.mark.parametrize("workflow_id", ["order-42", "a:b", "workflow:workflow:", "ü/%2F..", "x" * 200])
def test_any_workflow_id_survives_its_topic(workflow_id: str) -> None:
    assert topics.workflow_id(topics.workflow(workflow_id)) == workflow_id


@pytest.mark.parametrize(
    "topic", ["", "workflow", "workflow:", "workflows", "Workflow:a", "workflow:a b", "workflow:\n"]
)
def test_what_names_no_workflow_is_none(topic: str) -> None:
    assert topics.workflow_id(topic) is None
