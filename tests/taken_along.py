"""Children of a pool of ours, killed when they have taken a job and not yet said so. Says what became of the jobs.

A process of its own, because pools fork: `python -m tests.taken_along`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from config import pool
from tests.wait import PATIENCE


def die() -> None:
    """What unpacking a Deadly does."""
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """An argument that kills who unpacks it."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return die, ()


def main() -> None:
    """Three jobs that kill, one after the other, and one that does not."""
    pool._ACCEPTED_WITHIN = 0.1
    children, accepted = pool.BlockingPool(1), list[int]()
    for _ in range(3):
        taken = children.apply_async(len, (Deadly(),), accept_callback=lambda pid, _: accepted.append(pid))
        taken.wait(PATIENCE)
        print("lost" if taken.ready() and not taken.successful() else "kept")
    print(len(accepted), children.apply_async(len, ("four",)).get(PATIENCE))
    children.terminate()


if __name__ == "__main__":
    main()
