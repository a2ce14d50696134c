"""The project's Celery app with the definitions of these hosts beside the project's own."""

from config.celery import app

app.conf.imports = ("tests.hosts.definitions",)
app.loader.import_module("django").setup()
import tests.hosts.definitions  # noqa: E402, F401  a worker executes only what it has imported
