"""When a failed attempt is tried again. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class RetryPolicy:
    """How often a step may fail, and how long to wait in between.

    attempts: tries in all, at least 1. backoff: seconds before the second try, doubling after each further failure.
    max_backoff: the longest wait in seconds. retry_on: exception types worth another try.
    """

    attempts: int = 1
    backoff: float = 1.0
    max_backoff: float = 60.0
    retry_on: tuple[type[Exception], ...] = (Exception,)

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or self.attempts < 1:
            raise ValueError(f"attempts is a whole number of at least 1, not {self.attempts!r}")
        for name, seconds in (("backoff", self.backoff), ("max_backoff", self.max_backoff)):
            if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds < 0:
                raise ValueError(f"{name} is a number of seconds, 0 or more, not {seconds!r}")
        for kind in self.retry_on:
            if not (isinstance(kind, type) and issubclass(kind, Exception)):
                raise ValueError(f"retry_on is a subclass of Exception, or a tuple of them, not {kind!r}")

    def delay(self, *, failures: int, error: BaseException) -> float | None:
        """Seconds until the next attempt after that many failures; None: no further attempt."""
        if failures >= self.attempts or not isinstance(error, self.retry_on):
            return None
        return min(self.backoff * 2.0 ** min(failures - 1, 60), self.max_backoff)
