"""The audit list as the site writes and shows it: every page's act, every refusal, the list itself and its files."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.utils import timezone

from dashboard import exports
from dashboard.acting import client_address
from tests import definitions
from tests.people import People
from workflows import schedules
from workflows.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def queued(db: None) -> str:
    """The id of a workflow that nobody executes."""
    return str(definitions.doubling.using(workflow_id="a", queue="nobody").start([1]).id)


def signed_in(user: Any) -> Client:
    """A browser of this person."""
    browser = Client(REMOTE_ADDR="192.0.2.7")
    browser.force_login(user)
    return browser


def told() -> list[tuple[Any, ...]]:
    """What the list says, oldest first."""
    rows = AuditEntry.objects.order_by("id")
    return list(rows.values_list("who", "action", "target_kind", "target", "carrier", "done"))


def entry(**given: Any) -> AuditEntry:
    """One that says so."""
    said = {"who": "ann", "action": "cancel", "target_kind": "workflow", "target": "a", "carrier": "page", "done": True}
    return AuditEntry.objects.create(**{**said, **given})


def test_what_an_operator_does_on_a_page_is_told_with_name_account_address_and_reason(
    people: People, queued: str
) -> None:
    operator = signed_in(people.operator)
    operator.post(f"/workflows/{queued}/pin", {"pinned": "yes", "reason": "audited"})
    operator.post(f"/workflows/{queued}/cancellation", {"reason": "wrong order"})
    operator.post("/queues/nobody/pause", {"paused": "yes"})
    operator.post("/queues/nobody/limits", {"concurrency": "3"})
    started = operator.post("/definitions/time_zones/start/", {"workflow_id": "b"})
    assert started.status_code == 302
    assert told() == [
        ("operator", "pin", "workflow", "a", "page", True), ("operator", "cancel", "workflow", "a", "page", True),
        ("operator", "pause", "queue", "nobody", "page", True), ("operator", "limit", "queue", "nobody", "page", True),
        ("operator", "start", "definition", "time_zones", "page", True),
    ]  # fmt: skip
    row = AuditEntry.objects.get(action="cancel")
    assert (row.account, row.address, row.reason) == (people.operator.pk, "192.0.2.7", "wrong order")


def test_schedules_and_verbs_for_many_are_told_too(people: People, queued: str) -> None:
    schedules.create("every-morning", "time_zones", cron="30 9 * * *")
    operator = signed_in(people.operator)
    operator.post("/schedules/every-morning/pause", {"paused": "yes"})
    operator.post("/schedules/every-morning/triggers")
    operator.post("/bulk/cancel", {"ids": json.dumps([queued]), "action": str(uuid4()), "reason": ""})
    assert told() == [
        ("operator", "pause", "schedule", "every-morning", "page", True),
        ("operator", "trigger", "schedule", "every-morning", "page", True),
        ("operator", "cancel", "workflow", "a", "page", True),
    ]


def test_what_the_admin_does_is_told_as_the_admins(people: People, queued: str) -> None:
    asked = {"action": "cancel_selected", "_selected_action": [queued], "confirmed": "1", "reason": "tidy"}
    signed_in(people.operator).post("/admin/workflows/workflow/", asked)
    assert told() == [("operator", "cancel", "workflow", "a", "admin", True)]


def test_shared_views_are_everybodys_business_and_private_ones_nobodys(people: People) -> None:
    operator = signed_in(people.operator)
    operator.post("/views/new", {"name": "mine", "query": "status=failed"})
    assert told() == []
    operator.post("/views/new", {"name": "ours", "query": "status=failed", "shared": "on"})
    operator.post("/views/new", {"name": "ours", "query": "status=queued", "shared": "on"})
    ours = people.operator.saved_views.get(name="ours").pk
    operator.post(f"/views/{ours}", {"name": "ours"})
    operator.post(f"/views/{ours}/deletion")
    assert [(action, target, done) for _, action, _, target, _, done in told()] == [
        ("share", "ours", True), ("share", "ours", False), ("unshare", "ours", True),
    ]  # fmt: skip


VERBS = [
    ("/workflows/a/cancellation", "cancel", "a"), ("/workflows/a/resumption", "resume", "a"),
    ("/workflows/a/messages", "send", "a"), ("/workflows/a/forks", "fork", "a"),
    ("/workflows/a/restarts", "restart", "a"),
    ("/workflows/a/pin", "pin", "a"), ("/workflows/a/deletion", "delete", "a"), ("/queues/q/pause", "pause", "q"),
    ("/queues/q/limits", "limit", "q"), ("/definitions/doubling/start/", "start", "doubling"),
    ("/schedules/s/pause", "pause", "s"), ("/schedules/s/triggers", "trigger", "s"),
    ("/schedules/s/backfills", "backfill", "s"), ("/bulk/cancel", "cancel", "what was selected"),
]  # fmt: skip


def test_whoever_may_not_is_refused_and_that_is_told(people: People, queued: str) -> None:
    for who in (people.viewer, people.stranger):
        browser = signed_in(who)
        for path, _, _ in VERBS:
            assert browser.post(path).status_code in {403, 404}, path
    name = people.viewer.get_username()
    refused = [(action, target) for who, action, _, target, _, done in told() if who == name and not done]
    assert refused == [(action, target) for _, action, target in VERBS]
    assert len(told()) == 2 * len(VERBS)
    assert all(row.refusal for row in AuditEntry.objects.all())


def test_a_look_is_no_act(people: People, queued: str) -> None:
    stranger = signed_in(people.stranger)
    for path in ("/workflows/a/", "/queues/", "/audit/", "/definitions/doubling/start/"):
        stranger.get(path)
    assert told() == []


def test_the_name_is_kept_when_the_account_is_deleted(people: People, queued: str) -> None:
    signed_in(people.operator).post(f"/workflows/{queued}/cancellation")
    number = people.operator.pk
    people.operator.delete()
    row = AuditEntry.objects.get()
    assert (row.who, row.account) == ("operator", number)


def test_only_who_may_read_it_reads_it_and_finds_the_way_there(people: People, queued: str) -> None:
    for path in ("/audit/", "/audit/entries.csv", "/audit/entries.jsonl"):
        assert signed_in(people.viewer).get(path).status_code == 403, path
        assert Client().get(path).status_code == 302, path
    link = 'href="/audit/?target=a"'
    assert link not in signed_in(people.viewer).get(f"/workflows/{queued}/").content.decode()
    assert link in signed_in(people.operator).get(f"/workflows/{queued}/").content.decode()
    assert signed_in(people.viewer).get("/admin/workflows/auditentry/").status_code == 403
    listed = signed_in(people.operator).get("/admin/workflows/auditentry/")
    assert listed.status_code == 200


def test_nobody_edits_it_in_the_admin_however_high(admin_client: Client) -> None:
    row = entry()
    for way in ("add/", f"{row.pk}/delete/"):
        assert admin_client.post(f"/admin/workflows/auditentry/{way}", {"post": "yes"}).status_code == 403, way
    admin_client.post(f"/admin/workflows/auditentry/{row.pk}/change/", {"who": "nobody"})
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    admin_client.post("/admin/workflows/auditentry/", chosen)
    assert AuditEntry.objects.get().who == "ann"


def listed(browser: Client, query: str) -> list[int]:
    """The numbers of the entries that the page shows."""
    page = browser.get(f"/audit/{query}").content.decode()
    return [int(number) for number in re.findall(r'data-entry="(\d+)"', page)]


def test_the_page_is_narrowed_and_says_what_is_wrong(people: People) -> None:
    old, new = entry(at=timezone.now() - timedelta(days=2), who="bob"), entry(done=False, refusal="too late")
    operator = signed_in(people.operator)
    assert listed(operator, "") == [new.pk, old.pk]
    assert listed(operator, "?who=bob") == listed(operator, "?result=done") == [old.pk]
    since = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert listed(operator, f"?since={since}") == [new.pk]
    assert listed(operator, f"?until={since}&target=a&action=cancel") == [old.pk]
    wrong = operator.get("/audit/?since=yesterday")
    assert (wrong.status_code, "yesterday is no time" in wrong.content.decode()) == (422, True)
    for odd in ("?who=%00", "?before=x", "?before=2026-01-01T00:00:00Z~x", "?after=~1", f"?who={'x' * 300}"):
        assert operator.get(f"/audit/{odd}").status_code in {200, 422}, odd


def test_a_page_leads_to_older_entries_within_what_it_is_narrowed_to(people: People) -> None:
    made = [entry(who="bob").pk for _ in range(101)] + [entry().pk]
    operator = signed_in(people.operator)
    page = operator.get("/audit/?who=bob").context
    (older,) = listed(operator, page["older"])
    assert older == made[0]
    back = operator.get(f"/audit/{page['older']}").context["newer"]
    assert len(listed(operator, back)) == 100


def read(response: Any) -> str:
    """A file that was streamed."""
    return b"".join(response.streaming_content).decode()


def test_the_files_have_every_entry_and_no_formula(people: People) -> None:
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"]
    for text in hostile:
        entry(who=text, reason='says "so", twice\nat least')
    operator = signed_in(people.operator)
    response = operator.get("/audit/entries.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="audit-[-0-9]+\.csv"', response["Content-Disposition"])
    text = read(response)
    assert text.count("\r\n") == len(hostile) + 1
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["who"] for row in rows] == [f"'{one}" for one in reversed(hostile)]
    assert {row["reason"] for row in rows} == {'says "so", twice\nat least'}
    lines = read(operator.get("/audit/entries.jsonl?who=%3D1%2B1")).splitlines()
    assert [json.loads(line)["who"] for line in lines] == ["=1+1"]
    assert operator.get("/audit/entries.exe").status_code == 404


def test_a_file_is_made_while_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def parts() -> Any:
        for number in range(3):
            made.append(number)
            yield [{"n": number}]

    async def sent() -> list[tuple[bytes, int]]:
        response = exports.streamed(AsyncRequestFactory().get("/"), "x", "csv", ["n"], parts())
        return [(text, len(made)) async for text in response]

    assert asyncio.run(sent()) == [(b"n\r\n", 0), (b"0\r\n", 1), (b"1\r\n", 2), (b"2\r\n", 3)]


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "found"),
    [
        ("192.0.2.7", "", [], "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", [], "192.0.2.7"),  # anybody writes that header
        ("10.0.0.1", "203.0.113.9", ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", ["10.0.0.0/8"], "203.0.113.9"),  # the client wrote the first
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9:4711", ["10.0.0.1"], "203.0.113.9"),
        ("10.0.0.1", "[2001:db8::1]:4711", ["10.0.0.1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", "2001:db8::1", ["10.0.0.1"], "2001:db8::1"),
        ("10.0.0.1", "<script>, unknown", ["10.0.0.1"], "10.0.0.1"),
        ("10.0.0.1", "", ["10.0.0.1"], "10.0.0.1"),
        ("", "203.0.113.9", [], ""),
        ("", "203.0.113.9", ["unix"], "203.0.113.9"),
    ],
)
def test_the_address_is_the_clients_as_far_as_our_own_proxies_tell(
    settings: Any, peer: str, forwarded: str, trusted: list[str], found: str
) -> None:
    settings.TRUSTED_PROXIES = trusted
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers={"x-forwarded-for": forwarded})
    request.user = AnonymousUser()
    assert client_address(request) == found
