"""`manage.py demo`: one workflow of each example and a schedule, so that a fresh console has something to show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from examples.forms import CATALOGUE
from examples.workflows.checkout import checkout
from examples.workflows.flaky import flaky
from examples.workflows.inventory import inventory
from examples.workflows.time_zones import time_zones
from workflows import schedules
from workflows.durable import WorkflowConflict, WorkflowHandle


class Command(BaseCommand):
    """Starting it again starts nothing twice: the ids are fixed."""

    help = "Start one workflow of each example (once; calling it again changes nothing)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Start them."""
        order = {"id": "demo", "items": [{**item, "quantity": 1} for item in CATALOGUE]}
        self._start(inventory.using(workflow_id="demo-inventory").start)
        self._start(time_zones.using(workflow_id="demo-time-zones").start)
        self._start(flaky.using(workflow_id="demo-flaky").start)
        self._start(checkout.using(workflow_id="demo-checkout").start, order, payment_timeout=7 * 24 * 3600.0)

        # Paused, because every minute is for looking at: `manage.py workflow schedules unpause demo-every-minute`.
        schedules.create("demo-every-minute", time_zones.name, cron="* * * * *", paused=True, by="demo")

    def _start(self, start: Callable[..., WorkflowHandle[Any]], *args: Any, **kwargs: Any) -> None:
        try:
            handle = start(*args, **kwargs)
        except WorkflowConflict as error:  # an earlier version of the examples started it, with other input
            self.stdout.write(f"kept: {error}")
        else:
            self.stdout.write(f"{handle.id}: {handle.status()}")
