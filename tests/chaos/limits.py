"""Queues with limits, and whether the histories keep to them: the database's own times of every claim and its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from workflows import queues
from workflows.models import Event, Workflow

CONCURRENCY, PER_WORKER, PER_KEY, RATE, PERIOD = 3, 1, 1, 4, 1.0
_LIMITS = {
    "storm-limited": {"concurrency": CONCURRENCY},
    "storm-single": {"worker_concurrency": PER_WORKER},
    "storm-keyed": {"partition_concurrency": PER_KEY},
    "storm-rated": {"rate_limit": RATE, "rate_period": PERIOD},
}
_GIVES_UP_WORKER = {"released", "suspended", "succeeded", "failed", "cancelled", "quarantined"}
_TOLERANCE = timedelta(milliseconds=10)  # the rate counts at one moment of a statement and writes at another


class Held(NamedTuple):
    """From a claim to its end."""

    begin: datetime
    end: datetime | None
    workflow_id: str
    worker: str


def impose() -> None:
    """Set the queues' limits."""
    for name, limits in _LIMITS.items():
        queues.set_limits(name, by="storm", **limits)  # type: ignore[arg-type]


def exceeded() -> list[str]:
    """Sentences about limits that were not kept."""
    wrong = _over(_held("storm-limited"), CONCURRENCY, "queue storm-limited")
    by_worker: dict[str, list[Held]] = defaultdict(list)
    for held in _held("storm-single"):
        by_worker[held.worker.partition("/")[0]].append(held)
    for worker, claims in by_worker.items():
        wrong += _over(claims, PER_WORKER, f"queue storm-single on worker {worker}")
    for key, begun in _begun("storm-keyed").items():
        wrong += _over(begun, PER_KEY, f"queue storm-keyed, key {key}")
    return wrong + _too_fast(sorted(row.begin for rows in _begun("storm-rated").values() for row in rows))


def _held(queue: str) -> list[Held]:
    """All claims of a queue's workflows."""
    claims: list[Held] = []
    events = Event.objects.filter(workflow__queue=queue, kind__in=[*_GIVES_UP_WORKER, "claimed"])
    for event in events.order_by("workflow_id", "seq"):
        if event.kind == "claimed":
            claims.append(Held(event.at, None, event.workflow_id, event.data["worker"]))
        elif claims and claims[-1].workflow_id == event.workflow_id and claims[-1].end is None:
            claims[-1] = claims[-1]._replace(end=event.at)
    return claims


def _begun(queue: str) -> dict[str | None, list[Held]]:
    """By partition, from the first claim to the end of the workflow."""
    begun: dict[str | None, list[Held]] = defaultdict(list)
    for row in Workflow.objects.filter(queue=queue, started_at__isnull=False):
        assert row.started_at is not None
        begun[row.partition_key].append(Held(row.started_at, row.finished_at, row.id, ""))
    return begun


def _over(claims: Iterable[Held], limit: int, what: str) -> list[str]:
    """Moments at which more than `limit` of them were held."""
    held: list[Held] = []
    for claim in sorted(claims, key=lambda claim: claim.begin):
        held = [other for other in held if other.end is None or other.end > claim.begin]
        held.append(claim)
        if len(held) > limit:
            ids = [other.workflow_id for other in held]
            return [f"{what}: {len(ids)} at once at {claim.begin}, {limit} allowed: {ids}"]
    return []


def _too_fast(begins: list[datetime]) -> list[str]:
    period = timedelta(seconds=PERIOD) - _TOLERANCE
    for earlier, later in zip(begins, begins[RATE:], strict=False):
        if later - earlier < period:
            return [f"queue storm-rated: {RATE + 1} began between {earlier} and {later}, {RATE} in {PERIOD} s allowed"]
    return []
