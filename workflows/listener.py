"""Which watched workflows moved: one listening connection and one sweep per process, for all its readers.

Hints make it fast; the sweep, every quarter of a second over everything watched and at once after a reconnect, makes it
complete. Callbacks run in the listener's thread and must not block: they set an event or mark a topic.

Watch first, then read: whatever commits after `watch` returned calls back, so a read that follows misses nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from workflows import sql, telemetry
from workflows.conf import conf
from workflows.notify import CHANNEL
from workflows.sql.reads import MOVED

Callback = Callable[[str, int], None]


class Watch:
    """One reader's interest in one workflow; `seq` is the last one it was told of."""

    __slots__ = ("callback", "seq", "workflow_id")

    def __init__(self, workflow_id: str, seq: int, callback: Callback) -> None:
        self.workflow_id, self.seq, self.callback = workflow_id, seq, callback


class Listener:
    """Calls back when a watched workflow moved past the seq its reader knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: dict[str, set[Watch]] = {}
        self._everything: set[Callable[[dict[str, int]], None]] = set()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._listening, self._echoed = threading.Event(), threading.Event()
        self._echo_channel = f"{CHANNEL}_{secrets.token_hex(8)}"  # nobody else hears of it

    def watch(self, workflow_id: str, seq: int, callback: Callback) -> Watch:
        """Call `callback(workflow_id, seq)` whenever the workflow moved past `seq`, or past what was told since."""
        watch = Watch(workflow_id, seq, callback)
        with self._lock:
            self._watches.setdefault(workflow_id, set()).add(watch)
            self._ensure_running()
        return watch

    def unwatch(self, watch: Watch) -> None:
        """End a watch. A callback that is under way may still arrive."""
        with self._lock:
            watches = self._watches.get(watch.workflow_id, set())
            watches.discard(watch)
            if not watches:
                self._watches.pop(watch.workflow_id, None)

    def watch_hints(self, callback: Callable[[dict[str, int]], None]) -> None:
        """Call back with every batch of hints {id: seq}, of any workflow; for lists, which sweep for themselves."""
        with self._lock:
            self._everything.add(callback)
            self._ensure_running()

    def unwatch_hints(self, callback: Callable[[dict[str, int]], None]) -> None:
        """End a watch for all hints."""
        with self._lock:
            self._everything.discard(callback)

    def echo(self, *, within: float) -> float | None:
        """This will send a hint to this process alone and return how many seconds it took to arrive.

        None: it did not within so many. Not for two threads at once. Raises Django's database errors.
        """
        deadline = time.monotonic() + within
        with self._lock:
            self._ensure_running()
        if not self._listening.wait(within):
            return None
        self._echoed.clear()
        sent = time.monotonic()
        sql.fetch("SELECT pg_notify(%(channel)s, '')", {"channel": self._echo_channel})
        return time.monotonic() - sent if self._echoed.wait(max(0.0, deadline - time.monotonic())) else None

    def _ensure_running(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="telltale-listener", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection; the next watch starts them again."""
        thread, self._stopping = self._thread, True
        if thread is not None:
            thread.join()
        self._listening.clear()
        self._thread, self._stopping = None, False

    def _run(self) -> None:
        lost = False  # said once, however long it takes
        while not self._stopping:
            try:
                with sql.dedicated_connection() as connection:
                    if conf().hints:
                        connection.execute(f"LISTEN {CHANNEL}")
                        connection.execute(f"LISTEN {self._echo_channel}")
                        self._listening.set()
                    if lost:
                        telemetry.listener_back()
                        lost = False
                    self._serve(connection)
            except psycopg.Error as error:
                self._listening.clear()
                if not lost:
                    telemetry.listener_lost(error)
                    lost = True
                threading.Event().wait(conf().sweep_interval)

    def _serve(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stopping:
            self._sweep(connection)  # first of all after a connect: it may have missed hints
            for notification in connection.notifies(timeout=conf().sweep_interval):
                if notification.channel != CHANNEL:
                    self._echoed.set()
                    continue
                moved = _hints(notification.payload)
                self._tell(moved)
                self._tell_everything(moved)

    def _sweep(self, connection: psycopg.Connection[Any]) -> None:
        with self._lock:
            known = {workflow_id: min(w.seq for w in watches) for workflow_id, watches in self._watches.items()}
        if known:
            rows = connection.execute(MOVED, {"ids": list(known), "seqs": list(known.values())}).fetchall()
            self._tell(dict(rows), backwards=True)

    def _tell(self, moved: dict[str, int], *, backwards: bool = False) -> None:
        """Only the sweep sees the present, so only it may say that a workflow was deleted and made anew."""
        with self._lock:
            due = [
                (watch, seq)
                for workflow_id, seq in moved.items()
                for watch in self._watches.get(workflow_id, ())
                if seq > watch.seq or (backwards and seq < watch.seq)
            ]
            for watch, seq in due:
                watch.seq = seq
        for watch, seq in due:
            self._call(watch.callback, watch.workflow_id, seq)

    def _tell_everything(self, moved: dict[str, int]) -> None:
        with self._lock:
            callbacks = list(self._everything)
        for callback in callbacks:
            self._call(callback, moved)

    @staticmethod
    def _call(callback: Callable[..., None], *arguments: Any) -> None:
        try:
            callback(*arguments)
        except Exception:  # one reader's fault must not silence all others
            telemetry.callback_failed()


def _hints(payload: str) -> dict[str, int]:
    """What a notification says. Anybody with the database's password may send one; a strange one says nothing."""
    try:
        return {str(workflow_id): int(seq) for workflow_id, seq in json.loads(payload)}
    except (ValueError, TypeError, RecursionError) as error:
        telemetry.strange_hint(payload, error)
        return {}


_listener = Listener()
_pid = os.getpid()


def listener() -> Listener:
    """The listener of this process."""
    global _listener, _pid
    if _pid != os.getpid():  # its thread and connection stayed with the parent
        _listener, _pid = Listener(), os.getpid()
    return _listener
