"""Wiring: makes the dashboard an app, so that its templates and template tags are found."""

from __future__ import annotations

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """The console and its live connection."""

    name = "dashboard"
    verbose_name = "Dashboard"
