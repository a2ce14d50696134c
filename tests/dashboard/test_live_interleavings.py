"""Arbitrary interleavings of writers, hints, sweeps, networks and readers: a page never shows what the history is not,
and has all of it in the end. The real consumer, fan-out, listener and statements on the real database; see
`tests/live_page.py` for what is driven by hand.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.live_page import Page, Site, hand_driven_site
from tests.live_writer import Writer
from tests.processes import ROOT
from workflows import history

pytestmark = pytest.mark.django_db(transaction=True)

READERS = st.integers(0, 1)


MEANWHILE = st.lists(st.sampled_from(["", "", "publish", "publish", "anew", "trim"]), max_size=6)


class Interleavings(RuleBasedStateMachine):
    """What may happen, in any order. After it: calm, and everything must arrive without any further event."""

    site: Site
    played: list[dict[str, Any]]

    def __init__(self) -> None:
        super().__init__()
        self.writer = Writer()
        self.pages = [Page(self.site, self.writer.id) for _ in range(2)]

    def _during(self, actions: list[str]) -> None:
        known: dict[str, Callable[[], None]] = {
            "publish": lambda: self.writer.publish(2),
            "anew": self.writer.make_anew,
            "trim": lambda: self.writer.trim(2),
        }
        self.site.meanwhile.clear()
        self.site.meanwhile.extend(known.get(action) for action in actions)

    @rule(events=st.integers(1, 9), size=st.sampled_from([1, 50, 1_500]))
    def publish(self, events: int, size: int) -> None:
        self.writer.publish(events, size)

    @rule()
    def make_anew(self) -> None:
        self.writer.make_anew()
        self.writer.publish(3)

    @rule()
    def delete(self) -> None:
        self.writer.delete()

    @precondition(lambda self: self.writer.owner is not None)
    @rule(keep=st.integers(1, 6))
    def trim(self, keep: int) -> None:
        self.writer.trim(keep)

    @rule(off=st.sampled_from([0, 0, 0, -1, 3, 1_000]))
    def hint(self, off: int) -> None:
        """Hints that do not come are lost; some come late, or are wrong."""
        self.site.listener.hint(self.writer.id, self.writer.head + off)
        self.site.settle()

    @rule()
    def sweep(self) -> None:
        self.site.listener.sweep()
        self.site.settle()

    @rule(meanwhile=MEANWHILE)
    def tick(self, meanwhile: list[str]) -> None:
        self._during(meanwhile)
        self.site.tick()
        self.site.meanwhile.clear()

    @rule(reader=READERS, meanwhile=MEANWHILE)
    def connect(self, reader: int, meanwhile: list[str]) -> None:
        page = self.pages[reader]
        if not page.is_connected or page.reading.gone or page.refused:
            page.cut()
            self._during(meanwhile)
            page.connect()
            self.site.settle()
            self.site.meanwhile.clear()

    @rule(reader=READERS, frames=st.sampled_from([1, 2, 100]))
    def read(self, reader: int, frames: int) -> None:
        self.pages[reader].read(frames)

    @rule(reader=READERS)
    def acknowledge(self, reader: int) -> None:
        if self.pages[reader].is_connected:
            self.pages[reader].acknowledge()
            self.site.settle()

    @rule(reader=READERS)
    def cut(self, reader: int) -> None:
        self.pages[reader].cut()

    @invariant()
    def the_window_is_kept(self) -> None:
        assert [page.excess for page in self.pages] == [0, 0]

    def teardown(self) -> None:
        """Calm. No hint, no further event: sweeps, ticks and acknowledgements bring everything."""
        if self.writer.owner is None:
            self.writer.make_anew()
        behind = self._calmed()
        if behind:
            # A sweep compares seqs. What was made anew and came to the very same seq, only the audit finds.
            epoch = history.heads([self.writer.id])[self.writer.id].epoch
            assert [page.reading.differences() for page in behind if page.reading.epoch == epoch] == []
            self.site.audit()
            assert [page.reading.differences() for page in self._calmed()] == []
        self.the_window_is_kept()
        state = history.snapshot(self.writer.id)
        self.played += [{"frames": page.frames, "state": state} for page in self.pages]
        for page in self.pages:
            page.cut()
            self.site.pages.remove(page)

    def _calmed(self) -> list[Page]:
        """Pages that are not where the history is, after a while."""
        for _ in range(40):
            self._calm()
            behind = [page for page in self.pages if page.wire or page.reading.differences()]
            if not behind:
                break
        return behind

    def _calm(self) -> None:
        for page in self.pages:
            if not page.is_connected or page.reading.gone or page.refused:
                page.cut()
                page.connect()
        self.site.settle()
        self.site.listener.sweep()
        self.site.tick()
        for page in self.pages:
            page.read(1_000)
            if page.is_connected:
                page.acknowledge()
        self.site.settle()


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[dict[str, Any]]:
    """Plays; what each page was sent, and the database's state in the end."""
    found: list[dict[str, Any]] = []
    with hand_driven_site(monkeypatch, settings) as site:
        machine = type("Played", (Interleavings,), {"site": site, "played": found})
        run_state_machine_as_test(machine, settings=SETTINGS)
    return found


SETTINGS = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


def test_whatever_the_interleaving_pages_end_with_exactly_the_history(
    played: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert len(played) >= 2 * SETTINGS.max_examples
    if shutil.which("node") is None:
        pytest.skip("NO NODE: pages were compared, the browser's store was not")
    cases = tmp_path / "played.json"
    cases.write_text(json.dumps(played[-200:]))
    subprocess.run(["node", "tests/js/replay.js", str(cases)], cwd=ROOT, check=True)
