"""What the storm starts, how often, and what must come of it: the undisturbed outcome, computed without the engine."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import definitions
from workflows.authoring import Definition


@dataclass(frozen=True)
class Outcome:
    """The end of one workflow."""

    status: str = "succeeded"
    output: Any = None
    error: str | None = None  # its type
    values: dict[str, Any] = field(default_factory=dict)  # at the end, by key
    published: dict[str, list[Any]] = field(default_factory=dict)  # exactly these, in order, by key
    groups: tuple[str, ...] = ()  # rows that its atomic steps wrote
    delay: float = 0.0  # seconds from its start to its first claim, at least
    others: dict[str, Outcome] = field(default_factory=dict)  # workflows that it started, by id


@dataclass(frozen=True)
class Kind:
    """A definition in the storm. `make` draws its arguments for an id; `outcome` computes what they lead to."""

    definition: Definition[..., Any]
    make: Callable[[random.Random, str], tuple[Any, ...]]
    outcome: Callable[..., Outcome]
    weight: float = 1.0
    messages: Callable[..., list[Any]] = lambda *_: []  # what must be sent to it, in order
    cancelled: bool = False  # with its children, by an operator, soon after it was started
    options: Callable[[random.Random], dict[str, Any]] = lambda _chance: {}  # of `using`


def _link(number: int) -> int:
    return number * 2 + 1


def _chain(numbers: list[int], _seconds: float) -> Outcome:
    values = {"phase": "end"}
    return Outcome(output=sum(map(_link, numbers)), values=values, published={"phase": ["begin", "end"]})


def _stumbling(failures: int) -> Outcome:
    if failures >= 4:
        return Outcome("failed", error="Stumbled", values={"tried": True})
    return Outcome(output=failures + _link(failures), values={"tried": True})


def _tracking(count: int) -> Outcome:
    progress = {"done": count, "total": count, "label": "links"}
    return Outcome(output=sum(map(_link, range(count))), values={"progress": progress})


def _listening(count: int) -> Outcome:
    heard = list(range(1, count + 1))
    return Outcome(output=list(range(count)), values={"heard": count}, published={"heard": heard})


def _following(other: str, answer: int) -> Outcome:
    published = Outcome(values={"answer": answer}, published={"answer": [answer]})
    return Outcome(output=answer, others={other: published})


def _numbers(chance: random.Random) -> list[int]:
    return [chance.randrange(100) for _ in range(chance.randrange(1, 8))]


def _queued(queue: str, further: Callable[[random.Random], dict[str, Any]] = lambda _: {}) -> Kind:
    """Short chains in a queue with limits."""
    return Kind(
        definitions.chain,
        lambda chance, _id: ([chance.randrange(9) for _ in range(3)], chance.choice([0.0, 0.1])),
        _chain,
        options=lambda chance: {"queue": queue, **further(chance)},
    )


def _family(numbers: list[int], *_: Any) -> Outcome:
    return Outcome(output=sum(numbers) * 10)


KINDS: dict[str, Kind] = {
    "chain": Kind(
        definitions.chain,
        lambda chance, _id: (
            [chance.randrange(1_000) for _ in range(chance.randrange(2, 12))], chance.choice([0.0, 0.02, 0.2, 0.5])
        ),
        _chain,
        weight=4,
    ),
    "stumbling": Kind(
        definitions.stumbling, lambda chance, _id: (chance.choice([0, 1, 2, 3, 1_000_000]),), _stumbling, weight=2
    ),
    "enrolling": Kind(
        definitions.enrolling,
        lambda chance, id: ([f"{id}-{number}" for number in range(chance.randrange(1, 6))],),
        lambda names: Outcome(output=names, values={"group": names[-1]}, groups=tuple(names)),
        weight=3,
    ),
    "counting": Kind(
        definitions.counting,
        lambda chance, _id: (chance.randrange(5, 60),),
        lambda count: Outcome(
            output=list(range(count)), values={"count": count - 1}, published={"count": list(range(count))}
        ),
        weight=2,
    ),
    "tracking": Kind(definitions.tracking, lambda chance, _id: (chance.randrange(3, 20),), _tracking, weight=2),
    "listening": Kind(
        definitions.listening, lambda chance, _id: (chance.randrange(1, 5),), _listening, weight=2,
        messages=lambda count: list(range(count)),
    ),
    "waiting in vain": Kind(
        definitions.waiting_in_vain,
        lambda chance, _id: (chance.choice([0.2, 1.0, 3.0]),),
        lambda _seconds: Outcome(output="nobody came, 3"),
    ),
    "following": Kind(
        definitions.following, lambda chance, id: (f"{id}-publisher", chance.randrange(1_000)), _following, weight=2
    ),
    "sleeping": Kind(
        definitions.sleeping,
        lambda chance, _id: ([chance.choice([0.05, 0.5, 1.5, 3.0]) for _ in range(chance.randrange(1, 4))],),
        lambda naps: Outcome(output=3 * len(naps), values={"naps": len(naps)}),
        weight=2,
    ),
    "gathering": Kind(definitions.gathering, lambda chance, _id: (_numbers(chance),), _family, weight=2),
    "racing": Kind(definitions.racing, lambda chance, _id: (_numbers(chance),), _family, weight=2),
    "asking": Kind(definitions.asking, lambda chance, _id: (_numbers(chance),), _family),
    "delayed": Kind(
        definitions.probe, lambda *_: (), lambda: Outcome(output=3, delay=1.0), options=lambda _: {"delay": 1.0}
    ),
    "too long": Kind(
        definitions.sleeping, lambda *_: ([3_600.0],), lambda _naps: Outcome("cancelled"),
        options=lambda _: {"timeout": 1.0},
    ),
    "cancelled": Kind(
        definitions.sleepers, lambda chance, _id: (chance.randrange(1, 12),), lambda _count: Outcome("cancelled"),
        cancelled=True,
    ),
    "limited": _queued("storm-limited"),
    "one per worker": _queued("storm-single"),
    "rated": _queued("storm-rated"),
    "keyed": _queued("storm-keyed", lambda chance: {"partition_key": chance.choice("ab")}),
    "prioritised": _queued("default", lambda chance: {"priority": chance.randrange(-5, 6)}),
    "catching": Kind(
        definitions.catching, lambda *_: (), lambda: Outcome(output="caught, 9", values={"caught": "refused"})
    ),
    "disk full": Kind(
        definitions.disk_full, lambda *_: ("some text",), lambda text: Outcome(output=len(text)), weight=0.5
    ),
    "hungry": Kind(
        definitions.hungry, lambda *_: (1024**3,), lambda _size: Outcome("failed", error="MemoryError"), weight=0.5
    ),
    "poison": Kind(
        definitions.poison, lambda *_: (), lambda: Outcome("quarantined", error="Quarantined"), weight=0.15
    ),
}  # fmt: skip


def draw(chance: random.Random) -> str:
    """The name of a kind, by weight."""
    names = list(KINDS)
    return chance.choices(names, [KINDS[name].weight for name in names])[0]
