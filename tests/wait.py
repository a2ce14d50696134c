"""Wait for a condition instead of for time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

# Seconds that a test waits for what must come. Much more than it takes: a machine that does many things at once may
# stand still for a while, and a test that passes waits for nothing.
PATIENCE = 60.0
T = TypeVar("T")


def until(condition: Callable[[], T], *, within: float = PATIENCE, what: str = "") -> T:
    """The first truthy answer of the condition. Fails when none comes within so many seconds."""
    deadline = time.monotonic() + within
    while True:
        over = time.monotonic() > deadline  # asked before the last look: nothing is late because we were
        answer = condition()
        if answer:
            return answer
        if over:
            raise AssertionError(f"not within {within:g} s: {what or getattr(condition, '__name__', condition)}")
        time.sleep(0.02)  # between two looks at the condition
