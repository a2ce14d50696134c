"""Counts: exact after whatever happened and in every snapshot, without reading a workflow."""

from __future__ import annotations

import io
import itertools
import json
import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from tests.definitions import doubling, listening, publishing
from tests.execution import WORKER, claim, run
from workflows import counts, operations, recovery, retention, sql, transitions
from workflows.errors import TelltaleError
from workflows.models import Count, CountChange, MinuteCount, QueueMinuteCount, Workflow
from workflows.sql import counting
from workflows.states import ACTIVE, TERMINAL, Status

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
QUEUES = ["default", "other"]
ERROR = json.dumps({"type": "E", "module": "m", "message": "no", "traceback": ""})


def truth() -> Counter[tuple[str, str, str]]:
    """How many there are, counted one by one."""
    return Counter(Workflow.objects.values_list("definition", "queue", "status"))


def told() -> Counter[tuple[str, str, str]]:
    return Counter({(c.definition, c.queue, c.status): c.workflows for c in counts.everything()})


def of(status: Status) -> int:
    return counts.by_status(counts.everything())[status]


def test_nothing_is_told_of_nothing() -> None:
    assert counts.everything() == []
    assert counts.fold() == 0
    assert counts.per_minute(HOUR) == []


def test_every_change_counts_at_once_and_folding_changes_nothing() -> None:
    handle = doubling.start([1])
    assert counts.by_status(counts.everything()) == {"queued": 1}
    claimed = claim(handle)
    assert counts.by_status(counts.everything()) == {"running": 1}
    transitions.succeed(claimed.owner, output="1")
    before = counts.everything()
    assert counts.by_definition(before) == {("doubling", "succeeded"): 1}
    assert counts.by_queue(before) == {("default", "succeeded"): 1}
    assert recovery.fold_counts() == 3
    assert CountChange.objects.count() == 0
    assert counts.everything() == before


def test_a_transaction_sees_its_own_counts_and_takes_them_back_with_the_rest() -> None:
    with transaction.atomic():
        doubling.start([1])
        assert of(Status.QUEUED) == 1
        with sql.dedicated_connection() as other:
            assert other.execute(counting.COUNTS).fetchall() == []
        transaction.set_rollback(True)
    assert counts.everything() == []


def test_a_checkpoint_that_changes_no_status_leaves_no_change() -> None:
    handle = publishing.start(list(range(20)))
    run(handle)
    assert [change.target for change in CountChange.objects.order_by("id")] == ["queued", "running", "succeeded"]


def test_a_workflow_that_is_renamed_or_moved_by_hand_is_counted_where_it_is() -> None:
    run(doubling.start([1]))
    Workflow.objects.update(definition="tripling", queue="other")
    assert told() == truth() == {("tripling", "other", "succeeded"): 1}
    assert {minute.definition for minute in counts.per_minute(HOUR)} == {"doubling"}


