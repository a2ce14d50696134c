"""The start form: made from a signature, and back to arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from dashboard.forms import StartForm, start_form
from dashboard.presenters.definitions import definition_card, parameter_help, prose


@dataclass
class Sample:
    """A definition, as the registry knows it."""

    function: Callable[..., Any]
    name: str = "sample"
    queue: str = "default"

    @property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @property
    def doc(self) -> str:
        return self.function.__doc__ or ""


def sample(
    name: str,
    count: int,
    ratio: float,
    folder: Path,
    order: dict[str, Any],
    items: list[int],
    anything,  # type: ignore[no-untyped-def]
    mode: Literal["fast", "slow", 3],
    loud: bool = True,
    note: str | None = None,
    limit: int | None = 5,
    level: Literal["low", "high"] = "high",
    tags: list[str] | None = None,
    either: int | str = 1,
    *rest: int,
    **options: int,
) -> None:
    """Do a sample of `work`.

    It goes on for
    two lines.

    Args:
        name: Who it is for.
        count (int): How many,
            over two lines.
        note: May stay empty.

    Returns:
        name: not this one.
    """


def form(**data: str) -> StartForm:
    values = {
        "name": "ana", "count": "3", "ratio": "0.5", "folder": "/tmp/x", "order": '{"id": 1}', "items": "[1, 2]",
        "anything": "null", "mode": "3", "loud": "on", "level": "high", "limit": "5", "either": "1",
    }  # fmt: skip
    return start_form(Sample(sample))({f"parameter_{key}": value for key, value in {**values, **data}.items()})


def arguments(**data: str) -> dict[str, Any]:
    made = form(**data)
    assert made.is_valid(), made.errors
    return made.arguments()


def errors(**data: str) -> dict[str, Any]:
    return {name.removeprefix("parameter_"): messages for name, messages in form(**data).errors.items()}


def test_every_named_parameter_has_a_field_in_its_order() -> None:
    fields = form().parameter_fields
    assert [field.bound.label for field in fields] == list(inspect.signature(sample).parameters)[:-2]


def test_each_value_arrives_in_its_type() -> None:
    assert arguments() == {
        "name": "ana", "count": 3, "ratio": 0.5, "folder": "/tmp/x", "order": {"id": 1}, "items": [1, 2],
        "anything": None, "mode": 3, "loud": True, "limit": 5, "level": "high", "either": 1,
    }  # fmt: skip


def test_text_is_passed_as_it_was_typed() -> None:
    assert arguments(name="  two  words ")["name"] == "  two  words "


def test_an_unticked_box_is_false() -> None:
    data = {f"parameter_{key}": value for key, value in {"flag": ""}.items()}

    def function(flag: bool = True) -> None: ...

    made = start_form(Sample(function))(data)
    assert made.is_valid()
    assert made.arguments() == {"flag": False}


def test_what_stays_empty_is_left_to_the_function() -> None:
    given = arguments(limit="", note="", tags="", either="")
    assert not {"limit", "note", "tags", "either"} & set(given)


def test_json_null_is_given_where_it_is_typed() -> None:
    assert arguments(tags="null")["tags"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("count", "3.5"), ("count", ""), ("ratio", "x"), ("order", "{'id': 1}"), ("items", "[1,"),
        ("items", ""), ("mode", "medium"), ("mode", ""), ("level", "middle"), ("order", "Infinity"),
        ("items", "[" * 9999), ("ratio", "nan"), ("name", "a\x00b"),
        ("order", "1"), ("order", '"text"'), ("order", "null"), ("items", "{}"), ("tags", "true"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_at_its_field(field: str, value: str) -> None:
    assert list(errors(**{field: value})) == [field]


def test_another_kind_of_json_is_refused_in_words() -> None:
    assert errors(order="[1]")["order"] == ['A JSON object, {"key": "value"}, is needed here, not an array.']
    assert errors(items="1")["items"] == ['A JSON array, ["one", "two"], is needed here, not a number.']


def test_defaults_are_shown() -> None:
    made = start_form(Sample(sample))()
    initial = {field.bound.label: field.bound.initial for field in made.parameter_fields}
    assert initial["loud"] is True
    assert (initial["limit"], initial["level"], initial["either"]) == (5, "high", "1")


def test_literals_are_a_choice_of_their_values() -> None:
    html = str(form()["parameter_mode"])
    assert [option in html for option in ('value="fast"', 'value="slow"', 'value="3"')] == [True] * 3


def test_the_types_are_named_beside_the_fields() -> None:
    named = {field.bound.label: field.type_name for field in form().parameter_fields}
    assert named["count"] == "int"
    assert named["order"] == "dict[str, Any]"
    assert named["note"] == "str or nothing"
    assert named["anything"] == "JSON"


def test_the_docstring_explains_the_parameters() -> None:
    assert parameter_help(Sample(sample)) == {
        "name": "Who it is for.", "count": "How many, over two lines.", "note": "May stay empty.",
    }  # fmt: skip
    assert form()["parameter_count"].help_text == "How many, over two lines."


def test_the_docstring_without_its_sections_is_the_introduction() -> None:
    assert prose(Sample(sample)) == "Do a sample of `work`.\n\nIt goes on for two lines."


def test_a_function_without_docstring_or_parameters_has_an_empty_form() -> None:
    def function() -> None: ...

    made = start_form(Sample(function))({})
    assert made.is_valid()
    assert (made.arguments(), made.parameter_fields, prose(Sample(function))) == ({}, [], "")


def test_an_annotation_that_cannot_be_resolved_makes_json_fields() -> None:
    def function(value: NoSuchName) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    made = start_form(Sample(function))({"parameter_value": "[1]"})
    assert made.is_valid()
    assert made.arguments() == {"value": [1]}


def test_a_card_shows_the_signature_as_written() -> None:
    def function(order: dict[str, Any], times: int = 3, *rest: int) -> None:
        """Sell."""

    card = definition_card(Sample(function))
    assert (card.summary, card.signature) == ("Sell.", "(order: dict[str, Any], times: int = 3, *rest: int)")
