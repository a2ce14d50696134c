"""`manage.py workflow schedules …`: what is typed, one call of `schedules`, and what is printed of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from workflows import schedules, ticks
from workflows.management import arguments, terminal
from workflows.management.terminal import Paint
from workflows.models import Schedule, Workflow
from workflows.states import MissedPolicy

Printed = dict[str, Any] | Iterable[str]
_SHOWN = 5  # next times, and last outcomes


def add_verbs(parser: Any) -> None:
    """One subparser per verb; none given means `list`. Each sets `act`, which returns what is to be printed."""
    parser.set_defaults(act=do_list)
    verbs = parser.add_subparsers(dest="schedules_verb", metavar="VERB")
    _verb(verbs, "list", "list schedules, by name", do_list)
    for name, help_text, act in (
        ("show", "show a schedule: its timing, input, next times and last outcomes", do_show),
        ("pause", "start none of its occurrences until it is unpaused", _plain(schedules.pause, "is paused")),
        ("unpause", "go on with its next occurrence", _plain(schedules.unpause, "goes on")),
        ("trigger", "start one workflow of it now", do_trigger),
        ("delete", "forget it; its workflows stay", _plain(schedules.delete, "is deleted")),
    ):
        _verb(verbs, name, help_text, act).add_argument("name")
    backfill = _verb(verbs, "backfill", "start the occurrences of a past range that were not started", do_backfill)
    backfill.add_argument("name")
    backfill.add_argument("since", type=arguments.moment, help="with a time zone: 2026-11-23T10:00Z")
    backfill.add_argument("until", type=arguments.moment, help="included")
    _add_create(verbs)


def _add_create(verbs: Any) -> None:
    create = _verb(verbs, "create", "create a schedule, or replace the one of that name", do_create)
    create.add_argument("name")
    create.add_argument("definition")
    create.add_argument("pairs", nargs="*", type=arguments.pair, metavar="key=value", help="value: JSON, else text")
    create.add_argument("--input", type=arguments.json_input, help="arguments as a JSON object or array")
    create.add_argument("--cron", help="'30 2 * * *', or with the second first: '0 30 2 * * *'")
    create.add_argument("--every", type=arguments.seconds, dest="interval", metavar="SECONDS")
    create.add_argument("--zone", default="UTC", help="whose clock the cron expression means: Europe/Berlin")
    create.add_argument("--starts-at", type=arguments.moment, help="no occurrence before; intervals count from it")
    create.add_argument("--missed", choices=list(MissedPolicy), default=MissedPolicy.SKIP.value,
                        help="which of the occurrences that nothing could start in time are started late")  # fmt: skip
    create.add_argument("--paused", action="store_true", help="a new one begins paused")
    create.add_argument("--option", action="append", default=[], type=arguments.pair, metavar="key=value",
                        help=f"of each start: {', '.join(ticks.OPTIONS)}")  # fmt: skip


def _verb(verbs: Any, name: str, help_text: str, act: Callable[..., Printed]) -> Any:
    parser = verbs.add_parser(name, help=help_text, description=help_text)
    # Suppressed, or the default here would undo a --json that stands before the verb.
    parser.add_argument("--json", action="store_true", dest="as_json", default=argparse.SUPPRESS,
                        help="for scripts: JSON on standard output")  # fmt: skip
    parser.set_defaults(act=act)
    return parser


def do_list(*, as_json: bool, paint: Paint, **_: Any) -> Printed:
    """All of them."""
    rows = list(schedules.everything())
    return {"schedules": [_document(row) for row in rows]} if as_json else _list_lines(rows, paint)


def do_show(*, name: str, as_json: bool, paint: Paint, **_: Any) -> Printed:
    """One of them."""
    schedule = schedules.get(name)
    if not as_json:
        return _show_lines(schedule, paint)
    return {
        **_document(schedule), "input": schedule.input, "options": schedule.options,
        "starts_at": schedule.starts_at, "changed_at": schedule.changed_at, "changed_by": schedule.changed_by,
        "next": [at.isoformat() for at in schedules.next_times(schedule, _SHOWN)],
        "last": [_outcome(workflow) for workflow in schedules.last_outcomes(name, _SHOWN)],
    }  # fmt: skip


def do_create(
    *, name: str, definition: str, pairs: list[tuple[str, Any]], input: Any, cron: str | None, interval: float | None,
    zone: str, starts_at: datetime | None, missed: str, option: list[tuple[str, Any]], paused: bool, as_json: bool,
    paint: Paint, **_: Any,
) -> Printed:  # fmt: skip
    """Create or replace, and show it."""
    args, kwargs = arguments.arguments(pairs, input)
    schedules.create(
        name, definition, args=args, kwargs=kwargs, cron=cron, interval=interval, time_zone=zone, missed=missed,
        options=arguments.arguments(option, None)[1], starts_at=starts_at, paused=paused,
        by=arguments.operator(),
    )  # fmt: skip
    return do_show(name=name, as_json=as_json, paint=paint)


def do_trigger(*, name: str, as_json: bool, **_: Any) -> Printed:
    """Start one now, and say its id."""
    workflow = schedules.trigger(name, by=arguments.operator())
    return _outcome(workflow) if as_json else [terminal.plain(workflow.id)]


def do_backfill(*, name: str, since: datetime, until: datetime, as_json: bool, **_: Any) -> Printed:
    """Start what was not, and say their ids."""
    done = schedules.backfill(name, since, until, by=arguments.operator())
    if as_json:
        return {"started": done.started, "existing": done.existing}
    total = f"{len(done.started)} started, {done.existing} had been started before."
    return [*map(terminal.plain, done.started), total]


def _plain(change: Callable[..., object], words: str) -> Callable[..., Printed]:
    """A verb that takes a name and has nothing to tell but that it is done."""

    def act(*, name: str, as_json: bool, **_: Any) -> Printed:
        change(name, by=arguments.operator())
        return {"name": name} if as_json else [f"{terminal.plain(name)} {words}."]

    return act


def _outcome(workflow: Workflow) -> dict[str, Any]:
    return {"id": workflow.id, "status": workflow.status, "created_at": workflow.created_at.isoformat()}


def _document(schedule: Schedule) -> dict[str, Any]:
    columns = ("name", "definition", "cron", "interval", "time_zone", "missed", "paused", "next_at", "last_at")
    found = {column: getattr(schedule, column) for column in columns}
    times = {column: at.isoformat() for column, at in found.items() if isinstance(at, datetime)}
    return {**found, **times, "problem": schedules.problem(schedule) or None}


def _list_lines(rows: Sequence[Schedule], paint: Paint) -> Iterator[str]:
    if not rows:
        yield "There is no schedule."
        return
    yield paint(f"{'NAME':<26}{'DEFINITION':<22}{'NEXT':<25}{'LAST':<14}WHEN", "grey")
    for row in rows:
        last = schedules.last_outcomes(row.name, 1)
        ended = paint.status(last[0].status, 14) if last else f"{'–':<14}"
        name, definition = terminal.plain(row.name), terminal.plain(row.definition)
        yield f"{terminal.padded(name, 25)} {terminal.padded(definition, 21)} {_next(row):<25}{ended}{_when(row)}"
        yield from _problem_line(row, paint)


def _next(schedule: Schedule) -> str:
    return "paused" if schedule.paused else terminal.moment(schedule.next_at)


def _when(schedule: Schedule) -> str:
    """In words; what cannot be read any more has a line of its own."""
    return "?" if schedules.problem(schedule) else terminal.plain(ticks.timing_of(schedule).explain())


def _problem_line(schedule: Schedule, paint: Paint) -> Iterator[str]:
    problem = schedules.problem(schedule)
    if problem:
        yield paint(f"  cannot start: {terminal.plain(problem)}", "red")


def _show_lines(schedule: Schedule, paint: Paint) -> Iterator[str]:
    changed = f"{terminal.moment(schedule.changed_at)} by {terminal.plain(schedule.changed_by) or 'code'}"
    yield paint(terminal.plain(schedule.name), "bold") + (" (paused)" if schedule.paused else "")
    yield f"  starts    {terminal.plain(schedule.definition)} {terminal.compact(schedule.input, 100)}"
    yield f"  options   {terminal.compact(schedule.options, 100)}"
    yield f"  when      {_when(schedule)}: {terminal.plain(schedule.cron or f'{schedule.interval:g} s')}"
    yield f"  missed    {schedule.missed}"
    yield f"  changed   {changed}"
    yield from _problem_line(schedule, paint)
    times = [terminal.moment(at) for at in schedules.next_times(schedule, _SHOWN)]
    yield f"  next      {(chr(10) + ' ' * 12).join(times) or 'never'}"
    for workflow in schedules.last_outcomes(schedule.name, _SHOWN):
        yield f"  {paint.status(workflow.status, 14)} {terminal.plain(workflow.id)}"
