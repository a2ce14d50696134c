"""When a failed attempt is tried again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.retries import RetryPolicy


def test_the_wait_doubles_up_to_its_maximum_and_ends_with_the_attempts() -> None:
    policy = RetryPolicy(attempts=6, backoff=1.0, max_backoff=5.0)
    waits = [policy.delay(failures=failures, error=ValueError()) for failures in range(1, 7)]
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0, None]


def test_an_error_of_another_type_is_not_tried_again() -> None:
    policy = RetryPolicy(attempts=6, retry_on=(OSError,))
    assert policy.delay(failures=1, error=ConnectionError()) == 1.0
    assert policy.delay(failures=1, error=ValueError()) is None


@given(failures=st.integers(1, 10_000))
def test_the_wait_is_always_a_number_within_bounds(failures: int) -> None:
    wait = RetryPolicy(attempts=20_000, backoff=0.5, max_backoff=60.0).delay(failures=failures, error=OSError())
    assert wait is not None
    assert 0.5 <= wait <= 60.0


@pytest.mark.parametrize(
    "wrong",
    [{"attempts": 0}, {"attempts": -1}, {"attempts": 1.5}, {"attempts": True}, {"backoff": -1}, {"backoff": "1"},
     {"max_backoff": math.nan}, {"retry_on": (5,)}, {"retry_on": (OSError, "x")}, {"retry_on": (BaseException,)}],
)  # fmt: skip
def test_a_policy_that_cannot_work_is_refused_where_it_is_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)
