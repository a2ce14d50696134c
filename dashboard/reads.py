"""The reads behind every carrier, shared: nobody waits for a thread of its own, and a crowd asks the database once.

A few threads, each with a connection that it keeps, ask for everybody. What can be asked for many at once is: whoever
comes while one answer is under way is in the next. So a thousand pages that come back after a restart cost some dozens
of statements, and never more connections than there are threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from dashboard import access, protocol, snapshots, tail, topics
from workflows import history
from workflows.patience import once_more
from workflows.visibility import Visibility

THREADS = 4

_Answer = TypeVar("_Answer")
_One = TypeVar("_One")


class Start(NamedTuple):
    """A snapshot, encoded once for all who begin with it."""

    epoch: str
    seq: int
    text: str


class Threads:
    """Questions to the database that do not hold up the loop."""

    def __init__(self, count: int, name: str) -> None:
        self._connections: list[BaseDatabaseWrapper] = []  # of the threads
        self._executor = ThreadPoolExecutor(count, name, lambda: self._connections.append(connections["default"]))

    async def ask(self, question: Callable[..., _Answer], *arguments: Any) -> _Answer:
        """The answer, from the next thread that is free."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, _read, question, *arguments)

    def close(self) -> None:
        """End them with their connections, once nobody asks any more."""
        with suppress(RuntimeError):  # it was ended before
            self._executor.submit(self._disconnect)
        self._executor.shutdown(wait=False)

    def _disconnect(self) -> None:
        for connection in self._connections:
            connection.inc_thread_sharing()
            connection.close()


class _Hub(Protocol):
    def close(self) -> None:
        """Its loop has ended: so do its threads."""


_OneHub = TypeVar("_OneHub", bound=_Hub)


class PerLoop(Generic[_OneHub]):
    """What all connections of an event loop share. A server process has one loop.

    Without an ASGI server each request has a loop of its own, whose hub would be kept by what it keeps.
    """

    def __init__(self, make: Callable[[], _OneHub]) -> None:
        self._make = make
        self._hubs: dict[asyncio.AbstractEventLoop, _OneHub] = {}

    def existing(self) -> _OneHub | None:
        """That of the running loop, if anybody asked for it yet."""
        return self._hubs.get(asyncio.get_running_loop())

    def get(self) -> _OneHub:
        """That of the running loop, made if need be; those of ended loops are closed by then."""
        found = self.existing()
        if found is None:
            for ended in [loop for loop in self._hubs if loop.is_closed()]:
                self._hubs.pop(ended).close()
            found = self._hubs[asyncio.get_running_loop()] = self._make()
        return found


class Batch(Generic[_One, _Answer]):
    """One question about many things: those that are asked for while an answer is under way are in the next."""

    def __init__(self, threads: Threads, question: Callable[[Collection[_One]], Mapping[_One, _Answer]]) -> None:
        self._threads, self._question = threads, question
        self._waiting: dict[_One, asyncio.Future[_Answer | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, one: _One) -> _Answer | None:
        """The answer about this one; None if there is none."""
        loop = asyncio.get_running_loop()
        answer = self._waiting.get(one)
        if answer is None:
            answer = self._waiting[one] = loop.create_future()
        if self._asking is None:
            self._asking = loop.create_task(self._ask())
        return await asyncio.shield(answer)

    async def _ask(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                found = await self._threads.ask(self._question, list(asked))
            except Exception as error:
                for answer in asked.values():
                    answer.set_exception(error)
                    answer.exception()  # whoever asked may be gone
            else:
                for one, answer in asked.items():
                    answer.set_result(found.get(one))
        self._asking = None


class Reads:
    """What all carriers read: who somebody is, where a workflow stands, its snapshot, its tail."""

    def __init__(self) -> None:
        self.threads = Threads(THREADS, "telltale-ask")
        self._admissions = Batch(self.threads, access.admissions)
        self._heads = Batch(self.threads, _visible_heads)
        self._tails = Batch(self.threads, tail.read)
        self._starts: dict[tuple[str, Visibility | None], asyncio.Task[Start | None]] = {}

    async def admission(self, session_key: str) -> access.Admission | None:
        """Who is signed in with this session, as things are now; None: nobody."""
        return await self._admissions.ask(session_key)

    async def head(self, user: access.Visitor, workflow_id: str) -> history.Head | None:
        """Where a workflow stands; None if there is none, or not for this person."""
        return await self._heads.ask((user, workflow_id))

    async def tail(self, place: tail.Place) -> tail.Frame | None:
        """What follows a place; None if the workflow is gone. Who asks must have asked for its head before."""
        return await self._tails.ask(place)

    async def start(self, workflow_id: str, audience: Visibility | None) -> Start | None:
        """A snapshot, read once for all who ask meanwhile. Who asks must have asked for its head before."""
        wanted = (workflow_id, audience)
        task = self._starts.get(wanted)
        if task is None:
            asking = self.threads.ask(_read_start, workflow_id, audience)
            task = self._starts[wanted] = asyncio.get_running_loop().create_task(asking)
            task.add_done_callback(lambda _: self._starts.pop(wanted, None))
        return await asyncio.shield(task)


def _read(question: Callable[..., _Answer], *arguments: Any) -> _Answer:
    """In a thread of ours, on its connection."""
    return once_more(partial(question, *arguments))


def _visible_heads(asked: Collection[tuple[access.Visitor, str]]) -> dict[tuple[access.Visitor, str], history.Head]:
    wanted: dict[access.Visitor, list[str]] = {}
    for user, workflow_id in asked:
        wanted.setdefault(user, []).append(workflow_id)
    visible = {
        (user, workflow_id)
        for user, ids in wanted.items()
        for workflow_id in access.visible_workflows(user).filter(pk__in=ids).values_list("pk", flat=True)
    }
    heads = history.heads({workflow_id for _, workflow_id in visible})
    return {(user, workflow_id): heads[workflow_id] for user, workflow_id in visible if workflow_id in heads}


def _read_start(workflow_id: str, audience: Visibility | None) -> Start | None:
    found = snapshots.read(workflow_id, audience)
    if found is None:
        return None
    name = topics.workflow(workflow_id)
    text = protocol.snapshot(name, epoch=found.epoch, state=found.state, events=found.events)
    return Start(found.epoch, found.seq, text)
