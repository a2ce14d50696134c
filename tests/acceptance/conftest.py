"""Servers that know the tests' definitions: of one that a server does not know, a viewer reads nothing."""

from __future__ import annotations

import pytest


@pytest.fixture
def application() -> str:
    return "tests.web_app:application"
