"""What is known of a definition as a whole, and a key's numbers over time: right, and read by a few pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, LiteralString

import pytest
from django.db import connection
from django.utils import timezone

from tests import definitions, execution
from tests.earlier import succeeded
from tests.workflows.test_plans import pages_read
from workflows import catalogue, counts, curves, operations
from workflows.models import MinuteCount, QueueMinuteCount, Workflow
from workflows.options import Options
from workflows.sql import counting
from workflows.sql import curves as curve_statements
from workflows.sql import definitions as statements
from workflows.states import Status

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
_FEW = 300  # pages; reading all of the crowd takes more than a thousand


def published(*values: Any, key: str = "key", workflow_id: str = "w") -> Workflow:
    execution.run(definitions.publishing.using(workflow_id=workflow_id).start(list(values), key))
    return Workflow.objects.get(id=workflow_id)


def test_a_curve_has_numbers_and_what_is_done_and_leaves_the_rest_out() -> None:
    published(1, "text", None, True, [1], {"done": 2, "total": 9}, {"done": "x"}, {"total": 1}, 2.5, -3)
    found = curves.curve("w", "key")
    assert [number for _at, number in found.points] == [1, 2, 2.5, -3]
    assert found.total == 4
    assert curves.curve("w", "other") == curves.Curve([], 0) == curves.curve("no-such", "key")


def test_a_number_that_no_float_can_hold_is_left_out() -> None:
    published(10**400, 1)
    assert [number for _at, number in curves.curve("w", "key").points] == [1]


def test_of_a_long_curve_the_ends_and_every_spike_remain() -> None:
    published(0)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO workflows_event (workflow_id, seq, kind, key, data, at)"
            " SELECT 'w', 100 + n, 'value_set', 'key',"
            " jsonb_build_object('value', CASE n WHEN 4321 THEN 1000000 ELSE n % 10 END), now() + n * interval '1 s'"
            " FROM generate_series(1, 10000) AS n"
        )
    found = curves.curve("w", "key")
    numbers = [number for _at, number in found.points]
    assert found.total == 10_001
    assert 1_000 < len(numbers) <= curves.MOST_POINTS
    assert max(numbers) == 1_000_000
    assert (numbers[0], numbers[-1]) == (0, 0)
    assert [at for at, _number in found.points] == sorted(at for at, _number in found.points)


def test_earlier_workflows_are_compared_by_their_age() -> None:
    succeeded("publishing", 10, 20, every=3)
    now = published(1, key="count")
    shorter, longer = sorted(curves.earlier(now, "count", Workflow.objects.all()), key=lambda one: one.took)
    assert (shorter.took, longer.took) == (timedelta(seconds=10), timedelta(seconds=20))
    assert [(age.total_seconds(), number) for age, number in shorter.points] == [(3, 3), (6, 4), (9, 5)]
    assert curves.earlier(now, "other", Workflow.objects.all()) == []


def test_durations_are_told_stretch_by_stretch() -> None:
    succeeded("doubling", *range(1, 11))  # one a minute, the last one a minute ago
    begins = [timezone.now() - 2 * HOUR, timezone.now() - HOUR]
    ((place, band),) = catalogue.duration_bands("doubling", begins, HOUR, limit=50).items()
    assert (place, band.workflows, band.median) == (1, 10, 5_500)
    assert (round(band.low), round(band.high)) == (1_900, 9_100)
    (band,) = catalogue.duration_bands("doubling", begins, HOUR, limit=3).values()
    assert (band.workflows, band.median) == (3, 9_000)  # the last that ended


def test_keys_are_told_with_their_types_the_newest_value_and_how_often_they_were_set() -> None:
    published(1, 2, 3, workflow_id="a")
    published("x" * 1_000, workflow_id="b")
    published({"deep": [1]}, key="rare", workflow_id="c")
    common, rare = catalogue.published_keys("publishing", limit=50)
    assert (common.key, common.workflows, common.types, common.sets) == ("key", 2, ["number", "string"], 4)
    assert (common.value, common.workflow_id) == ("x" * 200, "b")
    assert (rare.key, rare.value) == ("rare", '{"deep": [1]}')
    assert [one.key for one in catalogue.published_keys("publishing", limit=1)] == ["rare"]
    assert catalogue.published_keys("no-such", limit=50) == []


def test_versions_are_told_with_how_many_of_each_failed() -> None:
    for workflow_id, fail in (("a", False), ("b", True), ("c", False)):
        execution.run(definitions.grouping.using(workflow_id=workflow_id).start(workflow_id, fail=fail))
    definitions.grouping.using(workflow_id="queued").start("name")
    Workflow.objects.filter(id__in=["a", "b"]).update(version="old")
    new, old = catalogue.versions("grouping", limit=100)
    assert (old.name, old.workflows, old.bad) == ("old", 2, 1)
    assert (new.workflows, new.bad) == (1, 0)
    assert old.first_at <= old.last_at <= new.first_at


def test_what_happened_is_told_by_definition_and_by_queue_folded_or_not() -> None:
    handle = definitions.doubling.using(queue="slow").start([1])
    operations.start("doubling", kwargs={"numbers": []}, options=Options(queue="slow"))
    operations.start("doubling", kwargs={"numbers": []})
    execution.run(handle)
    begin = timezone.now().replace(second=0, microsecond=0) - 9 * MINUTE
    for fold in (False, True):
        if fold:
            assert counts.queues_since() is None
            counts.fold()
            assert counts.queues_since() is not None
        both = counts.stretches(begin, 10 * MINUTE, 1, definition="doubling")
        assert (both["created"], both["succeeded"]) == ([3], [1])
        slow = counts.stretches(begin, 10 * MINUTE, 1, queue="slow", kinds=list(Status))
        assert {kind: number for kind, (number,) in slow.items() if number} == {"queued": 1, "succeeded": 1}
        before = counts.stretches(begin - HOUR, MINUTE, 30, definition="doubling")
        assert not any(sum(numbers) for numbers in before.values())


_CROWD: LiteralString = """
INSERT INTO workflows_workflow
    (id, definition, queue, status, input, token, crashes, takeovers, available_at, last_seq, created_by, created_at,
     started_at, finished_at, status_at)
