"""The form of a widget: what it is called, what it shows to whom, and for how long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils import timezone

from dashboard.models import NAME_LENGTH, ORIGIN_LENGTH, Widget
from dashboard.presenters.times import absolute, iso_utc
from dashboard.widget_rows import MOST_ORIGINS, OfferedKey, Wish

KEEP = "keep"
_LIFETIMES = {"1": "a day", "7": "a week", "30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked"}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_PORTS = {"http": 80, "https": 443}


def origin(text: str) -> str:
    """The origin of an address, as browsers say it. Raises ValidationError for what is none."""
    bad = forms.ValidationError(
        f"“{text[:80]}” is no origin; write it like https://wiki.example.com, or * for any page."
    )
    if text == "*":
        return text
    try:
        parts = urlsplit(text.lower())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise bad from None
    host = f"[{host}]" if ":" in host else host
    if (
        parts.scheme not in _PORTS
        or not _HOST.fullmatch(host)
        or parts.username is not None
        or len(text) > ORIGIN_LENGTH
    ):
        raise bad
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != _PORTS[parts.scheme] else "")


class WidgetForm(forms.Form):
    """Made for the keys that are offered; `widget`: the one that is changed, if any."""

    name = forms.CharField(max_length=NAME_LENGTH, help_text="What readers see: “Nightly import”.")
    keys = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    origins = forms.CharField(
        required=False, max_length=MOST_ORIGINS * ORIGIN_LENGTH, label="Pages that may show it",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "https://wiki.example.com"}),
        help_text="One origin a line; * is any page. Without one it is a badge and a wallboard only.",
    )  # fmt: skip
    lifetime = forms.ChoiceField(required=False, label="Lasts")
    connection_limit = forms.IntegerField(
        min_value=1, max_value=100_000, initial=1_000, label="Open pages at most",
        help_text="In each web process. Further ones ask every ten seconds.",
    )  # fmt: skip

    def __init__(self, *args: Any, offered: Sequence[OfferedKey], widget: Widget | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._widget = widget
        choosable: Any = self.fields["keys"]
        choosable.choices = [(one.key, one.key) for one in offered if one.is_public]
        lifetimes: Any = self.fields["lifetime"]
        kept = [(KEEP, _until(widget.expires_at))] if widget else []
        lifetimes.choices = [*kept, *_LIFETIMES.items()]
        for name in ("name", "origins", "lifetime", "connection_limit"):
            self.fields[name].widget.attrs["class"] = "input"

    def clean_name(self) -> str:
        """Text that looks like what it is."""
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise forms.ValidationError("A name has visible characters only.")
        return name

    def clean_origins(self) -> list[str]:
        """Each once, as browsers say it."""
        found = list(dict.fromkeys(origin(word) for word in re.split(r"[\s,]+", self.cleaned_data["origins"]) if word))
        if len(found) > MOST_ORIGINS:
            raise forms.ValidationError(f"Up to {MOST_ORIGINS} origins, not {len(found)}.")
        return found

    @property
    def wish(self) -> Wish:
        """What it says, once it is valid."""
        given = self.cleaned_data
        return Wish(
            given["name"], given["keys"], given["origins"], self._expiry(given["lifetime"]), given["connection_limit"]
        )

    def _expiry(self, lifetime: str) -> datetime | None:
        if lifetime == KEEP:
            return self._widget.expires_at if self._widget else None
        return timezone.now() + timedelta(days=int(lifetime)) if lifetime else None


def initial(widget: Widget) -> dict[str, Any]:
    """The form of a widget as it is."""
    return {
        "name": widget.name,
        "keys": widget.keys,
        "origins": "\n".join(widget.origins),
        "lifetime": KEEP,
        "connection_limit": widget.connection_limit,
    }


def _until(expires_at: datetime | None) -> str:
    if expires_at is None:
        return "until it is revoked, as now"
    return f"until {absolute(iso_utc(expires_at))}, as now"
