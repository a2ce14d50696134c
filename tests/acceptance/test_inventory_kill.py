"""An inventory of 20,000 files gives the same report whether or not its worker is killed at five random moments.

What was recorded is never done again: the history says so, and so does the operating system, which is asked how often
the workers opened each file.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from examples.workflows.inventory import inventory
from tests.execution import assert_history_is_whole
from tests.processes import Worker
from tests.wait import until
from workflows.durable import WorkflowHandle
from workflows.models import Step, Workflow

FILES, BATCH = 20_000, 200
LONG_LEASE = {"WORKFLOWS_LEASE_SECONDS": "600"}  # a machine that stands still for a moment is no sixth kill
# Loaded by every Python process of the workers: writes down which files of the tree are opened.
AUDIT = """
import os, sys
root, log = os.environ["AUDIT_ROOT"], os.open(os.environ["AUDIT_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
def opened(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(root):
        os.write(log, (os.path.relpath(arguments[0], root) + "\\n").encode())
sys.addaudithook(opened)
"""


def test_an_inventory_killed_five_times_reports_the_same(start_worker: Callable[..., Worker], tmp_path: Path) -> None:
    chance = random.Random(int(os.environ.get("TELLTALE_SEED", "20261125")))
    digests = _make_tree(tmp_path / "tree", random.Random(1))
    start = _audited(start_worker, tmp_path)

    worker = start(name="calm")
    calm = inventory.start(str(tmp_path / "tree"), batch_size=BATCH)
    expected = calm.result(timeout=60)
    assert _opened(tmp_path) == dict.fromkeys(digests, 1)
    assert (expected["files"], expected["digest"]) == (FILES, _listing_digest(digests))

    (tmp_path / "opened").write_text("")
    storm = inventory.start(str(tmp_path / "tree"), batch_size=BATCH)
    _kill_five_times(storm, worker, start, chance)
    assert storm.result(timeout=60) == expected
    assert_history_is_whole(storm.id)
    assert Workflow.objects.get(id=storm.id).takeovers == 5
    _assert_nothing_recorded_was_done_again(storm, _opened(tmp_path))
    _print_how_long_takeovers_took(storm)


def _make_tree(root: Path, chance: random.Random) -> dict[str, str]:
    """20,000 small files in 200 directories, some of equal content. Returns path -> SHA-256."""
    digests = {}
    for number in range(FILES):
        directory = root / f"d{number % 200:03}"
        if number < 200:
            directory.mkdir(parents=True)
        content = f"copy {number % 50}".encode() if number % 10 == 0 else chance.randbytes(chance.randrange(1_500))
        (directory / f"f{number}.bin").write_bytes(content)
        digests[f"{directory.name}/f{number}.bin"] = hashlib.sha256(content).hexdigest()
    return digests


def _listing_digest(digests: dict[str, str]) -> str:
    ordered = sorted(digests, key=lambda path: path.split("/"))
    return hashlib.sha256("".join(f"{digests[path]}  {path}\n" for path in ordered).encode()).hexdigest()


def _audited(start_worker: Callable[..., Worker], tmp_path: Path) -> Callable[..., Worker]:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "sitecustomize.py").write_text(AUDIT)
    environment = {
        **LONG_LEASE, "PYTHONPATH": str(tmp_path / "audit"), "AUDIT_ROOT": str(tmp_path / "tree"),
        "AUDIT_LOG": str(tmp_path / "opened"),
    }  # fmt: skip
    return lambda **options: start_worker(**options, **environment)


def _opened(tmp_path: Path) -> dict[str, int]:
    return dict(Counter((tmp_path / "opened").read_text().splitlines()))


def _kill_five_times(
    handle: WorkflowHandle[Any], worker: Worker, start: Callable[..., Worker], chance: random.Random
) -> None:
    victims = ["child", "child", "worker", "worker", chance.choice(["child", "worker"])]
    chance.shuffle(victims)
    moments = sorted(chance.sample(range(2, FILES // BATCH // 2), 5))  # the other half is left if we come late
    token = 0
    for number, (victim, moment) in enumerate(zip(victims, moments, strict=True)):
        until(lambda moment=moment, token=token: _reached(handle, moment, token), what=f"batch {moment}")
        time.sleep(chance.uniform(0, 0.03))  # anywhere in a batch, not at its edge
        row = Workflow.objects.get(id=handle.id)
        token = row.token
        if victim == "child":
            os.kill(int(str(row.worker).rpartition("/")[2]), signal.SIGKILL)
        else:
            worker.kill()
            worker = start(name=f"next-{number}")


def _reached(handle: WorkflowHandle[Any], batches: int, token: int) -> bool:
    """Whether so many batches are recorded, and the execution after the last kill has got hold of it."""
    row = Workflow.objects.get(id=handle.id)
    assert row.status in {"queued", "running"}, f"{row.status} too early; lower the moments"
    return row.status == "running" and row.token > token and _recorded(handle).count() >= batches


def _recorded(handle: WorkflowHandle[Any]) -> Any:
    return Step.objects.filter(workflow_id=handle.id, name="hash_batch", status="succeeded")


def _assert_nothing_recorded_was_done_again(handle: WorkflowHandle[Any], opened: dict[str, int]) -> None:
    succeeded: set[int] = set()
    for event in handle.history():
        if event.position in succeeded:
            assert event.kind not in {"step_started", "step_succeeded", "value_set"}, event
        elif event.kind == "step_succeeded":
            succeeded.add(event.position or 0)
    steps = list(_recorded(handle).order_by("position"))
    assert len(steps) == FILES // BATCH
    repeated = 0
    for step in steps:
        times = [opened[entry[0]] for entry in step.output["entries"]]
        assert min(times) >= 1
        assert max(times) <= step.attempt, f"batch at {step.position}, attempt {step.attempt}, read {max(times)} times"
        repeated += step.attempt > 1
    assert repeated <= 5  # one unfinished batch per kill, at most
    print(f"{repeated} of {len(steps)} batches were interrupted and tried again; no other file was read twice")


def _print_how_long_takeovers_took(handle: WorkflowHandle[Any]) -> None:
    events = list(handle.history())
    for before, released, claimed in zip(events, events[1:], events[2:], strict=False):
        if released.kind == "released":
            noticed, resumed = released.at - before.at, claimed.at - released.at
            reason = released.data["reason"]
            seconds = noticed.total_seconds(), resumed.total_seconds()
            print("{}: {:.2f} s after its last sign, {:.2f} s to go on".format(reason, *seconds))
