"""What `workflow list` and `workflow show` print: lines for people, documents for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from workflows import history, queries, workers
from workflows.finding import Page
from workflows.management import arguments, terminal
from workflows.management.screens import headline
from workflows.management.terminal import Paint
from workflows.management.watching import Outcome
from workflows.models import Step, Workflow
from workflows.queries import Summary

_MOST_STEPS = 40


def list_document(page: Page) -> dict[str, Any]:
    """A page of workflows as one JSON document; `older` continues it."""
    older = arguments.cursor_text(page.older) if page.older else None
    return {"workflows": queries.summaries_of(page.rows), "older": older}


def list_lines(page: Page, paint: Paint) -> Iterator[str]:
    """A page of workflows as a table."""
    if not page.rows:
        yield "No workflow matches."
        return
    yield paint(f"{'STATUS':<14}{'DEFINITION':<20}{'ID':<38}{'AGE':>8}  LAST", "grey")
    for row in queries.summaries_of(page.rows):
        yield (
            f"{paint.status(row['status'], 14)}{terminal.padded(terminal.plain(row['definition']), 19)} "
            f"{terminal.padded(terminal.plain(row['id']), 37)} {_age(row['created_at']):>8}  {_last(row)}"
        )
    if page.older:
        yield paint(f"More: --before '{terminal.plain(arguments.cursor_text(page.older))}'", "grey")


def _age(created_at: str) -> str:
    passed = (datetime.now(UTC) - datetime.fromisoformat(created_at)).total_seconds()
    return _duration(passed)


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size * 2:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.1f} s"


def _last(row: Summary) -> str:
    if row["error"]:
        return terminal.plain(row["error"], 80)
    drawn = terminal.bar(row["progress"], 10)
    if not drawn and row["waiting"]:
        return _waits(row["waiting"])
    return drawn or terminal.plain(row["phase"] or "", 60)


def _waits(waiting: dict[str, Any]) -> str:
    until = f" until {terminal.moment(waiting['until'])}" if waiting.get("until") else ""
    name = f" {terminal.plain(repr(waiting['name']))}" if waiting.get("name") else ""
    return f"waits for {terminal.plain(waiting['for'])}{name}{until}"


def show_document(workflow: Workflow, events: int) -> dict[str, Any]:
    """Everything about one workflow as one JSON document."""
    return {
        "state": history.snapshot(workflow.id),
        "input": workflow.input,
        "output": workflow.output,
        "created_by": workflow.created_by,
        "events": [history.wire(event) for event in queries.latest_events(workflow.id, events)],
    }


def show_lines(workflow: Workflow, events: int, paint: Paint) -> Iterator[str]:
    """The same for people."""
    state = history.snapshot(workflow.id)
    if state is not None:
        yield headline(state, paint)
    yield from _facts(workflow)
    yield from _section("Input", terminal.pretty(workflow.input), paint)
    values = queries.values(workflow.id)
    told = [
        f"{terminal.plain(key, 30)} = {terminal.compact(value.value, 100)}  (seq {value.seq})"
        for key, value in values.items()
    ]
    yield from _section("Values", told, paint)
    yield from _section("Steps", _step_lines(queries.steps(workflow.id)), paint)
    lines = [terminal.event_line(history.wire(event)) for event in queries.latest_events(workflow.id, events)]
    yield from _section(f"History (last {events}, times UTC)", lines, paint)
    yield from outcome_lines(workflow, paint)


def _facts(workflow: Workflow) -> Iterator[str]:
    by = f" by {terminal.plain(workflow.created_by)}" if workflow.created_by else ""
    yield f"  created   {terminal.moment(workflow.created_at)}{by}, queue {terminal.plain(workflow.queue)}"
    yield f"  started   {terminal.moment(workflow.started_at)}"
    yield f"  finished  {terminal.moment(workflow.finished_at)}"
    if workflow.worker:
        yield f"  worker    {terminal.plain(workflow.worker)}, takeovers {workflow.takeovers}"
    if workflow.waiting:
        yield f"  {_waits(workflow.waiting)}"
    if obstacle := workers.obstacle(workflow):
        yield f"  {terminal.plain(obstacle)}"


def _section(title: str, lines: Sequence[str], paint: Paint) -> Iterator[str]:
    if lines:
        yield ""
        yield paint(title, "bold")
        yield from (f"  {line}" for line in lines)


def _step_lines(steps: list[Step]) -> list[str]:
    hidden = len(steps) - _MOST_STEPS
    first = [f"… {hidden:,} earlier steps; see --json"] if hidden > 0 else []
    return first + [_step_line(step) for step in steps[-_MOST_STEPS:]]


def _step_line(step: Step) -> str:
    took = _duration((step.finished_at - step.started_at).total_seconds()) if step.finished_at else ""
    tries = f"try {step.attempt}" if step.attempt > 1 else ""
    error = f"{step.error['type']}: {step.error['message']}" if step.error else ""
    mark = terminal.padded(terminal.status_mark(step.status), 12)
    name = terminal.padded(terminal.plain(step.name), 30)
    return f"{mark} {step.position:>5}  {name} {took:>8}  {tries:<6} {terminal.plain(error, 100)}".rstrip()


def outcome_lines(workflow: Workflow | Outcome, paint: Paint) -> Iterator[str]:
    """What it returned, or why it did not."""
    if workflow.error:
        error = workflow.error
        title = paint(terminal.plain(f"{error.get('type')}: {error.get('message')}"), "red")
        yield from _section(title, terminal.plain_lines(str(error.get("traceback", ""))), Paint(enabled=False))
    elif isinstance(workflow, Outcome) and workflow.output_bytes is not None:
        yield from _section("Output", [f"{workflow.output_bytes:,} bytes; the workflow's page shows them"], paint)
    elif workflow.status == "succeeded":
        yield from _section("Output", terminal.pretty(workflow.output), paint)
