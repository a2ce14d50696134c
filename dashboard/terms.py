"""Terms about published values: `event.amount:>0.5`, `event.region:eu*`, `key:report`. Pure; twin of `lib/terms.js`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from workflows.errors import PayloadError
from workflows.payloads import checked_key

MOST_TERMS = 8  # in one filter
PREFIXES = ("event.", "key:")
_OPERATORS = (">=", "<=", ">", "<")
HOWS = ("=", "^", "?", *_OPERATORS)
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_RESERVED = re.compile(r"[%:\s\"]")
_WORDS = {True: "true", False: "false", None: "null"}


class Term(NamedTuple):
    """What the value of a key must be like: `how` is "=", "^" (begins with), "<", "<=", ">", ">=" or "?" (is there)."""

    key: str
    how: str
    operand: str

    @property
    def word(self) -> str:
        """How an address and the search field say it."""
        if self.how == "?":
            return f"key:{self.key}"
        how = self.how if self.how in _OPERATORS else ""
        spelled = _RESERVED.sub(lambda found: f"%{ord(found[0]):02X}", self.key)
        return f"event.{spelled}:{how}{self.operand}{'*' if self.how == '^' else ''}"

    def matches(self, values: Mapping[str, Any]) -> bool:
        """Whether such published values are meant."""
        return self.key in values and (self.how == "?" or _TESTS[self.how](values[self.key], self.operand))


def parse(word: str) -> Term:
    """The term of a word that begins with one of PREFIXES. Raises ValueError, which says what is missing."""
    if word.startswith("key:"):
        return Term(_key(word.removeprefix("key:")), "?", "")
    spelled, colon, text = word.removeprefix("event.").partition(":")
    if not colon:
        raise ValueError(f"“{word}” needs a value: event.{spelled}:eu, event.{spelled}:>0.5, or key:{spelled}.")
    key = _key(unquote(spelled))
    how = next((operator for operator in _OPERATORS if text.startswith(operator)), "")
    operand = text.removeprefix(how)
    if not operand or operand == "*":
        raise ValueError(f"“{word}” needs a value after “:{how}”; key:{key} finds whatever has one.")
    if "\x00" in operand or len(operand) > 200:
        raise ValueError(f"The value after “event.{spelled}:” may have 200 characters.")
    if not how:
        how, operand = ("^", operand[:-1]) if operand.endswith("*") else ("=", operand)
    return Term(key, how, operand)


def _key(text: str) -> str:
    try:
        return checked_key(text)
    except PayloadError as error:
        raise ValueError(str(error)) from error


def _equals(value: Any, operand: str) -> bool:
    if value is None or isinstance(value, bool):
        return operand == _WORDS[value]
    if isinstance(value, int | float):
        return _NUMBER.fullmatch(operand) is not None and value == float(operand)
    return bool(value == operand)


def _begins(value: Any, operand: str) -> bool:
    return isinstance(value, str) and value.startswith(operand)


def _compared(test: Callable[[Any, Any], bool]) -> Callable[[Any, str], bool]:
    """Numbers with numbers, text with text; nothing else has an order."""

    def compare(value: Any, operand: str) -> bool:
        if isinstance(value, str):
            return test(value, operand)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and _NUMBER.fullmatch(operand) is not None and test(value, float(operand))

    return compare


_TESTS: dict[str, Callable[[Any, str], bool]] = {
    "=": _equals,
    "^": _begins,
    "<": _compared(lambda value, operand: value < operand),
    "<=": _compared(lambda value, operand: value <= operand),
    ">": _compared(lambda value, operand: value > operand),
    ">=": _compared(lambda value, operand: value >= operand),
}
