"""`manage.py workflow watch`: from the database, or from a console by `--server`, drawn alike."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from workflows import client, queries, telemetry
from workflows.errors import InvalidInput
from workflows.management import arguments, following
from workflows.management.screens import Screen
from workflows.reader import Cursor, Moved, Wire
from workflows.remote import Console
from workflows.states import EventKind


class Outcome(NamedTuple):
    """How a workflow ended. `output` is None and `output_bytes` its size where a console does not send all of it."""

    status: str
    output: Any
    error: dict[str, Any] | None
    output_bytes: int | None = None


def add_options(watch: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    watch.add_argument("workflow_id")
    watch.add_argument(
        "--from", dest="at", type=arguments.place, metavar="CURSOR",
        help="show what came after it, too: a seq, or a cursor that --json printed",
    )  # fmt: skip
    console = watch.add_argument_group("through a console, without access to its database")
    console.add_argument("--server", metavar="URL", help="its address, such as https://console.example")
    console.add_argument(
        "--user", help="asks for the password, unless TELLTALE_PASSWORD has it; or give a session in TELLTALE_SESSION"
    )


def watch(
    workflow_id: str, screen: Screen, *, at: Cursor | None, timeout: float | None, server: str | None, user: str | None
) -> tuple[Cursor, Outcome]:
    """Draw a workflow until it ended; where its history stands then, and how it ended.

    Raises what `following.follow` and `client.follow` do, ValueError and InvalidInput for what cannot be asked.
    """
    console = _console(server, user, screen) if server else None
    moves = (
        client.follow(console, workflow_id, at=at, timeout=timeout, tell=screen.note)
        if console
        else following.follow(workflow_id, at=at, timeout=timeout, tell=screen.note)
    )
    with telemetry.errors_only():
        last, ending = _drawn(moves, screen)
    return last.cursor, _told(last, ending) if console else _recorded(workflow_id)


def _console(server: str, user: str | None, screen: Screen) -> Console:
    session = os.environ.get("TELLTALE_SESSION", "")
    if not session and not user:
        raise InvalidInput("Say who watches: --user NAME, or the session's cookie in TELLTALE_SESSION.")
    console = Console(server, user=user or "", password=_password(user, server) if user else "", session=session)
    if console.exposed:
        screen.note(f"{console.address} is no https: whoever listens on the way learns the password.")
    return console


def _password(user: str, server: str) -> str:
    password = os.environ.get("TELLTALE_PASSWORD")
    if password is None and not sys.stdin.isatty():
        raise InvalidInput("Nobody is there to type a password; put it into TELLTALE_PASSWORD.")
    return getpass.getpass(f"Password of {user} at {server}: ") if password is None else password


def _drawn(moves: Iterator[Moved], screen: Screen) -> tuple[Moved, Wire | None]:
    """Draws; the last look, and the event that says what was returned."""
    ending = None
    for moved in moves:
        screen.show(moved)
        for event in (*moved.earlier, *moved.events):
            ending = event if event[2] == EventKind.SUCCEEDED else ending
    return moved, ending


def _told(last: Moved, ending: Wire | None) -> Outcome:
    workflow = last.state["workflow"]
    returned = ending[5] if ending and workflow["status"] == EventKind.SUCCEEDED else {}
    return Outcome(workflow["status"], returned.get("output"), workflow["error"], returned.get("output_bytes"))


def _recorded(workflow_id: str) -> Outcome:
    workflow = queries.get_workflow(workflow_id)
    return Outcome(workflow.status, workflow.output, workflow.error)
