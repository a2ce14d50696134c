"""Bytes under way are bounded, and a client without progress is noticed."""

from __future__ import annotations

import pytest

from dashboard.decoding import BadMessage
from dashboard.window import Window


def test_it_closes_at_the_limit_and_opens_with_acknowledgements() -> None:
    window = Window(limit=100)
    for size in (60, 60):
        assert window.is_open
        window.sent(size)
    assert not window.is_open
    window.acknowledged(1)
    assert window.is_open


def test_one_frame_may_exceed_the_limit() -> None:
    window = Window(limit=100)
    window.sent(10_000)
    assert not window.is_open
    window.acknowledged(1)
    assert window.is_open


def test_old_news_is_no_progress_and_more_than_was_sent_is_refused() -> None:
    window = Window()
    for _ in range(3):
        window.sent(10)
    window.acknowledged(2)
    assert window.stalled(1.0) == 0.0
    window.acknowledged(1)
    window.acknowledged(2)
    assert window.stalled(1.0) == 1.0
    with pytest.raises(BadMessage):
        window.acknowledged(4)


def test_only_what_is_under_way_can_stall() -> None:
    window = Window()
    assert window.stalled(60.0) == 0.0
    window.sent(10)
    assert [window.stalled(20.0) for _ in range(3)] == [20.0, 40.0, 60.0]
    window.acknowledged(1)
    assert window.stalled(20.0) == 0.0
    assert window.stalled(20.0) == 0.0
