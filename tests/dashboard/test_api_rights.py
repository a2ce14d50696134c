"""Who may ask the API for what, and what bad input is answered: a problem with a stable type, never a failure."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.core.management import CommandError, call_command
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from dashboard import access, api_tokens
from dashboard.access import Standing
from dashboard.api.problems import KINDS
from dashboard.api_tokens import Scope
from tests.api_client import Program
from tests.definitions import listening, publishing
from tests.execution import run
from tests.people import People, create_people
from workflows.models import AuditEntry, Queue, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.fixture
def folk() -> People:
    """Committed, for the threads of operations that wait."""
    return create_people()


def test_a_token_may_do_what_its_scopes_and_its_owner_may_both(folk: People) -> None:
    listening.using(workflow_id="w").start("go")
    reader, starter = Program(folk.operator, Scope.READ), Program(folk.operator, Scope.START)
    everything = Program(folk.viewer)
    assert reader.get("/workflows/w").status == 200
    refused = reader.post("/workflows/w/cancellation")
    assert (refused.kind, refused.content["scope"]) == ("missing-scope", "operate")
    assert reader.post("/workflows", {"definition": "doubling"}).content["scope"] == "start"
    assert reader.ask("PUT", "/queues/q/pause").content["scope"] == "manage"
    assert reader.post("/bulk/cancel", {"ids": ["w"]}).content["scope"] == "bulk"
    assert starter.get("/workflows/w/history").content["scope"] == "read"
    assert starter.post("/workflows", {"definition": "doubling", "args": [[]]}).status == 201
    for method, path in [("POST", "/workflows/w/cancellation"), ("POST", "/workflows"), ("PUT", "/queues/q/pause")]:
        assert everything.ask(method, path, {}).kind == "forbidden"
    assert (Workflow.objects.get(id="w").status, Queue.objects.count()) == ("queued", 0)
    told = AuditEntry.objects.filter(carrier="api", done=False, who="viewer").order_by("pk")
    assert list(told.values_list("action", "target_kind", "target", "account")) == [
        ("cancel", "workflow", "w", folk.viewer.pk), ("start", "workflow", "", folk.viewer.pk),
        ("change_queue", "queue", "q", folk.viewer.pk),
    ]  # fmt: skip


def test_a_token_opens_nothing_once_it_is_revoked_or_expired_or_its_owner_is_gone(folk: People) -> None:
    run(publishing.using(workflow_id="w").start([1]))
    ways = {
        "revoked": lambda one: api_tokens.revoke(one.token.pk, owner=folk.viewer),
        "expired": lambda one: type(one.token).objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
        "gone": lambda one: User.objects.filter(pk=folk.viewer.pk).update(is_active=False),
    }
    for name, end in ways.items():
        program = Program(folk.viewer, name=name)
        credential = access.admission_of(program.token).credential
        assert program.get("/workflows/w").status == 200
        assert access.standings([credential]) == {credential: Standing.GOOD}
        end(program)
        for path in ("/workflows/w", "/workflows/w/history", "/workflows/w/stream"):
            answer = program.get(path)
            assert (answer.status, answer.kind, answer.headers["WWW-Authenticate"][:6]) == (
                401,
                "unauthenticated",
                "Bearer",
            )
        assert access.standings([credential]) == {credential: Standing.SIGNED_OUT}


def test_who_loses_the_right_to_look_loses_what_is_open(folk: People) -> None:
    credential = access.admission_of(Program(folk.viewer).token).credential
    folk.viewer.user_permissions.clear()
    assert access.standings([credential]) == {credential: Standing.FORBIDDEN}


def test_a_secret_is_kept_nowhere_and_its_use_is_noted_once_a_minute(folk: People) -> None:
    program = Program(folk.viewer, Scope.READ)
    kept = json.dumps(list(type(program.token).objects.values()), default=str)
    assert program.secret not in kept
    assert program.secret.startswith(program.token.prefix)
    assert len(program.token.prefix) < len(program.secret) / 3
    program.get("/workflows")
    program.token.refresh_from_db()
    noted = program.token.last_used_at
    assert noted is not None
    program.get("/workflows")
    program.token.refresh_from_db()
    assert program.token.last_used_at == noted


def test_what_is_no_token_is_answered_401_even_beside_a_session(folk: People) -> None:
    for given in (
        "",
        "Bearer",
        "Bearer tt_wrong",
        "Basic dmlld2VyOng=",
        "Bearer tt_\xe9",
        "tt_x",
        f"Bearer {'x' * 5_000}",
    ):
        browser = Client(headers={"authorization": given})
        browser.force_login(folk.operator)
        for path in ("/api/v1/workflows", "/api/v1/workflows/w/history"):
            answer = browser.get(path)
            assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json"), given


class Blind(access.Permissions):
    """Nobody sees any workflow."""

    def visible(self, user: User | AnonymousUser, queryset: QuerySet[Workflow]) -> QuerySet[Workflow]:
        """None."""
        return queryset.none()


def test_what_is_hidden_and_what_is_not_there_are_answered_alike(folk: People, settings: Any) -> None:
    run(publishing.using(workflow_id="w").start([1]))
    program = Program(folk.operator)
    settings.TELLTALE_ACCESS = f"{__name__}.Blind"
    for path in ("", "/values", "/values/key", "/history", "/stream"):
        real, guessed = program.get(f"/workflows/w{path}"), program.get(f"/workflows/guessed{path}")
        assert (real.kind, real.content) == ("not-found", guessed.content)
    for verb in ("cancellation", "resumption", "restarts"):
        assert program.post(f"/workflows/w/{verb}").content == program.post(f"/workflows/guessed/{verb}").content
    started = program.post("/workflows", {"definition": "publishing", "args": [[1]], "id": "w"})
    assert started.kind == "workflow-conflict", "also of the same input: that it is there is all that a taken id tells"
    assert program.get("/workflows").content["items"] == []
    assert program.post("/bulk/pin/preview", {"ids": ["w"]}).content["missing"] == 1


def test_who_may_not_view_values_gets_no_input_no_output_and_only_public_values(folk: People) -> None:
    run(publishing.using(workflow_id="w").start(["secret"]))
    watcher = User.objects.create_user("watcher")
    watcher.user_permissions.add(Permission.objects.get(codename="view_workflow"))
    program = Program(watcher)
    found = program.get("/workflows/w")
    assert (found.content["hidden"], found.content["input"], found.content["output"]) == (True, "(hidden)", None)
    asked = [
        program.get(f"/workflows{path}")
        for path in ("/w", "?values=key", "/w/values", "/w/values/key", "/w/history", "?where=event.key:secret")
    ]
    assert "secret" not in json.dumps([answer.content for answer in asked])
    assert asked[3].kind == "not-found"
    assert asked[5].content["items"] == []


BAD = [
    ("GET", "/workflows?limit=1000000000", None, 422),
    ("GET", "/workflows?limit=x", None, 422),
    ("GET", "/workflows?cursor=AAAA", None, 422),
    ("GET", "/workflows?cursor=%C3%A9", None, 422),
    ("GET", "/workflows?status=odd", None, 422),
    ("GET", "/workflows?since=yesterday", None, 422),
    ("GET", "/workflows?where=nonsense", None, 422),
    ("GET", "/workflows?values=%00", None, 422),
    ("GET", "/workflows?q=%00%ED%A0%80", None, 200),
    ("GET", "/workflows?q=status:odd", None, 422),
    ("GET", "/workflows/%00", None, 404),
    ("GET", "/workflows/~00", None, 404),
    ("GET", "/workflows/~ED~A0~80/values", None, 404),
    ("GET", "/workflows/w/values/~00", None, 404),
    ("GET", "/workflows/w/history?after=99999999999999999999", None, 422),
    ("GET", "/workflows/w/history?wait=31", None, 422),
    ("GET", "/workflows/w/history?wait=nan", None, 422),
    ("GET", "/workflows/w/stream?at=nowhere", None, 422),
    ("GET", "/nothing/here", None, 404),
    ("PUT", "/workflows", {}, 405),
    ("POST", "/workflows", b"{", 400),
    ("POST", "/workflows", b"\xff\xfe", 400),
    ("POST", "/workflows", DEEP, 400),
    ("POST", "/workflows", b"[1]", 422),
    ("POST", "/workflows", b'{"definition": "\\ud800"}', 422),
    ("POST", "/workflows", b'{"definition": "doubling", "args": ["\\u0000"]}', 422),
    ("POST", "/workflows", b'{"definition": "doubling", "args": ["\\ud800"]}', 422),
    ("POST", "/workflows", b'{"definition": "doubling", "args": [NaN]}', 422),
    ("POST", "/workflows", {"definition": "doubling", "args": ["x" * 2_000_000]}, 422),
    ("POST", "/workflows", b"x" * (5 * 1024 * 1024), 413),
    ("POST", "/workflows", {"definition": "none such"}, 422),
    ("POST", "/workflows", {"definition": "doubling"}, 422),
    ("POST", "/workflows", {"definition": "doubling", "args": [[]], "id": "a b"}, 422),
    ("POST", "/workflows", {"definition": "doubling", "args": [[]], "delay": 1e300}, 422),
    ("POST", "/workflows", {"definition": "doubling", "args": [[]], "unknown": 1}, 422),
    ("POST", "/workflows", {"definition": "doubling", "args": [[]], "run_at": "2026-01-01T00:00:00"}, 422),
    ("POST", "/workflows", {"definition": "doubling", "args": [[]], "run_at": "9999-12-31T23:59:59-14:00"}, 422),
    ("POST", "/workflows", {"definition": "doubling", "args": [[]], "run_at": "0001-01-01T00:00:00+14:00"}, 422),
    ("POST", "/schedules/none/backfills", {"since": "0001-01-01T00:00:00+14:00", "until": "0001-01-02T00:00:00Z"}, 422),
    ("GET", "/workflows?since=0001-01-01T00:00:00%2B14:00", None, 422),
    ("GET", "/workflows?since=999999d", None, 422),
    ("POST", "/workflows/w/messages", {"topic": "\x00", "message": 1}, 422),
    ("POST", "/workflows/w/messages", {"topic": "go", "message": 1}, 409),
    ("POST", "/workflows/w/forks", {"position": 10**9}, 422),
    ("POST", "/workflows/w/cancellation", {"reason": "\x00" * 1_001}, 422),
    ("POST", "/bulk/explode", {"ids": ["w"]}, 422),
    ("POST", "/bulk/cancel", {"ids": ["w"] * 1_001}, 422),
    ("POST", "/bulk/cancel", {"ids": ["w", "\x00"]}, 422),
    ("POST", "/bulk/cancel", b'{"ids": ["\\ud800"]}', 422),
    ("POST", "/bulk/cancel/preview", {}, 422),
    ("PATCH", "/queues/q", {"concurrency": 0}, 422),
    ("POST", "/schedules/none/backfills", {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}, 404),
    ("POST", "/schedules/none/backfills", {"since": "2026-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}, 422),
]


def test_bad_input_is_a_problem_that_says_what_is_wrong_and_leaves_nothing(folk: People) -> None:
    run(publishing.using(workflow_id="w").start([1]))
    program = Program(folk.operator)
    for method, path, body, status in BAD:
        answer = program.ask(method, path, body)
        assert answer.status == status, (method, path, answer)
        if status >= 400:
            assert answer.kind in KINDS
            assert answer.content["detail"]
    assert (Workflow.objects.count(), Queue.objects.count()) == (1, 0)


def test_a_credential_that_asks_too_often_is_told_when_to_come_back_and_others_are_not(
    folk: People, settings: object
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3  # type: ignore[attr-defined]
    busy, other = Program(folk.viewer), Program(folk.viewer)
    answers = [busy.get("/me") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].kind == "too-many-requests"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20
    assert other.get("/me").content["user"] == "viewer"


def test_a_person_makes_a_token_sees_its_secret_once_and_revokes_it(folk: People, client: Client) -> None:
    client.force_login(folk.viewer)
    made = client.post("/tokens/new", {"name": "<b>import</b>", "scopes": ["read"], "days": "30"})
    page = made.content.decode()
    assert (made.status_code, made.headers["Cache-Control"].find("no-store") >= 0) == (201, True)
    secret = page.split('class="token-secret__text">')[1].split("<")[0]
    assert Client(headers={"authorization": f"Bearer {secret}"}).get("/api/v1/me").json()["scopes"] == ["read"]
    assert "<b>import" not in page
    assert secret not in client.get("/tokens/").content.decode()
    twice = client.post("/tokens/new", {"name": "<b>import</b>", "scopes": ["read"], "days": ""})
    assert (twice.status_code, "already" in twice.content.decode()) == (422, True), "a reload makes no second one"
    (token,) = api_tokens.of(folk.viewer)
    stranger = Client()
    stranger.force_login(folk.operator)
    assert stranger.post(f"/tokens/{token.pk}/revocation").status_code == 404
    client.post(f"/tokens/{token.pk}/revocation")
    assert Client(headers={"authorization": f"Bearer {secret}"}).get("/api/v1/me").status_code == 401
    assert "Revoked" in client.get("/tokens/").content.decode()
    told = AuditEntry.objects.filter(target_kind="token").order_by("pk")
    assert list(told.values_list("who", "action", "target", "detail", "carrier")) == [
        ("viewer", "make", "<b>import</b>", "read", "page"), ("viewer", "revoke", "<b>import</b>", "", "page"),
    ]  # fmt: skip


def test_a_token_is_made_listed_and_revoked_in_the_shell(folk: People, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("api_token", "make", "viewer", "cron", "--scope", "read", "--scope", "start", "--days", "7")
    secret = capsys.readouterr().out.strip()
    assert Client(headers={"authorization": f"Bearer {secret}"}).get("/api/v1/me").json()["scopes"] == ["read", "start"]
    call_command("api_token", "list", "viewer")
    assert f"viewer  cron  {secret[:12]}…  read,start" in capsys.readouterr().out
    call_command("api_token", "revoke", "viewer", "cron")
    with pytest.raises(CommandError, match="no token named"):
        call_command("api_token", "revoke", "viewer", "cron")
    with pytest.raises(CommandError, match="no account"):
        call_command("api_token", "make", "nobody", "x", "--scope", "read")


def test_who_administers_accounts_sees_every_token_without_its_secret_and_revokes_it(client: Client) -> None:
    root = User.objects.create_superuser("root")
    program = Program(root, name="<b>old</b>")
    client.force_login(root)
    page = client.get("/admin/dashboard/apitoken/").content.decode()
    assert f"{program.token.prefix}…" in page
    assert "<b>old" not in page
    assert (
        program.token.digest
        not in page + client.get(f"/admin/dashboard/apitoken/{program.token.pk}/change/").content.decode()
    )
    client.post("/admin/dashboard/apitoken/", {"action": "revoke", "_selected_action": [program.token.pk]})
    assert program.get("/me").status == 401
