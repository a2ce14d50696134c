"""How each reader wants pages to look: kept in cookies of the browser, which scripts write and every page obeys."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from dashboard import zones

THEMES = ("light", "dark")
DENSITIES = ("compact", "normal", "comfortable")


def preferences(request: HttpRequest) -> dict[str, Any]:
    """A context processor; a cookie that says nothing we know is as none. Theme empty: as the system has it."""
    theme, density = request.COOKIES.get("theme", ""), request.COOKIES.get("density", "")
    return {
        "theme": theme if theme in THEMES else "",
        "density": density if density in DENSITIES else "normal",
        "densities": DENSITIES,
        "zone": zones.control(request),
    }
