"""Wiring: what each process of the project begins with."""

from __future__ import annotations

from django.apps import AppConfig

from config import observability


class ProjectConfig(AppConfig):
    """The project itself."""

    name = "config"

    def ready(self) -> None:
        """Traces and error reports, where settings ask for them."""
        observability.install()
