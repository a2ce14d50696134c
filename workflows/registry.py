"""Name → definition: which workflows this process knows. Filled by the `@workflow` decorator at import."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from workflows.errors import DuplicateDefinition, UnknownDefinition


class Definition(Protocol):
    """What the rest of the engine needs to know of a decorated function."""

    @property
    def name(self) -> str:
        """The stored identity."""

    @property
    def queue(self) -> str:
        """The queue its workflows go to unless `using(queue=…)` says otherwise."""

    @property
    def function(self) -> Callable[..., Any]:
        """The function as written."""

    @property
    def signature(self) -> inspect.Signature:
        """Its parameters."""

    @property
    def doc(self) -> str:
        """Its docstring, or an empty text."""

    @property
    def keys(self) -> Mapping[str, str]:
        """Who may read the keys that it declares, by `visibility.Visibility`."""

    @property
    def redact(self) -> Callable[[str, Any], Any] | None:
        """What it makes of a payload for people who may not view sensitive values (see `redaction`)."""


_definitions: dict[str, Definition] = {}


def register(definition: Definition) -> None:
    """Make a definition known. Raises DuplicateDefinition when another function has the name."""
    taken = _definitions.get(definition.name)
    if taken is not None and _origin(taken) != _origin(definition):
        raise DuplicateDefinition(
            f"Two workflows are named {definition.name!r}: {_origin(taken)} and {_origin(definition)}. "
            "Give one of them @workflow(name=…); names are stored with each workflow."
        )
    _definitions[definition.name] = definition


def _origin(definition: Definition) -> str:
    return f"{definition.function.__module__}.{definition.function.__qualname__}"


def get(name: str) -> Definition:
    """The definition of that name. Raises UnknownDefinition."""
    try:
        return _definitions[name]
    except KeyError:
        known = ", ".join(sorted(_definitions)) or "none"
        raise UnknownDefinition(
            f"No definition is named {name!r}; known are: {known}. "
            "Definitions live in a module or package 'workflows' of an installed app."
        ) from None


_STARS: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def parameters_text(definition: Definition) -> str:
    """What it takes, as it is written in the source, long defaults cut: `(order: dict[str, Any], times: int = 3)`."""
    return f"({', '.join(map(_parameter_text, definition.signature.parameters.values()))})"


def _parameter_text(parameter: inspect.Parameter) -> str:
    text = _STARS.get(parameter.kind, "") + parameter.name
    if parameter.annotation is not parameter.empty:
        text += f": {annotation_text(parameter)}"
    if parameter.default is parameter.empty:
        return text
    default = repr(parameter.default)
    return f"{text} = {default if len(default) <= 40 else default[:39] + '…'}"


def annotation_text(parameter: inspect.Parameter) -> str:
    """The type of a parameter as it is written in the source."""
    known = parameter.annotation
    return known if isinstance(known, str) else inspect.formatannotation(known)


def definitions() -> list[Definition]:
    """All known definitions, by name."""
    return [_definitions[name] for name in sorted(_definitions)]


def names() -> list[str]:
    """The names of all known definitions, sorted."""
    return sorted(_definitions)


def queues() -> set[str]:
    """Every queue that a known definition uses, and the default one."""
    return {"default", *(definition.queue for definition in _definitions.values())}


_NAMED = ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY")


def arguments_by_name(definition: str, stored: Any) -> Any:
    """A stored input by the names of the arguments; as it was stored, if the definition is gone or takes others by now.

    What is stored may be anything: it is older than the code that reads it.
    """
    if not isinstance(stored, dict) or not isinstance(stored.get("args"), list) or "kwargs" not in stored:
        return stored
    named, is_named = by_name(definition, stored["args"], stored["kwargs"])
    return named if is_named else stored


def by_name(definition: str, args: list[Any], kwargs: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The arguments by their names, and whether they could be named; else as `{"args": [...], "kwargs": {...}}`."""
    if not args:
        return kwargs, True
    try:
        signature = get(definition).signature
        bound = dict(signature.bind(*args, **kwargs).arguments)
    except (UnknownDefinition, TypeError):
        bound, signature = {}, None
    if signature is None or any(parameter.kind.name not in _NAMED for parameter in signature.parameters.values()):
        return {"args": args, "kwargs": kwargs}, False
    return bound, True
