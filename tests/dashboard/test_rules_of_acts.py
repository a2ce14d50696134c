"""A project's own rules hold for acts as for looks: on pages, in the admin, by the API and for many at once."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from dashboard import access, acting, api_tokens, fanout, lists
from dashboard.filters import ListFilter
from dashboard.protocol import CloseCode
from tests.api_client import Answer, Program
from tests.dashboard.test_audit import entry
from tests.dashboard.test_fanout import CountingReader
from tests.dashboard.test_fanout import until as until_async
from tests.dashboard.test_rules import HIDDEN, KEPT, OWN, Teams, browser, operator
from tests.definitions import doubling, listening, publishing
from tests.execution import claim
from tests.people import create_people
from tests.wait import until
from tests.workflows.test_workers import register
from workflows import bulk, curves, operations, queries, registry, retention, schedules, webhooks
from workflows.durable import workflow
from workflows.errors import DuplicateWorkflow
from workflows.listener import listener
from workflows.models import AuditEntry, Deletion, Workflow

__all__ = ["browser", "operator"]  # fixtures: somebody with every permission, who sees OWN and KEPT, not HIDDEN

pytestmark = pytest.mark.django_db(transaction=True)
PARENT, CHILD, GRANDCHILD = "parent", "child-of-others", "grandchild"


@pytest.fixture
def program(operator: User) -> Program:
    """Theirs."""
    return Program(operator)


@pytest.fixture
def family(operator: User) -> None:
    """A workflow of theirs with a child that is not, which has a child that is."""
    parent = None
    for id_, queue in ((PARENT, "operator"), (CHILD, "secret"), (GRANDCHILD, "operator")):
        publishing.using(workflow_id=id_, queue=queue).start([id_])
        Workflow.objects.filter(pk=id_).update(parent_id=parent)
        parent = id_


def statuses(*ids: str) -> set[str]:
    return set(Workflow.objects.filter(pk__in=ids).values_list("status", flat=True))


def refusals() -> list[tuple[Any, ...]]:
    """What the audit list has of them, oldest first."""
    rows = AuditEntry.objects.filter(done=False).order_by("pk")
    return list(rows.values_list("who", "action", "target", "carrier"))


def test_what_the_api_refuses_is_told_as_what_a_page_refuses(program: Program, browser: Client) -> None:
    assert program.post(f"/workflows/{KEPT}/cancellation").kind == "forbidden"
    assert program.post(f"/workflows/{HIDDEN}/restarts").kind == "not-found"
    assert browser.post(reverse("dashboard:cancellation", args=[KEPT])).status_code == 403
    assert browser.post(reverse("dashboard:restarts", args=[HIDDEN])).status_code == 404
    by_api = [("operator", "cancel", KEPT, "api"), ("operator", "restart", HIDDEN, "api")]
    assert refusals() == [*by_api, *((*told[:3], "page") for told in by_api)]


def test_the_api_asks_of_each_of_many_whether_one_may(program: Program) -> None:
    chosen = [KEPT, HIDDEN, "guessed"]
    preview = program.post("/bulk/cancel/preview", {"ids": chosen}).content
    assert (preview["ids"], preview["missing"]) == ([], 3)
    action = program.post("/bulk/cancel", {"ids": chosen}).content
    assert (action["done"], action["refused"]) == (0, 3)
    assert statuses(KEPT) == {"queued"}
    assert {told[2] for told in refusals()} == set(chosen)


def test_the_admin_cancels_none_that_one_may_not_cancel(browser: Client) -> None:
    chosen = {"action": "cancel_selected", "_selected_action": [KEPT, HIDDEN], "confirmed": "yes", "reason": "x"}
    page = browser.post(reverse("admin:workflows_workflow_changelist"), chosen, follow=True).content.decode()
    assert "is not yours to cancel" in page
    assert statuses(KEPT) == {"queued"}
    assert refusals() == [("operator", "cancel", KEPT, "admin")]


@pytest.mark.usefixtures("family")
def test_a_tree_with_what_one_may_not_cancel_is_cancelled_by_nobody(browser: Client, program: Program) -> None:
    where = reverse("dashboard:cancellation", args=[PARENT])
    page = browser.post(where, {"tree": "on", "reason": ""}, follow=True).content.decode()
    assert "something below it goes on that is not yours to cancel" in page
    answer = program.post(f"/workflows/{PARENT}/cancellation", {"tree": True})
    assert (answer.kind, CHILD in str(answer.content)) == ("forbidden", False)
    begun = program.post("/bulk/cancel", {"ids": [PARENT], "tree": True}).content
    form = {"ids": f'["{PARENT}"]', "tree": "on", "action": str(uuid4()), "reason": "", "back": ""}
    browser.post(reverse("dashboard:bulk", args=["cancel"]), form)
    assert begun["refused"] == 1
    assert statuses(PARENT, CHILD, GRANDCHILD) == {"queued"}
    assert refusals() == [("operator", "cancel", PARENT, way) for way in ("page", "api", "api", "page")]
    assert queries.active_descendants([PARENT, GRANDCHILD]) == {PARENT: [CHILD, GRANDCHILD]}

    assert program.post(f"/workflows/{GRANDCHILD}/cancellation", {"tree": True}).status == 200  # all of it is theirs
    assert program.post(f"/workflows/{PARENT}/cancellation").status == 200
    assert statuses(PARENT, GRANDCHILD) == {"cancelled"}
    assert statuses(CHILD) == {"queued"}


def test_a_refusal_names_no_workflow_that_one_does_not_see(browser: Client) -> None:
    twin = publishing.using(workflow_id="twin-of-others", queue="operator", dedup_key="same")
    ended = publishing.using(workflow_id="ended", queue="operator", dedup_key="same").start([1])
    operations.cancel(ended.id)
    twin.start([1])
    where = reverse("dashboard:resumption", args=["ended"])
    assert "twin-of-others" in browser.post(where, {"reason": ""}, follow=True).content.decode()
    Workflow.objects.filter(pk="twin-of-others").update(queue="secret")
    refused = acting.told(
        User.objects.get(username="operator"), DuplicateWorkflow("q", "k", "twin-of-others", "queued")
    )
    assert refused == DuplicateWorkflow.brief


def test_the_admin_tells_of_no_workflow_that_one_does_not_see(browser: Client, operator: User) -> None:
    schedules.create("nightly", "publishing", args=[[1]], cron="0 3 * * *", time_zone="UTC")
    Workflow.objects.filter(pk__in=[HIDDEN, OWN]).update(schedule="nightly")
    register("w")
    for id_, queue in (("held-and-hidden", "secret"), ("held", "operator")):
        claim(doubling.using(workflow_id=id_, queue=queue).start([1]), worker="w/1")
    entry(target=HIDDEN)
    gone = timezone.now() - timedelta(days=1)
    Deletion.objects.create(workflow_id=HIDDEN, definition="d", status="failed", created_at=gone, deleted_at=gone)
    bodies = {}
    for name, at in (("schedule", "nightly"), ("worker", "w"), ("auditentry", ""), ("deletion", "")):
        places = [
            reverse(f"admin:workflows_{name}_changelist"),
            reverse(f"admin:workflows_{name}_export", args=["csv"]),
        ]
        for place in [*places, *([reverse(f"admin:workflows_{name}_change", args=[at])] if at else [])]:
            answer: Any = browser.get(place)
            body = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
            assert HIDDEN not in body, place
            assert "held-and-hidden" not in body, place
            assert answer.status_code == (200 if at else 403), place
            bodies[place] = body
    assert OWN in bodies[reverse("admin:workflows_schedule_change", args=["nightly"])]
    assert "and 1 that you may not see" in bodies[reverse("admin:workflows_worker_change", args=["w"])]


def test_bulk_actions_of_others_are_not_for_who_does_not_see_all(browser: Client, operator: User) -> None:
    others, own = uuid4(), uuid4()
    bulk.begin(others, "pin", [HIDDEN], by="somebody", reason="what-for")
    bulk.begin(own, "pin", [OWN], by="operator", reason="own-reason")
    pages = [browser.get(reverse("dashboard:bulk_actions")), browser.get(f"{reverse('dashboard:palette')}?q=reason")]
    assert all("own-reason" in page.content.decode() for page in pages)
    assert "what-for" not in pages[0].content.decode()
    assert browser.get(f"{reverse('dashboard:palette')}?q=what-for").json()["found"] == []
    for name, more in (("bulk_action", []), ("bulk_action_fragment", []), ("bulk_results", ["csv"])):
        found = [browser.get(reverse(f"dashboard:{name}", args=[id_, *more])).status_code for id_ in (own, others)]
        assert found == [200, 404], name
    assert browser.post(reverse("dashboard:bulk_abort", args=[others])).status_code == 404


def test_a_live_list_forgets_a_row_that_is_out_of_sight_and_a_curve_compares_none(operator: User) -> None:
    wanted: Any = {
        "t": "subscribe", "topic": "workflows", "filter": ListFilter().wire, "ids": [(OWN, 0), (KEPT, 0)],
        "since": timezone.now().isoformat(),
    }  # fmt: skip
    view = lists.ListView.admitted(operator, wanted)
    assert access.narrowed({operator.pk}) == {operator.pk}
    Workflow.objects.filter(pk=OWN).update(queue="another")
    view.offer(lists.read(view.known, timezone.now(), (), (), {view.audience}, [operator]))
    told = str(view.take())
    assert KEPT in told
    assert f'"{OWN}"' not in told
    row = Workflow.objects.get(pk=KEPT)
    assert len(curves.earlier(row, "key", access.visible_workflows(operator))) == 0


def test_an_open_list_ends_when_its_reader_does_not_see_all_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "AUDIT_PERIOD", 0.1)
    audits, narrowed = list[Any](), access.narrowed
    monkeypatch.setattr(access, "narrowed", lambda ids: audits.append(ids) or narrowed(ids))
    viewer, signed_in = create_people().viewer, Client()
    signed_in.force_login(viewer)
    key = str(signed_in.session.session_key)
    wanted: Any = {
        "t": "subscribe", "topic": "workflows", "filter": ListFilter().wire, "ids": [],
        "since": timezone.now().isoformat(),
    }  # fmt: skip

    async def story() -> CloseCode | None:
        hub, reader = fanout.fanout(), CountingReader()
        admission = await hub.reads.admission(key)
        assert admission is not None
        reader.credential = admission.credential
        hub.enter(reader)
        subscription = await hub.follow_list(reader, admission.user, wanted)
        await until_async(lambda: len(audits) > 2)  # which leave it alone
        assert reader.ended is None
        with override_settings(TELLTALE_ACCESS=f"{Teams.__module__}.Teams"):
            await until_async(lambda: reader.ended is not None)
        hub.leave(reader, [subscription])
        return reader.ended

    assert asyncio.run(story()) is CloseCode.COME_BACK


def test_a_taken_id_tells_no_input_that_one_may_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_definitions", dict(registry._definitions))

    @workflow(name="confiding", redact=lambda what, content: "…")
    def confiding(card: str) -> None:
        """With something to hide."""

    confiding.using(workflow_id="taken").start("4111")
    viewer, guesser = create_people().viewer, Client()
    viewer.user_permissions.add(Permission.objects.get(codename="start_workflow"))
    guesser.force_login(viewer)
    operations.fork("taken", 1, new_id="forked-by-them", by="viewer")
    pages = {}
    for guess in ("4111", "4112"):
        answer = guesser.post(
            reverse("dashboard:start", args=["confiding"]), {"parameter_card": guess, "workflow_id": "taken"}
        )
        assert answer.status_code == 422
        pages[guess] = answer.content.decode().replace(guess, "")
        for id_ in ("taken", "forked-by-them"):
            asked = Program(viewer).post("/workflows", {"definition": "confiding", "args": [guess], "id": id_})
            assert asked.kind == "workflow-conflict"
            assert "411" not in str(asked.content)
    assert "4111" not in pages["4112"]
    assert "exists already" in pages["4111"]


def test_who_may_start_but_not_delete_starts_nothing_that_deletes() -> None:
    viewer, name = create_people().viewer, retention.PRUNING
    granted = Permission.objects.filter(codename__in=["start_workflow", "fork_workflow", "resume_workflow"])
    viewer.user_permissions.add(*granted)
    operations.start(name, kwargs={"days": 400}, workflow_id="sweep")
    operations.cancel("sweep")
    browser, program = Client(), Program(viewer)
    browser.force_login(viewer)
    assert browser.get(reverse("dashboard:start", args=[name])).status_code == 403
    assert browser.post(reverse("dashboard:start", args=[name]), {"parameter_days": "0"}).status_code == 403
    assert program.post("/workflows", {"definition": name, "kwargs": {"days": 0}}).kind == "forbidden"
    for verb, given in (("restarts", {"kwargs": {"days": 0}}), ("forks", {"position": 1}), ("resumption", {})):
        assert program.post(f"/workflows/sweep/{verb}", given).kind == "forbidden", verb
        assert browser.post(reverse(f"dashboard:{verb}", args=["sweep"]), given).status_code == 403, verb
    assert Workflow.objects.count() == 1
    start = reverse("dashboard:start", args=[name])
    pages = [browser.get(reverse("dashboard:definitions")), browser.get(f"{reverse('dashboard:palette')}?q=start")]
    assert all(start not in page.content.decode() for page in pages)
    viewer.user_permissions.add(Permission.objects.get(codename="delete_workflow"))
    assert program.post("/workflows", {"definition": name, "kwargs": {"days": 400}}).status == 201


def test_nobody_starts_the_delivery_of_a_webhook_and_one_that_failed_can_be_resumed() -> None:
    root, name = User.objects.create_superuser("root"), webhooks.DELIVERY
    given = {"hook": 1, "message_id": "msg_1", "message": {}}
    operations.start(name, kwargs=given, workflow_id="told")
    operations.cancel("told")
    browser, program = Client(), Program(root)
    browser.force_login(root)
    assert browser.get(reverse("dashboard:start", args=[name])).status_code == 403
    assert program.post("/workflows", {"definition": name, "kwargs": given}).kind == "forbidden"
    for verb in ("restarts", "forks"):
        assert program.post(f"/workflows/told/{verb}", {"position": 1} if verb == "forks" else {}).kind == "forbidden"
    assert program.post("/workflows/told/resumption", {}).status < 300
    assert Workflow.objects.get().status == "queued"


@pytest.mark.parametrize("path", ["/workflows/w/history?after=1&wait=30", "/workflows/w/values/key?wait=30"])
def test_who_loses_the_token_while_waiting_is_told_nothing_more(path: str) -> None:
    people = create_people()
    handle = listening.using(workflow_id="w").start("go")
    program, answers = Program(people.viewer), list[Answer]()
    asking = threading.Thread(target=lambda: answers.append(program.get(path)))
    asking.start()
    until(lambda: listener()._watches.get("w"), what="it waits")
    api_tokens.revoke(program.token.pk, owner=people.viewer)
    operations.cancel(handle.id)
    asking.join()
    assert [answer.kind for answer in answers] == ["unauthenticated"]
