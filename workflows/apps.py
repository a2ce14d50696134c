"""Wiring: finds the definitions of all installed apps and registers the system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class WorkflowsConfig(AppConfig):
    """Durable execution."""

    name = "workflows"
    verbose_name = "Workflows"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import every app's `workflows` module, so that its definitions are known, as Celery does with `tasks`."""
        from workflows import checks  # noqa: F401  registers itself; models are loaded only now

        autodiscover_modules("workflows")
