"""What one audience may read of workflows of one definition: a lens shows an event, a state or a payload, and says
HIDDEN where something may not be read. Pure.

Keys are as their definition declares them (`visibility`). Inputs, outputs, messages and errors are for who may view
values; where the definition redacts them (`@workflow(redact=…)`), only who may view sensitive values has them whole.
A hidden event keeps its seq, kind, key and place: readers count and fold it like any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import Any

from workflows import registry, telemetry, visibility
from workflows.errors import UnknownDefinition
from workflows.payloads import Json
from workflows.registry import Definition
from workflows.states import EventKind
from workflows.visibility import Visibility

HIDDEN = "(hidden)"
Wire = list[Any]
Data = dict[str, Any]
# Events with what was read from another workflow, whose definition decides.
_OF_OTHERS = (EventKind.EVENT_READ, EventKind.RESULT_READ, EventKind.RESULTS_GATHERED)
_ENCODED_OF_OTHERS = tuple(f'"{kind.value}"' for kind in _OF_OTHERS)
# Events with content that is no published value.
WITH_PAYLOADS = (
    EventKind.STEP_SUCCEEDED, EventKind.STEP_FAILED, EventKind.STEP_RETRYING, EventKind.MESSAGE_RECEIVED,
    EventKind.SUCCEEDED, EventKind.FAILED, EventKind.QUARANTINED, *_OF_OTHERS,
)  # fmt: skip
EVERYWHERE: dict[str, Any] = {"hidden_kinds": [], "listed": [], "only_listed": False}


class Lens:
    """How one audience (None: who may read no values) sees workflows of one definition."""

    def __init__(self, definition: str, audience: Visibility | None) -> None:
        self.definition = definition
        self.audience = audience

    @cached_property
    def _known(self) -> Definition | None:
        try:
            return registry.get(self.definition)
        except UnknownDefinition:
            return None

    @cached_property
    def reads_payloads(self) -> bool:
        """Whether inputs, outputs, messages and errors are read at all."""
        return visibility.suffices(self.audience, visibility.UNDECLARED if self._known else visibility.UNKNOWN)

    @cached_property
    def _redact(self) -> Callable[[str, Json], Json] | None:
        is_whole = visibility.suffices(self.audience, Visibility.ADMIN)
        return None if is_whole or self._known is None else self._known.redact

    @cached_property
    def is_clear(self) -> bool:
        """Whether everything that belongs to the workflow itself is read as it is."""
        declared = self._known.keys.values() if self._known else ()
        hides = any(not visibility.suffices(self.audience, Visibility(one)) for one in declared)
        return self.reads_payloads and self._redact is None and not hides

    @property
    def reads_whole_payloads(self) -> bool:
        """Whether nothing of an input or an output is kept back."""
        return self.reads_payloads and self._redact is None

    def shows(self, key: str) -> bool:
        """Whether the value of a key is read."""
        return visibility.is_shown(self.definition, key, self.audience)

    def value(self, key: str, value: Json) -> Json:
        """A published value, or HIDDEN."""
        return value if self.shows(key) else HIDDEN

    def value_text(self, key: str, text: str) -> str:
        """A published value as stored JSON, or HIDDEN."""
        return text if self.shows(key) else json.dumps(HIDDEN)

    def payload(self, what: str, content: Json) -> Json:
        """An "input", "output", "step" (its output) or "message" as it may be read."""
        if not self.reads_payloads:
            return HIDDEN
        return content if self._redact is None else _redacted(self._redact, what, content, self.definition)

    def payload_text(self, what: str, text: str) -> str:
        """The same of stored JSON, which is decoded only where something is to be kept back."""
        if self.reads_whole_payloads:
            return text
        try:
            content = json.loads(text) if self.reads_payloads else None
        except RecursionError:  # nested deeper than can be looked through
            content = HIDDEN
        if what == "input":
            content = registry.arguments_by_name(self.definition, content)
        return json.dumps(self.payload(what, content), ensure_ascii=False)

    def error(self, error: Data | None) -> Data | None:
        """A recorded error; whoever may not read it learns its type."""
        if error is None or self.reads_whole_payloads:
            return error
        shown = self.payload("error", error)
        return shown if isinstance(shown, dict) and "type" in shown else _only_the_type(error)

    def error_line(self, line: str | None) -> str | None:
        """The same of the one line that a list has: `Type: message`."""
        if line is None or self.reads_whole_payloads:
            return line
        kind, _, message = line.partition(": ")
        shown = self.error({"type": kind, "message": message}) or {}
        return f"{shown.get('type')}: {shown.get('message')}"

    def event(self, event: Wire) -> Wire:
        """An event in wire form; the same object where nothing is hidden."""
        *head, kind, position, key, data = event
        shown = _EFFECTS.get(kind, _as_it_is)(self, key or "", data)
        return event if shown is data else [*head, kind, position, key, shown]

    def events_text(self, text: str) -> str:
        """Encoded events, joined by commas. Those that are shown keep every digit, because nobody encodes them anew."""
        if self.is_clear and not (any(one in text for one in _ENCODED_OF_OTHERS) and _others_hide(self.audience)):
            return text
        return ",".join(self._events(text))

    def _events(self, text: str) -> Iterator[str]:
        decoder, at = json.JSONDecoder(), 0
        while at < len(text):
            event, end = decoder.raw_decode(text, at)
            shown = self.event(event)
            yield text[at:end] if shown is event else json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
            at = end + 1

    @property
    def unsearched(self) -> dict[str, Any]:
        """What a search must not find anything in: kinds of events, and values whose key is (not) among those listed.

        Parameters of the statements that search; EVERYWHERE for who sees everything.
        """
        if not self.reads_whole_payloads:
            kinds: tuple[EventKind, ...] = WITH_PAYLOADS
        else:
            kinds = _OF_OTHERS if _others_hide(self.audience) else ()
        others_shown = self.reads_payloads  # of keys that the definition does not declare
        listed = [key for key in (self._known.keys if self._known else ()) if self.shows(key) is not others_shown]
        return {"hidden_kinds": [kind.value for kind in kinds], "listed": listed, "only_listed": not others_shown}

    def state(self, state: Data) -> Data:
        """A state as the fold makes it; the same object where nothing is hidden."""
        if self.is_clear:
            return state
        values = {key: one if self.shows(key) else _hidden_value(one) for key, one in state["values"].items()}
        steps = {place: {**step, "error": self.error(step["error"])} for place, step in state["steps"].items()}
        workflow = {**state["workflow"], "error": self.error(state["workflow"]["error"])}
        return {**state, "workflow": workflow, "values": values, "steps": steps}


def summary(row: Data, audience: Visibility | None, keys: Collection[str] = ()) -> Data:
    """A row of a list, with the values of these keys. The same object where nothing is hidden.

    A hidden key is there for each workflow alike, whether that published it or not.
    """
    lens = Lens(row["definition"], audience)
    if lens.is_clear:
        return row
    shown = {**row, "error": lens.error_line(row["error"])}
    shown |= {key: None for key in ("progress", "phase") if not lens.shows(key)}
    if "values" in row:
        hidden = {key: HIDDEN for key in keys if not lens.shows(key)}
        shown["values"] = {key: value for key, value in row["values"].items() if key not in hidden} | hidden
    return shown


def _redacted(redact: Callable[[str, Json], Json], what: str, content: Json, definition: str) -> Json:
    """What a definition's own code leaves of it; where that fails, nothing."""
    try:
        shown = redact(what, content)
        json.dumps(shown)
    except Exception as error:  # the code of a project; its message may say what it was to hide
        telemetry.redaction_failed(definition, what, error)
        return HIDDEN
    return shown


