"""`manage.py demo`: one workflow of each example, so that a fresh console has something to show."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from examples.forms import CATALOGUE
from examples.workflows.checkout import checkout
from examples.workflows.flaky import flaky
from examples.workflows.inventory import inventory
from examples.workflows.time_zones import time_zones
from workflows.durable import WorkflowHandle


class Command(BaseCommand):
    """Starting it again starts nothing twice: the ids are fixed."""

    help = "Start one workflow of each example (once; calling it again changes nothing)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Start them."""
        order = {"id": "demo", "items": [{**item, "quantity": 1} for item in CATALOGUE]}
        handles: list[WorkflowHandle[Any]] = [
            inventory.using(workflow_id="demo-inventory").start(),
            time_zones.using(workflow_id="demo-time-zones").start(),
            flaky.using(workflow_id="demo-flaky").start(),
            checkout.using(workflow_id="demo-checkout").start(order, payment_timeout=7 * 24 * 3600.0),
        ]
        for handle in handles:
            self.stdout.write(f"{handle.id}: {handle.status()}")