SELECT 'crowd-' || n, 'plans', 'plans', 'succeeded', '{"args": [], "kwargs": {}}', 0, 0, 0, now(), 1, '',
       now() - n * interval '1 s', now() - n * interval '1 s', now(), now() FROM generate_series(1, 20000) AS n"""


@pytest.mark.usefixtures("swept")
def test_whatever_there_is_a_few_pages_answer() -> None:
    """A crowd of one definition, and the minutes of many definitions and queues. Another definition has none."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE workflows_workflow DISABLE TRIGGER workflow_is_counted")  # that is not what is read
        cursor.execute(_CROWD)
    begin = now.replace(second=0, microsecond=0) - 60 * MINUTE
    rows = [(begin + place * MINUTE, name) for place in range(60) for name in map(str, range(60))]
    MinuteCount.objects.bulk_create(MinuteCount(minute=at, definition=d, kind="failed", workflows=1) for at, d in rows)
    QueueMinuteCount.objects.bulk_create(
        QueueMinuteCount(minute=at, queue=q, kind="failed", workflows=1) for at, q in rows
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE workflows_workflow, workflows_minutecount, workflows_queueminutecount, workflows_event")
    stretch = {"of": "7", "since": begin, "until": now, "seconds": 60, "kinds": ["failed"], "ends": ["failed"]}
    one: dict[str, Any] = {
        "definition": "plans",
        "limit": 50,
        "keys": 100,
        "events": 200,
        "length": 200,
        "bad": ["failed"],
        "statuses": [*Status],
    }
    asked: list[tuple[Any, dict[str, Any]]] = [
        (statements.LAST_CREATED, {"definitions": ["aaa", "plans", "zzz"], "statuses": [*Status]}),
        (statements.DURATION_BANDS, {**one, "begins": [begin, now], "length": HOUR}),
        (statements.KEYS, one),
        (statements.KEYS, {**one, "definition": "aaa"}),
        (statements.VERSIONS, one),
        (counting.DEFINITION_STRETCHES, stretch),
        (counting.QUEUE_STRETCHES, stretch),
        (counting.CLAIMS, {"queue": "7", "since": begin, "until": now}),
        (counting.CLAIMS_SINCE, {}),
        (curve_statements.EARLIER, {**one, "looked_at": 100, "events": 1_000, "workflow_id": "w"}),
    ]
    for statement, given in asked:
        for _ in range(2):  # the first one in a session also reads the catalogue
            pages = pages_read(statement, **given)
        assert pages < _FEW, statement
