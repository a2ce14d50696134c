"""Keeps the world busy: starts workflows of all kinds and sends what they wait for, whatever the database does.

A start or a message whose outcome is unknown is asked again, under the same id or idempotency key.
"""

from __future__ import annotations

import random
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import close_old_connections, connection

from tests.chaos.kinds import KINDS, Outcome, draw
from workflows import operations
from workflows.durable import TransitionRefused, WorkflowNotFound, send
from workflows.models import Workflow
from workflows.patience import AWAY
from workflows.states import ACTIVE


@dataclass
class Started:
    """One workflow that the storm asked for."""

    id: str
    kind: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    accepted: bool = False  # the engine has answered

    @property
    def outcome(self) -> Outcome:
        """What must come of it."""
        return KINDS[self.kind].outcome(*self.arguments)


class Load(threading.Thread):
    """One thread that keeps about `target` workflows active until it is ended."""

    def __init__(self, chance: random.Random, *, target: int) -> None:
        super().__init__(name="load", daemon=True)
        self.started: list[Started] = []
        self.refused: Counter[str] = Counter()  # errors that callers saw, by type
        self.surprises: list[str] = []
        self._chance, self._target = chance, target
        self._orders: deque[Callable[[], object]] = deque()
        self._finish = threading.Event()
        self._number = 0

    def finish(self) -> None:
        """Start nothing new, but complete what was begun; the thread ends then."""
        self._finish.set()

    def run(self) -> None:
        """The thread."""
        while not (self._finish.is_set() and not self._unfinished()):
            try:
                close_old_connections()
                self._tick()
            except AWAY as error:
                self.refused[type(error).__name__] += 1
                connection.close()
            except Exception:  # whatever else a caller sees is a violation
                self.surprises.append(traceback.format_exc(limit=-4))
                connection.close()
            self._finish.wait(0.1)
        connection.close()

    def _unfinished(self) -> bool:
        return bool(self._orders) or any(not started.accepted for started in self.started)

    def _tick(self) -> None:
        for started in self.started:
            if not started.accepted:
                self._start(started)
        self._carry_out()
        if self._finish.is_set():
            return
        for _ in range(self._target - Workflow.objects.filter(status__in=ACTIVE).count()):
            self._start(self._draw())
            if self._chance.random() < 0.2:  # not a burst every time
                return

    def _draw(self) -> Started:
        self._number += 1
        kind = draw(self._chance)
        workflow_id = f"{kind.replace(' ', '-')}-{self._number}"
        known = KINDS[kind]
        arguments = known.make(self._chance, workflow_id)
        started = Started(workflow_id, kind, arguments, known.options(self._chance))
        self.started.append(started)
        return started

    def _start(self, started: Started) -> None:
        kind = KINDS[started.kind]
        kind.definition.using(workflow_id=started.id, **started.options).start(*started.arguments)
        started.accepted = True
        for number, message in enumerate(kind.messages(*started.arguments)):
            key = f"go-{number}"
            self._orders.append(partial(send, started.id, "go", message, idempotency_key=key))
        if kind.cancelled:
            self._orders.append(partial(operations.cancel, started.id, tree=True, by="storm", reason="had enough"))

    def _carry_out(self) -> None:
        """Some of the outstanding messages and cancellations, in order; what the database did not take stays."""
        for _ in range(min(len(self._orders), 1 + self._chance.randrange(5))):
            try:
                self._orders[0]()
            except (TransitionRefused, WorkflowNotFound) as error:  # it has ended: the oracle says whether it may
                self.refused[type(error).__name__] += 1
            self._orders.popleft()
