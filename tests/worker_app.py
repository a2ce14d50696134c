"""The project's Celery app with the tests' definitions beside the project's own."""

from config.celery import app

app.conf.imports = ("tests.definitions", "tests.conformance.definitions")
app.loader.import_module("django").setup()
import tests.conformance.definitions  # noqa: E402
import tests.definitions  # noqa: E402, F401  a worker executes only what it has imported
