"""The project's Celery app with the storm's definitions beside the project's own."""

import faulthandler
import signal

from config.celery import app

faulthandler.register(signal.SIGUSR2)  # what hangs can be asked where: all its threads' stacks go into its log

app.conf.imports = ("tests.chaos.definitions",)
app.loader.import_module("django").setup()
import tests.chaos.definitions  # noqa: E402, F401  a worker executes only what it has imported
