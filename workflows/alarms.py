"""The worker's clocks: what is due is queued when it is due, not at the next sweep. In the worker's parent process, so
that pool children that are all busy keep nothing from its time.

One indexed query a second while nothing is due, however many workflows wait; in between it sleeps until the next due
time that it knows of. Whatever became due sooner meanwhile, waits at most that second: the engine suspends no wait that
is shorter.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from django.db import connection

from workflows import recovery, telemetry, ticks

_LOOK = 1.0  # seconds between looks at the clock when nothing is due
_PACE = 0.02  # seconds between two batches, so that a thousand at once do not keep everything else from the database
_REST = 4.0  # times as long as a look at ends took: behind a transaction of an hour there may be many


class Alarm:
    """One thread per worker. `look` does what is due and returns the seconds until the next look."""

    def __init__(self, look: Callable[[], float], *, name: str) -> None:
        self._look = look
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Look until the process ends."""
        self._thread.start()

    def end(self) -> None:
        """Stop; a worker never does."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            try:
                pause = self._look()
            except Exception as error:  # the database may be away; the thread must survive it
                telemetry.keeper_failed(error)
                connection.close()
                pause = _LOOK
        connection.close()


def wake_due() -> float:
    """Wake the workflows whose time has come."""
    if recovery.wake_due():
        return _PACE
    left = recovery.next_alarm()
    return _LOOK if left is None else min(_LOOK, max(left, _PACE))


def start_due() -> float:
    """Start what schedules say is due."""
    ticks.tick()
    return _LOOK * random.uniform(0.8, 1.2)  # workers out of step


def run_errands() -> float:
    """Tell webhooks of ends, and carry on with bulk actions: what may take a while, and must hold up no lease."""
    recovery.carry_on_bulk()
    began = time.monotonic()
    recovery.deliver_webhooks()
    return max(_LOOK, _REST * (time.monotonic() - began)) * random.uniform(0.8, 1.2)
