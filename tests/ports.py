"""Ports for servers that tests start. Knows nothing of Django."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress

# Below those that the system gives to clients, of which one could take it while a server is started again; and each of
# xdist's processes has its own, because what is free for one a moment before it listens is free for all.
_FIRST, _EACH, _PROCESSES = 20_000, 3_000, 4


def free_port() -> int:
    """A TCP port that nobody listens on, and that nobody else of this run is given."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES
    while True:
        port = _FIRST + process * _EACH + secrets.randbelow(_EACH)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
