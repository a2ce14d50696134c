"""What a Prometheus server is told: the state that all processes share, from the database, and this process's own.

Nothing here counts rows: how many there are and what ever happened are sums that the database keeps (decision 21, 37).
Names of definitions and queues are people's, so there is a bound on how many a scrape tells apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from dashboard import fanout
from dashboard.measures import PROCESS, SENT
from workflows import counts, registry, workers
from workflows.counts import BOUNDS, Tally
from workflows.patience import once_more
from workflows.states import Status

MOST_NAMES = 200
OTHERS = "(others)"  # stands for all further ones; no name of ours has parentheses


def of_database() -> list[Metric] | None:
    """What all processes share; a few indexed reads. None: the database does not answer."""
    try:
        return once_more(_of_database)
    except (DatabaseError, InterfaceError):
        connection.close()
        return None


def _of_database() -> list[Metric]:
    counted, tallies = counts.everything(), counts.tallies()
    definition = _bounded(registry.names(), [one.definition for one in counted])
    queue = _bounded(registry.queues(), [one.queue for one in counted])
    return [
        _workflows(counted, definition, queue),
        *_totals(tallies, definition),
        _histogram(
            "telltale_workflow_duration_seconds", "From the first claim to the end of those that succeeded or failed.",
            ("definition", definition), [one for one in tallies if one.kind in {Status.SUCCEEDED, Status.FAILED}],
        ),
        _histogram(
            "telltale_queue_wait_seconds", "From when a workflow could be claimed until it was, of every claim.",
            ("queue", queue), [one for one in tallies if one.kind == counts.CLAIMED],
        ),
        *_queues(queue),
        *_workers(),
    ]  # fmt: skip


def _bounded(first: Iterable[str], others: Iterable[str]) -> Callable[[str], str]:
    """Tells names apart: those of the code before others, and those that come early in the alphabet."""
    ours = sorted(set(first))
    kept = set([*ours, *sorted(set(others) - set(ours))][:MOST_NAMES])
    return lambda name: name if name in kept else OTHERS


def _workflows(counted: list[counts.Count], definition: Callable[[str], str], queue: Callable[[str], str]) -> Metric:
    found: Counter[tuple[str, str, str]] = Counter()
    for one in counted:
        found[definition(one.definition), queue(one.queue), one.status] += one.workflows
    return _gauge("telltale_workflows", "Workflows that there are.", ("definition", "queue", "status"), found)


def _totals(tallies: list[Tally], definition: Callable[[str], str]) -> Iterator[Metric]:
    created: Counter[str] = Counter()
    ended: Counter[tuple[str, str]] = Counter()
    for one in tallies:
        if one.kind == counts.CREATED:
            created[definition(one.name)] += one.workflows
        elif one.kind != counts.CLAIMED:
            ended[definition(one.name), one.kind] += one.workflows
    began = CounterMetricFamily(
        "telltale_workflows_started", "Workflows that were ever started.", labels=["definition"]
    )
    for name, number in created.items():
        began.add_metric([name], number)
    yield began
    finished = CounterMetricFamily(
        "telltale_workflows_finished", "Workflows that ever ended, by how.", labels=["definition", "status"]
    )
    for labels, number in ended.items():
        finished.add_metric(list(labels), number)
    yield finished


def _histogram(name: str, says: str, label: tuple[str, Callable[[str], str]], tallies: list[Tally]) -> Metric:
    reached: defaultdict[str, Counter[int]] = defaultdict(Counter)
    seconds: Counter[str] = Counter()
    for one in tallies:
        if one.bucket >= 0:
            reached[label[1](one.name)][one.bucket] += one.workflows
            seconds[label[1](one.name)] += one.seconds  # type: ignore[assignment]  # a counter of seconds
    family = HistogramMetricFamily(name, says, labels=[label[0]])
    for value, numbers in reached.items():
        below, buckets = 0, []
        for index, bound in enumerate([*map(str, BOUNDS), "+Inf"]):
            below += numbers[index]
            buckets.append((bound, below))
        family.add_metric([value], buckets, seconds[value])
    return family


def _queues(queue: Callable[[str], str]) -> Iterator[Metric]:
    now = timezone.now()
    oldest: dict[tuple[str], float] = {}
    consumers: Counter[tuple[str]] = Counter()
    paused: Counter[tuple[str]] = Counter()
    for one in workers.queue_states():
        key = (queue(one.name),)
        age = max(0.0, (now - one.oldest_at).total_seconds()) if one.oldest_at else 0.0
        oldest[key] = max(oldest.get(key, 0.0), age)
        consumers[key] += one.consumers
        paused[key] += bool(one.limits and one.limits.paused)
    yield _gauge("telltale_queue_oldest_seconds", "For how long the first one could be claimed.", ("queue",), oldest)
    yield _gauge("telltale_queue_consumers", "Living workers that take from the queue.", ("queue",), consumers)
    yield _gauge("telltale_queue_paused", "Whether the queue is paused.", ("queue",), paused)


def _workers() -> Iterator[Metric]:
    now, states, slots = timezone.now(), Counter({("ready",): 0, ("stopping",): 0}), 0
    age = 0.0
    for one in workers.alive():
        states[(workers.state(one, now),)] += 1
        slots += one.concurrency
        age = max(age, (now - one.heartbeat_at).total_seconds())
    yield _gauge("telltale_workers", "Workers that live.", ("state",), states)
    yield _gauge("telltale_worker_slots", "Pool children of living workers.", (), {(): slots})
    yield _gauge("telltale_worker_heartbeat_seconds", "Age of the oldest heartbeat of a living one.", (), {(): age})


def _gauge(name: str, says: str, labels: tuple[str, ...], values: Any) -> Metric:
    family = GaugeMetricFamily(name, says, labels=list(labels))
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


class Page:
    """What one scrape is told; None: the database did not answer, the rest is told all the same."""

    def __init__(self, shared: list[Metric] | None, hint_seconds: float) -> None:
        self._shared, self._hint_seconds = shared, hint_seconds
        hub = fanout.existing()
        self._connections, self._lag = (hub.seats.number, hub.lag()) if hub else (0, 0.0)

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks its registries."""
        yield _gauge("telltale_database_up", "Whether the database answered.", (), {(): self._shared is not None})
        yield from self._shared or ()
        yield _gauge("telltale_hint_seconds", "How long a hint took to this process.", (), {(): self._hint_seconds})
        yield _gauge("telltale_connections", "Sockets and streams open here.", (), {(): self._connections})
        yield _gauge("telltale_stream_waiting_seconds", "Age of the oldest change not sent on.", (), {(): self._lag})
        sent = CounterMetricFamily("telltale_frames_sent", "Frames handed to sockets and streams.")
        sent.add_metric([], SENT.frames)
        yield sent
        size = CounterMetricFamily("telltale_frames_sent_characters", "Characters of these frames.")
        size.add_metric([], SENT.characters)
        yield size
        yield from PROCESS.collect()


def encoded(page: Page, accept: str) -> tuple[bytes, str]:
    """The text and its content type, as the asker wishes."""
    encode, content_type = choose_encoder(accept)
    return encode(page), content_type
