"""A service that fails a known number of times per request before it answers. Pure of workflows.

It remembers its failures in a directory, as a real service would remember them outside the process that calls it: the
count survives the death of the caller, and each request has its own.
"""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from tempfile import mkdtemp


class Unavailable(ConnectionError):
    """The service did not answer; another try may help."""


class Refused(RuntimeError):
    """The service answered no; it will for ever."""


def open_account() -> str:
    """A directory of one's own in which the service counts."""
    return mkdtemp(prefix="telltale-flaky-")


def planned_failures(seed: int, request: int, most: int) -> int:
    """How often this request will fail: pseudo-random, from 0 to `most`, the same for the same seed."""
    return random.Random(f"{seed}:{request}").randint(0, most)


def call(account: str, request: int, failures: int) -> str:
    """Answer a request once it has failed so many times. Raises Unavailable until then."""
    before = _count_failures(account, request)
    if before < failures:
        raise Unavailable(f"503 for request {request}: failure {before + 1} of {failures}, as planned")
    return hashlib.sha256(f"answer {request}".encode()).hexdigest()[:12]


def refuse(account: str, request: int) -> str:
    """Never answer. Raises Refused, with the number of the try."""
    raise Refused(f"request {request} is refused, also on try {_count_failures(account, request) + 1}")


def _count_failures(account: str, request: int) -> int:
    """The failures of this request so far; counts the present call as one more."""
    directory = Path(account)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # another worker's machine does not have it yet
    with (directory / str(request)).open("a+b") as calls:
        before = calls.seek(0, 2)
        calls.write(b".")
    return before
