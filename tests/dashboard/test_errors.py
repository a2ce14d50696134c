"""What breaks in us is told to nobody but the log, and found there by the number that the answer has."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from django.test import Client

from config.logs import JsonLines, Text, WithErrorId
from dashboard.api import workflows
from dashboard.views import listing
from tests.api_client import Program
from tests.people import People

pytestmark = pytest.mark.django_db
SECRET = "the password is swordfish"


def broken(*_: Any, **__: Any) -> None:
    raise RuntimeError(SECRET)


def test_an_error_is_a_number_to_who_asked_and_whole_in_the_log(
    people: People, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listing, "list_query", broken)
    monkeypatch.setattr(workflows.pages, "matching", broken)
    page = Client(raise_request_exception=False)
    page.force_login(people.operator)
    program = Program(people.operator)
    program._client.raise_request_exception = False
    with caplog.filtering(WithErrorId()):
        told = program.get("/workflows")
        answers = [str(told.content), page.get("/workflows/").content.decode()]
    assert told.kind == "internal-error"
    numbers = [re.findall(r"\b[0-9a-f]{8}\b", answer)[0] for answer in answers]
    lines = [record for record in caplog.records if hasattr(record, "error_id")]
    assert [record.levelno for record in lines] == [logging.ERROR] * 2
    for answer, number, record in zip(answers, numbers, lines, strict=True):
        assert SECRET not in answer
        assert "Traceback" not in answer
        assert f"error {number}: " in Text("%(message)s").format(record)
        line = JsonLines().format(record)
        assert f'"error_id": "{number}"' in line
        assert SECRET in line
