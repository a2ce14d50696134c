"""The project's Celery app with the measured definitions."""

from config.celery import app

app.loader.import_module("django").setup()
import benchmarks.definitions  # noqa: E402, F401  a worker executes only what it has imported
