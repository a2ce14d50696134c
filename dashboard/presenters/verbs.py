"""What can be done with a workflow in which status, and why not in the others."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from workflows import registry
from workflows.models import Workflow
from workflows.states import ACTIVE, TERMINAL, TRANSITIONS, Status, StepStatus

_CHOICES = 200
_EDITABLE = 50_000  # characters; more belong into a file


@dataclass(frozen=True)
class Verb:
    """`statuses`: in which it is allowed, `others`: in which not, for the page's elements; `why`: what it needs."""

    label: str
    allowed: bool
    statuses: str
    others: str
    why: str


def verb(label: str, status: str, sources: Collection[Status], why: str) -> Verb:
    """How a verb stands for a workflow in this status."""
    inside = [known.value for known in Status if known in sources]
    outside = [known.value for known in Status if known not in sources]
    return Verb(label, status in inside, " ".join(inside), " ".join(outside), why)


@lru_cache(maxsize=32)  # a thousand workflows are asked about at once, in a handful of statuses
def verbs(status: str) -> Mapping[str, Verb]:
    """Every verb, by its name in templates."""
    resumable = TRANSITIONS["resume"].sources
    found = {
        "send": verb("Send message", status, ACTIVE, "It has ended and receives nothing more."),
        "cancel": verb("Cancel", status, TRANSITIONS["cancel"].sources, "It has ended already."),
        "resume": verb("Resume", status, resumable, "Only what failed, was cancelled or was set aside can go on."),
        "delete": verb("Delete", status, TERMINAL, "Only what has ended can be deleted. Cancel it first."),
    }
    return MappingProxyType(found)


@dataclass(frozen=True)
class ForkPosition:
    """A place to fork from."""

    position: int
    words: str
    selected: bool


def fork_positions(steps: Iterable[dict[str, Any]], wanted: int | None = None) -> list[ForkPosition]:
    """The beginning, the latest steps and the wanted one, which is chosen; else the last that failed, or the last."""
    found = sorted(steps, key=lambda step: step["position"])
    asked = [step for step in found[:-_CHOICES] if step["position"] == wanted]
    shown = asked + found[-_CHOICES:]
    failed = [step["position"] for step in shown if step["status"] == StepStatus.FAILED]
    chosen = failed[-1] if failed else shown[-1]["position"] if shown else 1
    chosen = next((step["position"] for step in shown if step["position"] == wanted), chosen)
    places = [(1, "1, from the beginning")] if not shown or shown[0]["position"] != 1 else []
    places += [(step["position"], f"{step['position']} {step['name']}, {step['status']}") for step in shown]
    return [ForkPosition(position, words, position == chosen) for position, words in places]


@dataclass(frozen=True)
class EditableInput:
    """The input as a text to edit; `text` is None where there is too much of it."""

    text: str | None
    named: bool


def editable_input(workflow: Workflow) -> EditableInput:
    """By name where every argument has one, else as `{"args": [...], "kwargs": {...}}`."""
    try:
        args, kwargs = workflow.arguments
        given, named = registry.by_name(workflow.definition, args, kwargs)
        text = json.dumps(given, indent=2, ensure_ascii=False)
    except RecursionError:  # nested deeper than anybody edits by hand
        return EditableInput(None, False)
    return EditableInput(text if len(text) <= _EDITABLE else None, named)


def edited_arguments(workflow: Workflow, given: dict[str, Any]) -> tuple[list[Any] | None, dict[str, Any] | None]:
    """The arguments that the edited text means; (None, None) if nothing was edited. Raises ValueError for others."""
    shown = editable_input(workflow)
    if shown.text is not None and _canonical(json.loads(shown.text)) == _canonical(given):
        return None, None
    if shown.named:
        return [], given
    args, kwargs = given.get("args"), given.get("kwargs")
    if set(given) != {"args", "kwargs"} or not isinstance(args, list) or not isinstance(kwargs, dict):
        raise ValueError('It must stay an object with a list "args" and an object "kwargs".')
    return args, kwargs


def _canonical(value: Any) -> str:
    """Text, because 1, 1.0 and true are equal to Python and different to JSON."""
    return json.dumps(value, sort_keys=True)
