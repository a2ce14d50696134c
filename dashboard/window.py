"""How much a connection may have under way: bytes sent and not acknowledged. Pure.

An ASGI server may buffer without bound for a client that does not read (daphne does), so the bound is ours.
"""

from __future__ import annotations

from collections import deque

from dashboard.decoding import BadMessage
from dashboard.measures import SENT
from dashboard.protocol import LIMITS

STALL_SECONDS = 60.0  # without progress; who reads so slowly had better come back with its cursor


class Window:
    """Counts what was sent and what the client says has arrived. Reads no clock: per frame, that costs too much."""

    __slots__ = ("_limit", "_moved", "_sent", "_sizes", "_stalled", "_unacknowledged")

    def __init__(self, limit: float = LIMITS["unacknowledged_bytes"]) -> None:
        self._limit = limit
        self._sizes: deque[int] = deque()  # of the frames that are under way, oldest first
        self._unacknowledged = 0
        self._sent = 0
        self._moved = False
        self._stalled = 0.0

    @property
    def is_open(self) -> bool:
        """Whether another frame may be sent. One frame may exceed the limit; the next then waits."""
        return self._unacknowledged < self._limit

    def sent(self, size: int) -> None:
        """A frame of this size was handed to the server."""
        SENT.frames += 1
        SENT.characters += size
        self._sizes.append(size)
        self._unacknowledged += size
        self._sent += 1

    def acknowledged(self, frames: int) -> None:
        """The client has this many frames. Raises BadMessage for more than were sent; fewer than before is no news."""
        if frames > self._sent:
            raise BadMessage(f"{frames} frames acknowledged, {self._sent} sent")
        while self._sent - len(self._sizes) < frames:
            self._unacknowledged -= self._sizes.popleft()
            self._moved = True

    def stalled(self, seconds: float) -> float:
        """So much time has passed since the last call; for how long is something under way without progress?"""
        self._stalled = self._stalled + seconds if self._sizes and not self._moved else 0.0
        self._moved = False
        return self._stalled