def _only_the_type(error: Data) -> Data:
    return {**{name: error[name] for name in ("type", "module") if name in error}, "message": HIDDEN, "traceback": ""}


def _hidden_value(value: Data) -> Data:
    return {**value, "value": HIDDEN, "hidden": True}


def _others_hide(audience: Visibility | None) -> bool:
    """Whether any definition known here keeps something back, which others may have read."""
    return any(not Lens(name, audience).is_clear for name in registry.names())


def _as_it_is(lens: Lens, key: str, data: Data) -> Data:
    return data


def _value_set(lens: Lens, key: str, data: Data) -> Data:
    return data if lens.shows(key) else {**data, "value": HIDDEN, "hidden": True}


def _part(name: str, what: str) -> Callable[[Lens, str, Data], Data]:
    def effect(lens: Lens, key: str, data: Data) -> Data:
        if name not in data or lens.reads_whole_payloads:
            return data
        shown = lens.payload(what, data[name])
        return {**data, name: shown, "hidden": True}

    return effect


def _error(lens: Lens, key: str, data: Data) -> Data:
    if not data.get("error") or lens.reads_whole_payloads:
        return data
    return {**data, "error": lens.error(data["error"])}


def _event_read(lens: Lens, key: str, data: Data) -> Data:
    """The key of another workflow, whose definition is not said here: the strictest of those that declare it counts."""
    strictest = visibility.strictest(key)
    if "value" not in data or (lens.reads_payloads and visibility.suffices(lens.audience, strictest)):
        return data
    return {**data, "value": HIDDEN, "hidden": True}


def _reads_results(lens: Lens) -> bool:
    is_whole = visibility.suffices(lens.audience, Visibility.ADMIN)
    return lens.reads_payloads and (is_whole or not any(one.redact for one in registry.definitions()))


def _result_read(lens: Lens, key: str, data: Data) -> Data:
    """What another workflow returned. Where any definition redacts, it may be one of that."""
    if _reads_results(lens):
        return data
    shown = {**data, "output": HIDDEN, "hidden": True} if "output" in data else data
    return {**shown, "error": _only_the_type(shown["error"])} if shown.get("error") else shown


def _results_gathered(lens: Lens, key: str, data: Data) -> Data:
    if not data.get("failed") or _reads_results(lens):
        return data
    failed = {
        id_: {**one, "error": _only_the_type(one["error"])} if one.get("error") else one
        for id_, one in data["failed"].items()
    }
    return {**data, "failed": failed}


_EFFECTS: dict[str, Callable[[Lens, str, Data], Data]] = {
    EventKind.VALUE_SET: _value_set,
    EventKind.STEP_SUCCEEDED: _part("output", "step"),
    EventKind.SUCCEEDED: _part("output", "output"),
    EventKind.MESSAGE_RECEIVED: _part("message", "message"),
    EventKind.STEP_RETRYING: _error,
    EventKind.STEP_FAILED: _error,
    EventKind.FAILED: _error,
    EventKind.QUARANTINED: _error,
    EventKind.EVENT_READ: _event_read,
    EventKind.RESULT_READ: _result_read,
    EventKind.RESULTS_GATHERED: _results_gathered,
}
