"""A process that starts workflows, as a web process does: for each line it reads, one; answers with its id and time."""

from __future__ import annotations

import sys
import time

from tests import worker_app  # noqa: F401  sets Django and the definitions up
from tests.definitions import counting


def main() -> None:
    """Serve until the end of input."""
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.monotonic()
        handle = counting.start(2, 0.0)
        sys.stdout.write(f"started {handle.id} {time.monotonic() - began:.6f}\n")  # one write: the log is shared


if __name__ == "__main__":
    main()
