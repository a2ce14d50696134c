"""System checks: wrong tunables and databases are refused at start, with the name, the value and a good value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection

from workflows.conf import Conf, conf


@register("workflows")
def check_tunables(**_: Any) -> list[CheckMessage]:
    """Every tunable alone, then the combinations that cannot work."""
    try:
        tunables = conf()
    except TypeError as error:
        return [Error(str(error), id="workflows.E001")]
    return [*_wrong_values(tunables)] or [*_wrong_combinations(tunables)]


def _wrong_values(tunables: Conf) -> Iterator[CheckMessage]:
    for field in fields(Conf):
        value, good = getattr(tunables, field.name), field.default
        name = f"WORKFLOWS[{field.name.upper()!r}]"
        if isinstance(good, bool):
            if not isinstance(value, bool):
                yield Error(f"{name} is {value!r}; it is True or False.", hint=f"Use {good}.", id="workflows.E002")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            yield Error(f"{name} is {value!r}; it is a number above 0.", hint=f"Use {good}.", id="workflows.E003")
        elif isinstance(good, int) and not isinstance(value, int):
            yield Error(f"{name} is {value!r}; it is a whole number.", hint=f"Use {good}.", id="workflows.E007")


def _wrong_combinations(tunables: Conf) -> Iterator[CheckMessage]:
    if tunables.renew_interval > tunables.lease_seconds / 3:
        yield Error(
            f"WORKFLOWS['RENEW_INTERVAL'] is {tunables.renew_interval} s, more than a third of "
            f"LEASE_SECONDS ({tunables.lease_seconds} s): one late renewal would lose a healthy workflow.",
            hint=f"Use {tunables.lease_seconds / 3:g} or less.",
            id="workflows.E004",
        )
    if tunables.preview_max_bytes > tunables.payload_max_bytes:
        yield Error(
            f"WORKFLOWS['PREVIEW_MAX_BYTES'] is {tunables.preview_max_bytes}, more than PAYLOAD_MAX_BYTES.",
            hint=f"Use {Conf.preview_max_bytes}.",
            id="workflows.E005",
        )


@register(Tags.database)
def check_database(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """PostgreSQL, and commits that survive a crash: browsers must not see what a crash can undo.

    Only when databases are asked for (`migrate`, `check --database default`): none need run for the others.
    """
    if not databases:
        return []
    if connection.vendor != "postgresql":
        return [Error(f"The database is {connection.vendor}; Telltale needs PostgreSQL 14 or newer.",
                      hint="Set DATABASE_URL=postgres://…", id="workflows.E006")]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        (value,) = cursor.fetchone()
    if value in {"off", "local"}:
        return [Warning(f"synchronous_commit is {value}: a crash can undo what people have already seen.",
                        hint="Use on (the default).", id="workflows.W001")]  # fmt: skip
    return []