class World:
    """Things that workers, people and rules do, one at random at a time."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.acts = [
            self.start, self.start, self.start, self.many, self.end, self.end, self.end, self.crash, self.wake,
            self.message, self.cancel, self.resume, self.fork, self.pin, self.delete, self.prune, self.overdue,
        ]  # fmt: skip

    def act(self) -> None:
        """One thing; now and then it is rolled back, refused, or followed by a fold of a few changes."""
        try:
            with transaction.atomic():
                self.dice.choice(self.acts)()
                transaction.set_rollback(self.dice.random() < 0.1)
        except TelltaleError:
            pass  # as operators are refused
        if self.dice.random() < 0.2:
            sql.fetch(counting.FOLD, {"limit": 3, "ends": sorted(TERMINAL), "kept": DAY, "bounds": counts.BOUNDS})

    def start(self) -> None:
        wanted = self.dice.choice([doubling, publishing, listening])
        delay = self.dice.choice([None, None, 0.001, 3600.0])
        wanted.using(queue=self.dice.choice(QUEUES), delay=delay, timeout=0.001).start([1])  # type: ignore[arg-type]

    def many(self) -> None:
        now = datetime.now(UTC)
        Workflow.objects.bulk_create(
            Workflow(id=f"bulk-{self.dice.getrandbits(60)}", definition="bulk", queue="other", status=Status.QUEUED,
                     input={"args": [], "kwargs": {}}, created_at=now, available_at=now, status_at=now, last_seq=0)
            for _ in range(self.dice.randrange(5))
        )  # fmt: skip

    def end(self) -> None:
        found = transitions.claim_next(
            queues=QUEUES, worker=WORKER, definitions=["doubling", "publishing", "listening"]
        )
        if found is None:
            return
        wakes = Workflow.objects.values_list("wakes", flat=True).get(id=found.owner.workflow_id)
        until = (datetime.now(UTC) + self.dice.choice([-HOUR, HOUR])).isoformat()
        wait = {"for": "message", "name": "t", "until": until}
        self.dice.choice([
            lambda: transitions.succeed(found.owner, output="1"), lambda: transitions.fail(found.owner, error=ERROR),
            lambda: transitions.suspend(found.owner, wait=wait, wakes=wakes),
            lambda: transitions.hand_back(found.owner), lambda: None,
        ])()  # fmt: skip

    def crash(self) -> None:
        Workflow.objects.filter(status=Status.RUNNING).update(crashes=self.dice.choice([0, 2]))
        transitions.release_held_by([WORKER], limit=self.dice.randrange(1, 4))

    def wake(self) -> None:
        transitions.wake_due(limit=self.dice.randrange(1, 4))

    def message(self) -> None:
        if chosen := self.one(Status.WAITING):
            operations.send(chosen, "t", 1)

    def cancel(self) -> None:
        if chosen := self.one(*ACTIVE):
            operations.cancel(chosen, tree=True)

    def resume(self) -> None:
        if chosen := self.one(*TERMINAL):
            operations.resume(chosen)

    def fork(self) -> None:
        if chosen := self.one(*Status):
            operations.fork(chosen, 1)

    def pin(self) -> None:
        if chosen := self.one(*Status):
            operations.pin(chosen, self.dice.random() < 0.3)

    def delete(self) -> None:
        if chosen := self.one(*Status):
            operations.delete(chosen)

    def prune(self) -> None:
        retention.prune(keep=20, batch=3)

    def overdue(self) -> None:
        transitions.cancel_overdue(limit=2)

    def one(self, *statuses: Status) -> str | None:
        found = list(Workflow.objects.filter(status__in=statuses).order_by("id").values_list("id", flat=True))
        return self.dice.choice(found) if found else None


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_in_whatever_order_the_counts_are_those_of_the_rows(seed: int) -> None:
    world = World(seed)
    missing = {status.value for status in Status}
    for act in itertools.count():
        world.act()
        assert told() == truth()
        missing -= {status for _, _, status in told()}
        if act >= 250 and not missing:  # which ids there are, and what is due, is another one each time
            break
    counts.fold()
    assert (
        told()
        == truth()
        == Counter({(c.definition, c.queue, c.status): c.workflows for c in Count.objects.all() if c.workflows})
    )
    made = sum(minute.workflows for minute in counts.per_minute(HOUR) if minute.kind == counts.CREATED)
    assert made >= Workflow.objects.count()


def test_in_every_snapshot_the_counts_are_exact_while_many_write_and_fold() -> None:
    failures: list[BaseException] = []
    enough = threading.Event()

    def work(seed: int) -> None:
        world = World(seed)
        world.acts = [world.start, world.end, world.end, world.many, world.wake]
        try:
            for act in itertools.count():
                if act >= 60 and enough.is_set():
                    break
                world.act()
                if seed % 2:
                    counts.fold()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            assert counts.differences() == []
    finally:
        enough.set()
    while any(thread.is_alive() for thread in threads):
        assert counts.differences() == []
    assert failures == []
    assert told() == truth()


def test_folding_waits_for_nobody_and_nobody_waits_for_it() -> None:
    first, second = doubling.start([1]), doubling.start([2])
    with sql.dedicated_connection() as other, other.transaction():
        other.execute("SELECT 1 FROM workflows_countchange ORDER BY id LIMIT 1 FOR UPDATE")
        other.execute(counting.FOLD.replace("%(limit)s", "1"), {"ends": [], "kept": DAY, "bounds": counts.BOUNDS})
        claim(first)
        assert told() == truth()
    counts.fold()
    claim(second)
    assert told() == truth() == {("doubling", "default", "running"): 2}


def test_the_minutes_say_what_was_created_and_how_what_ended_did() -> None:
    run(doubling.start([1]))
    operations.cancel(doubling.start([2]).id)
    publishing.start([1])
    for fold in (False, True):
        if fold:
            counts.fold()
        found = Counter({})
        for minute in counts.per_minute(HOUR):
            assert minute.at.second == 0
            found[minute.definition, minute.kind] += minute.workflows
        assert found == {
            ("doubling", "created"): 2, ("doubling", "succeeded"): 1, ("doubling", "cancelled"): 1,
            ("publishing", "created"): 1,
        }  # fmt: skip
    assert counts.per_minute(HOUR, until=datetime.now(UTC) + 2 * HOUR) == []


def test_how_old_the_oldest_was_follows_from_what_was_claimed_later_and_what_waits_still() -> None:
    begin, minute = datetime(2026, 11, 26, 3, tzinfo=UTC), timedelta(minutes=1)

    def shown(oldest_at: int | None = None, known_since: int | None = 0, **claims: int) -> list[float | None]:
        """Minutes all: the age at the end of each of six. A claim says in which minute and since when."""
        found = counts.ages(
            {begin + int(at[1:]) * minute: begin + since * minute for at, since in claims.items()}, begin, 6,
            oldest_at=None if oldest_at is None else begin + oldest_at * minute, now=begin + 6 * minute,
            known_since=None if known_since is None else begin + known_since * minute,
        )  # fmt: skip
        return [None if age is None else age / minute for age in found]

    assert shown() == [0] * 6
    assert shown(m4=1) == [0, 1, 2, 3, 0, 0]  # from the second minute on, until it was claimed in the fifth
    assert shown(m4=1, m5=3) == [0, 1, 2, 3, 2, 0]
    assert shown(oldest_at=-2, m4=1) == [3, 4, 5, 6, 7, 8]
    assert shown(known_since=3, m4=1) == [None, 1, 2, 3, 0, 0]
    assert shown(known_since=None, oldest_at=4) == [None, None, None, None, 1, 2]


def test_the_minutes_of_a_queue_know_since_when_what_was_claimed_had_waited() -> None:
    first, second = doubling.start([1]), doubling.start([2])
    Workflow.objects.filter(id=first.id).update(available_at=datetime.now(UTC) - 10 * MINUTE)
    claim(first)
    claim(second)
    claimed = CountChange.objects.filter(target=Status.RUNNING).order_by("id")[0]
    assert claimed.at is not None
    assert claimed.took is not None
    since = claimed.at - timedelta(seconds=claimed.took)
    begin, now = claimed.at.replace(second=0, microsecond=0) - 15 * MINUTE, claimed.at + timedelta(seconds=1)
    for fold in (lambda: 0, counts.fold):
        fold()
        ages = counts.oldest_ages("default", begin, 16, oldest_at=None, now=now)
        told = [age for age in ages if age]
        expected = [begin + place * MINUTE - since for place in range(1, 16)]
        assert told == pytest.approx([age for age in expected if age > timedelta(0)], abs=timedelta(milliseconds=1))
    assert ages[-1] == timedelta(0)
    assert counts.oldest_ages("other", begin, 16, oldest_at=None, now=now)[-1] == timedelta(0)
    claims = QueueMinuteCount.objects.filter(kind=counts.CLAIMED).values_list("queue", "workflows")
    assert sum(number for _, number in claims) == 2


def test_minutes_that_are_older_than_is_kept_are_forgotten(settings: Any) -> None:
    settings.WORKFLOWS = {**settings.WORKFLOWS, "TREND_SECONDS": 3_600.0}
    run(doubling.start([1]))
    counts.fold()
    MinuteCount.objects.create(minute=datetime.now(UTC) - 2 * HOUR, definition="old", kind="created", workflows=1)
    CountChange.objects.create(definition="old", queue="q", target="queued", workflows=1, at=datetime.now(UTC) - DAY)
    counts.fold()
    assert set(MinuteCount.objects.values_list("definition", flat=True)) == {"doubling"}


def _break() -> None:
    doubling.start([1])
    run(doubling.start([2]))
    counts.fold()
    Count.objects.filter(status="succeeded").update(workflows=7)
    CountChange.objects.create(definition="ghost", queue="q", target="queued", workflows=2)


def test_what_is_wrong_is_found_and_put_right_without_a_lock() -> None:
    _break()
    wrong = [("doubling", "default", "succeeded", 1, 7), ("ghost", "q", "queued", 0, 2)]
    assert counts.differences() == wrong
    with sql.dedicated_connection() as other, other.transaction():
        other.execute("UPDATE workflows_workflow SET status = status, last_seq = last_seq + 1")  # somebody writes
        assert counts.put_right() == wrong
    assert counts.differences() == []
    counts.fold()
    assert told() == truth()
    assert all(minute.definition != "ghost" for minute in counts.per_minute(HOUR))


def _plan(statement: Any, **parameters: Any) -> str:
    return "\n".join(row[0] for row in sql.fetch("EXPLAIN (ANALYZE) " + statement, parameters))


def test_no_workflow_is_read_to_tell_how_many_there_are() -> None:
    for _ in range(50):
        doubling.start([1])
    minutes = {"since": datetime.now(UTC) - HOUR, "ends": sorted(TERMINAL), "kinds": list(counts.HAPPENED)}
    stretches = {"since": datetime.now(UTC) - HOUR, "length": HOUR, "kind": "failed", "days": 7}
    fold = {"limit": 10, "ends": sorted(TERMINAL), "kept": DAY, "bounds": counts.BOUNDS}
    for statement, parameters in (
        (counting.COUNTS, {}),
        (counting.MINUTES, minutes),
        (counting.QUEUE_MINUTES, minutes),
        (counting.STRETCHES, stretches),
        (counting.FOLD, fold),
        (counting.FORGET_MINUTES, {"kept": DAY}),
    ):
        assert "workflows_workflow" not in _plan(statement, **parameters)
    assert "Seq Scan on workflows_workflow" in _plan(counting.DIFFERENCES)  # the test would notice one


def test_the_migrations_count_what_exists_and_can_be_taken_back() -> None:
    run(doubling.start([1]))
    try:
        call_command("migrate", "workflows", "0003", verbosity=0)
        publishing.start([1])
        call_command("migrate", "workflows", "0004", verbosity=0)
        doubling.start([2])
    finally:
        call_command("migrate", "workflows", verbosity=0)
    assert told() == truth() == {
        ("doubling", "default", "succeeded"): 1, ("doubling", "default", "queued"): 1,
        ("publishing", "default", "queued"): 1,
    }  # fmt: skip


def workflow(*words: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("workflow", *words, stdout=out)
    return out.getvalue()


def test_the_command_tells_checks_and_puts_right() -> None:
    assert workflow("counts").splitlines() == ["There are no workflows."]
    assert workflow("counts", "--check").splitlines() == ["The counts are right."]
    _break()
    first, second = json.loads(workflow("counts", "--json"))["counts"][:2]
    assert first == {"definition": "doubling", "queue": "default", "status": "queued", "workflows": 1}
    assert second["workflows"] == 7
    head, *rows = workflow("counts").splitlines()
    assert head.split()[:2] == ["DEFINITION", "DELAYED"]
    assert [row.split()[0] for row in rows] == ["doubling", "ghost", "all"]
    out = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("workflow", "counts", "--check", stdout=out)
    assert refused.value.returncode == 1
    assert "workflow counts --rebuild" in str(refused.value)
    assert "doubling, queue default, succeeded: 7 counted, 1 there" in out.getvalue()
    assert len(json.loads(workflow("counts", "--rebuild", "--json"))["wrong"]) == 2
    assert workflow("counts", "--check").splitlines() == ["The counts are right."]
    assert workflow("counts", "--rebuild").splitlines() == ["The counts are right."]
