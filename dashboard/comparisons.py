"""Two workflows beside each other, as of one moment: a bounded part of each, as one person may read it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from dashboard import access
from workflows import finding, queries, registry
from workflows.finding import Cursor
from workflows.history import one_moment
from workflows.models import Workflow
from workflows.queries import StepOutline, Stored
from workflows.redaction import Lens
from workflows.states import Status

MOST_STEPS = 2_000  # of each
MOST_KEYS = 200  # of both together
_LONGEST_VALUE, _LONGEST_PAYLOAD = 8 * 1024, 64 * 1024  # bytes of JSON that are taken apart


@dataclass(frozen=True)
class Content:
    """A payload, value or error as somebody may read it.

    `value` counts where `is_read`; else it is too long, or nested too deeply, to be taken apart. `digest` tells it from
    others; it is empty where that would tell of what is kept back.
    """

    value: Any = None
    size: int = 0  # bytes of JSON
    digest: str = ""
    is_read: bool = True
    is_hidden: bool = False


@dataclass(frozen=True)
class Side:
    """One of the two. `contents`: its `input`, `output` and `error`, as far as there are any; `values` by key."""

    row: Workflow
    lens: Lens
    steps: list[StepOutline]
    has_more_steps: bool
    contents: dict[str, Content]
    values: dict[str, Content] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """Both, and the keys that either has published, in the order of the alphabet."""

    here: Side
    there: Side
    keys: list[str]
    has_more_keys: bool

    @property
    def compares_outputs(self) -> bool:
        """Whether this person may know which steps returned the same."""
        return self.here.lens.reads_whole_payloads and self.there.lens.reads_whole_payloads


def last_success(user: access.Visitor, row: Workflow) -> str | None:
    """The id of the newest workflow of the same definition that succeeded and was created before; None: there is none.

    Only what this person may see counts.
    """
    before = Cursor(row.created_at, row.id)
    found = finding.places(
        statuses=[Status.SUCCEEDED],
        definition=row.definition,
        before=before,
        limit=1,
        within=access.visible_workflows(user),
    )
    return found[0].workflow_id if found else None


def read(user: access.Visitor, here: str, there: str) -> Pair | None:
    """Both, by their ids; None: this person may not see both, or one does not exist."""
    with one_moment():  # else one may be as of before, the other as of after what happens meanwhile
        rows = access.visible_workflows(user).defer("input", "output").in_bulk([here, there])
        if here not in rows or there not in rows:
            return None
        found = queries.first_keys([here, there], MOST_KEYS + 1)
        keys = found[:MOST_KEYS]
        ours, theirs = (_side(access.lens(user, rows[id_]), rows[id_], keys) for id_ in (here, there))
    return Pair(ours, theirs, keys, len(found) > MOST_KEYS)


def _side(lens: Lens, row: Workflow, keys: Collection[str]) -> Side:
    steps = queries.step_outlines(row.id, MOST_STEPS + 1)
    contents = {of: _payload(lens, of, one) for of, one in queries.stored_payloads(row.id, _LONGEST_PAYLOAD).items()}
    values = {key: _value(lens, key, one) for key, one in queries.stored_values(row.id, keys, _LONGEST_VALUE).items()}
    if row.error:
        error = lens.error(row.error) or {}
        digest = f"{error.get('type')}: {error.get('message')}" if lens.reads_whole_payloads else ""
        contents["error"] = Content(error, digest=digest)
    return Side(row, lens, steps[:MOST_STEPS], len(steps) > MOST_STEPS, contents, values)


def _payload(lens: Lens, of: str, stored: Stored) -> Content:
    if not lens.reads_payloads:
        return Content(is_hidden=True)
    digest = stored.digest if lens.reads_whole_payloads else ""
    if stored.text is None:
        return Content(size=stored.size, digest=digest, is_read=False)
    read = _decoded(lens.payload_text(of, stored.text), stored.size, digest)
    named = registry.arguments_by_name(lens.definition, read.value) if of == "input" else read.value
    return Content(named, read.size, read.digest, read.is_read)


def _value(lens: Lens, key: str, stored: Stored) -> Content:
    if not lens.shows(key):
        return Content(is_hidden=True)
    if stored.text is None:
        return Content(size=stored.size, digest=stored.digest, is_read=False)
    return _decoded(stored.text, stored.size, stored.digest)


def _decoded(text: str, size: int, digest: str) -> Content:
    try:
        return Content(json.loads(text), size, digest)
    except RecursionError:
        return Content(size=size, digest=digest, is_read=False)
