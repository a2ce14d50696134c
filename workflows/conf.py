"""Every tunable of the engine: type, unit, default and why. Values come from ``settings.WORKFLOWS``.

``checks`` refuses wrong combinations at start; nothing else in the engine reads Django's settings.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed


@dataclass(frozen=True)
class Conf:
    """The tunables. Times are seconds, sizes are bytes of UTF-8 JSON."""

    hints: bool = True  # False: readers rely on the sweep alone; slower, never wrong
    hint_window: float = 0.010  # hints of one process are collected this long after the first one left
    sweep_interval: float = 0.25  # how often a reader asks which watched workflows moved
    lease_seconds: float = 15.0  # a worker that is silent for this long loses its workflows
    renew_interval: float = 5.0  # how often a worker renews; at most a third of the lease
    recovery_interval: float = 1.0  # how often each worker looks for expired leases and overlooked rows
    overlooked_after: float = 1.0  # a claimable row this old gets its Celery message again
    crash_limit: int = 3  # crashes in a row without a recorded operation until quarantine
    crash_backoff: float = 1.0  # second crash in a row waits this long, then doubling up to a minute
    drain_seconds: float = 10.0  # a pool child claims further rows this long before it returns to the broker
    shutdown_grace: float = 10.0  # a stopping worker lets workflows run this long before handing them back
    suspend_after: float = 0.05  # a wait in a workflow's body holds its worker this long before it gives it up
    suspend_at_least: float = 1.0  # a wait that ends by itself within this time keeps its worker
    database_patience: float = 60.0  # how long a checkpoint keeps asking a database that went away
    value_max_bytes: int = 64 * 1024  # one published value
    payload_max_bytes: int = 1024 * 1024  # an input, an output, a step's result, a message
    preview_max_bytes: int = 1024  # results up to this size are also shown in the history
    traceback_max_chars: int = 16_000  # longer tracebacks lose their middle
    schedule_grace: float = 10.0  # an occurrence that could not start for this long is missed: its schedule says what
    trend_seconds: float = 8 * 86_400.0  # counts of single minutes are kept this long: a week and the day to compare
    webhooks_private: bool = False  # True: webhooks may ask hosts of private networks, and this machine
    track_interval: float = 0.5  # `track` publishes at most this often


@lru_cache(maxsize=1)
def conf() -> Conf:
    """The tunables in force. Raises TypeError for a name that does not exist."""
    given: dict[str, Any] = getattr(settings, "WORKFLOWS", {})
    known = {field.name.upper(): field.name for field in fields(Conf)}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise TypeError(f"settings.WORKFLOWS has unknown names {unknown}; known are {sorted(known)}")
    return Conf(**{known[name]: value for name, value in given.items()})


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "WORKFLOWS":
        conf.cache_clear()


setting_changed.connect(_forget)
