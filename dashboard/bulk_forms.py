"""Forms of verbs for many workflows: which are meant, and why."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.forms import NOTHING, CancellationForm, JsonField
from dashboard.presenters.bulk import MOST, BulkVerb
from workflows import ids


class IdsField(JsonField):
    """A JSON array of workflow ids; empty for an empty text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(of=list, **kwargs)

    def clean(self, value: Any) -> list[str]:
        """The ids, each once. Raises ValidationError for anything else."""
        given = super().clean(value)
        found = [] if given is NOTHING or given is None else given
        if not all(isinstance(each, str) and ids.is_possible(each) for each in found):
            raise forms.ValidationError("An array of ids is needed here.")
        return list(dict.fromkeys(found))


class SelectionForm(forms.Form):
    """Which workflows are meant: these ids, or all that a list's filter matches now."""

    ids = IdsField(required=False)
    matching = forms.BooleanField(required=False)
    filter = forms.CharField(required=False)


class BulkForm(CancellationForm):
    """A confirmed set, and why. `action`: the id of what it becomes, so that one confirmation is carried out once."""

    ids = IdsField()
    action = forms.UUIDField()

    def __init__(self, *args: Any, verb: BulkVerb, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._verb = verb

    def clean_ids(self) -> list[str]:
        """No more than a page takes."""
        given: list[str] = self.cleaned_data["ids"]
        if not 0 < len(given) <= MOST:
            raise forms.ValidationError(f"Between 1 and {MOST:,} workflows at once, not {len(given):,}.")
        return given

    def clean(self) -> dict[str, Any]:
        """A reason where many are meant, or where nothing brings them back."""
        given = super().clean() or {}
        is_needed = "ids" in given and self._verb.needs_reason(len(given["ids"]))
        if is_needed and given.get("reason") == "":
            self.add_error("reason", "Say why: it is kept, and somebody will ask.")
        return given
