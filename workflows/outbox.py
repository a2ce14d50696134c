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
        self._idle = True
        self._closing = False
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
            self._wake.notify()

    def flush(self, timeout: float = 2.0) -> None:
        """Wait until everything handed over so far was delivered, for at most `timeout` seconds."""
        if self._pid != os.getpid():
            return
        with self._wake:
            self._closing = True
            self._wake.notify()
            self._wake.wait_for(lambda: self._idle and not self._items, timeout)
            self._closing = False

    def _run(self) -> None:
        while True:
            with self._wake:
                self._idle = not self._items
                self._wake.notify_all()
                self._wake.wait_for(lambda: self._items)
                self._idle = False
                batch, self._items = self._items, []
            self._deliver(batch)
            with self._wake:
                self._wake.wait_for(lambda: self._closing, self._window())
