"""`workflow export` and `workflow replay`: one workflow as a file with everything, and a look into such a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from workflows import exports, history, queries
from workflows.errors import InvalidExport
from workflows.fold import State
from workflows.management import terminal
from workflows.management.operating import Answer
from workflows.management.terminal import Paint
from workflows.redaction import Lens
from workflows.visibility import Visibility

_READERS = [Visibility.ADMIN.value, Visibility.STAFF.value]


def add_verbs(verb: Callable[[str, str, Answer], CommandParser]) -> None:
    """Add these verbs to the command by its own way of adding one."""
    export = verb("export", "write a workflow with everything as one JSON document", export_workflow)
    export.add_argument("workflow_id")
    export.add_argument("--to", type=Path, help="a new file; default: standard output")
    export.add_argument(
        "--as", dest="reader", choices=_READERS, default=_READERS[0],
        help="what its readers may read: staff: without sensitive keys; what nobody may read is in neither",
    )  # fmt: skip
    replay = verb("replay", "fold an exported workflow, and show it after any of its events", replay_file)
    replay.add_argument(
        "file", type=argparse.FileType(encoding="utf-8"), help="as `export` wrote it; - is standard input"
    )
    replay.add_argument("--seq", type=_seq, help="after this event; default: after the last")


def _seq(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text!r} is no seq, which is 0 or more")
    return int(text)


def export_workflow(*, workflow_id: str, to: Path | None, reader: str, **_: Any) -> Iterator[str]:
    """The document; or, if it goes into a file, a sentence about it. Raises WorkflowNotFound."""
    workflow = queries.get_workflow(workflow_id)
    with history.one_moment():
        pieces = exports.document(workflow.id, Lens(workflow.definition, Visibility(reader)))
        if to is None:
            yield from pieces
            return
        _write(to, pieces)
    yield f"{terminal.plain(workflow.id)}: {workflow.last_seq} events, {to.stat().st_size:,} bytes in {to}"


def _write(to: Path, pieces: Iterator[str]) -> None:
    """A new file with all of it, or none. Raises ValueError."""
    try:
        with to.open("x", encoding="utf-8") as file:
            try:
                file.writelines(pieces)
            except BaseException:
                to.unlink()
                raise
    except OSError as error:
        raise ValueError(f"{to}: {error.strerror}.") from error


def replay_file(*, file: Any, seq: int | None, paint: Paint, as_json: bool, **_: Any) -> dict[str, Any] | Iterator[str]:
    """The state after an event of the file. Raises InvalidExport."""
    try:
        with closing(file):
            told = exports.read(file.read())
    except UnicodeDecodeError as error:
        raise InvalidExport("it is not UTF-8") from error
    last = len(told["events"])
    state = exports.state_at(told, last if seq is None else seq)
    return state if as_json else _lines(told, state, paint)


def _lines(told: dict[str, Any], state: State, paint: Paint) -> Iterator[str]:
    workflow, last = state["workflow"], len(told["events"])
    status = paint.status(workflow["status"] or "", 14) if workflow["status"] else ""
    yield f"{status}{terminal.plain(workflow['definition'] or '')} {paint(terminal.plain(workflow['id']), 'bold')}"
    yield paint(f"After event {state['seq']} of {last}, as exported at {terminal.moment(told['exported_at'])}", "grey")
    for key, value in sorted(state["values"].items()):
        seq = paint(f"#{value['seq']}", "grey")
        yield f"  {terminal.plain(key)} = {terminal.compact(value['value'], 100)} {seq}"
    for step in state["steps"].values():
        yield f"  {step['position']:>5} {paint.status(step['status'], 14)}{terminal.plain(step['name'])}"
    if state["seq"]:
        yield terminal.event_line(told["events"][state["seq"] - 1])
    if state["seq"] == last and state != told["state"]:
        raise InvalidExport("the fold of its events is not its state; it was changed, or this code is older than it")
