"""The parts of a workflow's page in the admin, as HTML: what it is, its history, its moment, and what belongs to it."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.admin import shown
from dashboard.admin.moment import MOST_CHANGES, MOST_EVENTS, MOST_STEPS, Moment
from dashboard.lineage import Relatives, relatives
from dashboard.presenters.history import HistoryRow
from dashboard.presenters.values import Change, Diff
from workflows import retention
from workflows.models import Message, Workflow
from workflows.redaction import HIDDEN
from workflows.retention import Removal

MOST_MESSAGES = 50


def facts(workflow: Workflow) -> list[tuple[str, object]]:
    """What it is and where it stands, without what there is nothing to say about."""
    known: list[tuple[str, object]] = [
        ("Id", shown.text(workflow.id)),
        ("Definition", shown.text(workflow.definition)),
        ("Queue", shown.text(workflow.queue)),
        ("Created (UTC)", shown.moment(workflow.created_at)),
        ("Created by", shown.text(workflow.created_by)),
        ("Started (UTC)", shown.moment(workflow.started_at)),
        ("Finished (UTC)", shown.moment(workflow.finished_at)),
        ("Deadline (UTC)", shown.moment(workflow.deadline_at)),
        ("Wakes at (UTC)", shown.moment(workflow.wake_at)),
        ("Worker", shown.text(workflow.worker or "")),
        ("Takeovers", workflow.takeovers or ""),
        ("Crashes in a row", workflow.crashes or ""),
        ("Token", workflow.token),
        ("Code", shown.text(workflow.version or "")),
        ("Schedule", shown.text(workflow.schedule or "")),
        ("Priority", workflow.priority or ""),
        ("Partition", shown.text(workflow.partition_key or "")),
        ("Dedup key", shown.text(workflow.dedup_key or "")),
    ]
    return [(label, fact) for label, fact in known if fact not in ("", "–")]


def around(moment: Moment) -> list[dict[str, str]]:
    """Links to the first event, the one before, the one after, and the newest."""
    seq, last = moment.seq, moment.last
    steps = [("First", 1, seq > 1), ("‹ Before", seq - 1, seq > 1), ("After ›", seq + 1, seq < last)]
    links = [{"words": words, "query": f"?seq={to}" if is_there else ""} for words, to, is_there in steps]
    return [*links, {"words": "Newest", "query": "?" if seq < last else ""}]


def entry(row: HistoryRow | None) -> str:
    """The event that the moment is after, in words."""
    if row is None:
        return ""
    said = ": ".join(filter(None, (row.label, " ".join(filter(None, (row.subject, row.detail))))))
    return shown.text(f"Event {row.seq}, {shown.wired(row.at)}. {said}{f' ({row.source})' if row.source else ''}")


def values(moment: Moment) -> SafeString:
    """The values that there were."""
    lines = ((key, shown.line(line), _link(seq), at) for key, line, seq, at in moment.values())
    table = shown.table(["key", "value", "event", "at (UTC)"], lines)
    return table if moment.is_past else table + shown.list_link("value", moment.workflow, "All values")


def steps(moment: Moment) -> SafeString:
    """The last steps that there were."""
    table = shown.table(["position", "name", "status", "attempt", "started", "finished"], moment.steps())
    words = f"All steps (here: the last {MOST_STEPS})"
    return table if moment.is_past else table + shown.list_link("step", moment.workflow, words)


def changes(found: Diff) -> SafeString:
    """What differs, one line for each path."""
    table = shown.table(["what", "before", "after", ""], (_change(change) for change in found.changes))
    if not found.more:
        return table
    return table + format_html("<p>and {} more; here are the first {}</p>", found.more, MOST_CHANGES)


def _change(change: Change) -> tuple[object, ...]:
    old = "" if change.old is None else format_html("<del>{}</del>", shown.text(change.old))
    new = "" if change.new is None else format_html("<ins>{}</ins>", shown.text(change.new))
    return change.path or "value", shown.cell(old), shown.cell(new), change.delta


def history(moment: Moment) -> SafeString:
    """The part of the history, newest first: each event leads to its moment."""
    head = ["event", "at (UTC)", "", "kind", "what", "by"]
    return shown.table(head, (_event(row, moment.seq) for row in moment.rows()))


def _event(row: HistoryRow, seq: int) -> tuple[object, ...]:
    link = _link(row.seq, is_here=row.seq == seq)
    return link, shown.wired(row.at), row.delta, row.kind, told(row), row.source


def told(row: HistoryRow) -> SafeString:
    """What an event says, and of a value what changed."""
    said = " ".join(filter(None, (row.subject, row.detail)))
    parts = [format_html("<span>{}</span> ", shown.text(said))] if said else []
    parts += [_inline(change) for change in row.diff.changes] if row.diff else []
    if row.diff and not row.diff.changes:
        parts.append(format_html("{}", "set again, unchanged"))
    return shown.cells(parts)


def _inline(change: Change) -> SafeString:
    path = f"{change.path} " if change.path else ""
    old = format_html("<del>{}</del> → ", shown.text(change.old)) if change.old is not None else ""
    new = format_html("<ins>{}</ins> ", shown.text(change.new)) if change.new is not None else "removed "
    return format_html("{}{}{}", shown.text(path), old, new)


def _link(seq: int, *, is_here: bool = False) -> SafeString:
    here = SafeString(' aria-current="true"' if is_here else "")
    return format_html('<a href="?seq={}#moment"{} title="The workflow after this event">{}</a>', seq, here, seq)


def part_words(moment: Moment) -> str:
    """Which part of the history it is."""
    part = moment.part
    return f"Events {part.first:,} to {part.last:,} of {moment.last:,}" if part.entries else "no events"


def messages(moment: Moment) -> SafeString:
    """The last messages to it, and which event received each."""
    rows = Message.objects.filter(workflow=moment.workflow).order_by("-id").annotate(line=shown.line_of("body"))
    lines = [
        (row.topic, shown.line(row.line if moment.lens.reads_whole_payloads else HIDDEN), shown.moment(row.sent_at),
         row.sent_by, "not yet" if row.consumed_seq is None else _link(row.consumed_seq))
        for row in rows.defer("body")[:MOST_MESSAGES]
    ]  # fmt: skip
    table = shown.table(["topic", "body", "sent (UTC)", "by", "received by event"], lines)
    return table if len(lines) < MOST_MESSAGES else table + shown.list_link("message", moment.workflow, "All messages")


def family(moment: Moment) -> SafeString:
    """Its parent, what it was forked from, its children and its forks."""
    found = relatives(moment.user, moment.workflow)
    table = shown.table(["it is", "id", "definition", "status", "created (UTC)", "finished (UTC)"], _members(found))
    more = {"children": found.more_children, "forks": found.more_forks}
    cut = " and ".join(name for name, is_cut in more.items() if is_cut)
    address = reverse("dashboard:children", args=[moment.workflow.id])
    if not cut:
        return table
    return table + format_html('<p>There are more {}. <a href="{}">All children</a></p>', cut, address)


def _members(found: Relatives) -> Iterable[tuple[object, ...]]:
    groups: list[tuple[str, Iterable[Workflow | None]]] = [
        ("its parent", [found.parent]), ("forked from", [found.origin]), ("a child", found.children),
        ("a fork", found.forks),
    ]  # fmt: skip
    for what, rows in groups:
        for row in rows:
            if row is not None:
                times = shown.moment(row.created_at), shown.moment(row.finished_at)
                yield what, shown.workflow_link(row.id), row.definition, row.status, *times


def fate(workflow: Workflow) -> list[str]:
    """What retention will do with it, and why not."""
    found = retention.fate(workflow)
    kept = [f"Kept, because {shown.text(reason)}." for reason in found.kept]
    if not found.removals:
        return [*kept, "No schedule removes it: it stays until somebody prunes or deletes it."]
    after = " once that is over" if found.kept else ""
    return [*kept, *(f"{_removal(removal)}{after}." for removal in found.removals)]


def _removal(removal: Removal) -> str:
    ways = []
    if removal.at is not None:
        ways.append(f"from {shown.moment(removal.at)[:16]} UTC on")
    elif removal.keep is None:
        ways.append("some time after its end")
    if removal.keep is not None:
        ways.append(f"when there are {removal.keep:,} newer ones that ended like it")
    return shown.text(f"Schedule {removal.schedule} removes it {', or '.join(ways)}")


def parts(moment: Moment) -> dict[str, str]:
    """Where the newest and the next older part of the history are."""
    kept = {"seq": str(moment.seq)} if moment.is_past else {}
    first = moment.part.first
    older = f"?{urlencode({**kept, 'before': str(first)})}" if moment.part.entries and first > 1 else ""
    newest = f"?{urlencode(kept)}" if moment.before <= moment.last else ""
    return {"older_part": older, "newest_part": newest, "part_words": f"{part_words(moment)}, {MOST_EVENTS} at once"}
