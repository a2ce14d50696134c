"""What this web process counts of its own work, for `metrics`. What belongs to all processes is in the database."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, GCCollector, Histogram, ProcessCollector, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, for what few ask
PROCESS = CollectorRegistry()
ProcessCollector(registry=PROCESS)
GCCollector(registry=PROCESS)

STREAM_LAG = Histogram(
    "telltale_stream_lag_seconds",
    "From the moment that this process heard of a change until the first reader that was ready was given it.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=PROCESS,
)


class Sent:
    """What was handed to the server for readers. Plain numbers: per frame, a lock would cost too much."""

    __slots__ = ("characters", "frames")

    def __init__(self) -> None:
        self.frames = 0
        self.characters = 0


SENT = Sent()
