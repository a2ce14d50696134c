"""What failure looks like: steps that are tried again until they succeed, and one that never does."""

from __future__ import annotations

import shutil
from typing import Any

from examples import unreliable
from workflows.durable import set_event, step, track, workflow

MOST_FAILURES = 3


@workflow(keys={"phase": "public", "progress": "public"})
def flaky(seed: int = 7, calls: int = 8, failures: int = 2, fatal: bool = True) -> dict[str, Any]:
    """Call an unreliable service: each call fails up to `failures` times; with `fatal` a last one for good."""
    if not 0 <= failures <= MOST_FAILURES:
        raise ValueError(f"failures is {failures}; between 0 and {MOST_FAILURES} a step's attempts are enough.")
    set_event("phase", "calling an unreliable service")
    account = open_account()
    answers = [
        call_service(account, request, unreliable.planned_failures(seed, request, failures))
        for request in track(range(1, calls + 1), "calls")
    ]
    if fatal:
        set_event("phase", "calling a service that always refuses")
        _insist_then_close(account, calls + 1)
    close_account(account)
    set_event("phase", "done")
    return {"answers": answers}


def _insist_then_close(account: str, request: int) -> None:
    try:
        insist(account, request)
    except unreliable.Refused:
        close_account(account)
        raise


@step
def open_account() -> str:
    """Where the service counts its failures."""
    return unreliable.open_account()


@step(attempts=MOST_FAILURES + 1, backoff=0.2, max_backoff=2.0, retry_on=unreliable.Unavailable)
def call_service(account: str, request: int, failures: int) -> str:
    """Fails as often as planned, then answers."""
    return unreliable.call(account, request, failures)


@step(attempts=3, backoff=0.2)
def insist(account: str, request: int) -> str:
    """Exhausts its attempts, and with them the workflow."""
    return unreliable.refuse(account, request)


@step
def close_account(account: str) -> None:
    """Nothing is left behind."""
    shutil.rmtree(account, ignore_errors=True)
