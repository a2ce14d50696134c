"""What people do through the pages: cancel, send, start; who may, and what is refused how."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests import definitions, execution
from tests.people import People
from workflows import operations
from workflows.models import Deletion, Message, Workflow
from workflows.options import Options

pytestmark = pytest.mark.django_db
RESOURCES = ["cancellation", "messages", "resumption", "forks", "restarts", "pin", "deletion"]


@pytest.fixture
def operator(client: Client, people: People) -> Client:
    client.force_login(people.operator)
    return client


@pytest.fixture
def queued(db: None) -> Workflow:
    return operations.start("doubling", kwargs={"numbers": [1]}, workflow_id="a/b")


def cancel(client: Client, workflow_id: str = "a/b", **data: str) -> HttpResponse:
    return client.post(reverse("dashboard:cancellation", args=[workflow_id]), data)


def send(client: Client, topic: str, message: str, workflow_id: str = "a/b") -> HttpResponse:
    address = reverse("dashboard:messages", args=[workflow_id])
    return client.post(address, {"topic": topic, "message": message})


def start(client: Client, definition: str, **data: object) -> HttpResponse:
    return client.post(reverse("dashboard:start", args=[definition]), {f"parameter_{k}": v for k, v in data.items()})


def notices(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# Cancelling


def test_cancelling_stops_it_and_keeps_who_and_why(operator: Client, queued: Workflow) -> None:
    response = cancel(operator, reason="wrong <order>")
    assert (response.status_code, response["Location"]) == (302, "/workflows/a~2Fb/")
    queued.refresh_from_db()
    assert queued.status == "cancelled"
    assert queued.events.latest("seq").data == {"by": "operator", "reason": "wrong <order>"}
    shown = operator.get(response["Location"]).content.decode()
    assert "by operator: wrong &lt;order&gt;" in shown


def test_cancelling_what_has_ended_says_so(operator: Client, queued: Workflow) -> None:
    cancel(operator)
    response = cancel(operator)
    assert response.status_code == 302
    assert "cancelled" in notices(response)[0]


def test_a_reason_too_long_is_refused_and_nothing_is_cancelled(operator: Client, queued: Workflow) -> None:
    assert notices(cancel(operator, reason="x" * 501))[0].startswith("Not cancelled: reason")
    queued.refresh_from_db()
    assert queued.status == "queued"


def test_looking_at_a_cancellation_cancels_nothing(operator: Client, queued: Workflow) -> None:
    assert operator.get(reverse("dashboard:cancellation", args=["a/b"])).status_code == 405


def test_a_foreign_page_cannot_cancel(people: People, queued: Workflow) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.operator)
    assert cancel(client).status_code == 403
    queued.refresh_from_db()
    assert queued.status == "queued"


@pytest.mark.parametrize(("person", "status"), [("viewer", 403), ("stranger", 404), (None, 302)])
@pytest.mark.parametrize("resource", RESOURCES)
def test_who_may_not_act_changes_nothing(
    people: People, queued: Workflow, person: str | None, status: int, resource: str
) -> None:
    client = Client()
    if person:
        client.force_login(getattr(people, person))
    address = reverse(f"dashboard:{resource}", args=["a/b"])
    data = {"topic": "t", "message": "1", "position": "1", "pinned": "yes", "typed_id": "a/b"}
    assert client.post(address, data).status_code == status
    queued.refresh_from_db()
    assert (queued.last_seq, Workflow.objects.count(), Message.objects.count()) == (1, 1, 0)


@pytest.mark.parametrize("resource", RESOURCES)
def test_an_action_is_posted_and_by_a_page_of_ours(people: People, queued: Workflow, resource: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.operator)
    address = reverse(f"dashboard:{resource}", args=["a/b"])
    assert client.get(address).status_code == 405
    assert client.post(address, {"position": "1", "pinned": "yes", "typed_id": "a/b"}).status_code == 403
    assert Workflow.objects.get().last_seq == 1


@pytest.mark.parametrize("resource", RESOURCES)
def test_acting_on_nothing_is_not_here(operator: Client, resource: str) -> None:
    assert operator.post(reverse(f"dashboard:{resource}", args=["no-such"])).status_code == 404


def test_the_children_are_cancelled_only_if_that_is_wanted(operator: Client, queued: Workflow) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="child", parent="a/b")
    cancel(operator)
    assert Workflow.objects.get(id="child").status == "queued"
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="top")
    Workflow.objects.filter(id="child").update(parent_id="top")
    cancel(operator, "top", tree="on")
    assert Workflow.objects.get(id="child").status == "cancelled"


# Resuming, forking, starting anew


def act(client: Client, resource: str, workflow_id: str = "a/b", **data: str) -> HttpResponse:
    return client.post(reverse(f"dashboard:{resource}", args=[workflow_id]), data)


def test_resuming_lets_it_go_on_and_keeps_who_and_why(operator: Client, queued: Workflow) -> None:
    operations.cancel("a/b")
    response = act(operator, "resumption", reason="after all")
    assert (response.status_code, response["Location"]) == (302, "/workflows/a~2Fb/")
    queued.refresh_from_db()
    assert (queued.status, notices(response)) == ("queued", [])
    assert queued.events.get(kind="resumed").data["reason"] == "after all"


def test_resuming_what_goes_on_is_refused_with_the_reason(operator: Client, queued: Workflow) -> None:
    assert notices(act(operator, "resumption"))[0].startswith("Not resumed: ")
    assert queued.events.count() == 1


def test_resuming_beside_one_with_the_same_key_is_refused(operator: Client) -> None:
    for name in ("first", "second"):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=name, options=Options(dedup_key="k"))
        if name == "first":
            operations.cancel("first")
    assert "dedup key" in notices(act(operator, "resumption", "first"))[0]


def test_a_fork_is_another_workflow_and_its_page_is_next(operator: Client) -> None:
    execution.run(definitions.doubling.using(workflow_id="a/b").start([1, 2]))
    response = act(operator, "forks", position="3", new_id="fo/rk", reason="again")
    assert response["Location"] == "/workflows/fo~2Frk/"
    assert notices(response) == ["Forked from a/b at position 3."]
    made = Workflow.objects.get(id="fo/rk")
    assert (made.status, made.forked_from_id, made.forked_position, made.created_by) == ("queued", "a/b", 3, "operator")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"position": "99"}, "cannot be forked from position 99"),
        ({"position": "0"}, "Not forked: position: "),
        ({"position": "x"}, "Not forked: position: "),
        ({}, "Not forked: position: "),
        ({"position": "1", "new_id": "a/b"}, "exists already"),
        ({"position": "1", "new_id": "a b"}, "Not forked: "),
    ],
)
def test_a_fork_that_cannot_be_is_refused(operator: Client, queued: Workflow, data: dict[str, str], said: str) -> None:
    assert said in notices(act(operator, "forks", **data))[0]
    assert Workflow.objects.count() == 1


@pytest.mark.parametrize(
    ("edited", "arguments"),
    [
        (None, {"args": [], "kwargs": {"numbers": [1]}}),
        ('{"numbers": [1]}', {"args": [], "kwargs": {"numbers": [1]}}),
        ('{"numbers": [true]}', {"args": [], "kwargs": {"numbers": [True]}}),
        ('{"numbers": [5, 6]}', {"args": [], "kwargs": {"numbers": [5, 6]}}),
    ],
)
def test_starting_anew_takes_the_edited_input(
    operator: Client, queued: Workflow, edited: str | None, arguments: dict[str, object]
) -> None:
    data = {} if edited is None else {"input": edited}
    response = act(operator, "restarts", new_id="anew", **data)
    assert response["Location"] == "/workflows/anew/"
    made = Workflow.objects.get(id="anew")
    assert repr(made.input) == repr(arguments)
    assert made.events.get(kind="forked").data.get("edited", False) is (
        edited is not None and edited != '{"numbers": [1]}'
    )


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        ("[1]", "a JSON object"),
        ("{", "not JSON"),
        ('{"numbrs": []}', "missing a required"),
        ('{"numbers": "\\u0000"}', "Not st"),
    ],
)
def test_an_input_that_does_not_fit_starts_nothing(operator: Client, queued: Workflow, edited: str, said: str) -> None:
    assert said in notices(act(operator, "restarts", input=edited))[0]
    assert Workflow.objects.count() == 1


def test_positional_arguments_are_edited_by_their_names(operator: Client) -> None:
    definitions.publishing.using(workflow_id="a/b").start([1], "k")
    html = operator.get("/workflows/a~2Fb/").content.decode()
    assert "&quot;key&quot;: &quot;k&quot;" in html[html.index("restart-input") :]
    act(operator, "restarts", new_id="anew", input='{"values": [2], "key": "k"}')
    assert Workflow.objects.get(id="anew").input == {"args": [], "kwargs": {"values": [2], "key": "k"}}


def test_arguments_of_a_definition_that_is_gone_are_edited_as_they_were_stored(operator: Client) -> None:
    definitions.publishing.using(workflow_id="a/b").start([1], "k")
    Workflow.objects.filter(id="a/b").update(definition="deleted_long_ago")
    html = operator.get("/workflows/a~2Fb/").content.decode()
    assert "&quot;args&quot;" in html[html.index("restart-input") :]
    assert "must stay an object" in notices(act(operator, "restarts", input='{"values": [2]}'))[0]


# Pinning and deleting


def test_a_pin_is_set_and_taken_away(operator: Client, queued: Workflow) -> None:
    for word, pinned in (("yes", True), ("no", False)):
        act(operator, "pin", pinned=word, reason="evidence")
        queued.refresh_from_db()
        assert queued.pinned is pinned
    assert [event.kind for event in queued.events.order_by("seq")] == ["created", "pinned", "unpinned"]
    assert notices(act(operator, "pin", pinned="maybe"))[0].startswith("Not changed: pinned")


def test_deleting_removes_it_and_keeps_who_did(operator: Client, queued: Workflow) -> None:
    operations.cancel("a/b")
    response = act(operator, "deletion", typed_id="a/b", reason="privacy")
    assert (response["Location"], notices(response)) == ("/workflows/", ["Workflow a/b is deleted."])
    assert not Workflow.objects.exists()
    kept = Deletion.objects.get()
    assert (kept.workflow_id, kept.deleted_by, kept.reason) == ("a/b", "operator", "privacy")


@pytest.mark.parametrize(("typed", "ended"), [("a/c", True), ("", True), ("a/b", False)])
def test_nothing_is_deleted_by_one_wrong_click(operator: Client, queued: Workflow, typed: str, ended: bool) -> None:
    if ended:
        operations.cancel("a/b")
    response = act(operator, "deletion", typed_id=typed)
    assert response["Location"] == "/workflows/a~2Fb/"
    assert notices(response)[0].startswith("Not deleted: ")
    assert Workflow.objects.exists()


# Sending


def test_a_message_reaches_the_workflow(operator: Client) -> None:
    handle = definitions.listening.using(workflow_id="a/b").start("payment", timeout=0)
    response = send(operator, "payment", '{"amount": 3, "note": null}')
    assert notices(response) == ["Message sent to “payment”."]
    execution.run(handle)
    assert handle.result(timeout=0) == {"amount": 3, "note": None}


@pytest.mark.parametrize(
    ("topic", "message", "said"),
    [
        ("t", "{nonsense", "Not sent: message: This is not JSON"),
        ("t", "NaN", "Not sent: message: This is not JSON"),
        ("t", "", "Not sent: message: A JSON value is needed"),
        ("", "1", "Not sent: topic: This field is required."),
        ("t" * 201, "1", "Not sent: topic: "),
        ("t\x07", "1", "Not sent: "),
        ("t", '"\\u0000"', "Not sent: "),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(
    operator: Client, queued: Workflow, topic: str, message: str, said: str
) -> None:
    assert notices(send(operator, topic, message))[0].startswith(said)
    assert Message.objects.count() == 0


def test_null_is_a_message(operator: Client, queued: Workflow) -> None:
    send(operator, "t", "null")
    assert Message.objects.get().body is None


def test_what_has_ended_receives_nothing(operator: Client, queued: Workflow) -> None:
    operations.cancel("a/b")
    assert notices(send(operator, "t", "1"))[0].startswith("Not sent: ")


# Starting


def test_starting_leads_to_the_page_of_the_new_workflow(operator: Client) -> None:
    response = operator.post(
        reverse("dashboard:start", args=["counting"]),
        {"parameter_count": "2", "parameter_seconds": "0.5", "workflow_id": "my/one"},
    )
    assert (response.status_code, response["Location"]) == (302, "/workflows/my~2Fone/")
    started = Workflow.objects.get(id="my/one")
    assert started.input == {"args": [], "kwargs": {"count": 2, "seconds": 0.5}}
    assert started.created_by == "operator"


def test_starting_twice_with_the_same_id_and_input_is_one_workflow(operator: Client) -> None:
    for _ in range(2):
        data = {"parameter_numbers": "[1]", "workflow_id": "once"}
        assert operator.post(reverse("dashboard:start", args=["doubling"]), data).status_code == 302
    assert Workflow.objects.count() == 1


def test_an_id_that_is_taken_is_refused_beside_its_field(operator: Client, queued: Workflow) -> None:
    data = {"parameter_numbers": "[2]", "workflow_id": "a/b"}
    response = operator.post(reverse("dashboard:start", args=["doubling"]), data)
    assert response.status_code == 422
    assert "exists already" in response.context["form"].errors["workflow_id"][0]


@pytest.mark.parametrize(
    ("definition", "data", "field"),
    [
        ("counting", {"count": "many", "seconds": "1"}, "parameter_count"),
        ("counting", {"count": "1"}, "parameter_seconds"),
        ("doubling", {"numbers": "[1,"}, "parameter_numbers"),
        ("doubling", {}, "parameter_numbers"),
    ],
)
def test_what_does_not_fit_a_parameter_is_said_beside_it(
    operator: Client, definition: str, data: dict[str, str], field: str
) -> None:
    response = start(operator, definition, **data)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert f'id="id_{field}_error"' in response.content.decode()
    assert Workflow.objects.count() == 0


def test_an_invisible_id_is_refused(operator: Client) -> None:
    data = {"parameter_numbers": "[]", "workflow_id": "a b"}
    response = operator.post(reverse("dashboard:start", args=["doubling"]), data)
    assert "visible characters" in response.context["form"].errors["workflow_id"][0]


def test_an_unknown_definition_is_not_here(operator: Client) -> None:
    assert operator.get(reverse("dashboard:start", args=["no.such/thing"])).status_code == 404


@pytest.mark.parametrize("person", ["viewer", "stranger"])
def test_who_may_not_start_starts_nothing(people: People, person: str) -> None:
    client = Client()
    client.force_login(getattr(people, person))
    assert start(client, "doubling", numbers="[]").status_code == 403
    assert Workflow.objects.count() == 0
