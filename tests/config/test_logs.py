"""Log lines as JSON: one line each, whatever is in them, and with whose they are."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from config.logs import JsonLines
from workflows import telemetry


def written(message: str, *arguments: object, error: bool = False, **extra: object) -> dict[str, Any]:
    """The line of one record, read again."""
    given = {"name": "shop", "level": logging.WARNING, "msg": message, "args": arguments}
    record = logging.makeLogRecord({**given, "levelname": "WARNING", "exc_info": sys.exc_info() if error else None})
    record.__dict__.update(extra)
    line = JsonLines().format(record)
    assert line.isascii()
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_hostile_message_is_one_line_and_comes_back_as_it_was() -> None:
    hostile = 'a\nb\r\x00\u2028\ud800"}{<script>é'
    assert written("%s", hostile)["message"] == hostile
    with telemetry.about(workflow_id=hostile):
        assert written("x")["workflow_id"] == hostile


def test_a_line_belongs_to_what_surrounds_it_and_to_nothing_outside() -> None:
    assert set(written("x")) == {"at", "level", "logger", "message", "pid"}
    with telemetry.about(workflow_id="w", definition="d"):
        with telemetry.about(step="s", attempt=2):
            assert {name: written("x")[name] for name in ("workflow_id", "definition", "step", "attempt")} == {
                "workflow_id": "w", "definition": "d", "step": "s", "attempt": 2,
            }  # fmt: skip
        assert "step" not in written("x")
        assert written("x", workflow_id="other")["workflow_id"] == "other"  # what a line itself says counts
    assert "workflow_id" not in written("x")


@pytest.fixture
def in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_worker", lambda: "host:1-abc/7")


@pytest.mark.usefixtures("in_a_worker")
def test_every_line_of_a_worker_names_it() -> None:
    assert written("x")["worker"] == "host:1-abc/7"


def test_an_error_brings_its_traceback() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        assert "ValueError: no" in written("x", error=True)["exception"]
