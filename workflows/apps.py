"""Wiring: finds the definitions of all installed apps and registers the system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.module_loading import autodiscover_modules


class WorkflowsConfig(AppConfig):
    """Durable execution."""

    name = "workflows"
    verbose_name = "Workflows"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import every app's `workflows` module, so that its definitions are known, as Celery does with `tasks`."""
        from workflows import checks, sql  # noqa: F401  checks registers itself; models are loaded only now

        connection_created.connect(sql.mind_lost_clients)
        autodiscover_modules("workflows")
