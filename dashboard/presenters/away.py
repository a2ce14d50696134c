"""What happened while somebody did not look, in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from dashboard.presenters.attention import list_of
from workflows.counts import CREATED
from workflows.states import TERMINAL, Status

_BAD = (Status.FAILED.value, Status.QUARANTINED.value)
_MOST_NAMED = 3


class Bad(NamedTuple):
    """So many of a definition failed or were set aside, and where they are."""

    definition: str
    workflows: int
    address: str


class Away(NamedTuple):
    """How many began and ended, and of which definitions most failed; `others` counts those that are not named."""

    began: int
    ended: int
    failed: int
    named: list[Bad]
    others: int


def away(happened: Mapping[tuple[str, str], int]) -> Away:
    """From what happened, by definition and kind."""
    bad: Counter[str] = Counter()
    for (definition, kind), number in happened.items():
        if kind in _BAD:
            bad[definition] += number
    named = bad.most_common(_MOST_NAMED)
    return Away(
        began=sum(number for (_, kind), number in happened.items() if kind == CREATED),
        ended=sum(number for (_, kind), number in happened.items() if kind in TERMINAL),
        failed=bad.total(),
        named=[Bad(name, number, list_of(status=_BAD, definition=name)) for name, number in named],
        others=bad.total() - sum(number for _, number in named),
    )
