"""How many connections of one account are open in this process, and when that is too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings


class TooMany(Exception):
    """No more for this account; the text says how many it has."""


class Seats:
    """Counts connections of all carriers by account. Not for several threads."""

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()

    @property
    def number(self) -> int:
        """Of all accounts."""
        return self._taken.total()

    def ask(self, user_id: int) -> None:
        """Whether there is one more. Raises TooMany."""
        limit = settings.LIVE_CONNECTIONS_PER_USER
        if self._taken[user_id] >= limit:
            raise TooMany(f"This account has {limit} connections here, which is the most; close some.")

    def take(self, user_id: int) -> None:
        """One more. Raises TooMany."""
        self.ask(user_id)
        self._taken[user_id] += 1

    def give_back(self, user_id: int) -> None:
        """One less."""
        self._taken[user_id] -= 1
        if not self._taken[user_id]:
            del self._taken[user_id]

    @contextmanager
    def taken(self, user_id: int) -> Iterator[None]:
        """One more, until the end of the block. Raises TooMany."""
        self.take(user_id)
        try:
            yield
        finally:
            self.give_back(user_id)
