"""Waiting for a workflow to move, in the event loop: no thread and no connection to the database is held meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ninja import Schema
from pydantic import Field

from dashboard.api.authentication import Caller, still_admitted
from dashboard.streams import give_thread_back
from workflows.listener import listener

MOST_SECONDS = 30.0

_Found = TypeVar("_Found")


class Waiting(Schema):
    """After which event something is asked for, and how long it may take."""

    after: int | None = Field(None, ge=0, lt=2**63, description="only what is newer than this seq")
    wait: float = Field(0.0, ge=0, le=MOST_SECONDS, description="seconds")


async def until(
    look: Callable[[], Awaitable[_Found | None]], *, watching: str, seconds: float, caller: Caller
) -> _Found | None:
    """What `look` finds, at once or as soon as the workflow moved; None: the time was over first.

    Raises Problem for a caller who lost a right, a session or a token while it waited.
    """
    found = await look()
    if found is not None or not seconds:
        return found
    give_thread_back()
    loop, moved = asyncio.get_running_loop(), asyncio.Event()

    def hear(_workflow_id: str, _seq: int) -> None:
        """In the listener's thread."""
        loop.call_soon_threadsafe(moved.set)

    watch = listener().watch(watching, -1, hear)
    try:
        async with asyncio.timeout(seconds):
            while (found := await look()) is None:
                await moved.wait()
                moved.clear()
    except TimeoutError:
        return None
    finally:
        listener().unwatch(watch)
        await still_admitted(caller)
    return found
