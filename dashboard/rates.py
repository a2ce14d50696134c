"""How often an address may ask for widgets. Counted by this process, by the minute, and forgotten with it."""

from __future__ import annotations

import time
from collections import Counter

from django.conf import settings

_MINUTE = 60.0


class Rates:
    """Requests of this minute, by address. Not for several threads."""

    def __init__(self) -> None:
        self._minute = 0
        self._asked: Counter[str] = Counter()

    def allows(self, address: str) -> bool:
        """Count one more; whether it is within what an address may have in a minute."""
        minute = int(time.monotonic() / _MINUTE)
        if minute != self._minute:
            self._minute, self._asked = minute, Counter()
        self._asked[address] += 1
        return self._asked[address] <= settings.EMBED_REQUESTS_PER_MINUTE
