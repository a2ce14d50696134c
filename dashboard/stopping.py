"""When the server is asked to stop: says so early, so that readers leave in order.

No ASGI server tells its applications in time: uvicorn waits for open responses first, daphne just cuts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

FAREWELL_SECONDS = 0.25  # until the server hears of it, so that what is said to readers still leaves

_callbacks: dict[Callable[[], None], asyncio.AbstractEventLoop] = {}
_prepended: set[signal.Signals] = set()


def on_stop(callback: Callable[[], None]) -> None:
    """Call back once, in the running loop, at SIGTERM or SIGINT; whoever handled the signal still does, soon after."""
    if threading.current_thread() is not threading.main_thread():
        return  # no place for handlers, and no server runs us there
    if not _prepended:
        for number in (signal.SIGTERM, signal.SIGINT):
            _prepend(number)
    _callbacks[callback] = asyncio.get_running_loop()


def forget(callback: Callable[[], None]) -> None:
    """Do not call back."""
    _callbacks.pop(callback, None)


def _prepend(number: signal.Signals) -> None:
    _prepended.add(number)
    before: Any = signal.getsignal(number)

    def pass_on(frame: FrameType | None) -> None:
        if callable(before):
            before(number, frame)
        elif before == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def handle(_: int, frame: FrameType | None) -> None:
        running = [(callback, loop) for callback, loop in _callbacks.items() if loop.is_running()]
        _callbacks.clear()  # a second signal is passed on at once
        for callback, loop in running:
            loop.call_soon_threadsafe(callback)
        if running:
            loop.call_soon_threadsafe(loop.call_later, FAREWELL_SECONDS, pass_on, frame)
        else:
            pass_on(frame)

    if before is not None:  # else it was not set by Python, and could not be called
        signal.signal(number, handle)
