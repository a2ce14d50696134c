"""The options of one start. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from workflows import payloads
from workflows.errors import InvalidInput

QUEUE_MAX_LENGTH = 100
PRIORITIES = range(-1_000, 1_001)
_LONGEST = 100 * 365.25 * 86_400


@dataclass(frozen=True)
class Options:
    """How a workflow is started.

    queue: instead of the definition's. priority: -1000 to 1000, higher first. delay: seconds until it may start, or
    run_at: an aware time. timeout: seconds from its first claim until it is cancelled, with its children. dedup_key: no
    two unfinished workflows of a queue have the same; on_duplicate: return the one that has it, or the id, already, or
    raise DuplicateWorkflow.
    partition_key: what the queue's `partition_concurrency` counts by. debounce_key: as long
    as a workflow with it is delayed, a further start gives it its own input and delays it anew, at most until
    debounce_limit seconds after the first start. Raises InvalidInput or PayloadError for options that cannot be.
    """

    queue: str | None = None
    priority: int = 0
    delay: float | None = None
    run_at: datetime | None = None
    timeout: float | None = None
    dedup_key: str | None = None
    on_duplicate: Literal["return", "raise"] = "return"
    partition_key: str | None = None
    debounce_key: str | None = None
    debounce_limit: float | None = None

    def __post_init__(self) -> None:
        for name in ("dedup_key", "partition_key", "debounce_key"):
            text = getattr(self, name)
            if text is not None:
                payloads.checked_key(text, what=name.replace("_", " "))
        if self.queue is not None:
            checked_queue(self.queue)
        if type(self.priority) is not int or self.priority not in PRIORITIES:
            raise InvalidInput(f"priority is a whole number from -1000 to 1000, higher first; not {self.priority!r}.")
        if self.on_duplicate not in ("return", "raise"):
            raise InvalidInput(f'on_duplicate is "return" or "raise", not {self.on_duplicate!r}.')
        self._check_times()
        if self.debounce_key is not None and (not self.delay or self.dedup_key is not None):
            raise InvalidInput("debounce_key needs a delay above 0, during which it works, and no dedup_key.")
        if self.debounce_limit is not None and self.debounce_key is None:
            raise InvalidInput("debounce_limit belongs to a debounce_key.")

    def _check_times(self) -> None:
        for name in ("delay", "timeout", "debounce_limit"):
            seconds = getattr(self, name)
            if seconds is not None and not (_is_number(seconds) and 0 <= seconds <= _LONGEST):
                raise InvalidInput(f"{name} is a number of seconds from 0 to a hundred years, not {seconds!r}.")
        if self.timeout == 0:
            raise InvalidInput("timeout is above 0 seconds; leave it out for no limit.")
        if self.delay is not None and self.run_at is not None:
            raise InvalidInput("Give delay or run_at, not both.")
        if self.run_at is not None and (not isinstance(self.run_at, datetime) or self.run_at.tzinfo is None):
            raise InvalidInput(f"run_at is a datetime with a time zone, not {self.run_at!r}.")
        if self.run_at is not None and not _is_storable(self.run_at):
            raise InvalidInput(f"run_at is a time in UTC's years 1 to 9999, not {self.run_at.isoformat()}.")


def checked_queue(name: str) -> str:
    """The name itself. Raises PayloadError or InvalidInput for what cannot name a queue."""
    payloads.checked_key(name, what="queue name")
    if len(name) > QUEUE_MAX_LENGTH:
        raise InvalidInput(f"A queue name has at most {QUEUE_MAX_LENGTH} characters; {name[:40]!r}… has {len(name)}.")
    return name


def _is_storable(moment: datetime) -> bool:
    """PostgreSQL would keep a time that Python cannot read again, and with it no list of workflows."""
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return False
    return True


def _is_number(seconds: object) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds)
