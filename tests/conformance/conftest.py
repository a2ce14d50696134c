"""Whatever a test here does, every history it leaves is whole: 1, 2, 3 … without a gap, folding to exactly the rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.execution import assert_history_is_whole
from workflows.models import Workflow


@pytest.fixture(autouse=True)
def whole_histories(transactional_db: None) -> Iterator[None]:
    """Looks at all of them in the end."""
    yield
    for workflow_id in Workflow.objects.values_list("id", flat=True):
        assert_history_is_whole(workflow_id)
