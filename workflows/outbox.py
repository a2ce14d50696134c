"""Off the commit path: a background thread per process that hands collected items over in batches.

The first item after quiet leaves at once, later ones are collected for a short window. Owns no meaning: `notify` and
`dispatch` say what a batch does. A batch that fails is dropped, because what it carried were hints.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """Collects items from any thread and gives them to `deliver` in one background thread."""

    def __init__(self, name: str, deliver: Callable[[list[Item]], None], window: Callable[[], float]) -> None:
        self._name, self._deliver, self._window = name, deliver, window
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._items: list[Item] = []
        self._wake = threading.Condition()
        self._hurry = threading.Event()  # set while somebody waits for everything to leave
        self._asleep = False  # the thread waits for an item; only then is it worth waking
        self._thread: threading.Thread | None = None

    def put(self, item: Item) -> None:
        """Hand over an item; returns at once."""
        if self._pid != os.getpid():  # after a fork the thread is gone and the lock may be held for ever
            self._reset()
        with self._wake:
            self._items.append(item)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
                atexit.register(self.flush)
            elif self._asleep:
                self._wake.notify_all()

    def flush(self, timeout: float = 2.0) -> None:
        """Wait until everything handed over so far was delivered, for at most `timeout` seconds."""
        if self._pid != os.getpid() or self._thread is None:
            return
        self._hurry.set()
        with self._wake:
            self._wake.wait_for(lambda: self._asleep and not self._items, timeout)
        self._hurry.clear()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._items:
                    self._asleep = True
                    self._wake.notify_all()
                    self._wake.wait()
                self._asleep = False
                batch, self._items = self._items, []
            self._deliver(batch)
            self._hurry.wait(self._window())
