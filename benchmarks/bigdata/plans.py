"""What the server did for each statement: PostgreSQL's auto_explain tells every plan to the client that asked.

Also for statements that Django does not know of, and in threads of their own. Needs a role that may load auto_explain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.signals import connection_created

_ON = """LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off; SET auto_explain.log_format = json; SET auto_explain.log_level = notice"""
_OFF = "SET auto_explain.log_min_duration = -1"
_LARGE = frozenset({"workflows_workflow", "workflows_event", "workflows_step", "workflows_value", "workflows_message"})
_COUNTS = re.compile(r"\bcount\s*\(", re.IGNORECASE)


ADDRESS = "/observed/"  # where a server that watches itself tells its statements


class Statement(NamedTuple):
    """One that was executed. `rows`: read of large tables. `scanned`, `counted`: those that it read from end to end.

    Rows that an index picked may be counted; how many of them is seen by `rows`.
    """

    text: str
    rows: int
    scanned: list[str]
    counted: list[str]


def statement(explained: dict[str, Any]) -> Statement:
    """What a plan in JSON says."""
    text = explained["Query Text"]
    rows, scanned, counted = 0, set[str](), set[str]()
    for node, relation, under_count in _nodes(explained["Plan"], counts=bool(_COUNTS.search(text))):
        if relation in _LARGE and node["Node Type"] != "ModifyTable":
            passed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            rows += round((node["Actual Rows"] + passed) * node["Actual Loops"])
            if node["Node Type"] == "Seq Scan" and node["Actual Loops"]:
                scanned.add(relation)
            if under_count and "Relation Name" in node and not {"Index Cond", "Recheck Cond"} & node.keys():
                counted.add(relation)
    return Statement(text, rows, sorted(scanned), sorted(counted))


def _nodes(
    node: dict[str, Any], relation: str = "", *, counts: bool, under_count: bool = False
) -> Iterator[tuple[dict[str, Any], str, bool]]:
    """Each node, the table that it reads, and whether what it reads is counted.

    A bitmap's entries are of the table above them. What a limit lets through is counted at no cost to speak of.
    """
    kind = node["Node Type"]
    relation = node.get("Relation Name", relation if kind.startswith("Bitmap") else "")
    yield node, "" if kind in ("BitmapAnd", "BitmapOr") else relation, under_count
    under_count = kind != "Limit" and (under_count or (kind == "Aggregate" and counts))
    for below in node.get("Plans", ()):
        yield from _nodes(below, relation, counts=counts, under_count=under_count)


_seen: list[Statement] = []


def _heard(diagnostic: Any) -> None:
    text = diagnostic.message_primary or ""
    if text.startswith("duration:") and "plan:" in text:
        _seen.append(statement(json.loads(text.partition("plan:")[2])))


def _watch(connection: Any, **_: Any) -> None:
    raw = connection.connection
    raw.add_notice_handler(_heard)
    raw.execute(_ON)


def watch_all() -> None:
    """Every connection that this process opens from now on tells its plans."""
    connection_created.connect(_watch, weak=False)


def taken() -> list[Statement]:
    """What was executed since this was asked last."""
    found = _seen.copy()
    _seen.clear()
    return found


@contextmanager
def recorded() -> Iterator[None]:
    """Inside, what this thread's connection executes is heard of, too."""
    connection.ensure_connection()
    raw = connection.connection
    raw.add_notice_handler(_heard)
    raw.execute(_ON)
    _seen.clear()
    try:
        yield
    finally:
        raw.remove_notice_handler(_heard)
        raw.execute(_OFF)
        _seen.clear()
