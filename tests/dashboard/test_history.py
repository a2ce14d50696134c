"""The history of a workflow, part by part: what is chosen of it, how far one part looks; and nothing is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests import definitions, execution
from tests.long_history import write_long_history
from tests.people import People
from workflows import event_log, history, operations
from workflows.history import Chosen, Part, part_after, part_before
from workflows.models import Event

pytestmark = pytest.mark.django_db
LENGTH = 3_002


@pytest.fixture
def viewer(client: Client, people: People) -> Client:
    client.force_login(people.viewer)
    return client


@pytest.fixture
def long() -> str:
    write_long_history("w", LENGTH)
    return "w"


def seqs(part: Part) -> list[int]:
    return [entry.event[0] for entry in part.entries]


def all_of(chosen: Chosen, *, limit: int = 170) -> list[history.Entry]:
    """Every part, from the newest to the first event."""
    found: list[history.Entry] = []
    place = LENGTH + 1
    while place > 1:
        part = part_before("w", place, chosen, limit=limit)
        assert part.last == place - 1
        assert part.first < place
        found, place = [*part.entries, *found], part.first
    return found


def expected(chosen: Chosen) -> list[int]:
    events = Event.objects.filter(workflow_id="w").order_by("seq")
    events = events.filter(kind=chosen.kind) if chosen.kind else events
    events = events.filter(key=chosen.key) if chosen.key else events
    return [event.seq for event in events if chosen.find.lower() in f"{event.key} {json.dumps(event.data)}".lower()]


def test_the_bulk_of_events_folds_to_the_rows(long: str) -> None:
    execution.assert_history_is_whole(long)


@pytest.mark.parametrize(
    "chosen",
    [Chosen(), Chosen(kind="step_started"), Chosen(key="progress"), Chosen(find="NUMBER 29"), Chosen(kind="created"),
     Chosen(key="progress", find='"total"'), Chosen(find="nowhere at all")],
)  # fmt: skip
@pytest.mark.parametrize("looked_through", [10_000, 700])
def test_the_parts_together_are_everything_that_is_chosen(
    long: str, chosen: Chosen, looked_through: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOOKED_THROUGH", looked_through)
    assert [entry.event[0] for entry in all_of(chosen)] == expected(chosen)
    forwards, place = [], 0
    while place < LENGTH:
        part = part_after("w", place, chosen, limit=170, newest=LENGTH)
        assert part.first == place + 1
        forwards += seqs(part)
        place = part.last
    assert forwards == expected(chosen)


@pytest.mark.parametrize("looked_through", [10_000, 70])
def test_values_in_a_row_are_one_entry_and_stand_for_all_of_them(
    long: str, looked_through: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOOKED_THROUGH", looked_through)
    found = all_of(Chosen(key="progress", grouped=True))
    progress = expected(Chosen(key="progress"))
    assert sum(entry.times for entry in found) == len(progress)
    assert (found[0].first, found[-1].event[0]) == (progress[0], progress[-1])
    if looked_through == 10_000:
        assert [entry.times for entry in found] == [len(progress)]
        assert found[0].before is None
    everything = all_of(Chosen(grouped=True))
    assert sum(entry.times for entry in everything) == LENGTH


def test_a_change_knows_the_value_it_replaced_and_when_the_event_before_was(long: str) -> None:
    entry = next(entry for entry in all_of(Chosen(find="parcel number 2999")) if entry.event[4] != "progress")
    earlier = Event.objects.filter(workflow_id="w", key=entry.event[4], seq__lt=2999).order_by("-seq")[0]
    assert json.loads(entry.before or "") == earlier.data["value"]
    assert entry.previous_at == history.wire_time(Event.objects.get(workflow_id="w", seq=2998).at)


def test_large_values_make_a_part_shorter_and_leave_nothing_out() -> None:
    handle = definitions.publishing.using(workflow_id="w").start([])
    owner = execution.claim(handle).owner
    for number in range(24):
        noise = "".join(chr(200 + (number * 7919 + place * 104729) % 20_000) for place in range(18_000))
        event_log.set_value(owner, f"{number}", position=number, key="k", encoded=json.dumps(noise), in_step=False)
    first = part_before("w", 27, limit=200)
    assert 1 < len(first.entries) < 24
    assert seqs(first) == list(range(first.first, 27))
    assert seqs(part_before("w", first.first, limit=200))[-1] == first.first - 1


def parts(client: Client, **query: Any) -> dict[str, Any]:
    answer = client.get(reverse("dashboard:history", args=["w"]), query)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_a_browser_reads_any_part_as_rows(viewer: Client, long: str) -> None:
    newest = parts(viewer)
    assert (newest["first"], newest["last"], len(newest["rows"])) == (LENGTH - 199, LENGTH, 200)
    row = newest["rows"][-1]
    assert (row["seq"], row["label"], row["delta"], row["source"]) == (LENGTH, "Value", "+800 ms", "position 3000")
    assert row["diff"]["changes"] == [{"path": "done", "old": "2983", "new": "3002", "delta": "+19"}]
    middle = parts(viewer, before=1_001, until=1_500)
    assert [row["seq"] for row in middle["rows"]] == list(range(801, 1_001))
    assert parts(viewer, after=1_400, until=1_500)["last"] == 1_500
    assert parts(viewer, after=LENGTH)["rows"] == []
    assert parts(viewer, before=10**18)["last"] == LENGTH


@pytest.mark.parametrize(
    "query", [{"before": "x"}, {"after": "9" * 40}, {"kind": "\x00"}, {"find": "'; --\\"}, {"key": "é" * 900}]
)
def test_nonsense_is_no_error(viewer: Client, long: str, query: dict[str, str]) -> None:
    parts(viewer, **query)


def test_the_page_shows_what_is_chosen_without_scripts(viewer: Client, long: str) -> None:
    html = viewer.get(reverse("dashboard:workflow", args=["w"]), {"kind": "step_started"}).content.decode()
    assert html.count('data-seq="2980"') == 1
    assert 'data-seq="2979"' not in html
    assert 'href="?before=' not in html  # 151 steps are one part
    found = viewer.get(reverse("dashboard:workflow", args=["w"]), {"find": "parcel"}).content.decode()
    assert "&amp;find=parcel#history" in found


def test_an_event_is_shown_with_every_digit(viewer: Client) -> None:
    handle = definitions.publishing.using(workflow_id="w").start([2**53 + 1, 0.1 + 0.2, "<b>"])
    execution.run(handle)
    texts = [viewer.get(reverse("dashboard:event", args=["w", seq])).content.decode() for seq in (3, 4, 5)]
    assert '"value": 9007199254740993' in texts[0]
    assert '"value": 0.30000000000000004' in texts[1]
    assert json.loads(texts[2])["data"] == {"value": "<b>"}
    assert viewer.get(reverse("dashboard:event", args=["w", 99])).status_code == 404
    assert viewer.get(reverse("dashboard:event", args=["w", 10**40])).status_code == 404


def test_the_history_is_closed_to_strangers(client: Client, people: People) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    addresses = [reverse("dashboard:history", args=["w"]), reverse("dashboard:event", args=["w", 1])]
    assert [client.get(address).status_code for address in addresses] == [302, 302]
    client.force_login(people.stranger)
    assert [client.get(address).status_code for address in addresses] == [404, 404]


def test_the_marks_say_how_fast_it_went_in_a_bounded_number_of_places(viewer: Client, long: str) -> None:
    pace = viewer.get(reverse("dashboard:marks", args=["w"])).json()["pace"]
    assert len(pace) == 200
    assert (pace[0][0], pace[-1][0]) == (1, LENGTH)
    assert pace == sorted(pace)
