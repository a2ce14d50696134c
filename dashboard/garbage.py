"""Keeps the garbage collector's hands off what lives as long as the server, and connections that live long.

Python looks at every object in each full collection, and nobody is answered meanwhile: 90 ms for the loaded program
alone, which is never garbage, and a third of a second with the fifty objects of each of some thousand connections. What
has survived one collection is therefore put aside (`gc.freeze`): the program when it is loaded, connections as they
accumulate. Once enough of them have ended, everything is looked at once more.
"""

from __future__ import annotations

import gc

GROWN = 250  # connections more than when things were last put aside: worth a collection of what is new
ENDED = 1_000  # connections that ended since: what is left of them, some 30 KB each, may be garbage


def put_aside() -> None:
    """Collect what is garbage now, and never look again at what is none."""
    gc.collect()
    gc.freeze()


class Garbage:
    """Of one process. Told of every connection's end, and asked to look around every few seconds."""

    def __init__(self) -> None:
        self._known = 0  # connections when things were last put aside
        self._ended = 0

    def ended(self) -> None:
        """A connection ended."""
        self._ended += 1

    def look(self, connections: int) -> None:
        """Put aside what has come to stay, and collect what has gone of it."""
        if self._ended >= ENDED:
            gc.unfreeze()
            self._ended = 0
        elif connections < self._known + GROWN:
            return
        put_aside()
        self._known = connections
