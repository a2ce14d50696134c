"""Follow one workflow in the database to its end: a snapshot, then what comes after it, as every reader does."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator

from django.db import Error

from workflows import history, queries
from workflows.errors import WorkflowNotFound
from workflows.listener import listener
from workflows.patience import Patience, is_away
from workflows.reader import AHEAD, EPOCH, START, TRIMMED, Cursor, Deadline, Moved, Tell, View

_GATHER = 0.05  # seconds in which a burst of events is collected, so that it is read and drawn once
_TICK = 0.5  # seconds between looks while nobody calls
_MOST_EVENTS, _MOST_BYTES = 1_000, 1024 * 1024  # of one read; a long history is never in memory as a whole
_SHOWN = 20  # events before a snapshot


def follow(workflow_id: str, *, at: Cursor | None = None, timeout: float | None = None, tell: Tell) -> Iterator[Moved]:
    """Yield the present state, what came after the cursor `at` if given, then every change until the workflow ended.

    `timeout` is in seconds. A database that goes away meanwhile is waited for; `tell` hears of it.
    Raises WorkflowNotFound, WorkflowGone when it is deleted meanwhile, and ResultTimeout; the workflow then goes on.
    """
    deadline, view = Deadline(workflow_id, timeout), View(workflow_id, at)
    moved = threading.Event()
    watch = listener().watch(workflow_id, -1, lambda _id, _seq: moved.set())  # before reading, so nothing falls between
    try:
        yield _snapshot(view)
        while not view.ended:
            news, left = _patiently(view, deadline, tell), deadline.left(_TICK)
            if news is None:
                moved.wait(left)
                moved.clear()  # before reading: what commits from here on calls again
                continue
            yield news
            if len(news.events) < _MOST_EVENTS:
                time.sleep(_GATHER)
    finally:
        listener().unwatch(watch)


def _patiently(view: View, deadline: Deadline, tell: Tell) -> Moved | None:
    patience, lost = Patience(f"watching {view.workflow_id!r}", within=math.inf), False
    while True:
        try:
            news = _news(view)
        except Error as error:
            if not lost and is_away(error):
                tell(f"The database does not answer; asking again. {error}")
            lost = True
            patience.endure(error)
            deadline.left(_TICK)
            continue
        if lost:
            tell(f"The database is back; going on after event {view.cursor.seq}.")
        return news


def _news(view: View) -> Moved | None:
    """What follows the cursor, a page at most; None: nothing."""
    place, epoch = (view.workflow_id, view.cursor.seq), view.cursor.epoch
    tail = history.tail([place], limit=_MOST_EVENTS, max_bytes=_MOST_BYTES).get(place)
    if tail is None:
        raise view.gone()
    if tail.epoch != epoch:
        return _snapshot(view, EPOCH)
    if tail.head < view.cursor.seq:
        return _snapshot(view, AHEAD)
    if tail.head == view.cursor.seq:
        return None
    if not tail.length or tail.last - view.cursor.seq != tail.length:
        return _snapshot(view, TRIMMED)
    return view.advance(json.loads(f"[{tail.events}]"))


def _snapshot(view: View, reason: str = START) -> Moved:
    placed = history.placed_snapshot(view.workflow_id)
    if placed is None and view.begun:
        raise view.gone()
    if placed is None:
        raise WorkflowNotFound(view.workflow_id)
    epoch, state = placed
    latest = queries.latest_events(view.workflow_id, limit=_SHOWN, before=state["seq"] + 1)
    return view.restart(epoch, state, reason, [history.wire(event) for event in latest])
