"""Verbs for one workflow or many: `manage.py workflow cancel | resume | fork | restart | delete | pin | unpin`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from workflows import bulk, finding
from workflows.errors import InvalidInput
from workflows.management import arguments, terminal
from workflows.options import Options
from workflows.states import Status

_HELP = {
    "cancel": "stop workflows for good",
    "resume": "let ended workflows go on where they were",
    "fork": "start a copy of a workflow that goes on at a position",
    "restart": "start a workflow anew, with other input if given",
    "delete": "remove ended workflows with their history",
    "pin": "keep workflows from retention",
    "unpin": "leave workflows to retention again",
}
_MOST = 100_000


def add_verbs(verbs: Any, verb: Any, run: Any) -> None:
    """One subparser per verb, made by `verb(verbs, name, help, run)`."""
    for name, help_text in _HELP.items():
        parser = verb(verbs, name, help_text, run)
        parser.set_defaults(apply=name)
        parser.add_argument("workflow_ids", nargs="*", metavar="ID")
        parser.add_argument("--reason", default="", help="kept in the history")
        _add_filter(parser)
        if name in {"fork", "restart"}:
            parser.add_argument("--new-id", help="of the workflow that is made, if it is one")
        if name == "cancel":
            parser.add_argument("--tree", action="store_true", help="its children and theirs, too")
        if name == "fork":
            parser.add_argument("--position", type=int, required=True, help="the first operation to do again")
        if name == "restart":
            parser.add_argument("--input", type=arguments.json_input, help="arguments as a JSON object or array")


def _add_filter(parser: argparse.ArgumentParser) -> None:
    which = parser.add_argument_group("instead of ids: all that match now")
    which.add_argument("--status", action="append", default=[], choices=[status.value for status in Status])
    which.add_argument("--definition", default="")
    which.add_argument("--search", default="", help="the beginning of their ids")
    which.add_argument("--dry-run", action="store_true", help="say which, and do nothing")


def add_options(start: argparse.ArgumentParser) -> None:
    """The options of a start."""
    start.add_argument("--queue", help="another queue than the definition's")
    start.add_argument("--priority", type=int, default=0, help="-1000 to 1000, higher first")
    start.add_argument("--delay", type=arguments.seconds, help="seconds until it may start")
    start.add_argument("--run-at", type=arguments.moment, help="not before: 2026-11-23T10:00Z")
    start.add_argument("--deadline", type=arguments.seconds, help="seconds from its first claim until it is cancelled")
    start.add_argument("--dedup-key", help="no two unfinished ones of a queue have the same")
    start.add_argument("--on-duplicate", choices=["return", "raise"], default="return",
                       help="what comes of an id or dedup key that is taken: that workflow, or an error")  # fmt: skip
    start.add_argument("--partition-key", help="what the queue's partition concurrency counts by")


def options(given: dict[str, Any]) -> Options:
    """The options as given on the command line."""
    names = ("queue", "priority", "delay", "run_at", "dedup_key", "on_duplicate", "partition_key")
    return Options(timeout=given["deadline"], **{name: given[name] for name in names})


def documents(*, apply: str, workflow_ids: list[str], reason: str, **options: Any) -> Iterator[dict[str, Any]]:
    """What was done to each: {id, done, status or detail}. One id alone raises what refuses it."""
    told = {"by": arguments.operator(), "reason": reason, **_of_verb(apply, options)}
    if len(workflow_ids) == 1 and not _is_filtered(options) and not options.get("dry_run"):
        verb = "cancel_tree" if options.get("tree") else apply
        yield _done(workflow_ids[0], bulk.VERBS[verb](workflow_ids[0], **told))
        return
    ids = workflow_ids or _matching(options)
    if options.get("new_id") is not None and len(ids) > 1:
        raise InvalidInput(f"--new-id names one workflow, but {len(ids)} would be made. Leave it out.")
    if options.get("dry_run"):
        yield from ({"id": workflow_id, "done": False, "detail": "would be asked for"} for workflow_id in ids)
        return
    for outcome in bulk.apply("cancel_tree" if options.get("tree") else apply, ids, **told):
        yield {"id": outcome.workflow_id, "done": outcome.done, "detail": outcome.detail}


def _of_verb(apply: str, options: dict[str, Any]) -> dict[str, Any]:
    if apply == "fork":
        return {"position": options["position"], "new_id": options["new_id"]}
    if apply == "restart":
        given = options["input"]
        args, kwargs = (given, None) if isinstance(given, list) else (None, given)
        return {"args": args, "kwargs": kwargs, "new_id": options["new_id"]}
    return {}


def _is_filtered(options: dict[str, Any]) -> bool:
    return bool(options.get("status") or options.get("definition") or options.get("search"))


def _matching(options: dict[str, Any]) -> list[str]:
    """Raises InvalidInput when neither ids nor a filter say which are meant."""
    if not _is_filtered(options):
        raise InvalidInput("Give ids, or say which with --status, --definition or --search.")
    found = finding.listed(definition=options["definition"], search=options["search"])
    if options["status"]:
        found = found.filter(status__in=options["status"])
    ids = bulk.matching(found, limit=_MOST + 1)
    if len(ids) > _MOST:
        sys.stderr.write(f"More than {_MOST:,} match. This is about the newest {_MOST:,}; say it again for the rest.\n")
    return ids[:_MOST]


def _done(workflow_id: str, made: Any) -> dict[str, Any]:
    """`made`: the workflow as it is now, or another one that was made of it; None for what leaves none to look at."""
    if made is None:
        return {"id": workflow_id, "done": True, "detail": ""}
    return {"id": made.id, "status": made.status, "done": True, "detail": ""}


def lines(told: Iterator[dict[str, Any]]) -> Iterator[str]:
    """The documents in words; exits with 1 in the end when something was refused."""
    refused = 0
    for document in told:
        refused += not document["done"] and document["detail"] != "would be asked for"
        yield terminal.plain(_sentence(document))
    if refused:
        sys.exit(1)


def _sentence(document: dict[str, Any]) -> str:
    if "status" in document:
        return f"{document['id']} is {document['status']}."
    if document["done"]:
        return f"{document['id']}: done{': ' + document['detail'] if document['detail'] else ''}"
    return f"{document['id']}: {document['detail']}"
