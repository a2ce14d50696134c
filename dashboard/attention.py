"""What needs a person now: facts, most severe first. Only what this person may see; no read grows with the tables.

`presenters.attention` puts them into words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import NamedTuple

from django.db.models import Max, QuerySet

from dashboard import access, estimates
from dashboard.trends import Failures
from workflows import counts, queries, schedules, workers
from workflows.conf import conf
from workflows.counts import Count
from workflows.models import Worker, Workflow
from workflows.states import ACTIVE, Status
from workflows.workers import QueueState

MOST = 10
OVERDUE = timedelta(minutes=1)  # alarms look once a second; who is this late was forgotten by all
TIMES_USUAL = 3  # much more than usual
MORE_FAILURES = 5  # failing much more than usual: at least so many in the last hour, too
MOST_COUNTED = 100
QUIET = timedelta(minutes=1)  # silent, or going on, for much longer than usual: at least for so long, too
QUIET_ALONE, TIMES_ITSELF = timedelta(minutes=10), 20  # and where its definition says nothing, with its own mean gap
_MOST_RUNNING, _MOST_DEFINITIONS = 1_000, 50  # looked at; of the definitions, those that run for longest
_MOST_SCHEDULES = 500
_LATEST = datetime.max.replace(tzinfo=UTC)


class Severity(IntEnum):
    """How bad it is. Critical: work stands still. Serious: work was lost. Notice: something is odd."""

    CRITICAL = 1
    SERIOUS = 2
    NOTICE = 3


class Kind(StrEnum):
    """What may need a person."""

    NO_WORKER = "no_worker"
    UNCONSUMED = "unconsumed"
    STRANDED = "stranded"
    QUARANTINED = "quarantined"
    FAILURES = "failures"
    BROKEN_SCHEDULE = "broken_schedule"
    LATE_SCHEDULE = "late_schedule"
    SILENT = "silent"
    SILENT_ALONE = "silent_alone"
    LONG = "long"
    OVERDUE = "overdue"
    DEADLINE = "deadline"


class Finding(NamedTuple):
    """One of them. name: the queue, definition, schedule or workflow; number: how many workflows it is about."""

    kind: Kind
    severity: Severity
    since: datetime | None
    name: str = ""
    number: int = 1
    more: str = ""  # the definition of a workflow and its status, or what is wrong with a schedule
    usual: float | None = None  # failures an hour; seconds: between two events, or from the first claim to the end


class Attention(NamedTuple):
    """The most severe findings, whether there are more, and what was not looked at for want of rights."""

    findings: list[Finding]
    is_cut: bool
    unseen: list[str]


def attention(
    user: access.Visitor,
    now: datetime,
    *,
    queues: Sequence[QueueState],
    found: Iterable[Count],
    failures: list[Failures],
) -> Attention:
    """This will look at everything that this person may see; `queues`, `found` and `failures` were read already."""
    by_status = counts.by_status(found)
    may = {what: access.can(user, f"view_{what}") for what in ("queues", "workers", "schedules")}
    living = workers.alive().exists()
    findings = [*_workflows(user, now, by_status[Status.QUARANTINED]), *_failures(failures)]
    if may["queues"] and living:  # without any worker all queues would say the same
        findings += _queues(queues)
    if may["workers"]:
        findings += _stranded() if living else [_no_worker(sum(by_status[status] for status in ACTIVE))]
    if may["schedules"]:
        findings += _schedules(now)
    findings.sort(key=lambda one: (one.severity, one.since or _LATEST))
    return Attention(findings[:MOST], len(findings) > MOST, [what for what, allowed in may.items() if not allowed])


def _no_worker(unfinished: int) -> Finding:
    last = Worker.objects.aggregate(last=Max("heartbeat_at"))["last"]
    return Finding(Kind.NO_WORKER, Severity.CRITICAL, last, number=unfinished)


def _queues(queues: Iterable[QueueState]) -> Iterator[Finding]:
    for queue in queues:
        if queue.queued and not queue.consumers:
            yield Finding(Kind.UNCONSUMED, Severity.CRITICAL, queue.oldest_at, queue.name, queue.queued)


def _stranded() -> Iterator[Finding]:
    for one in workers.stranded_definitions():
        yield Finding(Kind.STRANDED, Severity.CRITICAL, None, one.definition, one.workflows)


def _failures(failures: Iterable[Failures]) -> Iterator[Finding]:
    for one in failures:
        if one.usual is not None and one.failed >= MORE_FAILURES and one.failed > TIMES_USUAL * one.usual:
            yield Finding(
                Kind.FAILURES, Severity.SERIOUS, one.since, one.definition, one.failed, usual=one.usual
            )  # fmt: skip


def _schedules(now: datetime) -> Iterator[Finding]:
    patience = now - timedelta(seconds=conf().schedule_grace)
    for schedule in schedules.everything().filter(paused=False)[:_MOST_SCHEDULES]:
        if problem := schedules.problem(schedule):
            yield Finding(Kind.BROKEN_SCHEDULE, Severity.SERIOUS, schedule.changed_at, schedule.name, more=problem)
        elif schedule.next_at is not None and schedule.next_at < patience:
            yield Finding(Kind.LATE_SCHEDULE, Severity.SERIOUS, schedule.next_at, schedule.name)


def _workflows(user: access.Visitor, now: datetime, quarantined: int) -> Iterator[Finding]:
    visible = access.visible_workflows(user)
    if quarantined and (newest := visible.filter(status=Status.QUARANTINED).order_by("-created_at", "-id").first()):
        yield Finding(
            Kind.QUARANTINED, Severity.SERIOUS, newest.finished_at, newest.id, quarantined, more=newest.definition
        )
    silent = list(_silent(visible, now))
    yield from silent[:MOST]
    yield from _long(visible.exclude(id__in=[found.name for found in silent]), now)
    yield from _late(Kind.OVERDUE, visible.filter(wake_at__lt=now - OVERDUE), "wake_at")
    unfinished = visible.filter(deadline_at__lt=now - OVERDUE, finished_at__isnull=True)
    yield from _late(Kind.DEADLINE, unfinished, "deadline_at")


def _silent(visible: QuerySet[Workflow], now: datetime) -> Iterator[Finding]:
    """Running ones without an event for much longer than usual, longest first."""
    quiet = queries.silent(now, QUIET)
    seen = set(visible.filter(id__in=[one.id for one in quiet]).values_list("id", flat=True)) if quiet else set()
    shown = [one for one in quiet if one.id in seen]
    usual = estimates.usual_silence(_first_few(one.definition for one in shown))
    for one in shown:
        at_most = usual.get(one.definition)
        if at_most is None and now - one.since > max(QUIET_ALONE, TIMES_ITSELF * timedelta(seconds=one.gap or 0)):
            yield Finding(Kind.SILENT_ALONE, Severity.NOTICE, one.since, one.id, more=one.definition, usual=one.gap)
        elif at_most is not None and now - one.since > TIMES_USUAL * timedelta(milliseconds=at_most):
            usually = at_most / 1_000
            yield Finding(Kind.SILENT, Severity.NOTICE, one.since, one.id, more=one.definition, usual=usually)


def _long(visible: QuerySet[Workflow], now: datetime) -> Iterator[Finding]:
    """Of each definition the one that goes on for longest, if that is much longer than usual, and how many there are.

    Only running ones, of which there are no more than pool children. Those that wait are as many as people start.
    """
    running = visible.filter(status=Status.RUNNING, forked_from=None, started_at__lt=now - QUIET).order_by("started_at")
    found = list(running.values_list("id", "definition", "started_at")[:_MOST_RUNNING])
    usual = estimates.usual(_first_few(definition for _id, definition, _since in found))
    for name, took in usual.items():
        nearly_all = estimates.quantile(took.took, estimates.OVERDUE)
        since = now - TIMES_USUAL * timedelta(milliseconds=nearly_all)
        late = [(workflow_id, at) for workflow_id, definition, at in found if definition == name and at and at < since]
        if late:
            first, at = late[0]
            yield Finding(Kind.LONG, Severity.NOTICE, at, first, len(late), more=name, usual=nearly_all / 1_000)


def _first_few(definitions: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(definitions))[:_MOST_DEFINITIONS]


def _late(kind: Kind, late: QuerySet[Workflow], due: str) -> Iterator[Finding]:
    """The one that is late for longest, and how many are, as far as they are counted."""
    rows = list(late.order_by(due).values_list("id", "definition", due)[:MOST_COUNTED])
    if rows:
        workflow_id, definition, since = rows[0]
        yield Finding(kind, Severity.NOTICE, since, workflow_id, len(rows), more=definition)
