"""`workflow audit`: who asked for what, and letting go of what is old."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from workflows import audit
from workflows.audit import Wanted
from workflows.management import arguments, terminal
from workflows.management.operating import Answer, age
from workflows.management.terminal import Paint
from workflows.models import AuditEntry


def add_verbs(verb: Callable[[str, str, Answer], CommandParser]) -> None:
    """Add this verb to the command by its own way of adding one."""
    listing = verb("audit", "list who asked for what, latest first", show_entries)
    listing.add_argument("--who", default="", help="only what this account asked for")
    listing.add_argument("--action", default="", help="only this: cancel, resume, send, limit, …")
    listing.add_argument("--target", default="", help="only of the workflow, queue, schedule … of this name")
    listing.add_argument("--refused", action="store_true", help="only what was refused")
    listing.add_argument("--limit", type=arguments.page_size, default=20)
    listing.add_argument("--forget-older-than", type=age, metavar="AGE", help="remove what is older, 30d at least")


def show_entries(
    *, who: str, action: str, target: str, refused: bool, limit: int, forget_older_than: timedelta | None,
    as_json: bool, paint: Paint, **_: Any,
) -> dict[str, Any] | Iterable[str]:  # fmt: skip
    """The newest entries; or how many were removed."""
    if forget_older_than is not None:
        removed = audit.forget(forget_older_than, by=arguments.operator())
        return {"removed": removed} if as_json else [f"Removed: {removed:,} entries."]
    wanted = Wanted(who=who, action=action, target=target, done=False if refused else None)
    rows = audit.page(wanted, limit=limit).rows
    return {"entries": [audit.document(row) for row in rows]} if as_json else _lines(rows, paint)


def _lines(rows: list[AuditEntry], paint: Paint) -> Iterator[str]:
    if not rows:
        yield "Nobody asked for anything like that."
    for row in rows:
        target = terminal.plain(f"{row.target_kind} {row.target}", 80)
        yield (
            f"{terminal.moment(row.at)}  {terminal.padded(terminal.plain(row.who), 20)} "
            f"{paint('done   ', 'green') if row.done else paint('refused', 'red')} {row.action} {target}"
            f"{terminal.plain(f' → {row.made}') if row.made else ''}"
        )
        for head, text in (("", row.detail), ("reason: ", row.reason), ("why not: ", row.refusal)):
            if text:
                yield f"  {terminal.plain(head + text)}"
