"""What people read, case by case. The browser's twins replay the same cases (`tests/js/presenters.test.js`)."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from dashboard import zones
from dashboard.estimates import Usual
from dashboard.presenters import cells, charts, curves, history, outlook, rows, sentences, timeline, times, values

CASES: dict[str, list[list[Any]]] = json.loads(
    (Path(__file__).parent.parent / "presenter_cases.json").read_text(encoding="utf-8")
)


def cases(name: str) -> Any:
    return pytest.mark.parametrize("case", CASES[name], ids=lambda case: json.dumps(case)[:60])


@cases("duration")
def test_a_duration_is_as_precise_as_its_length_deserves(case: Any) -> None:
    assert times.duration(case[0]) == case[1]


@cases("amount")
def test_an_amount_is_written_with_its_unit(case: Any) -> None:
    assert charts.amount(*case[:-1]) == case[-1]


@cases("number_of")
def test_a_value_is_a_number_or_how_much_is_done(case: Any) -> None:
    assert curves.number_of(case[0]) == case[1]


@cases("curve_line")
def test_the_small_line_lies_between_the_lowest_and_the_highest(case: Any) -> None:
    assert charts.curve_line(case[0]) == case[1]


@cases("sets_told")
def test_how_often_a_key_was_set_is_said_in_words(case: Any) -> None:
    assert values.sets_told(case[0]) == case[1]


@cases("whole_duration")
def test_a_growing_duration_does_not_flicker(case: Any) -> None:
    assert times.whole_duration(case[0]) == case[1]


@cases("estimate")
def test_a_guess_does_not_look_precise(case: Any) -> None:
    assert times.estimate(case[0]) == case[1]


@cases("ago")
def test_how_long_ago_is_one_unit(case: Any) -> None:
    assert times.ago(case[0], case[1]) == case[2]


@cases("until")
def test_what_is_to_come_is_counted_down_and_then_late(case: Any) -> None:
    assert times.until(case[0], case[1]) == case[2]


@cases("when")
def test_a_time_of_another_day_says_which_day(case: Any) -> None:
    assert times.when(case[0], case[1]) == case[2]


@cases("zone")
def test_a_time_is_said_in_the_readers_zone_and_names_it(case: Any) -> None:
    name, changes, iso, absolute, clock, time_of_day, with_offset = case
    known = zones.changes(name)
    assert all(tuple(change) in known for change in changes)
    with timezone.override(ZoneInfo(name)):
        assert [times.absolute(iso), times.clock(iso), times.time_of_day(iso)] == [absolute, clock, time_of_day]
        assert times.minute(iso) == f"{clock[:5]}{clock[8:]}"
    assert datetime.fromisoformat(iso).astimezone(ZoneInfo(name)).isoformat(timespec="milliseconds") == with_offset


def test_a_day_begins_when_it_does_in_the_readers_zone() -> None:
    with timezone.override(ZoneInfo("Asia/Kolkata")):
        assert times.when("2026-11-23T17:00:00Z", "2026-11-23T19:00:00Z") == "2026-11-23 22:30:00 IST"
        assert times.ago("2026-11-20T19:00:00Z", "2026-11-23T19:00:00Z") == "2026-11-21"


@cases("between")
def test_the_time_between_is_whole_milliseconds_and_never_negative(case: Any) -> None:
    assert times.between(case[0], case[1]) == case[2]


@cases("brief")
def test_a_value_is_one_short_line(case: Any) -> None:
    assert values.brief(case[0]) == case[1]


@cases("cell")
def test_a_value_is_shown_as_its_type_or_the_reader_wants_it_and_else_as_text(case: Any) -> None:
    value, shown_as, *expected = case
    found = cells.cell(value, shown_as)
    assert [found.kind, found.text, found.at] == expected


@cases("diff")
def test_a_difference_names_each_path_that_changed(case: Any) -> None:
    old, new, expected, more = case
    found = values.diff(old, new)
    assert [[change.path, change.old, change.new, change.delta] for change in found.changes] == expected
    assert found.more == more


@cases("progress")
def test_progress_says_how_far_what_and_how_long(case: Any) -> None:
    found = values.progress(case[0], case[1])
    if case[2] is None:
        assert found is None
        return
    fraction, *parts = case[2]
    assert found is not None
    assert found.fraction == (None if fraction is None else pytest.approx(fraction))
    assert found.text == " · ".join(parts)


@cases("sentence")
def test_one_sentence_says_what_a_workflow_does(case: Any) -> None:
    state, now, ending, expected = case
    assert sentences.sentence(state, now, ending) == expected


@cases("history")
def test_a_row_of_the_history_says_what_happened(case: Any) -> None:
    event, before, (label, tone, subject, detail, changes) = case
    row = history.row(event, before["value"]) if before else history.row(event)
    assert (row.seq, row.at, row.kind) == (event[0], event[1], event[2])
    assert (row.label, row.tone, row.subject, row.detail) == (label, tone, subject, detail)
    found = row.diff and [[change.path, change.old, change.new, change.delta] for change in row.diff.changes]
    assert found == changes


@cases("last_words")
def test_the_list_says_what_happened_last(case: Any) -> None:
    assert rows.last_words(case[0]) == case[1]


@cases("span")
def test_the_axis_grows_in_round_lengths(case: Any) -> None:
    assert timeline.span(case[0], case[1]) == case[2]


@cases("ticks")
def test_the_labels_of_the_axis_are_short(case: Any) -> None:
    assert timeline.ticks([timeline.Segment(0, case[0], 0, case[0])], 0, case[0]) == case[1]


@cases("bar")
def test_a_bar_stays_on_the_axis_and_visible(case: Any) -> None:
    *arguments, expected = case
    bar = timeline.bar(*arguments)
    assert [bar.x, bar.width] == expected


@cases("phase")
def test_an_event_begins_a_phase_or_none(case: Any) -> None:
    assert timeline.phase(case[0]) == case[1]


@cases("gaps")
def test_what_is_not_a_run_is_a_gap(case: Any) -> None:
    assert [list(gap) for gap in timeline.gaps(*case[:-1])] == case[-1]


@cases("shorten")
def test_long_waits_are_short_on_the_axis_until_they_are_opened(case: Any) -> None:
    found, end, kept, expected = case
    assert [list(one) for one in timeline.shorten([timeline.Gap(*gap) for gap in found], end, kept)] == expected


def test_a_time_is_found_where_it_is_drawn() -> None:
    segments = timeline.shorten([timeline.Gap(2_000, 7_202_000, "")], 7_210_000)
    for ms in (0, 1_999, 2_000, 7_202_000, 7_209_999, 7_300_000):
        assert timeline.time_at(segments, timeline.locate(segments, ms)) == ms
    assert timeline.locate(segments, 3_600_000) < 3_000


def test_every_kind_of_event_and_every_status_has_words() -> None:
    from workflows.states import EventKind, Status  # the engine's list is the truth

    told = {case[0][2] for case in CASES["history"]}
    assert {kind.value for kind in EventKind} <= told
    assert {status.value for status in Status} <= {case[0]["workflow"]["status"] for case in CASES["sentence"]}


def test_the_timeline_shows_the_latest_steps_and_counts_all() -> None:
    state = CASES["sentence"][0][0] | {"steps": {str(n): _step(n) for n in range(1, 8)}}
    shown = timeline.timeline(state, "2026-11-23T10:00:10.000000Z", most=5)
    assert [row.step["position"] for row in shown.steps] == [3, 4, 5, 6, 7]
    assert shown.total == 7
    assert shown.ticks == ["0 s", "3 s", "6 s", "9 s", "12 s"]


def _step(position: int) -> dict[str, Any]:
    at = f"2026-11-23T10:00:0{position}.000000Z"
    return {"position": position, "name": "s", "started_at": at, "finished_at": at, "error": None}


@cases("rest")
def test_what_a_progress_still_takes_is_only_said_of_sane_numbers(case: Any) -> None:
    assert values.rest(case[0]) == case[1]


@cases("time_left")
def test_what_is_left_is_a_range_and_blank_where_nobody_knows(case: Any) -> None:
    workflow, usual, now, progress, expected = case
    workflows, *took = [int(number) for number in usual.split()] or [0]
    found = outlook.time_left(workflow, Usual(workflows, tuple(took)) if took else None, now, progress)
    assert (found and [found.short, found.words, found.why, found.overdue]) == expected


@cases("silence")
def test_silence_is_said_when_it_is_much_longer_than_usual(case: Any) -> None:
    assert outlook.silence(*case[:3]) == case[3]
