"""What happens to the hosts, one thing after the other, and what must come of it. Each part says how long it took."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from django.contrib.auth.models import Group, User
from django.test import Client as Browser

from tests.continuity.clients import SocketClient, Watching
from tests.hosts import definitions
from tests.hosts.network import Network
from tests.hosts.world import LEASE, PORT, World
from tests.wait import until
from workflows.handles import WorkflowHandle
from workflows.models import Event, Worker, Workflow

WORKERS = ["worker-1", "worker-2"]
TAKEOVER = LEASE + 2.0  # seconds; the promise
NOTICED = 20.0  # seconds until who asks has noticed that the database's host vanished; see config/settings.py
# The judge is on the same busy machine as everybody. What hangs takes minutes or hours, so this hides nothing.
_SLACK = 20.0


class _Watching(Watching):
    """From the host `viewer`."""

    def __init__(self, network: Network, page: SocketClient) -> None:
        super().__init__([page])
        self._network = network

    async def _run(self) -> None:
        self._network.enter("viewer")  # this thread alone
        await super()._run()


class Scenario:
    """Everything in order: `play`."""

    def __init__(self, world: World) -> None:
        self.world, self.network = world, world.network
        self.figures: dict[str, float] = {}

    def play(self) -> None:
        """Raises AssertionError at the first broken promise."""
        self.both_workers_work()
        self.a_worker_is_cut_off()
        self.a_worker_is_cut_off_in_a_transaction()
        self.the_page_outlives_a_web_process_without_database()
        self.the_database_vanishes_and_comes_back()

    def both_workers_work(self) -> None:
        """A burst is shared."""
        self._measure("a burst on both workers", self._everywhere())

    def a_worker_is_cut_off(self) -> None:
        """The other one takes over within the lease; what is recorded is not repeated, what comes late is refused."""
        gate = self.world.home / "gate-holding"
        held = definitions.holding.start(str(gate))
        lost = self._cut_off_whoever_runs(held)
        self._within(TAKEOVER, "takeover of a step", lambda: held.status() == "succeeded")
        gate.touch()  # the lost worker ends its step now, and writes it down as soon as it can
        self.network.join(lost)
        refused = f"workflow '{held.id}': this execution stopped"
        self._within(NOTICED, "late writes are refused", lambda: refused in self.world.said(lost))
        self._judge(held, "held 5")
        self._within(NOTICED, f"{lost} is back", self._everywhere())

    def a_worker_is_cut_off_in_a_transaction(self) -> None:
        """The database gives up the transaction, on whose rows the other worker waits."""
        gate = self.world.home / "gate-reserving"
        held = definitions.reserving.start("seat-1", str(gate))
        lost = self._cut_off_whoever_runs(held)
        self._within(2 * TAKEOVER, "takeover of a transaction", lambda: held.status() == "succeeded")
        gate.touch()
        self.network.join(lost)
        refused = f"workflow '{held.id}': this execution stopped"
        self._within(NOTICED, "a late transaction is refused", lambda: refused in self.world.said(lost))
        self._judge(held, "seat-1 5")
        assert Group.objects.filter(name="seat-1").count() == 1
        self._within(NOTICED, f"{lost} is back again", self._everywhere())

    def the_page_outlives_a_web_process_without_database(self) -> None:
        """It says that it is not live, comes back with its cursor, and has every event."""
        numbers = list(range(300))
        watched = definitions.chain.using(workflow_id="watched").start(numbers, 0.1)
        page = SocketClient("page", PORT, _signed_in(), watched.id, random.Random(1))
        page.host = self.network.address("web")
        watching = _Watching(self.network, page)
        watching.start()
        try:
            until(lambda: page.reading.seq > 20, what="the page is live")
            self.network.part("web", "db")
            parted_at, losses = page.reading.seq, page.losses
            self._within(NOTICED + 5, "the page says it is not live", lambda: page.losses > losses)
            assert Event.objects.filter(workflow_id=watched.id).count() > parted_at + 20
            replayed = page.reading.replayed
            self.network.unite("web", "db")
            self._within(NOTICED, "the page is live again", lambda: page.reading.replayed > replayed)
            watched.result(timeout=300)
            until(lambda: not page.reading.differences(), what="the page has all")
        finally:
            watching.stop()
        assert page.broken is None, page.broken
        assert not page.reading.resets

    def the_database_vanishes_and_comes_back(self) -> None:
        """Everybody is back without a restart; what ran meanwhile is done once."""
        gate = self.world.home / "gate-vanished"
        held = [definitions.holding.start(str(gate)) for _ in range(2)]
        until(lambda: len(self._lines(*held)) == 4, what="both hold")
        self.network.cut("db")
        gate.touch()
        away = NOTICED + 10.0
        time.sleep(away)  # so that whoever asks has noticed, and tries to connect
        self.network.join("db")
        ended = lambda: all(one.status() == "succeeded" for one in held)  # noqa: E731
        self._within(NOTICED, "what ran while the database was away ends", ended)
        self._within(2 * NOTICED, "both workers hear again", self._everywhere())
        for one in held:
            self._judge(one, "held 5")

    def _cut_off_whoever_runs(self, held: WorkflowHandle[str]) -> str:
        """The lost host, once the second step is under way there."""
        until(lambda: self._lines(held)[1:], what="the second step is under way")
        claimant = str(Workflow.objects.get(pk=held.id).worker)
        lost = claimant.partition(":")[0]
        self.network.cut(lost)
        return lost

    def _everywhere(self) -> Callable[[], bool]:
        """Starts one for each worker, in the queue that only it consumes; whether they have ended."""
        started = [definitions.chain.using(queue=worker).start([1], 0.0) for worker in WORKERS]
        return lambda: all(one.status() == "succeeded" for one in started)

    def _judge(self, held: WorkflowHandle[str], result: str) -> None:
        """Its result, that no recorded step was done again, and a history without holes."""
        assert held.result(timeout=1) == result
        begun = Counter(line.split()[1] for line in self._lines(held))
        assert begun["1"] == 1, f"a recorded step was done again: {begun}"
        seqs = list(Event.objects.filter(workflow_id=held.id).order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, len(seqs) + 1))

    def _lines(self, *held: WorkflowHandle[str]) -> list[str]:
        """Which bodies of steps began."""
        ids = {one.id for one in held}
        text = self.world.bodies.read_text() if self.world.bodies.exists() else ""
        return [line for line in text.splitlines() if line.split()[0] in ids]

    def _within(self, limit: float, what: str, condition: Callable[[], bool]) -> None:
        began = time.monotonic()
        until(condition, within=limit + _SLACK, what=what)
        self._note(what, time.monotonic() - began, limit)

    def _measure(self, what: str, condition: Callable[[], bool]) -> None:
        began = time.monotonic()
        until(condition, what=what)
        self._note(what, time.monotonic() - began, None)

    def _note(self, what: str, seconds: float, limit: float | None) -> None:
        self.figures[what] = seconds
        promised = "" if limit is None else f" (promised: {limit:.0f} s)"
        print(f"{time.strftime('%H:%M:%S')} {what}: {seconds:.1f} s{promised}", flush=True)


def _signed_in() -> str:
    browser = Browser()
    browser.force_login(User.objects.create_superuser("viewer"))
    return browser.cookies["sessionid"].value


def workers_are_known() -> bool:
    """Whether both have registered."""
    return Worker.objects.filter(ended_at__isnull=True).count() == len(WORKERS)
