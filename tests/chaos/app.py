"""The project's Celery app with the storm's definitions beside the project's own."""

from config.celery import app

app.conf.imports = ("tests.chaos.definitions",)
app.loader.import_module("django").setup()
import tests.chaos.definitions  # noqa: E402, F401  a worker executes only what it has imported
