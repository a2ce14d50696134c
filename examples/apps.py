"""Wiring: makes the examples an app, so that their `workflows` package and templates are found."""

from __future__ import annotations

from django.apps import AppConfig


class ExamplesConfig(AppConfig):
    """The example workflows and the little shop that uses one of them."""

    name = "examples"
    verbose_name = "Examples"
