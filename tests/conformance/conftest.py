"""After every test: each workflow it left behind has a gapless history that tells exactly what the tables say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.definitions import forget_bodies
from tests.execution import assert_history_is_whole
from workflows import sql
from workflows.models import Workflow


@pytest.fixture(autouse=True)
def _every_history_is_whole(transactional_db: None, settings: Any) -> Iterator[None]:
    """Waits give up their worker at once here, so that a test sees them waiting instead of waiting itself."""
    settings.WORKFLOWS = {**settings.WORKFLOWS, "SUSPEND_AFTER": 0.0, "SUSPEND_AT_LEAST": 0.0, "CRASH_BACKOFF": 0.0}
    forget_bodies()
    yield
    for workflow_id in Workflow.objects.values_list("id", flat=True):
        assert_history_is_whole(workflow_id)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The engine's own statements to the database from now on, in order."""
    asked: list[str] = []
    fetch = sql.fetch

    def counted(statement: Any, parameters: Any) -> Any:
        asked.append(statement)
        return fetch(statement, parameters)

    for name, module in list(sys.modules.items()):
        if name.startswith("workflows.") and getattr(module, "fetch", None) is fetch:
            monkeypatch.setattr(module, "fetch", counted)
    return asked
