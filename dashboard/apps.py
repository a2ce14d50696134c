"""Wiring: makes the dashboard an app, so that its templates and template tags are found, and its roles made."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class DashboardConfig(AppConfig):
    """The console and its live connection."""

    name = "dashboard"
    verbose_name = "Console"

    def ready(self) -> None:
        """Hear of migrations."""
        from dashboard import checks, roles  # noqa: F401  checks register themselves; models are loaded only now

        pre_migrate.connect(roles.remember, sender=self)
        post_migrate.connect(roles.hand_out, sender=self)
