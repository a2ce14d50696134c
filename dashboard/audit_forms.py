"""The form above the audit list: what it is narrowed to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from dashboard.forms import MomentField
from workflows.audit import Wanted

RESULTS = {"done": True, "refused": False}


class AuditForm(forms.Form):
    """Every field may be left empty. Times are on the clock that their reader reads, unless they name a zone."""

    who = forms.CharField(required=False, max_length=200)
    action = forms.CharField(required=False, max_length=40)
    target = forms.CharField(required=False, max_length=200)
    result = forms.ChoiceField(required=False, choices=[("", ""), *((name, name) for name in RESULTS)])
    since = MomentField(required=False)
    until = MomentField(required=False)

    def clean_since(self) -> datetime | None:
        """With its zone."""
        return self._moment("since")

    def clean_until(self) -> datetime | None:
        """The same."""
        return self._moment("until")

    def _moment(self, name: str) -> datetime | None:
        found: datetime | None = self.cleaned_data[name]
        return found if found is None or found.tzinfo else timezone.make_aware(found)

    def wanted(self) -> Wanted:
        """What is asked for; nothing is narrowed by what is wrong."""
        given: dict[str, Any] = {name: self.cleaned_data.get(name) for name in self.fields}
        return Wanted(
            given["who"] or "", given["action"] or "", given["target"] or "", RESULTS.get(given["result"] or ""),
            given["since"], given["until"],
        )  # fmt: skip
