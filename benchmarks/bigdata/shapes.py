"""What the data set is like: which definitions there are and how often, how large, and what becomes of their workflows.

Sizes are parts of the number of workflows, so that a small data set has the same traps as a large one: a definition
whose workflows are all old, a status that only old ones have, one that is common and yet absent among a definition's.
"""

from __future__ import annotations

from typing import NamedTuple

DAYS = 120  # from the oldest to the newest
ACTIVE = 0.005  # the newest, of which none has ended
DETAILED = 5  # workflows with a hundredth of all events each
MIDDLING = 200  # workflows that share what is left of the events
SCHEDULES = 40
WORKERS, GONE = 12, 300
TENANTS = 40


class Shape(NamedTuple):
    """A definition: which part of all workflows, how many steps and values in each, and whether it awaits a message.

    `id`: the beginning of its ids; empty: a UUID. `until`: which part of the workflows, oldest first, may be of it.
    """

    definition: str
    queue: str
    part: float
    steps: int
    values: int
    seconds: float
    id: str = ""
    waits: bool = False
    until: float = 1.0

    @property
    def events(self) -> int:
        """How long a history is in which nothing fails."""
        return 3 + 6 * self.waits + self.steps * (2 + self.values)


COMMON = Shape("billing.charge", "payments", 0.57, 2, 1, 4, "charge-")
SHAPES = [
    COMMON,
    Shape("mail.send", "mail", 0.27, 1, 0, 1),
    Shape("orders.fulfil", "orders", 0.03, 3, 3, 3600, "order-", waits=True),
    Shape("orders.ship", "orders", 0.04, 2, 1, 60, "ship-"),
    Shape("reports.nightly", "reports", 0.01, 5, 4, 600, "report-"),
    Shape("catalog.import", "imports", 0.01, 10, 3, 1800, "import-"),
    Shape("checkout", "default", 0.01, 2, 1, 30, "checkout-"),  # an example: a definition that processes know
    Shape("legacy.migrate", "imports", 0.02, 1, 1, 10, "legacy-", until=0.1),
    *(
        Shape(f"tenants.sync-{number:02}", "tenants", 0.04 * (1 / number) / 4.2785, 2, 1, 20, f"tenant-{number:02}-")
        for number in range(1, TENANTS + 1)
    ),
]
FAMILY = "orders.batch"  # starts the workflows of orders.ship that come after it
FAMILIES = 250
LARGE_FAMILY = (0.3, 0.6)  # within these parts of the workflows there is only one, which begins there


def ordinary_events() -> float:
    """How many events a workflow has on average, those that are large on purpose aside."""
    return sum(shape.part * shape.events for shape in SHAPES)
