"""Polls of a real server: what they are answered is what a socket would be sent."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.acceptance.test_live import history, running
from tests.definitions import SWITCH, counting, publishing, switching
from tests.execution import run
from tests.http_client import PollClient
from tests.live_client import LiveClient, session_of
from tests.people import TAKEN, People, take_away
from tests.processes import Server, database_connections
from tests.wait import until
from workflows.durable import set_event
from workflows.history import heads, wire_time
from workflows.models import Event, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def at(epoch: str, seq: int) -> dict[str, Any]:
    return {"epoch": epoch, "seq": seq}


def test_a_poll_is_answered_what_a_socket_would_be_sent(server: Server, people: People) -> None:
    session, ids = session_of(people.viewer), [publishing.start(list(range(5))).id for _ in range(2)]
    for workflow_id in ids:
        run(publishing.using(workflow_id=workflow_id).start(list(range(5))))
    Event.objects.filter(workflow_id=ids[1], seq__lt=4).delete()
    epoch = {workflow_id: head.epoch for workflow_id, head in heads(ids).items()}
    asked: list[dict[str, Any]] = [
        {"topic": f"workflow:{ids[0]}"},
        {"topic": f"workflow:{ids[0]}", "at": at(epoch[ids[0]], 3)},
        {"topic": f"workflow:{ids[0]}", "at": at(epoch[ids[0]], 8)},
        {"topic": f"workflow:{ids[0]}", "at": at(epoch[ids[0]], 9)},
        {"topic": f"workflow:{ids[0]}", "at": at("another", 3)},
        {"topic": f"workflow:{ids[1]}", "at": at(epoch[ids[1]], 2)},
        {"topic": "workflow:guessed"},
    ]
    polls = PollClient(server, session)
    for one in asked:
        with LiveClient(server, session) as socket:
            socket.take_until("hello")
            socket.say(t="subscribe", **one)
            frames = polls.frames(one)
            assert frames == [socket.frame() for _ in frames], one
            assert frames[-1]["t"] in ("receipt", "snapshot", "error")


def test_a_poll_asks_about_many_things_at_once(server: Server, people: People) -> None:
    session, handles = session_of(people.viewer), [publishing.start([1]) for _ in range(128)]
    run(handles[5])
    epochs = heads([handle.id for handle in handles])
    asked = [{"topic": f"workflow:{handle.id}", "at": at(epochs[handle.id].epoch, 1)} for handle in handles]
    frames = PollClient(server, session).frames(*asked)
    assert [frame["to"] for frame in frames if frame["t"] == "events"] == [4]
    receipts = {frame["topic"]: frame["replayed"] for frame in frames if frame["t"] == "receipt"}
    assert receipts == {one["topic"]: 3 if one is asked[5] else 0 for one in asked}


def test_what_does_not_fit_an_answer_comes_with_the_next(server: Server, people: People) -> None:
    session, handles = session_of(people.viewer), [switching.start() for _ in range(3)]
    SWITCH["body"] = lambda: [set_event("key", "x" * 20_000) for _ in range(60)] and None  # 1.2 MB each
    for handle in handles:
        run(handle)
    small = publishing.start([1])
    epochs = heads([handle.id for handle in [small, *handles]])
    logs: dict[str, list[Any]] = {f"workflow:{handle.id}": [] for handle in [*handles, small]}
    incomplete = set(logs)
    polls, answers = PollClient(server, session), 0
    while incomplete:
        asked = [{"topic": topic, "at": at(epochs[topic[9:]].epoch, len(logs[topic]))} for topic in incomplete]
        frames, answers = polls.frames(*asked), answers + 1
        assert frames
        assert sum(len(str(frame)) for frame in frames) < 800_000
        for frame in frames:
            if frame["t"] == "events":
                assert frame["from"] == len(logs[frame["topic"]]) + 1
                logs[frame["topic"]] += frame["events"]
            else:
                assert frame["t"] == "receipt"
                incomplete.remove(frame["topic"])
        assert f"workflow:{small.id}" not in incomplete  # what is soon told is told first
    assert answers >= 5
    for handle in handles:
        assert logs[f"workflow:{handle.id}"] == history(handle.id)


def test_polling_follows_a_running_workflow_without_a_gap(server: Server, people: People) -> None:
    handle, polls = publishing.start(list(range(500))), PollClient(server, session_of(people.viewer))
    (snapshot,) = polls.frames({"topic": f"workflow:{handle.id}"})
    log, epoch = snapshot["events"], snapshot["epoch"]
    with running(handle):
        while not any(event[2] == "succeeded" for event in log):
            for frame in polls.frames({"topic": f"workflow:{handle.id}", "at": at(epoch, len(log))}):
                log += frame["events"] if frame["t"] == "events" else []
    assert log == history(handle.id)


def test_a_polled_list_patches_rows_and_names_what_newly_matches(server: Server, people: People) -> None:
    visible = publishing.start([1, 2])
    since = wire_time(Workflow.objects.get(pk=visible.id).created_at)
    chosen = {"status": ["succeeded", "queued"], "definition": "publishing", "search": ""}
    polls = PollClient(server, session_of(people.viewer))
    (rows,) = polls.frames({"topic": "workflows", "filter": chosen, "ids": [[visible.id, 1]], "since": since})
    assert (rows["rows"], rows["fresh"], rows["more"]) == ([], [], False)
    run(visible)
    other = publishing.start([3])
    counting.start(1, 0.0)  # matches no definition of the filter
    (rows,) = polls.frames({"topic": "workflows", "filter": chosen, "ids": [[visible.id, 1]], "since": since})
    assert [(row["id"], row["seq"], row["status"]) for row in rows["rows"]] == [(visible.id, 5, "succeeded")]
    assert rows["fresh"] == [[other.id, "queued", "publishing"]]
    run(other)
    since = wire_time(Workflow.objects.get(pk=other.id).status_at + timedelta(seconds=1))
    (rows,) = polls.frames({"topic": "workflows", "filter": chosen, "ids": [[visible.id, 5]], "since": since})
    assert rows["rows"] == []
    assert rows["fresh"] == [[other.id, "succeeded", "publishing"]]  # although it was before `since`, by less than 2 s


def test_polls_that_are_refused_say_why(server: Server, people: People) -> None:
    session, handle, empty = session_of(people.viewer), publishing.start([1]), {"version": 1, "subscriptions": []}
    assert PollClient(server, None).answer(empty)[:2] == (401, {"code": 4401})
    assert PollClient(server, session_of(people.stranger)).answer(empty)[:2] == (403, {"code": 4403})
    for origin in (None, "null", "http://evil.example", "http://127.0.0.1:1"):
        assert PollClient(server, session, origin=origin).answer(empty)[:2] == (403, {"code": 4403})
    polls = PollClient(server, session)
    assert polls.answer("x" * 70_000)[:2] == (413, {"code": 4413})
    one = {"t": "subscribe", "topic": f"workflow:{handle.id}", "at": {"epoch": "e", "seq": -1}}
    for body, complaint in [
        (b"\xff", "not UTF-8"),
        ("[]", "not a JSON object"),
        ({"version": 1, "subscriptions": [one]}, "subscriptions[0]: seq must be"),
    ]:
        status, content, _ = polls.answer(body)
        assert status == 400
        assert complaint in content["error"]


@pytest.mark.parametrize("taken", TAKEN)
def test_what_is_taken_from_a_poller_counts_at_the_next_poll(server: Server, people: People, taken: str) -> None:
    polls, empty = PollClient(server, session_of(people.viewer)), {"version": 1, "subscriptions": []}
    assert polls.answer(empty)[0] == 200
    take_away(people.viewer, taken)
    assert polls.answer(empty)[0] == (403 if taken == "right" else 401)


def test_an_account_has_so_many_connections_polls_among_them(
    start_server: Callable[..., Server], people: People
) -> None:
    server, session = start_server(LIVE_CONNECTIONS_PER_USER="2"), session_of(people.viewer)
    polls, empty = PollClient(server, session), {"version": 1, "subscriptions": []}
    with LiveClient(server, session) as one, LiveClient(server, session) as two:
        one.take_until("hello")
        two.take_until("hello")
        assert LiveClient(server, session).close_code() == 4430
        status, content, headers = polls.answer(empty)
        assert (status, content["code"]) == (429, 4430)
        assert headers["Retry-After"]
    until(lambda: polls.answer(empty)[0] == 200, what="places are free again")


def test_a_hundred_polls_at_once_open_no_more_connections_to_the_database(server: Server, people: People) -> None:
    session, handle = session_of(people.viewer), publishing.start([1, 2, 3])
    run(handle)
    polls = PollClient(server, session)
    polls.frames({"topic": f"workflow:{handle.id}"})
    before = database_connections()
    with ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(lambda _: polls.frames({"topic": f"workflow:{handle.id}"}), range(100)))
    assert all(frames == answers[0] for frames in answers)
    assert database_connections() <= before + 20
