"""Entries of the audit list as a page shows them: in the reader's zone, and linked to what they are about."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from dashboard.presenters.times import iso_utc
from workflows.audit import Carrier
from workflows.models import AuditEntry

# What kind of target has a page of its own, under which name.
_PAGES = {
    "workflow": "dashboard:workflow", "definition": "dashboard:definition", "queue": "dashboard:queue",
    "schedule": "dashboard:schedule", "bulk action": "dashboard:bulk_action",
    "widget": "dashboard:widget",
}  # fmt: skip
_CARRIERS = {
    Carrier.PAGE: "Page", Carrier.ADMIN: "Admin", Carrier.API: "API", Carrier.COMMAND: "Command", Carrier.CODE: "Code",
}  # fmt: skip
_MANY = "what was selected"  # no id: a verb for many that was refused as a whole


def shown(entry: AuditEntry) -> dict[str, Any]:
    """What the template shows of an entry."""
    page = _PAGES.get(entry.target_kind)
    if entry.target_kind == "widget" and not entry.target.isdigit():  # one that was refused has a name only
        page = None
    return {
        "entry": entry,
        "at": iso_utc(entry.at),
        "target": reverse(page, args=[entry.target]) if page and entry.target and entry.target != _MANY else "",
        "carrier": _CARRIERS[Carrier(entry.carrier)],
        "made": reverse("dashboard:workflow", args=[entry.made]) if entry.made else "",
    }
