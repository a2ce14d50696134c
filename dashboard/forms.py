"""Forms. The start form is made from a definition's signature: annotations choose the fields, docstrings explain them.

A field that is left empty and is not required is left out of the call, so that the function's own default holds.
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from datetime import datetime
from pathlib import PurePath
from typing import Any, ClassVar, Literal, NamedTuple, Union, cast

from django import forms
from django.forms.boundfield import BoundField

from dashboard import zones
from dashboard.api_tokens import Scope
from dashboard.models import NAME_LENGTH
from dashboard.presenters.definitions import parameter_help
from workflows.registry import Definition

PREFIX = "parameter_"
NOTHING = inspect.Parameter.empty
_STARS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class ReasonForm(forms.Form):
    """Why somebody does it."""

    reason = forms.CharField(required=False, max_length=500)


def first_error(form: forms.Form) -> str:
    """The first thing that is wrong, and where."""
    name, errors = next(iter(form.errors.items()))
    return f"{name}: {errors[0]}"


class CancellationForm(ReasonForm):
    """Why a workflow is stopped, and whether its descendants are, too."""

    tree = forms.BooleanField(required=False)


class JsonField(forms.CharField):
    """Any JSON value, or one kind of it. Numbers keep what JSON gives them; NaN and Infinity are no JSON."""

    def __init__(self, *, of: Any = object, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kind, self._words = _KINDS.get(of, (object, ""))

    def to_python(self, value: Any) -> Any:
        """The value of the text; `NOTHING` for an empty one."""
        text = super().to_python(value)
        if not text:
            return NOTHING
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is not JSON: {error}. Text needs double quotes.") from error

    def validate(self, value: Any) -> None:
        """An empty text is refused only where a value is required; null is a value."""
        if value is NOTHING and self.required:
            raise forms.ValidationError("A JSON value is needed; null is one, too.")
        if value is not NOTHING and not isinstance(value, self._kind) and (self.required or value is not None):
            raise forms.ValidationError(f"{self._words} is needed here, not {_NAMES.get(type(value), 'a number')}.")


_KINDS: dict[Any, tuple[type, str]] = {
    dict: (dict, 'A JSON object, {"key": "value"},'),
    list: (list, 'A JSON array, ["one", "two"],'),
    tuple: (list, 'A JSON array, ["one", "two"],'),
}


_NAMES: dict[Any, str] = {
    dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null",
}  # fmt: skip


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} cannot be stored")


class MessageForm(forms.Form):
    """A message to a workflow."""

    topic = forms.CharField(max_length=200)
    message = JsonField()


class ForkForm(ReasonForm):
    """From where another workflow goes on, and what it is called."""

    position = forms.IntegerField(min_value=1, max_value=2**31 - 1)
    new_id = forms.CharField(required=False, max_length=200)


class RestartForm(ReasonForm):
    """The input of another workflow of the same definition; none: the same input."""

    input = JsonField(required=False)
    new_id = forms.CharField(required=False, max_length=200)

    def clean_input(self) -> Any:
        """A JSON object, or `NOTHING`."""
        given = self.cleaned_data["input"]
        if given is not NOTHING and not isinstance(given, dict):
            raise forms.ValidationError("The input is a JSON object: the name of each argument and its value.")
        return None if given is NOTHING else given


class PinForm(ReasonForm):
    """Whether retention leaves it alone."""

    pinned = forms.TypedChoiceField(choices=[("yes", "yes"), ("no", "no")], coerce=lambda word: word == "yes")


class DeletionForm(ReasonForm):
    """The id again, so that nothing is deleted by one wrong click."""

    typed_id = forms.CharField()


class LimitsForm(forms.Form):
    """The limits of a queue; an empty field is no limit."""

    concurrency = forms.IntegerField(
        required=False, min_value=1, max_value=1_000_000, label="Running at once", help_text="On all workers together."
    )
    worker_concurrency = forms.IntegerField(
        required=False, min_value=1, max_value=1_000_000, label="Running at once on each worker"
    )
    partition_concurrency = forms.IntegerField(
        required=False, min_value=1, max_value=1_000_000, label="Begun and not ended of each partition",
        help_text="1 keeps the workflows of each partition key in order.",
    )  # fmt: skip
    rate_limit = forms.IntegerField(required=False, min_value=1, max_value=1_000_000, label="Rate: started at most")
    rate_period = forms.FloatField(required=False, min_value=0.001, label="Rate: in any so many seconds")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"
        self.fields["rate_period"].widget.attrs["step"] = "any"

    @property
    def shown_fields(self) -> list[ShownField]:
        """The fields as the template shows them."""
        return [ShownField(self[name], "", is_check=False) for name in self.fields]

    def clean(self) -> dict[str, Any]:
        """A rate needs its period, and the other way round."""
        given = super().clean() or {}
        if (given.get("rate_limit") is None) != (given.get("rate_period") is None) and not self.errors:
            raise forms.ValidationError("A rate needs both: how many are started, and in how many seconds.")
        return given


class ApiTokenForm(forms.Form):
    """What a token is for, what it opens, and for how long."""

    LASTS = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked"))

    name = forms.CharField(max_length=NAME_LENGTH)
    scopes = forms.MultipleChoiceField(choices=[(scope.value, scope.value) for scope in Scope])
    days = forms.TypedChoiceField(choices=LASTS, coerce=int, empty_value=None, required=False)

    def clean_name(self) -> str:
        """Text that looks like what it is."""
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise forms.ValidationError("A name has visible characters only.")
        return name


class SavedViewForm(forms.Form):
    """What a view is called, and whether others may use it."""

    name = forms.CharField(max_length=NAME_LENGTH)
    shared = forms.BooleanField(required=False)

    def clean_name(self) -> str:
        """Text that looks like what it is."""
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise forms.ValidationError("A name has visible characters only.")
        return name


class PlaceForm(forms.Form):
    """One place earlier or later."""

    by = forms.TypedChoiceField(choices=[("-1", "earlier"), ("1", "later")], coerce=int)


class PauseForm(forms.Form):
    """Whether it is paused from now on."""

    paused = forms.TypedChoiceField(choices=[("yes", "yes"), ("no", "no")], coerce=lambda word: word == "yes")

    @property
    def verb(self) -> str:
        """What was asked for."""
        return "unpause" if self.data.get("paused") == "no" else "pause"


class MomentField(forms.CharField):
    """A point in time, ISO 8601."""

    def to_python(self, value: Any) -> Any:
        """The datetime, naive unless it names its zone; None for an empty text."""
        text = super().to_python(value)
        if not text:
            return None
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise forms.ValidationError(f"{text[:40]} is no time; write it like 2026-11-23T10:00.") from None


class BackfillForm(forms.Form):
    """A past range, both ends included; in the zone that the form was shown in, unless a time names another."""

    zone = forms.CharField(required=False, empty_value="UTC")
    since = MomentField()
    until = MomentField()

    def clean(self) -> dict[str, Any]:
        """Both ends with their zone."""
        given = super().clean() or {}
        zone = zones.named(given.get("zone", ""))
        ends = {name: given[name] for name in ("since", "until") if name in given}
        return given | {name: end if end.tzinfo else end.replace(tzinfo=zone) for name, end in ends.items()}


class ShownField(NamedTuple):
    """A field with what the template says beside its label."""

    bound: BoundField
    type_name: str
    is_check: bool


class StartForm(forms.Form):
    """What is common to the form of every definition."""

    workflow_id = forms.CharField(
        required=False,
        max_length=200,
        label="Workflow id",
        help_text="Starting again with the same id and input returns the same workflow. Empty: a new id is made.",
        widget=forms.TextInput(attrs={"class": "input mono", "autocomplete": "off", "spellcheck": "false"}),
    )

    type_names: ClassVar[dict[str, str]] = {}

    @property
    def parameter_fields(self) -> list[ShownField]:
        """The fields of the function's own parameters, in its order."""
        return [self._shown(name) for name in self.fields if name.startswith(PREFIX)]

    @property
    def workflow_id_field(self) -> ShownField:
        """The field of the id."""
        return self._shown("workflow_id")

    def _shown(self, name: str) -> ShownField:
        is_check = isinstance(self.fields[name], forms.BooleanField)
        return ShownField(self[name], self.type_names.get(name, ""), is_check)

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments that were given."""
        given: dict[str, Any] = {}
        for name, value in self.cleaned_data.items():
            if name.startswith(PREFIX) and not self._left_empty(name, value):
                given[name.removeprefix(PREFIX)] = value
        return given

    def _left_empty(self, name: str, value: Any) -> bool:
        """A JSON field left empty says `NOTHING`, because null is a value of its own."""
        if isinstance(self.fields[name], JsonField):
            return value is NOTHING
        return value in (None, "") and not self.fields[name].required


def start_form(definition: Definition) -> type[StartForm]:
    """The form class of a definition."""
    hints, helps = _hints(definition), parameter_help(definition)
    fields: dict[str, forms.Field] = {}
    type_names: dict[str, str] = {}
    for name, parameter in definition.signature.parameters.items():
        if parameter.kind not in _STARS:
            kind, optional = _without_none(hints.get(name, NOTHING))
            fields[PREFIX + name] = _field(parameter, kind, optional=optional, help_text=helps.get(name, ""))
            type_names[PREFIX + name] = _type_name(kind, optional=optional)
    return cast(type[StartForm], type("StartForm", (StartForm,), {**fields, "type_names": type_names}))


def _hints(definition: Definition) -> dict[str, Any]:
    """The annotations, resolved; those that cannot be are treated as absent."""
    try:
        return typing.get_type_hints(definition.function)
    except Exception:  # an annotation may be any expression, and fail in any way
        return {}


def _field(parameter: inspect.Parameter, kind: Any, *, optional: bool, help_text: str) -> forms.Field:
    default = None if parameter.default is NOTHING else parameter.default
    field = _make(kind, optional=optional or parameter.default is not NOTHING, default=default)
    field.label = parameter.name
    field.help_text = help_text
    if not isinstance(field, forms.BooleanField):
        field.widget.attrs["class"] = "input"
    return field


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """`X | None` → X, True."""
    if typing.get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        optional = len(kinds) < len(typing.get_args(annotation))
        return (kinds[0] if len(kinds) == 1 else object), optional
    return annotation, False


def _make(kind: Any, *, optional: bool, default: Any) -> forms.Field:
    if typing.get_origin(kind) is Literal:
        return _choice(typing.get_args(kind), optional=optional, default=default)
    if kind is bool:
        return forms.BooleanField(required=False, initial=bool(default))
    if kind is int:
        return forms.IntegerField(required=not optional, initial=default)
    if kind is float:
        return forms.FloatField(required=not optional, initial=default, widget=forms.NumberInput(attrs={"step": "any"}))
    if kind is str or (inspect.isclass(kind) and issubclass(kind, PurePath)):
        return forms.CharField(required=not optional, initial=None if default is None else str(default), strip=False)
    initial = "" if default is None else json.dumps(default, default=str, ensure_ascii=False)
    rows = forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "placeholder": _EXAMPLES.get(_outer(kind), "JSON")})
    return JsonField(of=_outer(kind), required=not optional, initial=initial, widget=rows)


_EXAMPLES: dict[Any, str] = {dict: '{"key": "value"}', list: '["one", "two"]', tuple: '["one", "two"]'}


def _outer(kind: Any) -> Any:
    return typing.get_origin(kind) or kind


def _choice(options: tuple[Any, ...], *, optional: bool, default: Any) -> forms.Field:
    by_text = {str(option): option for option in options}
    choices = [(text, text) for text in by_text]
    if optional and default not in options:
        choices.insert(0, ("", "–"))
    return forms.TypedChoiceField(
        choices=choices, coerce=lambda text: by_text[text], required=not optional, initial=default, empty_value=None
    )


def _type_name(kind: Any, *, optional: bool) -> str:
    """The annotation as a person reads it."""
    if kind in (NOTHING, object, Any):
        name = "JSON"
    elif typing.get_origin(kind) is Literal:
        name = "one of"
    elif inspect.isclass(kind) and typing.get_origin(kind) is None:
        name = kind.__name__
    else:
        name = str(kind).replace("typing.", "")
    return f"{name} or nothing" if optional else name
