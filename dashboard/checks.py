"""System checks of the console: rules that cannot be asked are refused at start, not at the first request."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from dashboard import access


@register("dashboard")
def check_rules(**_: Any) -> list[CheckMessage]:
    """TELLTALE_ACCESS names a class that answers what is asked."""
    named = f"TELLTALE_ACCESS is {settings.TELLTALE_ACCESS!r}"
    hint = "Name a class that derives from dashboard.access.Permissions, as app.module.Class."
    try:
        rules = access.rules()
    except Exception as error:
        return [Error(f"{named}, which cannot be made: {error}", hint=hint, id="dashboard.E001")]
    missing = [name for name in ("can", "visible") if not callable(getattr(rules, name, None))]
    return (
        [Error(f"{named}, which has no {' and no '.join(missing)}.", hint=hint, id="dashboard.E002")] if missing else []
    )
