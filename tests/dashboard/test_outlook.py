"""What the pages say is left: of one workflow, in the list, and at a past moment; blank where nobody knows."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests import definitions, earlier, execution
from tests.dashboard.test_pages import page, text, workflow_page
from tests.people import People
from workflows import event_log, operations
from workflows.event_log import Owner
from workflows.models import Event, Workflow

pytestmark = pytest.mark.django_db
MINUTES = [60.0 * minutes for minutes in range(2, 12)]  # 8 of 10 took from three to ten minutes


@pytest.fixture
def viewer(client: Client, people: People) -> Client:
    client.force_login(people.viewer)
    return client


def started(workflow_id: str, ago: timedelta = timedelta(0)) -> Owner:
    """One that a worker has had for so long."""
    owner = execution.claim(definitions.doubling.using(workflow_id=workflow_id).start([1])).owner
    Workflow.objects.filter(id=workflow_id).update(started_at=timezone.now() - ago)
    Event.objects.filter(workflow_id=workflow_id).update(at=timezone.now() - ago)
    return owner


def publish(owner: Owner, position: int, key: str, value: Any) -> None:
    event_log.set_value(owner, str(position), position=position, key=key, encoded=json.dumps(value), in_step=False)


def outlook(html: str) -> list[str]:
    """The lines that are shown: what is left with its reason, and that it is silent."""
    (part,) = re.findall(r"<workflow-outlook.*?</workflow-outlook>", html, re.DOTALL)
    lines = re.findall(r"<p ([^>]*)>(.*?)</p>", part, re.DOTALL)
    return [text(line).strip() for attributes, line in lines if "hidden" not in attributes]


def cells(html: str) -> dict[str, str]:
    """What the list says is left, by id."""
    rows = re.findall(
        r'<tr role="row" data-id="([^"]+)".*?workflow-table__left" role="cell">(.*?)</td>', html, re.DOTALL
    )
    return {workflow_id: text(cell).strip() for workflow_id, cell in rows}


def test_a_page_says_what_is_left_and_why_once_eight_others_have_ended(viewer: Client) -> None:
    started("w")
    earlier.succeeded("doubling", *MINUTES[:7])
    assert outlook(page(viewer, workflow_page("w"))) == []
    earlier.succeeded("doubling", *MINUTES[7:])
    (line,) = outlook(page(viewer, workflow_page("w")))
    assert re.fullmatch(
        r"About [23]–1[01] min left, done around (\d{4}-\d\d-\d\d )?\d\d:\d\d[–\d :-]* UTC 8 of 10 earlier ones took "
        r"2–11 min, waits included \(the last 10 that succeeded\)\. What is left is judged by .*", line,
    )  # fmt: skip


def test_what_goes_on_for_too_long_and_what_is_silent_is_said(viewer: Client) -> None:
    earlier.succeeded("doubling", *MINUTES, every=40)
    started("w", timedelta(hours=3, minutes=30))
    left, silent = outlook(page(viewer, workflow_page("w")))
    assert left.startswith("Overdue by 3 h 19 of 20 earlier ones took 11 min at most")
    assert silent == "No event for 3 h; usually 40 s at most."


def test_its_own_progress_and_its_sleep_are_believed_and_its_end_ends_it(viewer: Client) -> None:
    earlier.succeeded("doubling", *MINUTES)
    owner = started("w")
    publish(owner, 1, "progress", {"done": 0, "total": 7_200, "label": "packing", "rate": 0.25})
    (line,) = outlook(page(viewer, workflow_page("w")))
    assert line.startswith("About 8 h left, done around ")
    assert line.endswith("By its own word it is not done sooner.")
    publish(owner, 2, "progress", {"done": 7_200, "total": 7_200, "label": "packing", "rate": 1e-320})
    until = timezone.now() + timedelta(hours=5, minutes=30)
    Workflow.objects.filter(id="w").update(waiting={"for": "time", "until": f"{until:%Y-%m-%dT%H:%M:%S.%fZ}"})
    assert outlook(page(viewer, workflow_page("w")))[0].startswith("About 6 h left")
    operations.cancel("w", by="somebody")
    assert outlook(page(viewer, workflow_page("w"))) == []


def test_a_past_moment_shows_what_was_left_then(viewer: Client) -> None:
    earlier.succeeded("doubling", *MINUTES)
    owner = started("w")
    publish(owner, 1, "progress", 0.5)
    operations.cancel("w", by="somebody")
    for seq, ago in ((1, 300), (2, 300), (3, 60), (4, 0)):  # claimed five minutes ago; four minutes later it spoke
        Event.objects.filter(workflow_id="w", seq=seq).update(at=timezone.now() - timedelta(seconds=ago))
    assert outlook(page(viewer, workflow_page("w"))) == []
    (then,) = outlook(page(viewer, workflow_page("w", "?seq=3")))
    assert then.startswith("Probably less than 7 min left, done around")
    assert outlook(page(viewer, workflow_page("w", "?seq=1"))) == []


def test_the_list_says_it_in_few_words_and_leaves_blank_what_nobody_knows(viewer: Client) -> None:
    earlier.succeeded("doubling", *MINUTES)
    started("new")
    started("late", timedelta(minutes=41))
    definitions.doubling.using(workflow_id="queued").start([1])
    execution.claim(definitions.listening.using(workflow_id="other").start("go"))
    started("fork")
    Workflow.objects.filter(id="fork").update(forked_from="new")
    html = page(viewer, "/workflows/")
    found = cells(html)
    assert found["late"] == "overdue +30 min"
    assert re.fullmatch(r"[23]–1[01] min", found["new"])
    assert [found[name] for name in ("queued", "other", "fork", "earlier-doubling-3")] == [""] * 4
    assert html.count("<time-left") == 3  # queued ones may begin while one looks
    assert html.count("data-overdue") == 1


def test_a_list_of_many_definitions_asks_once(viewer: Client, django_assert_max_num_queries: Any) -> None:
    for name in ("doubling", "publishing", "retrying"):
        earlier.succeeded(name, *MINUTES)
        Workflow.objects.filter(id=f"earlier-{name}-0").update(
            status="delayed", finished_at=None, wake_at=timezone.now()
        )
    page(viewer, "/workflows/")
    with django_assert_max_num_queries(12):
        page(viewer, "/workflows/")
