"""What somebody may not read is nowhere: no address, no topic, no filter and no search tells it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from dashboard import access, lists, polling, tail
from dashboard.access import Standing
from dashboard.filters import ListFilter
from dashboard.overview_topics import Overviews
from dashboard.reads import Reads
from dashboard.terms import Term
from tests.dashboard.test_deny import NAMES, address
from tests.execution import run
from tests.people import create_people
from workflows import history, operations, registry, schedules
from workflows.durable import receive, set_event, step, workflow
from workflows.fold import fold
from workflows.visibility import Visibility

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = {"open": "public", "mail": "admin", "card": "never", "sum": "admin"}
# What is in the workflow → who reads it.
SECRETS = {
    "for-everybody": {"watcher", "viewer", "operator"},
    "for-staff": {"viewer", "operator"},
    "for-admins": {"operator"},
    "for-nobody": set(),
    "of-the-input": {"operator"},
    "of-the-output": {"operator"},
    "of-the-step": {"operator"},
    "of-the-message": {"operator"},
    "of-the-error": {"operator"},
    "left-by-redaction": {"viewer", "operator"},
}


def redact(what: str, content: Any) -> Any:
    """Nothing that is "of the …"."""
    text = json.dumps(content)
    for secret in SECRETS:
        text = text.replace(secret, "…") if secret.startswith("of-the-") else text
    return json.loads(text)


@step
def pay(order: str) -> str:
    """A secret of its own."""
    return "of-the-step left-by-redaction"


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> dict[str, User]:
    """A watcher, who may see that there are workflows, a viewer and an operator; and two workflows with secrets."""
    others = {name: one for name, one in registry._definitions.items() if name != "publishing"}
    monkeypatch.setattr(registry, "_definitions", others)

    @workflow(name="publishing", keys=KEYS, redact=redact)
    def confiding(order: str) -> str:
        set_event("open", "for-everybody")
        set_event("note", "for-staff")
        set_event("mail", "for-admins")
        set_event("card", "for-nobody")
        set_event("sum", 31_415)
        pay(order)
        if receive("topic", timeout=60) == "of-the-message fail":
            raise ValueError("of-the-error")
        return "of-the-output left-by-redaction"

    for id_, message in (("hidden", "of-the-message"), ("failed", "of-the-message fail")):
        handle = confiding.using(workflow_id=id_).start("of-the-input left-by-redaction")
        operations.send(id_, "topic", message)
        run(handle)
    given = ["of-the-input left-by-redaction"]
    schedules.create("secret-queue", "publishing", args=given, cron="0 3 * * *", time_zone="UTC")
    watcher = User.objects.create_user("watcher", is_staff=True)
    seen = ("view_workflow", "view_queue", "view_schedule", "view_worker")
    watcher.user_permissions.set(Permission.objects.filter(codename__in=seen))
    found = create_people()
    return {"watcher": watcher, "viewer": found.viewer, "operator": found.operator}


def told(text: str) -> set[str]:
    return {secret for secret in SECRETS if secret in text}


def may_read(who: str) -> set[str]:
    return {secret for secret, readers in SECRETS.items() if who in readers}


def sights() -> Iterator[str]:
    """Every page, part and file that somebody could read something in, of both workflows."""
    columns = ",".join(f"event.{key}" for key in (*KEYS, "note"))
    for id_ in ("hidden", "failed"):
        for name, parts in NAMES.items():
            if name.startswith(("dashboard:", "admin:workflows_")):
                yield address(name, parts, id_)
        yield f"{reverse('dashboard:workflow', args=[id_])}?seq=7&whole=1"
        yield f"{reverse('dashboard:history', args=[id_])}?before=99"
        yield f"{reverse('dashboard:moments', args=[id_, 3])}"
        for seq in range(1, 16):
            yield reverse("dashboard:event", args=[id_, seq])
        for of in ("input", "output", "step&position=6", *(f"value&key={key}" for key in (*KEYS, "note"))):
            yield f"{reverse('dashboard:payload', args=[id_])}?of={of}"
            yield f"{reverse('dashboard:payload', args=[id_])}?of={of}&view=tree"
        for model in ("event", "step", "value", "message"):
            yield f"{reverse(f'admin:workflows_{model}_changelist')}?q={id_}"
            yield f"{reverse(f'admin:workflows_{model}_export', args=['jsonl'])}?q={id_}"
        yield reverse("admin:workflows_workflow_change", args=[id_])
    yield reverse("admin:workflows_schedule_change", args=["secret-queue"])
    yield reverse("admin:workflows_schedule_export", args=["jsonl"])
    yield f"{reverse('dashboard:workflows')}?columns=status,name,{columns}"
    yield f"{reverse('dashboard:definition', args=['publishing'])}"


@pytest.mark.parametrize("who", ["watcher", "viewer", "operator"])
def test_no_address_tells_more_than_may_be_read(who: str, people: dict[str, User]) -> None:
    browser, read, leaks = Client(), set(), {}
    browser.force_login(people[who])
    for path in sights():
        answer = browser.get(path)
        if getattr(answer, "is_async", False):
            continue  # a live stream: the frames of a socket, see below
        body = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
        found = told(body)
        read |= found
        if found - may_read(who):
            leaks[path] = found - may_read(who)
        assert "31415" not in body or who == "operator", path
        assert answer.status_code < 500, path
    assert leaks == {}
    assert read == may_read(who)  # and what may be read, is


def test_frames_are_made_for_each_audience_and_fold_to_its_snapshot(people: dict[str, User]) -> None:
    head = history.heads(["hidden"])["hidden"]
    audiences: dict[str, Visibility | None] = {who: access.audience(user) for who, user in people.items()}
    places: dict[str, tail.Place] = {who: ("hidden", 0, audience) for who, audience in audiences.items()}
    frames = tail.read([*places.values()])
    for who, place in places.items():
        assert told(frames[place].text) == may_read(who) - {"of-the-input", "of-the-error"}
        found = json.loads(frames[place].text)["events"]
        assert [event[0] for event in found] == [*range(1, head.seq + 1)]
        start = asyncio.run(_polled(people[who], None))
        assert fold(_nothing(), found) == {**start["state"], "seq": head.seq}
        assert told(json.dumps(start)) <= may_read(who)


def _nothing() -> dict[str, Any]:
    from workflows.fold import empty_state

    return empty_state("hidden")


async def _polled(user: User, at: Any) -> dict[str, Any]:
    reads = Reads()
    audience = await reads.threads.ask(access.audience, user)
    admission = access.Admission(user, access.Credential("", user.pk, "", audience), True)
    wanted: Any = {"t": "subscribe", "topic": "workflow:hidden"} | ({"at": at} if at else {})
    _, frame = await polling.answer(reads, Overviews(reads.threads), admission, [wanted])
    found: dict[str, Any] = json.loads(frame)
    return found


@pytest.mark.parametrize(
    ("key", "value", "finders"),
    [
        ("open", "for-everybody", {"watcher", "viewer", "operator"}),
        ("note", "for-staff", {"viewer", "operator"}),
        ("mail", "for-admins", {"operator"}),
        ("card", "for-nobody", set()),
    ],
)
def test_what_is_hidden_is_found_by_no_term_and_by_no_text(
    key: str, value: str, finders: set[str], people: dict[str, User]
) -> None:
    for who, user in people.items():
        browser = Client()
        browser.force_login(user)
        for term in (f"event.{key}:{value}", f"event.{key}:{value[:5]}*", f"key:{key}"):
            found = browser.get(f"{reverse('dashboard:matching')}?{urlencode({'where': term})}").json()["workflows"]
            assert len(found) == (2 if who in finders else 0), (who, term)
        query = urlencode({"find": value})
        rows = browser.get(f"{reverse('dashboard:history', args=['hidden'])}?{query}").json()["rows"]
        assert len(rows) == (1 if who in finders else 0), who


def test_no_text_finds_a_payload_that_is_hidden(people: dict[str, User]) -> None:
    for who, user in people.items():
        browser = Client()
        browser.force_login(user)
        for secret in ("of-the-output", "of-the-step", "of-the-message"):
            rows = browser.get(f"{reverse('dashboard:history', args=['hidden'])}?find={secret}").json()["rows"]
            assert bool(rows) is (who == "operator"), (who, secret)


def test_live_rows_of_a_list_tell_each_reader_its_own(people: dict[str, User]) -> None:
    for who, user in people.items():
        wanted: Any = {
            "t": "subscribe", "topic": "workflows", "filter": ListFilter(where=(Term("note", "?", ""),)).wire,
            "ids": [("hidden", 0), ("failed", 0)], "since": "2026-01-01T00:00:00Z", "keys": [*KEYS, "note"],
        }  # fmt: skip
        frame = lists.look(user, wanted)
        values = {"for-everybody", "for-staff", "for-admins", "of-the-error"}
        assert told(frame) == may_read(who) & values


def test_who_may_not_read_an_input_starts_anew_with_it_and_cannot_probe_it(people: dict[str, User]) -> None:
    viewer, browser = people["viewer"], Client()
    viewer.user_permissions.add(Permission.objects.get(codename="fork_workflow"))
    browser.force_login(viewer)
    where = reverse("dashboard:restarts", args=["hidden"])
    guess = browser.post(where, {"input": json.dumps({"order": "of-the-input left-by-redaction"}), "new_id": "guess"})
    assert guess["Location"] == reverse("dashboard:workflow", args=["hidden"])
    as_it_is = browser.post(where, {"new_id": "again"})
    assert as_it_is["Location"] == reverse("dashboard:workflow", args=["again"])


@pytest.mark.parametrize(("view", "as_who"), [("viewer", "viewer"), ("widget", "watcher")])
def test_who_looks_as_somebody_else_reads_what_they_read_and_can_go_back(
    view: str, as_who: str, people: dict[str, User]
) -> None:
    browser, page = Client(), reverse("dashboard:workflow", args=["hidden"])
    browser.force_login(people["operator"])
    assert browser.post(reverse("dashboard:viewing"), {"as": view, "next": page})["Location"] == page
    shown = browser.get(page).content.decode()
    assert told(shown) == may_read(as_who) - {"of-the-error"}
    assert f"You see what a {view} reads" in shown
    assert "cancellation" not in shown
    assert browser.post(reverse("dashboard:deletion", args=["hidden"])).status_code == 403
    key = str(browser.session.session_key)
    admission = access.admissions([key])[key]
    assert admission.credential.reads is access.audience(people[as_who])
    assert access.audience(admission.user) is access.audience(people[as_who])
    assert access.standings([admission.credential])[admission.credential] is Standing.GOOD
    browser.post(reverse("dashboard:viewing"), {"as": "", "next": "https://evil.example/"})
    assert "for-admins" in browser.get(page).content.decode()
    assert access.admissions([key])[key].credential.reads is Visibility.ADMIN


def test_only_who_may_read_more_looks_as_somebody_else(people: dict[str, User]) -> None:
    browser = Client()
    browser.force_login(people["viewer"])
    assert browser.post(reverse("dashboard:viewing"), {"as": "widget"}).status_code == 403
    assert "See this as" not in browser.get(reverse("dashboard:workflows")).content.decode()
    left = browser.post(reverse("dashboard:viewing"), {"next": "https://evil.example/"})
    assert left["Location"] == reverse("dashboard:workflows")
