"""The tests of the live stream can fail: each mistake that streams are known for is made here, and a check catches it.

The same checks pass on the code as it is. (The classic among them, a global cursor over ids that commit out of order,
cannot be made: readers have a cursor per workflow, whose seqs are given under its row's lock.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dashboard import fanout, tail
from dashboard.fanout import Fanout
from dashboard.subscriptions import Topic, WorkflowSubscription
from dashboard.window import Window
from tests.live_page import Page, Site, hand_driven_site
from tests.live_writer import Writer
from workflows import history
from workflows.listener import Listener

pytestmark = pytest.mark.django_db(transaction=True)

Check = Callable[[Site, Writer], None]
Mutant = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Site]:
    with hand_driven_site(monkeypatch, settings) as found:
        yield found


def follow(site: Site, writer: Writer) -> Page:
    """A page that has its snapshot."""
    page = Page(site, writer.id)
    page.connect()
    catch_up(site, page)
    return page


def catch_up(site: Site, page: Page) -> None:
    """Calm: sweeps and ticks, reads and acknowledgements; no hint, no audit, no further event."""
    for _ in range(20):
        if not page.reading.differences() and not page.wire:
            return
        site.settle()
        page.read(1_000)
        page.acknowledge()
        site.listener.sweep()
        site.tick()


def what_commits_during_a_subscription_arrives(site: Site, writer: Writer) -> None:
    for moment in range(10):
        page = Page(site, writer.id)
        site.meanwhile.extend([None] * moment)
        site.meanwhile.append(lambda: writer.publish(1))
        page.connect()
        site.settle()
        site.meanwhile.clear()
        catch_up(site, page)
        assert page.reading.differences() == [], f"committed at the {moment}th moment of a subscription"
        page.cut()  # else the topic is watched already


def a_history_made_anew_is_never_mixed_with_the_old_one(site: Site, writer: Writer) -> None:
    writer.publish(3)
    page = follow(site, writer)
    page.cut()
    writer.make_anew()
    writer.publish(9)
    page.connect()
    catch_up(site, page)
    assert page.reading.differences() == []


def bytes_under_way_are_bounded(site: Site, writer: Writer) -> None:
    page = follow(site, writer)
    for _ in range(10):
        writer.publish(4, size=1_000)
        site.listener.sweep()
        site.tick()
    assert page.excess == 0
    catch_up(site, page)
    assert page.reading.differences() == []


def a_lost_hint_costs_a_sweep_and_nothing_else(site: Site, writer: Writer) -> None:
    page = follow(site, writer)
    writer.publish(1)
    catch_up(site, page)
    assert page.reading.differences() == []


def a_hint_wakes_and_never_moves_a_cursor(site: Site, writer: Writer) -> None:
    page = follow(site, writer)
    writer.publish(9)
    site.listener.hint(writer.id, writer.head)
    catch_up(site, page)
    assert page.reading.differences() == []


def a_shortened_history_is_begun_anew_not_continued(site: Site, writer: Writer) -> None:
    page = follow(site, writer)
    page.cut()
    writer.publish(9)
    writer.trim(keep=2)
    page.connect()
    catch_up(site, page)
    assert page.reading.differences() == []
    assert len(page.reading.resets) == 1


def subscribe_after_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    follow = Fanout.follow

    def unwatched(hub: Fanout, workflow_id: str) -> Topic:
        topic = hub._topics[workflow_id] = Topic(workflow_id, hub._mark)
        return topic

    async def late(hub: Fanout, reader: Any, user: Any, workflow_id: str, at: Any) -> WorkflowSubscription:
        subscription = await follow(hub, reader, user, workflow_id, at)
        heads = await hub.reads.threads.ask(history.heads, [workflow_id])
        subscription.topic.watch = fanout.listener().watch(workflow_id, heads[workflow_id].seq, hub._moved)
        return subscription

    monkeypatch.setattr(Fanout, "_open", unwatched)
    monkeypatch.setattr(Fanout, "follow", late)


def epoch_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    heads, tails = history.heads, history.tail

    def of_one_epoch(find: Callable[..., dict[Any, Any]]) -> Callable[..., dict[Any, Any]]:
        def found(*arguments: Any, **options: Any) -> dict[Any, Any]:
            return {key: one._replace(epoch="one") for key, one in find(*arguments, **options).items()}

        return found

    monkeypatch.setattr(history, "heads", of_one_epoch(heads))
    monkeypatch.setattr(history, "tail", of_one_epoch(tails))


def acknowledgements_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Window, "is_open", property(lambda window: True))


def hints_without_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Listener, "_sweep", lambda listener, connection: None)


def hint_taken_for_a_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    take = WorkflowSubscription.take

    def believing(subscription: WorkflowSubscription) -> list[str]:
        frames = take(subscription)
        if frames and '"t":"events"' in frames[0]:
            subscription.cursor = subscription.topic.head
        return frames

    monkeypatch.setattr(WorkflowSubscription, "take", believing)


def holes_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    read = tail.read
    monkeypatch.setattr(
        tail, "read", lambda places: {place: frame._replace(whole=True) for place, frame in read(places).items()}
    )


CAUGHT: list[tuple[Mutant, Check]] = [
    (subscribe_after_snapshot, what_commits_during_a_subscription_arrives),
    (epoch_ignored, a_history_made_anew_is_never_mixed_with_the_old_one),
    (acknowledgements_ignored, bytes_under_way_are_bounded),
    (hints_without_sweep, a_lost_hint_costs_a_sweep_and_nothing_else),
    (hint_taken_for_a_cursor, a_hint_wakes_and_never_moves_a_cursor),
    (holes_ignored, a_shortened_history_is_begun_anew_not_continued),
]


@pytest.mark.parametrize("check", [check for _mutant, check in CAUGHT], ids=lambda check: check.__name__)
def test_the_stream_as_it_is_passes(site: Site, check: Check) -> None:
    check(site, Writer())


@pytest.mark.parametrize(("mutant", "check"), CAUGHT, ids=[mutant.__name__ for mutant, _check in CAUGHT])
def test_a_stream_with_a_mistake_is_caught(
    site: Site, monkeypatch: pytest.MonkeyPatch, mutant: Mutant, check: Check
) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        check(site, Writer())
