"""How each reader wants pages to look: kept in cookies of the browser, which scripts write and every page obeys.

The address of a page may say how high its rows are; then they are so for whoever opens it.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from dashboard import zones

THEMES = ("light", "dark")
DENSITIES = ("compact", "normal", "comfortable")


def preferences(request: HttpRequest) -> dict[str, Any]:
    """A context processor; a word that we do not know is as none. Theme empty: as the system has it."""
    theme = request.COOKIES.get("theme", "")
    densities = request.GET.get("density"), request.COOKIES.get("density")
    return {
        "theme": theme if theme in THEMES else "",
        "density": next((word for word in densities if word in DENSITIES), "normal"),
        "densities": DENSITIES,
        "zone": zones.control(request),
    }
