"""Each example runs on a real worker and returns what an independent look at the same facts says."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tzdata

from examples.workflows.checkout import checkout
from examples.workflows.flaky import flaky
from examples.workflows.inventory import inventory
from examples.workflows.time_zones import time_zones
from tests.execution import assert_history_is_whole
from tests.processes import Worker
from tests.wait import until
from workflows.durable import Status, WorkflowFailed, WorkflowHandle, send

ORDER = {"id": "7", "items": [{"name": "lantern", "price": "34.50", "quantity": 2}, {"name": "rope", "price": "0.10"}]}


def test_an_inventory_agrees_with_sha256sum(worker: Worker, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(Path(tzdata.__file__).parent, root, symlinks=True)
    (root / "link").symlink_to("/etc/passwd")
    handle = inventory.start(str(root), batch_size=100)
    report = handle.result(timeout=60)
    digests = _sha256sum(root)
    copies = {digest: paths for digest, paths in _by_digest(digests).items() if len(paths) > 1}
    assert report["files"] == report["counted_before"] == len(digests)
    assert report["bytes"] == sum((root / path).stat().st_size for path in digests)
    assert report["duplicate_groups"] == len(copies)
    assert report["duplicate_files"] == sum(len(paths) - 1 for paths in copies.values())
    for group in report["largest_duplicates"]:
        assert group["copies"] == len(copies[group["sha256"]])
        assert set(group["paths"]) <= set(copies[group["sha256"]])
    ordered = sorted(digests, key=lambda path: path.split("/"))
    listing = "".join(f"{digests[path]}  {path}\n" for path in ordered)
    assert report["digest"] == hashlib.sha256(listing.encode()).hexdigest()
    assert report["unreadable_files"] == 0
    values = {key: published.value for key, published in handle.values().items()}
    assert values["phase"] == "done"
    assert values["files"] == len(digests)
    assert values["progress"]["done"] == values["progress"]["total"] == len(digests)
    assert values["bytes_per_second"] > 0
    assert_history_is_whole(handle.id)


def _sha256sum(root: Path) -> dict[str, str]:
    printed = subprocess.run(
        "find . -type f -print0 | xargs -0 sha256sum", shell=True, cwd=root, capture_output=True, text=True, check=True
    ).stdout
    return {line[66:].removeprefix("./"): line[:64] for line in printed.splitlines()}


def _by_digest(digests: dict[str, str]) -> dict[str, list[str]]:
    copies: dict[str, list[str]] = {}
    for path, digest in digests.items():
        copies.setdefault(digest, []).append(path)
    return copies


def test_an_inventory_of_the_standard_library_is_the_default(worker: Worker) -> None:
    report = inventory.start().result(timeout=120)
    assert report["files"] > 1_000
    assert report["duplicate_groups"] > 0  # empty __init__.py files, if nothing else


def test_an_inventory_of_nothing_reports_why(worker: Worker) -> None:
    wrong = {"/nowhere": "No such file or directory", "/etc/passwd": "Not a directory"}
    handles = {root: inventory.start(root) for root in wrong}
    for root, handle in handles.items():
        report = handle.result(timeout=60)
        assert report["files"] == 0
        assert report["unreadable"] == [[".", wrong[root]]]


def test_an_inventory_refuses_arguments_that_make_no_sense(worker: Worker) -> None:
    senseless: list[dict[str, Any]] = [{"root": 0}, {"batch_size": 0}]
    for handle in [inventory.start(**arguments) for arguments in senseless]:
        with pytest.raises(WorkflowFailed):
            handle.result(timeout=60)


def test_time_zones_looks_at_every_zone_in_a_step_of_its_own(worker: Worker) -> None:
    handle = time_zones.start(2026)
    table = handle.result(timeout=120)
    assert table["zones"] > 500
    assert table["table"]["Europe/Paris"] == [
        ["2026-03-29T01:00:00Z", "+01:00", "+02:00"], ["2026-10-25T01:00:00Z", "+02:00", "+01:00"],
    ]  # fmt: skip
    assert "Asia/Tokyo" not in table["table"]
    assert table["zones_that_change"] == len(table["table"])
    assert table["changes"] == sum(len(changes) for changes in table["table"].values())
    assert table["unreadable"] == {}
    assert handle.values()["progress"].value["done"] == table["zones"]
    kinds = [event.kind for event in handle.history()]
    assert kinds.count("step_succeeded") == table["zones"] + 1


def test_flaky_shows_retries_and_then_a_failure(worker: Worker) -> None:
    handle = flaky.start(seed=7, calls=4, failures=2)
    with pytest.raises(WorkflowFailed, match="Refused"):
        handle.result(timeout=60)
    history = list(handle.history())
    retried = [event for event in history if event.kind == "step_retrying"]
    failed = [event for event in history if event.kind == "step_failed"]
    assert {event.data["name"] for event in retried} == {"call_service", "insist"}
    assert [(event.data["name"], event.data["attempt"]) for event in failed] == [("insist", 3)]
    assert_history_is_whole(handle.id)


def test_flaky_does_the_same_for_the_same_seed(worker: Worker) -> None:
    handles = [flaky.start(seed=3, calls=4, failures=2, fatal=False) for _ in range(2)]
    results = [handle.result(timeout=60) for handle in handles]
    assert results[0] == results[1]
    assert len(results[0]["answers"]) == 4
    attempts = [
        [(event.position, event.data["attempt"]) for event in handle.history() if event.kind == "step_started"]
        for handle in handles
    ]
    assert attempts[0] == attempts[1]


def test_flaky_leaves_nothing_behind(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = flaky.start(calls=1, failures=1)
    with pytest.raises(WorkflowFailed):
        handle.result(timeout=60)
    opened = next(event for event in handle.history() if event.kind == "step_succeeded")
    assert opened.data["name"] == "open_account"
    assert not Path(opened.data["output"]).exists()


def test_an_order_that_is_paid_is_shipped(worker: Worker) -> None:
    handle = checkout.using(workflow_id="order-7").start(ORDER, payment_timeout=600)
    assert handle.get_event("payment_url", type=str, timeout=60) == "/examples/pay/order-7/"
    assert handle.values()["total"].value == "69.10"
    send(handle.id, "payment", {"outcome": "paid", "amount": "69.10"})
    assert handle.result(timeout=60) == "shipped"
    values = {key: published.value for key, published in handle.values().items()}
    assert values["status"] == "shipped"
    assert values["tracking_number"] == "TT-7"
    assert values["progress"] | {"rate": None} == {"done": 2, "total": 2, "label": "packing", "rate": None}


def test_an_order_that_nobody_pays_expires(worker: Worker) -> None:
    assert checkout.start(ORDER, payment_timeout=0.2).result(timeout=60) == "expired"


def test_an_order_is_declined_after_three_bad_payments(worker: Worker) -> None:
    bad: list[Any] = [{"outcome": "declined"}, {"outcome": "paid", "amount": "0.01"}, "nonsense", {"outcome": ["paid"]}]
    for payment in bad:
        handle = checkout.start(ORDER, payment_timeout=600)
        for _ in range(3):
            send(handle.id, "payment", payment)
        assert handle.result(timeout=60) == "declined"
        assert "tracking_number" not in handle.values()


def test_a_declined_customer_may_try_again(worker: Worker) -> None:
    handle = checkout.start(ORDER, payment_timeout=600)
    send(handle.id, "payment", {"outcome": "declined"})
    until(lambda: _status(handle) == "payment declined; 2 tries left", what="declined")
    send(handle.id, "payment", {"outcome": "paid", "amount": "69.10"})
    assert handle.result(timeout=60) == "shipped"


def _status(handle: WorkflowHandle[str]) -> Any:
    return handle.get_event("status", timeout=0)


def test_an_order_that_cannot_be_sold_fails_with_the_reason(worker: Worker) -> None:
    unsellable: list[Any] = [{}, {"items": []}, {"items": [{"price": "NaN"}]}, {"items": ["lantern"]}]
    for handle in [checkout.start({"id": "1", **order} if order else order) for order in unsellable]:
        with pytest.raises(WorkflowFailed, match=r"ValueError: (An order needs|The item)"):
            handle.result(timeout=60)


def test_a_worker_killed_between_payment_and_shipping_ships_once(start_worker: Callable[..., Worker]) -> None:
    first = start_worker()
    items = [{"name": f"item {number}", "price": "1"} for number in range(8)]
    handle = checkout.start({"id": "9", "items": items}, payment_timeout=600)
    send(handle.id, "payment", {"outcome": "paid", "amount": "8.00"})
    until(lambda: _status(handle) == "packing", what="packing")
    first.kill()
    start_worker(name="w2")
    assert handle.result(timeout=60) == "shipped"
    packed = [event.position for event in handle.history() if event.kind == "step_succeeded"]
    assert len(packed) == len(set(packed))
    assert handle.status() == Status.SUCCEEDED
