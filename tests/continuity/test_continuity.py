"""A short round: sockets, listening connections, web processes, writers and PostgreSQL are killed under open pages, and
every page ends with exactly the history. `make continuity` plays for as long as you like.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

SECONDS, SETTLE = 24, 180
PLAN = "20261125"  # the suite plays one plan; `make continuity` another one each time


@pytest.mark.timeout(600)
def test_in_a_short_round_no_page_loses_doubles_or_reorders_an_event(tmp_path: Path) -> None:
    seed = os.environ.get("TELLTALE_SEED", PLAN)
    log = tmp_path / "round.log"
    command = [sys.executable, "-m", "tests.continuity", "--seed", seed, "--minutes", str(SECONDS / 60)]
    with log.open("wb") as output:
        played = subprocess.Popen(
            [*command, "--gap", "0.5", "--settle", str(SETTLE)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = played.wait(500)
        finally:
            played.send_signal(signal.SIGTERM)  # it ends its own processes
            played.wait(60)
    assert status == 0, f"TELLTALE_SEED={seed}\n{log.read_text()[-20_000:]}"
