"""Indexes and constraints that are taken off a table while it is filled, and made again as they were.

Within one transaction: whoever looks meanwhile waits, and a fill that is broken off leaves the schema as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from django.db.backends.utils import CursorWrapper

# Not the primary keys: foreign keys of other tables need them, and rows come in the order of most of them.
_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = ANY(%(tables)s::regclass[]) AND contype IN ('f', 'u') ORDER BY contype DESC, conname"""
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = ANY(%(tables)s::regclass[]) AND NOT indisprimary
  AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype = 'u') ORDER BY 1"""


class Made(NamedTuple):
    """How they are made: `(table, name, definition)` of constraints, `(name, statement)` of indexes."""

    constraints: list[tuple[str, str, str]]
    indexes: list[tuple[str, str]]


def made(cursor: CursorWrapper, tables: Sequence[str]) -> Made:
    """What these tables have now."""
    cursor.execute(_CONSTRAINTS, {"tables": list(tables)})
    constraints = cursor.fetchall()
    cursor.execute(_INDEXES, {"tables": list(tables)})
    return Made(constraints, cursor.fetchall())


@contextmanager
def taken_off(cursor: CursorWrapper, tables: Sequence[str]) -> Iterator[Made]:
    """Without them inside. Made again at the end, which also checks that what was written obeys them."""
    before = made(cursor, tables)
    for table, name, _ in before.constraints:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for name, _ in before.indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield before
    for _, statement in before.indexes:
        cursor.execute(statement)
    for table, name, definition in before.constraints:
        cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
