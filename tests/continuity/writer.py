"""`python -m tests.continuity.writer NAME ACKNOWLEDGED ID…`: executes each of the workflows in a thread of its own.

It may be killed at any moment; the next one of the same name takes over what this one held. What was acknowledged to
the workflows' code (a value that `set_event` returned from) is one line of the file ACKNOWLEDGED.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import threading
import time

import django

_PADDING = (0, 0, 0, 20, 200, 2_000)  # characters; most values are small


def define() -> None:
    """The workflow that writers execute."""
    from workflows.durable import receive, set_event, step, workflow  # models need django.setup()

    @step
    def rest(seed: int) -> int:
        """Bursts and pauses, and values published by a step."""
        chance = random.Random(seed)
        set_event("step", chance.random())
        time.sleep(chance.choice([0.0, 0.01, 0.05, 0.2]))  # the step's work: it makes the rhythm
        return seed

    @workflow(name="continuity")
    def continuity(log: str) -> int:
        """Publish until a message says stop."""
        for burst in itertools.count():
            for number in range(burst * 10, burst * 10 + 10):
                padding = "x" * random.Random(number).choice(_PADDING)
                set_event(f"key {number % 7}", {"n": number, "text": padding})
                _acknowledge(log, number)
            rest(burst)
            if receive("stop", timeout=0.0) is not None:
                return burst
        raise AssertionError  # count() does not end


def _acknowledge(log: str, number: int) -> None:
    from workflows.durable import workflow_id

    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{workflow_id()} {number}\n".encode())
    os.close(descriptor)


def main() -> None:
    """Execute until all have ended."""
    name, *ids = sys.argv[1:]
    django.setup()
    define()
    threads = [threading.Thread(target=_execute, args=(f"{name}:{one}/1", one)) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _execute(worker: str, workflow_id: str) -> None:
    from django.db import Error, connection

    from workflows import engine, transitions
    from workflows.models import Workflow
    from workflows.states import TERMINAL

    while True:
        try:
            transitions.release_held_by([worker], limit=1)  # by the process of this name that was killed
            if Workflow.objects.get(id=workflow_id).status in TERMINAL:
                return
            claim = transitions.claim(workflow_id, worker=worker, definitions=["continuity"])
            if claim is not None:
                engine.execute(claim, stopping=lambda: False)
        except Error:
            connection.close()
        time.sleep(0.1)  # between two tries to claim


if __name__ == "__main__":
    main()
