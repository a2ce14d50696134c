"""What a list is owed: the newest version of visible rows, and what newly matches, each once and bounded."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard import lists
from dashboard.filters import ListFilter
from dashboard.lists import ListView, News, Row
from dashboard.protocol import SubscribeList
from tests.definitions import publishing
from tests.execution import run
from tests.people import create_people
from workflows import history
from workflows.models import Workflow
from workflows.queries import StatusChange
from workflows.visibility import Visibility

PAGE_READ_AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
LONG_AGO = PAGE_READ_AT - timedelta(hours=1)
LATER = PAGE_READ_AT + timedelta(seconds=1)


def view(*status: str, known: dict[str, int] | None = None) -> ListView:
    made = ListView(ListFilter(status), known or {}, PAGE_READ_AT, LONG_AGO)
    assert taken(made) == ([], [], False)  # the answer that confirms the subscription
    return made


def taken(view: ListView) -> tuple[list[Any], list[Any], bool] | None:
    frame = view.take()
    if frame is None:
        return None
    content = json.loads(frame)
    return content["rows"], content["fresh"], content["more"]


def moved(*rows: tuple[str, int]) -> News:
    return News({None: [Row(id_, seq, json.dumps({"id": id_, "seq": seq})) for id_, seq in rows]}, [], LATER)


def changed(id_: str, status: str, *, created: datetime = LATER, at: datetime = LATER) -> News:
    return News({}, [StatusChange(id_, status, "d", created, at)], LATER)


def test_only_visible_rows_that_moved_are_owed_and_only_their_newest_version() -> None:
    made = view(known={"a": 3, "b": 9})
    made.offer(moved(("a", 4), ("b", 9), ("other", 1)))
    made.offer(moved(("a", 6)))
    made.offer(moved(("a", 5)))
    assert taken(made) == ([{"id": "a", "seq": 6}], [], False)
    assert taken(made) is None


def test_what_was_started_after_the_page_was_read_is_fresh_once() -> None:
    made = view()
    assert made.offer(changed("new", "queued"))
    assert taken(made) == ([], [["new", "queued", "d"]], False)
    assert not made.offer(changed("new", "queued"))


def test_every_later_change_of_a_fresh_row_is_told_even_when_it_stops_matching() -> None:
    made = view("queued")
    made.offer(changed("new", "queued"))
    taken(made)
    made.offer(changed("new", "running"))
    assert taken(made) == ([], [["new", "running", "d"]], False)


def test_an_old_row_that_changed_is_fresh_only_to_a_filter_by_status() -> None:
    old = changed("old", "failed", created=LONG_AGO - timedelta(days=1))
    assert not view().offer(old)
    assert not view("running").offer(old)
    assert view("failed").offer(old)


def test_a_start_that_committed_late_is_not_missed() -> None:
    at = PAGE_READ_AT - timedelta(seconds=5)
    assert view().offer(changed("late", "queued", created=at, at=at))


def test_rows_of_later_pages_are_not_fresh() -> None:
    made = ListView(ListFilter(), {"shown": 1}, PAGE_READ_AT, PAGE_READ_AT - timedelta(seconds=1))
    made.take()
    at = PAGE_READ_AT - timedelta(seconds=3)  # older than the oldest visible row
    assert not made.offer(changed("on page 2", "queued", created=at, at=at))


def test_what_is_listed_to_one_reader_is_bounded_and_then_says_more() -> None:
    made = view()
    for number in range(lists.MAX_FRESH + 50):
        made.offer(changed(f"w{number}", "queued"))
    frame = taken(made)
    assert frame is not None
    assert len(frame[1]) == lists.MAX_FRESH
    assert frame[2] is True
    assert not made.offer(changed("one more", "queued"))


def test_readers_of_the_same_list_share_one_text() -> None:
    one, other = view(known={"a": 1}), view(known={"a": 1})
    news = moved(("a", 2))
    one.offer(news)
    other.offer(news)
    assert one.take() is other.take()


def test_each_reader_gets_the_values_of_its_own_keys() -> None:
    row = Row("a", 2, '{"id":"a"}', (("x", '"x":1'), ("y", '"y":{"z":2}')))
    shown = {}
    for keys in ((), ("x",), ("x", "y", "none")):
        made = ListView(ListFilter(), {"a": 1}, PAGE_READ_AT, LONG_AGO, keys)
        made.offer(News({None: [row]}, [], LATER))
        frame = taken(made)
        assert frame is not None
        shown[keys] = frame[0]
    assert shown == {
        (): [{"id": "a"}],
        ("x",): [{"id": "a", "values": {"x": 1}}],
        ("x", "y", "none"): [{"id": "a", "values": {"x": 1, "y": {"z": 2}}}],
    }


@pytest.mark.django_db(transaction=True)
def test_values_come_with_the_rows_that_moved() -> None:
    handle = publishing.start([1])
    run(handle)
    (row,) = lists.read({handle.id: 1}, LATER, (), {"key", "no such"}, [Visibility.STAFF]).rows[Visibility.STAFF]
    assert "values" not in json.loads(row.text)
    assert json.loads(row.with_values(["key", "no such"]))["values"] == {"key": 1}


@pytest.mark.django_db(transaction=True)
def test_reading_finds_moved_rows_changes_and_hinted_starts() -> None:
    first, second = publishing.start([1, 2]), publishing.start([1])
    now = Workflow.objects.get(pk=second.id).created_at
    run(first)
    news = lists.read({first.id: 1, second.id: 1, "deleted": 7}, now, set())
    assert [(row.id, json.loads(row.text)["status"]) for row in news.rows[None]] == [(first.id, "succeeded")]
    assert [change.id for change in news.changes] == [first.id]
    assert {change.id for change in lists.read({}, now, {second.id}).changes} == {first.id, second.id}


@pytest.mark.django_db(transaction=True)
def test_reading_goes_on_however_many_changes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_CHANGES", 2)
    ids = [publishing.start([1]).id for _ in range(7)]
    after, found = LONG_AGO.replace(year=2000), []
    while (news := lists.read({}, after, set())).changes:
        found += [change.id for change in news.changes]
        if news.read_on_from == after:
            break
        after = news.read_on_from
    assert found == ids


@pytest.mark.django_db(transaction=True)
def test_who_may_not_see_a_row_does_not_follow_it() -> None:
    people = create_people()
    workflow_id = publishing.start([1]).id
    since = history.wire_time(PAGE_READ_AT) or ""
    message = SubscribeList(
        t="subscribe", topic="workflows", filter=ListFilter().wire, ids=[(workflow_id, 1), ("guessed", 0)], since=since
    )
    assert ListView.admitted(people.viewer, message).known == {workflow_id: 1}
    assert ListView.admitted(people.stranger, message).known == {}


@pytest.mark.django_db(transaction=True)
def test_a_page_that_was_away_for_hours_is_told_more_instead_of_everything() -> None:
    viewer = create_people().viewer
    for away, more in ((timedelta(minutes=1), False), (timedelta(hours=9), True)):
        since = history.wire_time(datetime.now(UTC) - away) or ""
        message = SubscribeList(t="subscribe", topic="workflows", filter=ListFilter().wire, ids=[], since=since)
        made = ListView.admitted(viewer, message)
        assert taken(made) == ([], [], more)
        assert datetime.now(UTC) - made.since < timedelta(minutes=16)
