"""Whether this web process can serve: what is asked, in which threads, how often, and what comes of it.

A probe must be answered even while what it asks about hangs. So each question has one daemon thread, which asks once
for all who want to know; who waited long enough is told that there was no answer. Nothing piles up behind a database
that hangs, and nothing holds up the end of the process.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from prometheus_client.metrics_core import Metric

from dashboard import fanout, metrics
from workflows import health
from workflows.health import DEGRADED, FAILED, OK, Finding

ANSWER_WITHIN = 2.0  # seconds, whatever hangs
_FRESH, _FRESH_FOR_LONGER = 1.0, 5.0  # an answer so old is given again; the second for what costs others something
_SCRAPE_WITHIN = 5.0  # half of what Prometheus waits
_LATE = 1.0  # seconds that a change may take through this process

T = TypeVar("T")


class Asker(Generic[T]):
    """One question, asked by one thread at a time and at most once in `fresh` seconds, for everybody."""

    def __init__(self, name: str, question: Callable[[], T], *, fresh: float) -> None:
        self._name, self._question, self._fresh = name, question, fresh
        self._lock = threading.Lock()
        self._wanted: SimpleQueue[Future[T]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._answer: Future[T] | None = None
        self._good_until = 0.0

    async def ask(self, within: float) -> T:
        """The answer. Raises TimeoutError when there is none within so many seconds, and what the question raises."""
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._asked())), within)

    def _asked(self) -> Future[T]:
        with self._lock:
            if self._answer is None or (self._answer.done() and time.monotonic() >= self._good_until):
                self._answer = Future()
                self._wanted.put(self._answer)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                    self._thread.start()
            return self._answer

    def _run(self) -> None:
        while True:
            answer = self._wanted.get()
            try:
                found = self._question()
            except BaseException as error:  # whoever asked hears of it
                self._good_until = time.monotonic() + self._fresh
                answer.set_exception(error)
            else:
                self._good_until = time.monotonic() + self._fresh
                answer.set_result(found)


_ASKERS = {
    "database": Asker("telltale-ready", health.of_database, fresh=_FRESH),
    "broker": Asker("telltale-ready-broker", health.of_broker, fresh=_FRESH_FOR_LONGER),
    "hints": Asker("telltale-ready-hints", health.of_hints, fresh=_FRESH_FOR_LONGER),
}


class Readiness(NamedTuple):
    """What was found, by name."""

    checks: Mapping[str, Finding]

    @property
    def status(self) -> str:
        """ready; degraded: it serves, but something that belongs to it is amiss; unready: it cannot serve."""
        states = {finding.state for finding in self.checks.values()}
        return "unready" if FAILED in states else "degraded" if DEGRADED in states else "ready"

    def as_json(self) -> dict[str, Any]:
        """For people and monitors that may know."""
        return {
            "status": self.status,
            "checks": {name: _as_json(finding) for name, finding in self.checks.items()},
        }


def _as_json(finding: Finding) -> dict[str, Any]:
    shown = {"state": finding.state, "says": finding.says, "ms": round(finding.seconds * 1000, 1)}
    return {**shown, "cure": finding.cure} if finding.cure else shown


async def readiness() -> Readiness:
    """This will ask everything at once, and take no longer than ANSWER_WITHIN."""
    groups = await asyncio.gather(*(_found(name, asker) for name, asker in _ASKERS.items()))
    checks = {name: finding for group in groups for name, finding in group.items()}
    return Readiness({**checks, "stream": _stream()})


async def _found(name: str, asker: Asker[dict[str, Finding]]) -> Mapping[str, Finding]:
    state = FAILED if name == "database" else DEGRADED
    try:
        return await asker.ask(ANSWER_WITHIN)
    except TimeoutError:
        says = f"no answer within {ANSWER_WITHIN:g} s"
        cure = "It accepts connections and hangs, or the network swallows what is sent: look at its host and its locks."
        return {name: Finding(state, says, cure, ANSWER_WITHIN)}
    except Exception as error:  # a probe is answered whatever happens
        return {name: Finding(state, f"could not be looked at: {error!r:.300}", "See the server's log.")}


def _stream() -> Finding:
    hub = fanout.existing()
    if hub is None:
        return Finding(OK, "nobody watches here")
    late, says = hub.lag(), f"{hub.seats.number} watch here"
    if late < _LATE:
        return Finding(OK, says)
    cure = "Look at this process's load and at the database's; start further web processes."
    return Finding(DEGRADED, f"{says}, and a change waits for {late:.1f} s", cure)


_METRICS: Asker[list[Metric] | None] = Asker("telltale-metrics", metrics.of_database, fresh=_FRESH)


async def page() -> metrics.Page:
    """What a scrape is told, without the database's part where that does not answer in time."""
    shared, hints = await asyncio.gather(_shared(), _found("hints", _ASKERS["hints"]))
    return metrics.Page(shared, hints["hints"].seconds)


async def _shared() -> list[Metric] | None:
    try:
        return await _METRICS.ask(_SCRAPE_WITHIN)
    except TimeoutError:
        return None
