"""Wiring: what each process of the project begins with."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps as admin

from config import observability


class ProjectConfig(AppConfig):
    """The project itself."""

    name = "config"
    default = True

    def ready(self) -> None:
        """Traces and error reports, where settings ask for them."""
        observability.install()


class AdminConfig(admin.AdminConfig):
    """Django's admin, with a site of ours."""

    default = False  # of this module's; settings name it
    default_site = "config.admin_site.Site"
