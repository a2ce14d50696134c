"""A short storm: whatever is killed, stopped, lost, doubled or full, every workflow comes to its undisturbed outcome.

`make chaos` does the same for as long as you like.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

SECONDS, SETTLE = 14, 120
PLAN = "20261125"  # the suite plays one plan; `make chaos` another one each time


@pytest.mark.timeout(600)
def test_a_short_storm_changes_no_outcome(tmp_path: Path) -> None:
    seed = os.environ.get("TELLTALE_SEED", PLAN)
    log = tmp_path / "storm.log"
    command = [sys.executable, "-m", "tests.chaos", "--seed", seed, "--minutes", str(SECONDS / 60)]
    with log.open("wb") as output:
        storm = subprocess.Popen(
            [*command, "--settle", str(SETTLE), "--active", "25"],
            cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            status = storm.wait(500)
        finally:
            storm.send_signal(signal.SIGTERM)  # it ends its own processes
            storm.wait(60)
    assert status == 0, f"TELLTALE_SEED={seed}\n{log.read_text()[-20_000:]}"
