"""Keeps the garbage collector's hands off connections that live long.

A server holds some fifty objects per connection, and Python looks at all of them in every full collection: with
thousands of sockets everybody waits a third of a second for it, again and again. What has survived one collection is
therefore put aside (`gc.freeze`) as connections accumulate, and given back once enough of them have ended.
"""

from __future__ import annotations

import gc

GROWN = 250  # connections more than when things were last put aside: worth a collection of what is new
ENDED = 1_000  # connections that ended since: what is left of them, some 30 KB each, may be garbage


class Garbage:
    """Of one process. Told of every connection's end, and asked to look around every few seconds."""

    def __init__(self) -> None:
        self._known = 0  # connections when things were last put aside
        self._ended = 0

    def ended(self) -> None:
        """A connection ended."""
        self._ended += 1

    def look(self, connections: int) -> None:
        """Put aside what has come to stay, or give back what may be gone."""
        if self._ended >= ENDED:
            gc.unfreeze()  # the collector finds them in its own time
            self._known = self._ended = 0
        elif connections >= self._known + GROWN:
            gc.collect()
            gc.freeze()
            self._known = connections
