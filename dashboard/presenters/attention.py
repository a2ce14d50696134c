"""What needs a person, as sentences, each with the place where one acts. Names stand between backticks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.urls import reverse

from dashboard.attention import MOST_COUNTED, Finding, Kind
from dashboard.filters import ListFilter
from dashboard.presenters.queues import command
from dashboard.presenters.times import SECOND, absolute, between, estimate, iso_utc, whole_duration
from workflows.states import ACTIVE, Status

Said = tuple[str, str, str]  # the sentence, where one acts, the cure


class Sentence(NamedTuple):
    """One line of the list. `severity` is the name of the severity, `since` a point in time or nothing."""

    kind: str
    severity: str
    text: str
    address: str
    cure: str
    since: str | None


def sentence(finding: Finding, now: str) -> Sentence:
    """A finding in words."""
    since = iso_utc(finding.since) if finding.since else None
    text, address, cure = _SENTENCES[finding.kind](finding, since or now, now)
    return Sentence(finding.kind, finding.severity.name.lower(), text, address, cure, since)


def list_of(**wanted: Any) -> str:
    """The address of the list with this filter."""
    return f"{reverse('dashboard:workflows')}?{ListFilter(**wanted).query}"


def roughly(number: float) -> str:
    """A mean: whole where that is precise enough."""
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def _workflows(number: int) -> str:
    return "1 workflow" if number == 1 else f"{number:,} workflows"


def _no_worker(found: Finding, since: str, now: str) -> Said:
    stand = "stands" if found.number == 1 else "stand"
    rest = f"{_workflows(found.number)} {stand} still" if found.number else "what is started will stand still"
    return f"No worker lives; {rest}.", reverse("dashboard:workers"), "Start one: `celery -A config worker`"


def _unconsumed(found: Finding, since: str, now: str) -> Said:
    text = f"Queue `{found.name}`: {found.number:,} queued, and nobody consumes it."
    return text, reverse("dashboard:queue", args=[found.name]), f"Start a worker: `{command(found.name)}`"


def _stranded(found: Finding, since: str, now: str) -> Said:
    text = f"No living worker knows the definition `{found.name}`; {_workflows(found.number)} cannot go on."
    address = list_of(status=tuple(sorted(ACTIVE)), definition=found.name)
    return text, address, "Start a worker with its code, or cancel them."


def _quarantined(found: Finding, since: str, now: str) -> Said:
    one = f"`{found.name}` ({found.more})"
    if found.number == 1:
        text, address = f"{one} kept killing its worker and is quarantined.", _page(found.name)
    else:
        text, address = (
            f"{found.number:,} workflows are quarantined; the newest is {one}.",
            list_of(status=(Status.QUARANTINED.value,)),
        )
    return text, address, "Resume or delete what has been dealt with."


def _failures(found: Finding, since: str, now: str) -> Said:
    usual = f"usually {roughly(found.usual)}" if found.usual else "usually none"
    text = f"`{found.name}` failed {found.number:,} times within the hour ({usual})."
    return text, list_of(status=(Status.FAILED.value,), definition=found.name), ""


def _broken_schedule(found: Finding, since: str, now: str) -> Said:
    return f"Schedule `{found.name}` cannot start anything.", _schedule(found.name), found.more


def _late_schedule(found: Finding, since: str, now: str) -> Said:
    text = f"Schedule `{found.name}` was due at {absolute(since)} and nothing has started it."
    return text, _schedule(found.name), "A worker or beat that knows its definition would."


def _silent(found: Finding, since: str, now: str) -> Said:
    usually = estimate(max(SECOND, round((found.usual or 0) * 1000)))
    text = f"`{found.name}` ({found.more}) runs, but has been silent for {whole_duration(between(since, now))} "
    return f"{text}(usually {usually} at most).", _page(found.name), ""


def _silent_alone(found: Finding, since: str, now: str) -> Said:
    usual = f" (usually an event every {whole_duration(round(found.usual * 1000))})" if found.usual else ""
    text = f"`{found.name}` ({found.more}) runs, but has been silent for {whole_duration(between(since, now))}{usual}."
    return text, _page(found.name), ""


def _long(found: Finding, since: str, now: str) -> Said:
    runs, nearly_all = between(since, now), max(1, round((found.usual or 0) * 1000))
    usual = f"{runs // nearly_all:,} times what 19 of 20 earlier ones took at most ({estimate(nearly_all)})"
    if found.number == 1:
        text = f"`{found.name}` ({found.more}) has been running for {whole_duration(runs)}, {usual}."
        return text, _page(found.name), ""
    first = f"`{found.name}` for {whole_duration(runs)}"
    text = f"{found.number:,} workflows of `{found.more}` run for long, {first}, {usual}."
    return text, list_of(status=(Status.RUNNING.value,), definition=found.more), ""


def _overdue(found: Finding, since: str, now: str) -> Said:
    return (
        f"{_first(found)} should have gone on at {absolute(since)}.",
        _page(found.name),
        "Any living worker wakes them.",
    )


def _deadline(found: Finding, since: str, now: str) -> Said:
    return (
        f"{_first(found)} should have ended by {absolute(since)}.",
        _page(found.name),
        "Any living worker cancels them.",
    )


def _first(found: Finding) -> str:
    """The one that is late for longest, and how many others are late, too."""
    one, others = f"`{found.name}` ({found.more})", found.number - 1
    if not others:
        return one
    return f"{one} and {others:,}{' or more' if found.number == MOST_COUNTED else ''} other{'s' * (others > 1)}"


def _page(workflow_id: str) -> str:
    return reverse("dashboard:workflow", args=[workflow_id])


def _schedule(name: str) -> str:
    return reverse("dashboard:schedule", args=[name])


_SENTENCES: dict[Kind, Callable[[Finding, str, str], Said]] = {
    Kind.NO_WORKER: _no_worker,
    Kind.UNCONSUMED: _unconsumed,
    Kind.STRANDED: _stranded,
    Kind.QUARANTINED: _quarantined,
    Kind.FAILURES: _failures,
    Kind.BROKEN_SCHEDULE: _broken_schedule,
    Kind.LATE_SCHEDULE: _late_schedule,
    Kind.SILENT: _silent,
    Kind.SILENT_ALONE: _silent_alone,
    Kind.LONG: _long,
    Kind.OVERDUE: _overdue,
    Kind.DEADLINE: _deadline,
}
