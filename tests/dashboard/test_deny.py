"""A stranger gets nothing anywhere: every address of the site and every topic, taken from the maps themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from dashboard import access, decoding, fanout, lists, protocol, topics
from dashboard.fanout import Refused
from dashboard.models import Widget
from tests.definitions import listening, publishing
from tests.execution import run
from tests.people import People
from workflows import bulk, queues, schedules
from workflows.models import BulkAction, Event, Message, Queue, Schedule, Workflow

SECRET = "hidden-from-strangers"
ACTION = UUID("7e11a1e0-0000-4000-8000-000000000002")
JSON = "application/json"
THEIR_OWN = ("dashboard:view", "dashboard:poll", "dashboard:token")  # views, looking as others, polls and tokens
# Who may not see the console still signs in, and may try the examples; widgets are for who has a token.
PUBLIC = ("login", "logout", "openid_connect_", "examples:", "embed:")


def addresses(patterns: list[Any] | None = None, namespace: str = "") -> Iterator[tuple[str, set[str]]]:
    """The names of all addresses of the site, each with the names of its parts that vary."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from addresses(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield namespace + pattern.name, set(pattern.pattern.regex.groupindex)


def address(name: str, parts: set[str], workflow_id: str) -> str:
    """Of something that exists, where that makes a difference."""
    known = {
        "name": "publishing" if "start" in name else "secret-queue", "app_label": "workflows", "url": "workflows/",
        "content_type_id": "1", "id": "1", "seq": "1", "view_id": "1", "widget_id": "1", "ending": "csv",
        "action_id": ACTION,
        "token_id": "1", "verb": "cancel", "key": "status",
    }  # fmt: skip
    return reverse(name, kwargs={part: known.get(part, workflow_id) for part in parts})


NAMES = dict(addresses())


def test_the_map_names_every_address() -> None:
    assert len([name for name in NAMES if name.startswith("dashboard:")]) >= 28
    assert any(name.startswith("admin:") for name in NAMES)


@pytest.fixture
def hidden(db: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a workflow that has something of everything."""
    handle = publishing.using(workflow_id="hidden", queue="secret-queue").start([SECRET])
    run(handle)
    queues.set_limits("secret-queue", worker_concurrency=3)
    bulk.begin(ACTION, "cancel", [SECRET], by="operator", reason=SECRET)
    return str(handle.id)


def _everything() -> tuple[Any, ...]:
    workflows = list(Workflow.objects.order_by("pk").values_list("pk", "status", "last_seq"))
    kept = [list(model.objects.order_by("pk").values()) for model in (Queue, BulkAction, Schedule, Widget)]
    return workflows, Event.objects.count(), Message.objects.count(), kept


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", ["stranger", "nobody"])
def test_no_address_tells_or_does_anything(who: str, people: People, hidden: str) -> None:
    browser = Client(headers={"origin": "http://testserver"})
    if who == "stranger":
        browser.force_login(people.stranger)
    before, seen = _everything(), {}
    for name, parts in NAMES.items():
        if name.startswith(PUBLIC) or name in {"admin:login", "admin:logout"}:
            continue
        path = address(name, parts, hidden)
        for method in ("get", "post", "put", "delete") if name.startswith("dashboard:") else ("get", "post"):
            answer = getattr(browser, method)(path)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            assert SECRET.encode() not in body, f"{method} {path} told"
            leads = answer.headers.get("Location", "")
            closed = answer.status_code in {400, 401, 403, 404, 405} or (
                answer.status_code in {301, 302} and ("/login/" in leads or leads == reverse("dashboard:workflows"))
            )
            seen[f"{method} {path}"] = answer.status_code if closed else f"OPEN {answer.status_code} {leads}"
    assert {path: status for path, status in seen.items() if str(status).startswith("OPEN")} == {}
    assert _everything() == before


@pytest.mark.django_db(transaction=True)
def test_a_viewer_changes_nothing_anywhere_whatever_is_sent(people: People, hidden: str) -> None:
    browser = Client(headers={"origin": "http://testserver"})
    browser.force_login(people.viewer)
    schedules.create("secret-queue", "publishing", args=[[1]], cron="0 3 * * *", time_zone="UTC")
    waiting = listening.using(workflow_id="waiting", queue="secret-queue").start("go")
    form = {
        "ids": f'["{waiting.id}"]', "filter": "", "action": "7e11a1e0-0000-4000-8000-000000000003", "reason": "x",
        "topic": "go", "message": "1", "position": "1", "pinned": "1", "typed_id": waiting.id, "paused": "1",
        "workflow_id": "made", "name": "made", "parameter_values": "[1]", "concurrency": "1",
    }  # fmt: skip
    body = {"definition": "publishing", "args": [[1]], "ids": [waiting.id], "topic": "go", "message": 1, "position": 1}
    before, seen = _everything(), {}
    for name, parts in NAMES.items():
        if not name.startswith(("dashboard:", "admin:workflows_", "admin:dashboard_")) or name.startswith(THEIR_OWN):
            continue
        path, is_api = address(name, parts, str(waiting.id)), name.startswith("dashboard:api:")
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(browser, method)(
                path, body if is_api else form, **({"content_type": JSON} if is_api else {})
            )
            if name.startswith("dashboard:"):  # the admin shows its lists however one asks
                seen[f"{method} {path}"] = answer.status_code
    assert {way: status for way, status in seen.items() if status not in {302, 400, 403, 404, 405, 415, 422}} == {}
    assert len([way for way, status in seen.items() if status == 403]) > 30
    assert _everything() == before


@pytest.mark.django_db(transaction=True)
def test_an_id_that_exists_is_answered_as_one_that_does_not(people: People, hidden: str) -> None:
    browser = Client()
    browser.force_login(people.stranger)
    for name, parts in NAMES.items():
        if name.startswith("dashboard:") and "workflow_id" in parts:
            real, guessed = (browser.get(address(name, parts, one)) for one in (hidden, "guessed"))
            assert (real.status_code, real.content) == (guessed.status_code, guessed.content), name


def test_every_topic_of_the_protocol_is_tried_here() -> None:
    known = [topics.workflow("x"), topics.LIST, *getattr(topics, "OVERVIEWS", ())]
    for topic in known:
        message: dict[str, Any] = {"t": "subscribe", "topic": topic}
        if topic == topics.LIST:
            chosen = {"status": [], "definition": "", "search": ""}
            message |= {"filter": chosen, "ids": [], "since": "2026-01-01T00:00:00Z"}
        decoding.decode(json.dumps(message))


@pytest.mark.django_db(transaction=True)
def test_no_topic_tells_anything_to_who_lost_the_right_after_the_greeting(people: People, hidden: str) -> None:
    """The socket itself is closed for them (`tests/acceptance/test_live.py`); each subscription asks again."""
    everything: protocol.SubscribeList = {
        "t": "subscribe", "topic": "workflows", "filter": {"status": [], "definition": "", "search": ""},
        "ids": [(hidden, 0)], "since": "2026-01-01T00:00:00Z",
    }  # fmt: skip

    class Nobody:
        credential = access.Credential("", 0, "")

    async def follow(user: Any, workflow_id: str) -> str:
        with pytest.raises(Refused) as refused:
            await fanout.fanout().follow(Nobody(), user, workflow_id, None)  # type: ignore[arg-type]
        return f"{refused.value.code} {refused.value}"

    for user in (people.stranger, AnonymousUser()):
        assert asyncio.run(follow(user, hidden)) == asyncio.run(follow(user, "guessed"))
        assert lists.ListView.admitted(user, everything).known == {}
