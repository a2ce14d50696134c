"""Our side of what is published: claimed workflows, and a process that checkpoints values into them at a rate.

Every event is a real checkpoint: one fenced statement, one commit, one hint.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

import django

_READY_WITHIN = 60.0


class Published(NamedTuple):
    """What went out, from when to when (Unix time), and the last seq of each topic."""

    began: float
    ended: float
    sent: int
    targets: dict[str, int]


class Held(NamedTuple):
    """A claim in plain values: what crosses to the writer's process before Django is set up there."""

    workflow_id: str
    token: int
    worker: str

    @property
    def topic(self) -> str:
        """What a client subscribes to."""
        return f"workflow:{self.workflow_id}"


def workflows(count: int) -> list[Held]:
    """Claims of so many workflows that have published nothing."""
    from benchmarks.definitions import watched  # models need django.setup()
    from workflows import transitions

    claims = (
        transitions.claim(watched.start().id, worker="benchmark/1", definitions=["benchmark_watched"])
        for _ in range(count)
    )
    return [Held(*claim.owner) for claim in claims if claim is not None]


def cookies(count: int) -> list[str]:
    """Session cookies of so many accounts that may watch everything."""
    from django.contrib.auth import get_user_model  # models need django.setup()
    from django.test import Client as Browser

    found = []
    for number in range(count):
        user, _ = get_user_model().objects.get_or_create(username=f"benchmark-{number}", is_superuser=True)
        browser = Browser()
        browser.force_login(user)
        found.append(browser.cookies["sessionid"].value)
    return found


class Writer:
    """The process, ready to publish."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def go(self, rate: float, seconds: float) -> None:
        """Begin to publish, in turn into each of the workflows; for so long, however far it comes."""
        self._pipe.send((rate, seconds))

    def done(self, within: float) -> Published:
        """Wait for the end. Raises RuntimeError when none comes."""
        if not self._pipe.poll(within + 30):
            raise RuntimeError("the writer does not come to an end")
        published: Published = self._pipe.recv()
        return published


@contextmanager
def writer(held: list[Held]) -> Iterator[Writer]:
    """A process that owns these workflows."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_write, args=(held, there), daemon=True)
    process.start()
    there.close()
    try:
        if not here.poll(_READY_WITHIN):
            raise RuntimeError("the writer does not begin")
        here.recv()
        yield Writer(here)
    finally:
        here.close()
        process.join(20)
        process.kill()


def _write(held: list[Held], pipe: Connection) -> None:
    django.setup()
    from workflows import event_log, history  # models need django.setup()

    owners = [event_log.Owner(*one) for one in held]
    positions = dict.fromkeys(owners, 0)
    pipe.send("ready")
    try:
        rate, seconds = pipe.recv()
        sent, began, started = 0, time.time(), time.perf_counter()
        while (now := time.perf_counter() - started) < seconds and sent < rate * seconds:
            time.sleep(max(0.0, sent / rate - now))
            owner = owners[sent % len(owners)]
            positions[owner] += 1
            value = json.dumps({"done": positions[owner], "total": 10_000, "label": "benchmark", "rate": rate})
            event_log.set_value(
                owner, str(positions[owner]), position=positions[owner], key="progress", encoded=value, in_step=False
            )
            sent += 1
        ended = time.time()
        heads = history.heads([owner.workflow_id for owner in owners])
        pipe.send(Published(began, ended, sent, {f"workflow:{id_}": head.seq for id_, head in heads.items()}))
        pipe.recv()
    except EOFError:
        pass  # the measurement is over
