"""The API against what schemathesis makes of its own document: no input brings it down, no answer is another than said.

The examples are the same in each run (conftest's profile); `HYPOTHESIS_PROFILE=explore` looks for others.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.wsgi import application
from dashboard.api.interface import document
from tests.api_client import Program
from tests.definitions import listening, publishing
from tests.execution import run
from tests.people import create_people
from workflows import queues, schedules

EXAMPLES = 10  # of each operation
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance, content_type_conformance]
# Ids that exist, so that not everything ends at "not found".
KNOWN = {"workflow_id": "known", "name": "known", "key": "key"}


@pytest.mark.django_db(transaction=True)
def test_no_input_brings_it_down_and_every_answer_is_as_its_document_says(settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    program = Program(create_people().operator)
    run(publishing.using(workflow_id="known").start([1]))
    listening.start("go")
    schedules.create("known", "publishing", args=[[]], cron="0 0 1 1 *")
    queues.set_limits("known", concurrency=1)
    schema = schemathesis.openapi.from_dict(json.loads(document()))
    schema.app = application
    headers = {"Authorization": f"Bearer {program.secret}"}
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.endswith("/stream"):  # whose answer has no end
            _fuzz(operation.as_strategy(), headers)
            tried += 1
    assert tried >= 25


def _fuzz(cases: Any, headers: dict[str, str]) -> None:
    number = iter(range(10_000))

    @settings(
        max_examples=EXAMPLES, database=None, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(cases)
    def ask(case: Any) -> None:
        if next(number) % 2:
            case.path_parameters |= {name: KNOWN[name] for name in case.path_parameters or {} if name in KNOWN}
            if isinstance(case.body, dict) and "definition" in case.body:
                case.body |= {"definition": "listening", "args": ["go"], "kwargs": {}}
        (case.query or {}).pop("wait", None)  # how long it takes is no question here
        case.call_and_validate(checks=CHECKS, headers=headers)

    tried: Callable[[], None] = ask
    tried()
