"""Reads that many share: who asks while an answer is under way is in the next."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

import pytest

from dashboard import fanout
from dashboard.broadcasts import broadcasts
from dashboard.reads import Batch, Threads
from tests.processes import database_connections
from tests.wait import PATIENCE, until
from workflows.history import heads


class Question:
    """Doubles numbers when the test lets it; knows none above 99."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.allowed = threading.Semaphore(0)
        self.error: Exception | None = None

    def __call__(self, numbers: Collection[int]) -> dict[int, int]:
        self.asked.append(list(numbers))
        assert self.allowed.acquire(timeout=PATIENCE)
        if self.error is not None:
            raise self.error
        return {number: number * 2 for number in numbers if number < 100}


def with_batch(scenario: Callable[[Question, Batch[int, int]], Awaitable[None]]) -> None:
    async def main() -> None:
        question = Question()
        await scenario(question, Batch(Threads(2, "test"), question))

    asyncio.run(main())


async def asked(question: Question, count: int) -> None:
    while len(question.asked) < count:
        await asyncio.sleep(0.01)


def test_a_crowd_is_answered_by_two_questions() -> None:
    async def scenario(question: Question, batch: Batch[int, int]) -> None:
        first = asyncio.ensure_future(batch.ask(0))
        await asked(question, 1)
        crowd = [asyncio.ensure_future(batch.ask(number % 50 + 60)) for number in range(500)]
        question.allowed.release(2)
        assert await first == 0
        answers = [None if number % 50 + 60 > 99 else (number % 50 + 60) * 2 for number in range(500)]
        assert await asyncio.gather(*crowd) == answers
        assert question.asked == [[0], list(range(60, 110))]

    with_batch(scenario)


def test_who_asks_for_what_is_being_answered_gets_an_answer_that_is_not_older_than_the_question() -> None:
    async def scenario(question: Question, batch: Batch[int, int]) -> None:
        first = asyncio.ensure_future(batch.ask(1))
        await asked(question, 1)
        second = asyncio.ensure_future(batch.ask(1))
        question.allowed.release(2)
        assert await asyncio.gather(first, second) == [2, 2]
        assert question.asked == [[1], [1]]

    with_batch(scenario)


def test_a_failure_reaches_all_who_asked_and_nobody_after_them() -> None:
    async def scenario(question: Question, batch: Batch[int, int]) -> None:
        question.error = OSError("away")
        question.allowed.release(2)
        results = await asyncio.gather(batch.ask(1), batch.ask(2), return_exceptions=True)
        assert results == [question.error, question.error]
        question.error = None
        assert await batch.ask(1) == 2

    with_batch(scenario)


def test_one_that_goes_away_takes_no_answer_from_others() -> None:
    async def scenario(question: Question, batch: Batch[int, int]) -> None:
        one, other = asyncio.ensure_future(batch.ask(1)), asyncio.ensure_future(batch.ask(1))
        await asked(question, 1)
        one.cancel()
        question.allowed.release()
        with pytest.raises(asyncio.CancelledError):
            await one
        assert await other == 2

    with_batch(scenario)


async def ask_for_workflows() -> None:
    await asyncio.gather(*[fanout.fanout().reads.threads.ask(heads, ["nobody"]) for _ in range(4)])


async def ask_for_widgets() -> None:
    await broadcasts().look("no token")


@pytest.mark.parametrize("ask", [ask_for_workflows, ask_for_widgets])
@pytest.mark.django_db(transaction=True)
def test_loops_that_have_ended_leave_no_connections_behind(ask: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(ask())
    before = database_connections()
    for _ in range(20):
        asyncio.run(ask())
    until(lambda: database_connections() <= before + 4, what="only the newest loop's threads are connected")
