"""The Celery app. Messages are hints to look at a queue; the truth is in the rows."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("telltale")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@celeryd_init.connect
def _consume_the_queues_of_all_definitions(conf: Any, options: dict[str, Any] | None = None, **_: Any) -> None:
    """A worker started without -Q serves every queue that a definition uses, or that has limits."""
    if options and options.get("queues"):
        return
    from kombu import Queue  # needed in workers only

    from workflows import queues  # definitions are imported by django.setup(), which has run by now

    conf.task_queues = [Queue(name) for name in queues.known()]


@celeryd_init.connect
def _name_the_worker_in_log_lines(**_: Any) -> None:
    from workflows import leases, telemetry  # needed in workers only

    telemetry.belongs_to_worker(leases.identity)


@celeryd_init.connect
def _survive_killed_children(**_: Any) -> None:
    from config import pool  # needed in workers only

    pool.install()
