"""The worker's clock: what is due is queued when it is due, not at the next sweep. Runs in the worker's parent process.

One indexed query a second while nothing is due, however many workflows wait; in between it sleeps until the next due
time that it knows of. Whatever became due sooner meanwhile, waits at most that second: the engine suspends no wait that
is shorter.
"""

from __future__ import annotations

import threading

from django.db import connection

from workflows import recovery, telemetry

_LOOK = 1.0  # seconds between looks at the clock when nothing is due
_PACE = 0.02  # seconds between two batches, so that a thousand at once do not keep everything else from the database


class Alarm:
    """One thread per worker."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telltale-alarm", daemon=True)

    def start(self) -> None:
        """Wake workflows until the process ends."""
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

    @staticmethod
    def _look() -> float:
        if recovery.wake_due():
            return _PACE
        left = recovery.next_alarm()
        return _LOOK if left is None else min(_LOOK, max(left, _PACE))
