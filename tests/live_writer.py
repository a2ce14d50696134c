"""One workflow that a test writes to, deletes, makes anew, and shortens, by the engine's own statements."""

from __future__ import annotations

import json
from itertools import count

from tests.definitions import publishing
from tests.execution import claim
from workflows import event_log, history, removal
from workflows.event_log import Owner
from workflows.models import Event

_numbers = count()


class Writer:
    """Begins with a history of two events: created and claimed."""

    def __init__(self) -> None:
        self.id = f"w{next(_numbers)}"
        self.owner: Owner | None = None
        self.make_anew()

    def make_anew(self) -> None:
        """Begin its history again."""
        self.delete()
        self.owner = claim(publishing.using(workflow_id=self.id).start([])).owner

    def delete(self) -> None:
        """Remove it with everything."""
        removal.delete_rows([self.id])
        self.owner = None

    def publish(self, events: int, size: int = 1) -> None:
        """Commit so many values, if it exists."""
        for _ in range(events if self.owner else 0):
            assert self.owner is not None
            number, value = next(_numbers), json.dumps("x" * size)
            key = f"k{number % 3}"
            event_log.set_value(self.owner, str(number), position=number, key=key, encoded=value, in_step=True)

    def trim(self, keep: int) -> None:
        """Remove all but the newest events."""
        Event.objects.filter(workflow_id=self.id, seq__lte=self.head - keep).delete()

    @property
    def head(self) -> int:
        """Its newest seq."""
        return history.heads([self.id])[self.id].seq if self.owner else 0
