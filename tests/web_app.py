"""The project's ASGI application with the tests' definitions beside the project's own."""

from config.asgi import application  # isort: skip  it sets Django up

import tests.conformance.definitions
import tests.definitions  # noqa: F401

__all__ = ["application"]
