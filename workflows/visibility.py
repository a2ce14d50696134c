"""Who may read the value of a published key: what a definition declared, and whether that is enough. Pure.

Asked by whatever shows, filters by or sends a value; `dashboard.access.audience` says who somebody is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from workflows import payloads, registry
from workflows.errors import InvalidVisibility, UnknownDefinition


class Visibility(StrEnum):
    """Who may read a value; as an audience, the most that somebody may read."""

    PUBLIC = "public"  # anybody, also in a widget on another site
    STAFF = "staff"  # who may view values: what is not declared
    ADMIN = "admin"  # who may view sensitive values, too
    NEVER = "never"  # nobody: it is for the workflow itself


UNDECLARED = Visibility.STAFF
UNKNOWN = Visibility.ADMIN  # of a definition that this process does not know: it may have declared anything
_ORDER = {visibility: place for place, visibility in enumerate(Visibility)}


def checked(keys: Mapping[str, str], *, definition: str) -> dict[str, Visibility]:
    """What a definition declares, as it is kept. Raises PayloadError for a key, InvalidVisibility for a level."""
    if not isinstance(keys, Mapping):
        raise InvalidVisibility(
            f"The keys of definition {definition!r} are a dict from a key to who may read it, "
            f'as in keys={{"email": "admin"}}; not {type(keys).__name__}.'
        )
    return {payloads.checked_key(key): _checked(key, level, definition) for key, level in keys.items()}


def _checked(key: str, level: str, definition: str) -> Visibility:
    try:
        return Visibility(level)
    except ValueError:
        known = ", ".join(map(repr, map(str, Visibility)))
        raise InvalidVisibility(
            f"Who may read key {key!r} of definition {definition!r} is one of {known}; not {level!r}."
        ) from None


def of(definition_name: str, key: str) -> Visibility:
    """Who may read a key of a definition. What a definition does not declare is `staff`."""
    try:
        declared = registry.get(definition_name).keys
    except UnknownDefinition:
        return UNKNOWN
    return Visibility(declared.get(key, UNDECLARED))


def declared_of(definition_name: str) -> dict[str, Visibility]:
    """The keys of a definition that others read than those of which it says nothing; none of an unknown one."""
    try:
        declared = registry.get(definition_name).keys
    except UnknownDefinition:
        return {}
    return {key: Visibility(level) for key, level in declared.items() if level != UNDECLARED}


def suffices(audience: Visibility | None, needed: Visibility) -> bool:
    """Whether who may read so much (None: nothing) may read what needs this. Nobody may read `never`."""
    return audience is not None and needed is not Visibility.NEVER and _ORDER[needed] <= _ORDER[audience]


def is_shown(definition_name: str, key: str, audience: Visibility | None) -> bool:
    """Whether somebody may read the value of a key."""
    return suffices(audience, of(definition_name, key))


def strictest(key: str) -> Visibility:
    """The most that any definition known here wants for a key: of a value whose definition is not at hand."""
    declared = [Visibility(one.keys[key]) for one in registry.definitions() if key in one.keys]
    return max([UNDECLARED, *declared], key=_ORDER.__getitem__)
