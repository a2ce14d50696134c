"""Which ends a webhook is told of: each that it asks for, once, whatever commits late; and how a message is sent."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from tests.definitions import SWITCH, doubling, refuse, switching
from tests.execution import claim, run, work_once
from tests.receiver import receiving
from tests.test_documentation import GUIDES, code
from tests.wait import until
from workflows import audit, operations, recovery, sql, webhooks
from workflows.audit import Carrier, Origin
from workflows.durable import Status, WorkflowHandle
from workflows.errors import InvalidWebhook, WebhookRefused, WebhookUndelivered
from workflows.models import AuditEntry, Event, Webhook, Workflow

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)
URL = "https://hook.example/path-that-is-a-secret"


def make(name: str = "chat", url: str = URL, **options: Any) -> Webhook:
    """A webhook that asks for every end unless told otherwise."""
    return webhooks.make(name, url, **{"outcomes": webhooks.OUTCOMES, "by": "ann", **options})


def succeed(workflow_id: str) -> WorkflowHandle[Any]:
    """A workflow that has succeeded."""
    handle = doubling.using(workflow_id=workflow_id).start([1])
    run(handle)
    return handle


def fail(workflow_id: str) -> WorkflowHandle[Any]:
    """A workflow that has failed."""
    SWITCH["body"] = refuse
    handle: WorkflowHandle[Any] = switching.using(workflow_id=workflow_id).start()
    run(handle)
    return handle


def cancel(workflow_id: str) -> None:
    """A workflow that was cancelled."""
    doubling.using(workflow_id=workflow_id).start([1])
    operations.cancel(workflow_id)


def told() -> list[tuple[str, str]]:
    """The workflow and the outcome of each delivery, by its id."""
    found = Workflow.objects.filter(definition=webhooks.DELIVERY).order_by("id")
    messages = [one.arguments[1]["message"] for one in found]
    return [(message["data"]["workflow"], message["type"]) for message in messages]


def swept() -> int:
    """How many deliveries a look started; a second look finds none of them again."""
    count = recovery.deliver_webhooks()
    assert recovery.deliver_webhooks() == 0
    return count


@contextmanager
def elsewhere() -> Iterator[Callable[[str], None]]:
    """Another session in a transaction of its own, which is committed at the end."""
    with sql.dedicated_connection() as other, other.transaction():
        yield lambda statement: other.execute(statement)  # type: ignore[call-overload, arg-type, return-value]


def test_each_end_that_is_asked_for_is_told_once_and_what_ended_earlier_is_not() -> None:
    succeed("before")
    make(outcomes=["failed", "cancelled"])
    succeed("well"), fail("badly"), cancel("not")
    assert swept() == 2
    assert told() == [("badly", "workflow.failed"), ("not", "workflow.cancelled")]


def test_quarantined_ones_are_told() -> None:
    make()
    handle = doubling.using(workflow_id="killer").start([1])
    claimed = claim(handle)
    Workflow.objects.filter(id="killer").update(crashes=10)
    recovery.release_held_by([claimed.owner.worker])
    assert handle.status() == Status.QUARANTINED
    assert swept() == 1
    assert told() == [("killer", "workflow.quarantined")]


def test_a_message_says_what_ended_when_and_how_long_it_took_and_nothing_that_was_in_it() -> None:
    hook, handle = make(), succeed("order-42")
    assert swept() == 1
    event = Event.objects.get(workflow_id=handle.id, kind="succeeded")
    delivery = Workflow.objects.get(definition=webhooks.DELIVERY)
    assert delivery.id == f"webhook:{hook.pk}:order-42:{event.seq}"
    message = delivery.arguments[1]["message"]
    data = message["data"]
    assert set(message) == {"type", "timestamp", "data"}
    assert set(data) == {"workflow", "definition", "status", "seq", "created_at", "started_at", "duration"}
    assert (data["workflow"], data["definition"], data["status"]) == ("order-42", "doubling", "succeeded")
    assert (data["seq"], message["timestamp"]) == (event.seq, f"{event.at:%Y-%m-%dT%H:%M:%S.%f}Z")
    assert data["created_at"] <= data["started_at"] <= message["timestamp"]
    assert data["duration"] >= 0


def test_one_that_was_never_claimed_has_no_duration() -> None:
    make()
    cancel("a")
    assert swept() == 1
    data = Workflow.objects.get(definition=webhooks.DELIVERY).arguments[1]["message"]["data"]
    assert (data["started_at"], data["duration"]) == (None, None)


def test_only_the_definitions_that_it_names() -> None:
    make(definitions=["switching", "unknown"])
    succeed("other"), fail("ours")
    assert swept() == 1
    assert told() == [("ours", "workflow.failed")]


def test_each_webhook_has_its_own_and_each_end_of_a_resumed_workflow_counts() -> None:
    make("first"), make("second", outcomes=["failed"])
    handle = fail("a")
    operations.resume("a")
    run(handle)
    assert swept() == 4
    assert told() == [("a", "workflow.failed")] * 4


def test_deliveries_are_told_to_nobody() -> None:
    make()
    succeed("a")
    assert swept() == 1
    operations.cancel(Workflow.objects.get(definition=webhooks.DELIVERY).id)
    assert swept() == 0


def test_what_a_fork_has_of_another_workflow_did_not_happen_to_it() -> None:
    fail("a")
    make()
    fork = operations.fork("a", 2)
    assert Event.objects.filter(workflow_id=fork.id, kind="failed").count() == 1
    assert swept() == 0
    run(WorkflowHandle(fork.id))
    assert swept() == 1
    assert told() == [(fork.id, "workflow.failed")]


@pytest.mark.parametrize("workflow_id", ["x" * 200, "x" * 150, "ü<script>:%s{}'\"\\", "webhook:1:a:2"])
def test_any_id_of_a_workflow_makes_a_delivery(workflow_id: str) -> None:
    make()
    succeed(workflow_id)
    assert swept() == 1
    assert told() == [(workflow_id, "workflow.succeeded")]


@committed
def test_what_commits_late_is_told_though_later_ones_were_told_already() -> None:
    make()
    doubling.using(workflow_id="late").start([1])
    with elsewhere() as execute:
        execute("INSERT INTO workflows_event (workflow_id, seq, kind, data, at) "
                "VALUES ('late', 99, 'cancelled', '{}', now())")  # fmt: skip
        for number in range(3):
            succeed(f"prompt-{number}")
            assert swept() == 1
    assert swept() == 1
    assert ("late", "workflow.cancelled") in told()


@committed
def test_the_cursor_waits_for_whoever_writes_and_then_moves_on() -> None:
    hook = make()
    before = hook.after_event
    with elsewhere() as execute:
        execute("CREATE TEMPORARY TABLE written ON COMMIT DROP AS SELECT 1")
        succeed("a")
        assert swept() == 1
        hook.refresh_from_db()
        assert hook.after_event == before
    newest = Event.objects.latest("id").id

    def moved() -> bool:
        recovery.deliver_webhooks()
        hook.refresh_from_db()
        return hook.after_event >= newest

    until(moved, what="the cursor is behind all that is committed")  # other databases of the server may write
    assert len(told()) == 1


@committed
def test_a_cursor_of_another_server_goes_on_and_tells_nothing_twice() -> None:
    hook = make()
    succeed("a")
    assert swept() == 1
    Webhook.objects.update(next_at_xact=2**60)  # a dump was restored where there were fewer transactions
    newest = Event.objects.latest("id").id

    def moved() -> bool:
        assert recovery.deliver_webhooks() == 0
        hook.refresh_from_db()
        return hook.after_event >= newest

    until(moved)


def test_more_than_a_look_takes_is_told_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_BATCH", 2)
    make()
    for number in range(5):
        cancel(f"c-{number}")
    assert [recovery.deliver_webhooks() for _ in range(4)] == [2, 2, 1, 0]
    assert len(set(told())) == 5


def test_what_is_off_costs_one_read_and_hears_nothing_of_the_time_when_it_was_off() -> None:
    hook = make()
    described = {"outcomes": ["succeeded"], "by": "ann"}
    webhooks.change(hook.pk, "chat", URL, active=False, **described)
    succeed("a")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert recovery.deliver_webhooks() == 0
    assert len(asked) == 1
    webhooks.change(hook.pk, "chat", URL, active=True, **described)
    succeed("b")
    assert swept() == 1
    assert told() == [("b", "workflow.succeeded")]


@committed
def test_while_one_worker_looks_at_a_webhook_others_pass() -> None:
    make()
    succeed("a")
    with elsewhere() as execute:
        execute("SELECT 1 FROM workflows_webhook FOR UPDATE")
        assert recovery.deliver_webhooks() == 0
    assert swept() == 1


# What people say of one


@pytest.mark.parametrize(("wrong", "why"), [
    ({"name": " "}, "Give it a name"), ({"name": "n" * 81}, "at most 80"),
    ({"url": "file:///etc/passwd"}, "begins with https"),
    ({"url": "http://127.0.0.1/"}, "no address of the public"), ({"url": "http://[::ffff:7f00:1]/"}, "no address of"),
    ({"outcomes": []}, "at least one"), ({"outcomes": ["running"]}, "at least one"),
    ({"definitions": [""]}, "1 to 200"), ({"definitions": ["a\x00"]}, "1 to 200"),
    ({"definitions": ["\ud800"]}, "1 to 200"),
    ({"queue": ""}, "queue"), ({"queue": "q" * 101}, "queue"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_the_reason_and_leaves_nothing(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidWebhook, match=why):
        make(**wrong)
    assert not Webhook.objects.exists()


def test_two_have_not_the_same_name_and_hostile_names_are_kept_as_text() -> None:
    make("<script>\x00\ud800")
    with pytest.raises(InvalidWebhook, match="already"):
        make("<script>\x00\ud800")
    other = make("other")
    with pytest.raises(InvalidWebhook, match="already"):
        webhooks.change(other.pk, Webhook.objects.get(name__startswith="<").name, URL, outcomes=["failed"],
                        active=True, by="ann")  # fmt: skip
    assert Webhook.objects.count() == 2


def test_what_people_did_is_in_the_audit_list_without_a_secret_or_a_path() -> None:
    with audit.asked_through(lambda: Origin(Carrier.ADMIN, "192.0.2.7", 12)):
        hook = make(definitions=["doubling"], outcomes=["failed"])
        renewed = webhooks.renew_secret(hook.pk, by="ben")
        webhooks.change(hook.pk, "pager", URL, outcomes=["failed"], active=False, by="ben")
        webhooks.remove(hook.pk, by="ben")
    assert hook.secret != renewed.secret
    rows = list(AuditEntry.objects.order_by("id").values_list("who", "action", "target_kind", "target", "detail"))
    assert rows == [
        ("ann", "make", "webhook", "chat", "hook.example, failed of doubling"),
        ("ben", "renew secret", "webhook", "chat", ""),
        ("ben", "change", "webhook", "pager", "hook.example, failed of every definition, off"),
        ("ben", "remove", "webhook", "pager", ""),
    ]


# One message


@pytest.fixture
def private() -> Iterator[None]:
    """Receivers may be on this machine."""
    with override_settings(WORKFLOWS={"WEBHOOKS_PRIVATE": True}):
        yield


def send(hook: Webhook, message: dict[str, Any] | None = None) -> str:
    """A small message."""
    return webhooks.send(hook.pk, "msg_1", message or {"type": "workflow.failed"})


def test_a_signature_is_as_the_standard_says() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'  # of the standard's libraries
    made = webhooks.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.usefixtures("private")
def test_the_code_of_the_guide_verifies_what_is_sent_and_nothing_else() -> None:
    (source,) = code(GUIDES / "webhooks.md", "python")
    names: dict[str, Any] = {}
    exec(source, names)
    verified = names["verified"]
    with receiving(200) as receiver:
        hook = make(url=receiver.url)
        assert send(hook, {"type": "workflow.failed", "data": {"workflow": "ü"}}) == "127.0.0.1 answered 200"
    (got,) = receiver.received
    assert verified(hook.secret, got.headers, got.body) == {"type": "workflow.failed", "data": {"workflow": "ü"}}
    assert got.headers["content-type"] == "application/json"
    other = "whsec_" + base64.b64encode(b"another").decode()
    old = str(int(got.headers["webhook-timestamp"]) - 301)
    for secret, headers, body in (
        (other, got.headers, got.body), (hook.secret, got.headers, got.body + b" "),
        (hook.secret, {**got.headers, "webhook-id": "msg_2"}, got.body),
        (hook.secret, {**got.headers, "webhook-timestamp": old}, got.body),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"not signed|an old message"):
            verified(secret, headers, body)


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize(("status", "raised"), [
    (400, WebhookRefused), (404, WebhookRefused), (301, WebhookRefused), (410, WebhookRefused),
    (408, WebhookUndelivered), (425, WebhookUndelivered), (429, WebhookUndelivered), (500, WebhookUndelivered),
    (503, WebhookUndelivered),
])  # fmt: skip
def test_an_answer_says_whether_it_is_tried_again_and_gone_turns_the_webhook_off(
    status: int, raised: type[Exception]
) -> None:
    with receiving((status, {}, b"told \x00 why")) as receiver:
        hook = make(url=receiver.url)
        with pytest.raises(raised, match=f"127.0.0.1 answered {status}") as caught:
            send(hook)
    assert "hook?of" not in str(caught.value)
    hook.refresh_from_db()
    assert (hook.active, hook.off_because) == ((True, "") if status != 410 else (False, "127.0.0.1 answered 410 Gone"))


@pytest.mark.usefixtures("private")
def test_what_is_off_or_removed_is_sent_nothing_more() -> None:
    with receiving(200) as receiver:
        hook = make(url=receiver.url)
        Webhook.objects.update(active=False)
        assert "turned off" in send(hook)
        Webhook.objects.all().delete()
        assert "removed" in send(hook)
    assert receiver.received == []


def test_a_name_that_leads_into_our_own_network_is_sent_nothing() -> None:
    hook = make()
    with pytest.raises(WebhookRefused, match="no address of the public internet"):
        webhooks.send(hook.pk, "msg_1", {}, resolver=lambda _: ["169.254.169.254"])


def test_a_refused_delivery_has_failed_at_once_and_says_why() -> None:
    with receiving(404) as receiver, override_settings(WORKFLOWS={"WEBHOOKS_PRIVATE": True}):
        make(url=receiver.url)
        cancel("a")
        assert swept() == 1
        work_once()
    delivery = Workflow.objects.get(definition=webhooks.DELIVERY)
    assert (delivery.status, len(receiver.received)) == ("failed", 1)
    assert "127.0.0.1 answered 404: said" in delivery.error["message"]
    identity = receiver.received[0].headers["webhook-id"]
    assert identity == f"msg_{hashlib.sha256(delivery.id.encode()).hexdigest()[:32]}"


def test_what_people_start_themselves_is_not_signed() -> None:
    with receiving(200) as receiver, override_settings(WORKFLOWS={"WEBHOOKS_PRIVATE": True}):
        hook = make(url=receiver.url)
        cancel("a")
        assert swept() == 1
        work_once()
        (told,) = Workflow.objects.filter(definition=webhooks.DELIVERY)
        forged = {"hook": hook.pk, "message_id": "msg_1", "message": {"type": "workflow.failed"}}
        operations.start(webhooks.DELIVERY, kwargs=forged, by="ann")
        operations.restart(told.id, kwargs=forged, by="ann")
        operations.fork(told.id, 1, by="ann")
        operations.start(webhooks.DELIVERY, kwargs=forged, schedule="nightly")
        for _ in range(4):
            work_once()
    statuses = (
        Workflow.objects.filter(definition=webhooks.DELIVERY).exclude(id=told.id).values_list("status", flat=True)
    )
    assert list(statuses) == ["failed"] * 4
    assert len(receiver.received) == 1
