"""What the admin shows of rows, as HTML: everything escaped, nothing longer than a person reads.

JSON is made readable and cut by the database, so that a megabyte is neither sent nor decoded to show its top.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Func, JSONField, Model, TextField
from django.db.models.functions import Cast, Left
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from workflows import queries
from workflows.models import Workflow
from workflows.redaction import Lens

PRETTY_CHARS = 20_000
LINE_CHARS, CELL_CHARS = 300, 160  # of a line of its own, and among others
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # would turn the text around them


class Pretty(Func):
    """A jsonb column as indented text."""

    function = "jsonb_pretty"
    output_field = TextField()


def line_of(column: str) -> Left:
    """The beginning of a jsonb column as text, for lists; one character more tells that there is more."""
    return Left(Cast(column, TextField()), LINE_CHARS + 1)


class WithoutTraceback(Func):
    """A jsonb column without the traceback of its error, which would hide everything else."""

    template = "(%(expressions)s #- '{error,traceback}')"
    output_field = JSONField()


def line_of_event() -> Left:
    """The beginning of an event's data as text, for lists."""
    return Left(Cast(WithoutTraceback("data"), TextField()), LINE_CHARS + 1)


def text(value: object) -> str:
    """Text without signs that change its direction."""
    return _DIRECTION.sub(lambda found: f"\\u{ord(found[0]):04x}", str(value))


def moment(when: datetime | None) -> str:
    """A time to the millisecond, UTC."""
    return "–" if when is None else when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def wired(when: str | None) -> str:
    """The same of a time in wire form."""
    return "–" if when is None else f"{when[:10]} {when[11:23]}"


def block(content: str) -> SafeString:
    """Text of several lines, as it is."""
    return format_html('<pre class="workflow-text" dir="ltr">{}</pre>', text(content))


def pretty(row: Model, column: str) -> SafeString | str:
    """A jsonb column of one row, indented and cut."""
    found = (
        type(row)
        ._default_manager.filter(pk=row.pk)
        .values_list(Left(Pretty(column), PRETTY_CHARS + 1), flat=True)
        .first()
    )
    return "–" if found is None else block(_cut(found))


def payload(workflow: Workflow, of: str, lens: Lens) -> SafeString | str:
    """Its input or output, as far as it may be read."""
    if lens.reads_whole_payloads:
        return pretty(workflow, of)
    stored = queries.payload_text(workflow.id, of)
    return "–" if stored is None else content(json.loads(lens.payload_text(of, stored)))


def compact(value: object) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def content(value: object) -> SafeString:
    """JSON that is not as it is stored, indented and cut."""
    return block(_cut(json.dumps(value, indent=4, ensure_ascii=False)))


def _cut(found: str) -> str:
    return found if len(found) <= PRETTY_CHARS else f"{found[:PRETTY_CHARS]}\n… cut after {PRETTY_CHARS:,} characters"


def error(recorded: dict[str, Any] | None) -> SafeString | str:
    """A recorded error: type, message, traceback."""
    if not recorded:
        return "–"
    head = f"{recorded.get('type')}: {recorded.get('message')}"
    return format_html("<strong>{}</strong>{}", text(head)[:2_000], block(str(recorded.get("traceback", ""))))


def workflow_link(workflow_id: str) -> SafeString:
    """A workflow's id, linked to its page in the admin."""
    address = reverse("admin:workflows_workflow_change", args=[_quoted(workflow_id)])
    return format_html('<a href="{}" title="{}"><bdi>{}</bdi></a>', address, text(workflow_id), text(workflow_id))


def _quoted(workflow_id: str) -> str:
    from django.contrib.admin.utils import quote  # loads models' apps; this module is imported while they load

    return str(quote(workflow_id))


def moment_links(workflow_id: str, seq: int) -> SafeString:
    """Links to a workflow as it was after an event: in the admin and in the console."""
    here = reverse("admin:workflows_workflow_change", args=[_quoted(workflow_id)])
    there = reverse("dashboard:workflow", kwargs={"workflow_id": workflow_id})
    return format_html(
        '<a href="{}?seq={}#moment">The workflow after it</a> · <a href="{}?seq={}">In the console</a>',
        here, seq, there, seq,
    )  # fmt: skip


def list_link(model: str, workflow: Workflow, words: str) -> SafeString:
    """A link to the list of a workflow's events, steps, values or messages."""
    address = reverse(f"admin:workflows_{model}_changelist")
    return format_html('<p><a href="{}?{}">{}</a></p>', address, urlencode({"q": workflow.id}), words)


def line(content: str | None) -> SafeString:
    """The beginning of some JSON, in a cell that may wrap."""
    return cell(beginning(content or "", LINE_CHARS))


def beginning(content: str, most: int) -> str:
    """So many characters of it at most, and a sign that there are more."""
    return text(content if len(content) <= most else f"{content[:most]}…")


def cell(content: object) -> SafeString:
    """A cell that may wrap."""
    return format_html('<span class="workflow-line">{}</span>', content)


def cells(parts: Iterable[SafeString]) -> SafeString:
    """Several parts in one such cell."""
    return cell(format_html_join("", "{}", ((part,) for part in parts)))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> SafeString:
    """A table of text, or the word for no rows."""
    body = format_html_join(
        "", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((_cell(cell),) for cell in row)),) for row in rows)
    )
    if not body:
        return format_html("<p>{}</p>", "none")
    titles = format_html_join("", "<th scope=col>{}</th>", ((title,) for title in head))
    return format_html(
        '<table class="workflow-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', titles, body
    )


def _cell(content: object) -> object:
    return content if isinstance(content, SafeString) else text("–" if content is None else content)
