"""Charts as the server makes them: shapes, words, and the numbers that the browser draws again from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from dashboard.definitions import Past
from dashboard.presenters import curves, portraits
from dashboard.presenters import queues as queue_words
from dashboard.presenters.charts import Mark, Series, bars, lines
from dashboard.trends import SPANS, QueuePast
from workflows.catalogue import Band
from workflows.counts import HAPPENED
from workflows.curves import Curve, Earlier
from workflows.states import Status

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MINUTES = [NOON + place * MINUTE for place in range(4)]


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def test_bars_carry_their_numbers_and_the_moments_across_them() -> None:
    marks = [
        Mark(at(90), "v2"), Mark(at(60), "nightly", "schedule"), Mark(at(60), "often", "schedule", 3),
        Mark(at(-1), "before the chart"),
    ]  # fmt: skip
    shown = bars(MINUTES, {"succeeded": [1, 0, 4, 0], "failed": [0, 0, 1, 0]}, marks)
    assert [column.words for column in shown.columns] == [
        "12:00 UTC: 1 succeeded", "12:01 UTC: nothing ended; other code v2; started by schedule nightly, often 3×",
        "12:02 UTC: 4 succeeded, 1 failed",
        "12:03 UTC: nothing ended",
    ]  # fmt: skip
    assert shown.totals == [("succeeded", 5), ("failed", 1)]
    assert [(flag.x, flag.number) for flag in shown.flags] == [(36, 1), (36, 4)]
    assert [column.is_empty for column in shown.columns] == [False, False, False, True]
    wire = json.loads(json.dumps(shown.wire))
    assert wire["x"] == [minute.timestamp() for minute in MINUTES]
    assert wire["series"][1] == {"name": "failed", "tone": "failed", "numbers": [0, 0, 1, 0]}
    assert wire["marks"] == [
        {"kind": "code", "at": at(60).timestamp(), "number": 1, "words": "other code v2"},
        {"kind": "schedule", "at": at(60).timestamp(), "number": 4, "words": "started by schedule nightly, often 3×"},
    ]


def test_of_many_marks_on_one_bar_the_first_few_are_named() -> None:
    shown = bars(MINUTES, {"failed": [0, 0, 0, 0]}, [Mark(NOON, f"s{number}", "schedule") for number in range(9)])
    (flag,) = shown.flags
    assert (flag.number, flag.words) == (9, "started by schedule s0, s1, s2, s3, s4, s5 and 3 more")


def test_bars_of_another_day_say_which() -> None:
    shown = bars([NOON - timedelta(days=1), NOON], {"failed": [1, 0]})
    assert [column.label for column in shown.columns] == ["2026-11-24 12:00 UTC", "12:00 UTC"]


def test_a_line_breaks_where_nothing_is_known_and_a_lonely_point_is_a_dot() -> None:
    shown = lines(MINUTES, [Series("half within", "median", [10, None, 20, 30])], "ms", NOON)
    assert [piece for _tone, piece in shown.pieces] == ["0.0,80.0 0.0,80.0", "666.7,40.0 1000.0,0.0"]
    assert (shown.lowest, shown.highest) == ("0 ms", "30 ms")
    assert shown.rows[1] == ("2026-11-25T12:01:00.000000Z", ["–"])


def test_a_number_that_holds_until_the_next_one_is_a_stair_without_gaps() -> None:
    shown = lines(MINUTES, [Series("n", "value", [10, None, 20, 30])], "number", NOON, steps=True)
    assert [piece for _tone, piece in shown.pieces] == ["0.0,80.0 666.7,80.0 666.7,40.0 1000.0,40.0 1000.0,0.0"]
    assert shown.wire["kind"] == "steps"


def test_numbers_far_from_zero_are_compared_with_each_other_and_all_alike_are_still_a_line() -> None:
    far = lines(MINUTES, [Series("n", "value", [1_000, 1_010, 1_005, 1_000])], "number", NOON)
    assert (far.lowest, far.highest) == ("1,000", "1,010")
    alike = lines(MINUTES[:1], [Series("n", "value", [7])], "number", NOON)
    assert alike.pieces == [("value", "0.0,120.0 0.0,120.0")]
    assert lines(MINUTES[:1], [Series("n", "value", [0])], "count", NOON).highest == "1"


def past(**happened: list[int]) -> Past:
    numbers = {kind: happened.get(kind, [0] * 4) for kind in HAPPENED}
    return Past(MINUTES, numbers, MINUTES, [Band(8, 10, 20, 30), None, Band(3, 5, 6, 7), None])


def test_failures_are_a_share_of_what_ended_and_unknown_where_nothing_did() -> None:
    shown = portraits.failures(past(succeeded=[3, 0, 1, 0], failed=[1, 0, 0, 0], quarantined=[0, 0, 1, 0]), NOON)
    assert shown is not None
    assert shown.wire["series"][0]["numbers"] == [25, None, 50, None]
    assert portraits.failures(past(), NOON) is None


def test_the_area_of_durations_needs_eight_and_their_middle_one_does_not() -> None:
    shown = portraits.durations(past(), NOON)
    assert shown is not None
    numbers = [one["numbers"] for one in shown.wire["series"]]
    assert numbers == [[30, None, None, None], [20, None, 6, None], [10, None, None, None]]
    assert shown.wire["band"] == (0, 2)
    assert portraits.durations(Past(MINUTES, past().happened, MINUTES, [None] * 4), NOON) is None


def test_depth_and_oldest_of_a_queue_are_unknown_before_they_were_counted() -> None:
    nothing = {status: [0] * 4 for status in Status}
    levels: dict[Status, list[int | None]] = {Status.QUEUED: [None, None, 3, 1], Status.RUNNING: [None, None, 0, 2]}
    past = QueuePast(MINUTES, nothing, levels, [None, None, timedelta(seconds=90), timedelta(0)])
    shown, oldest = queue_words.depth(past), queue_words.oldest(past)
    assert shown is not None
    assert oldest is not None
    assert (oldest.wire["series"][0]["numbers"], oldest.highest) == ([None, None, 90_000, 0], "1 min 30 s")
    assert [one["numbers"] for one in shown.wire["series"]] == [[None, None, 3, 1], [None, None, 0, 2]]
    unknown: dict[Status, list[int | None]] = dict.fromkeys(levels, [None] * 4)
    past = QueuePast(MINUTES, nothing, unknown, [None] * 4)
    assert (queue_words.depth(past), queue_words.oldest(past)) == (None, None)


def test_the_stretches_of_a_span_begin_at_round_times_and_the_last_one_is_not_over() -> None:
    now = NOON + timedelta(minutes=7, seconds=30)
    for name, last in (("hour", NOON + 7 * MINUTE), ("day", NOON), ("week", NOON)):
        begins = SPANS[name].begins(now)
        assert (begins[-1], len(begins)) == (last, SPANS[name].number)
        assert begins[1] - begins[0] == SPANS[name].length


def climbing(number: int) -> Earlier:
    """Three numbers, one a second, after the first second."""
    return Earlier([(timedelta(seconds=second), number * second) for second in (1, 2, 3)], timedelta(seconds=4))


def test_earlier_workflows_are_an_area_at_the_same_age() -> None:
    curve = Curve([(at(1), 5.0), (at(2), 6.0)], 2)
    shown = curves.chart("n", curve, [climbing(number) for number in range(1, 12)], NOON, NOON)
    assert shown is not None
    above, own, below = (one["numbers"] for one in shown.wire["series"])
    place = shown.wire["x"].index(at(2).timestamp())
    assert (above[place], own[place], below[place]) == (20, 6, 4)
    assert shown.wire["x"][-1] == at(4).timestamp()  # they went on for longer
    assert (above[-1], own[-1], below[-1]) == (30, None, 6)


def test_without_eight_earlier_ones_there_is_no_area() -> None:
    curve = Curve([(at(1), 5.0)], 1)
    shown = curves.chart("n", curve, [climbing(1)] * 7, NOON, NOON)
    assert shown is not None
    assert [one["name"] for one in shown.wire["series"]] == ["n"]
    assert shown.area == ""
    assert curves.chart("n", Curve([], 0), [], NOON, NOON) is None


def test_the_last_numbers_of_each_key_come_from_the_latest_events() -> None:
    events = [
        [1, "t", "created", None, None, {}],
        [2, "t", "value_set", 1, "n", {"value": 1}],
        [3, "t", "value_set", 2, "progress", {"value": {"done": 4, "total": 9}}],
        [4, "t", "value_set", 3, "n", {"value": "text"}],
        [5, "t", "value_set", 4, "n", {"value": 2.5}],
    ]
    assert curves.recent(events) == {"n": [1, 2.5], "progress": [4]}
