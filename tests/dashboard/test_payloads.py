"""Inputs, outputs and values of any size, depth and kind: shown digit by digit, and never the end of a page."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from dashboard.presenters.tree import MOST_LINES, Line, tree
from tests import definitions, execution
from tests.dashboard.test_pages import page, text
from tests.people import People
from workflows import operations

ODD = {"2^53 + 1": 2**53 + 1, "sum": 0.1 + 0.2, "long": int("9" * 60), "text": 'say "é" <b>', "none": None, "yes": True}


def words(lines: list[Line] | None) -> list[str]:
    assert lines is not None
    return [f"{line.name}: {line.text}" if line.name else line.text for line in lines if not line.closes]


def test_small_things_take_one_line_and_numbers_keep_every_digit() -> None:
    found = tree('{"a": 9007199254740993, "b": [1.10, -0.0, 1E+400], "c": "' + "x" * 90 + '"}')
    assert words(found.lines) == [
        "{…} 3 keys",
        '"a": 9007199254740993',
        '"b": [1.10, -0.0, 1E+400]',
        '"c": "' + "x" * 90 + '"',
    ]
    assert [line.type for line in found.lines or []] == ["object", "number", "array", "text", ""]
    assert words(tree("[2, 4]").lines) == ["[2, 4]"]
    assert words(tree("null").lines) == ["null"]


def test_what_is_large_waits_until_it_is_asked_for_and_is_cut_then() -> None:
    large = json.dumps(["0123456789" * 10] * 30_000)
    assert tree(large) == tree(large, whole=False)
    assert tree(large).lines is None
    assert tree(large).size == "3.1 MB"
    shown = tree(large, whole=True)
    assert shown.is_cut
    assert len(words(shown.lines)) == MOST_LINES
    assert sum(line.opens for line in shown.lines or []) == sum(line.closes for line in shown.lines or [])


def test_a_very_long_text_says_how_much_of_it_is_left_out() -> None:
    [line] = tree(json.dumps("y" * 5_000)).lines or []
    assert len(line.text) == 2_001
    assert line.cut == 3_002


@pytest.mark.parametrize("depth", [100, 400, 900])
def test_deep_nesting_is_a_tree_as_long_as_it_can_be_decoded(depth: int) -> None:
    found = tree("[" * depth + "1" + "]" * depth)
    assert found.lines is None or sum(line.opens for line in found.lines) == sum(line.closes for line in found.lines)
    assert found.lines is not None or found.beginning


def test_what_cannot_be_taken_apart_still_shows_how_it_begins() -> None:
    found = tree("[" * 100_000 + "]" * 100_000, whole=True)
    assert found.lines is None
    assert found.beginning == "[" * 4_000
    assert found.size == "200.0 KB"


@pytest.fixture
def operator(client: Client, people: People) -> Client:
    client.force_login(people.operator)
    return client


def address(workflow_id: str = "w", **query: Any) -> str:
    return f"{reverse('dashboard:payload', args=[workflow_id])}?" + "&".join(
        f"{name}={given}" for name, given in query.items()
    )


@pytest.mark.django_db
def test_inputs_outputs_steps_and_values_are_shown_and_can_be_fetched(operator: Client) -> None:
    handle = definitions.publishing.using(workflow_id="w").start([ODD], key="odd/key ü")
    execution.run(handle)
    html = page(operator, reverse("dashboard:workflow", args=["w"]))
    assert "9007199254740993" in text(html)
    link = re.search(r'class="values__open of-now" href="([^"]+)"', html)
    assert link
    stored = operator.get(link[1].replace("&amp;", "&"))
    assert stored.headers["Content-Type"] == "application/json"
    assert 'attachment; filename="w-value-oddkey' in stored.headers["Content-Disposition"]
    assert json.loads(stored.content) == ODD
    shown = operator.get(link[1].replace("&amp;", "&") + "&view=tree").content.decode()
    assert str(int("9" * 60)) in shown
    assert "0.30000000000000004" in shown
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
    definitions.doubling.using(workflow_id="d").start([21])
    execution.run(definitions.doubling.using(workflow_id="e").start([21]))
    assert operator.get(address("e", of="output")).content == b"[42]"
    assert operator.get(address("d", of="output")).status_code == 404
    steps = [operator.get(address("e", of="step", position=position)) for position in range(1, 9)]
    assert b"42" in [answer.content for answer in steps if answer.status_code == 200]
    assert "or not yet" in operator.get(address("d", of="output", view="tree")).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", [{}, {"of": "secret"}, {"of": "step", "position": "9" * 15}, {"of": "value", "key": "%00"}]
)
def test_what_there_is_not_is_not_there(operator: Client, query: dict[str, str]) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    assert operator.get(address(**query)).status_code == 404


@pytest.mark.django_db
def test_an_input_that_no_code_of_ours_can_decode_does_not_end_the_page(operator: Client) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    deep = "[" * 5_000 + "]" * 5_000
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workflows_workflow SET input = %s::jsonb WHERE id = 'w'", [deep])
    shown = text(page(operator, reverse("dashboard:workflow", args=["w"])))
    assert "10.0 KB of JSON, nested too deeply" in shown
    assert operator.get(address(of="input")).content.decode() == deep


@pytest.mark.django_db
def test_payloads_are_closed_to_strangers(client: Client, people: People) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    assert client.get(address(of="input")).status_code == 302
    client.force_login(people.stranger)
    assert client.get(address(of="input")).status_code == 404
