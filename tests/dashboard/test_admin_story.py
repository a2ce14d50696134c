"""What happened to one workflow is found in the admin: its history, any moment, what changed, and who did it."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils.html import strip_tags

from dashboard.admin import sieve
from tests.dashboard.test_admin import ids, link, listed, page
from tests.definitions import SWITCH, doubling, listening, switching
from tests.execution import run
from tests.people import People
from workflows import operations, registry, schedules
from workflows.durable import receive, set_event, workflow
from workflows.models import Event, Schedule, Workflow

pytestmark = [pytest.mark.usefixtures("collected_static"), pytest.mark.django_db]
ORDER = "/admin/workflows/workflow/order-42/change/"


@pytest.fixture
def operator(people: People, client: Client) -> Client:
    """Signed in, may view and act."""
    client.force_login(people.operator)
    return client


@pytest.fixture
def order() -> Workflow:
    """Order 42: published its status three times, received a message, and failed."""

    def body() -> None:
        set_event("status", {"text": "new", "items": 1})
        set_event("status", {"text": "waiting", "items": 2})
        receive("payment")
        set_event("status", "refused")
        raise ValueError("the card was declined")

    SWITCH["body"] = body
    handle = switching.using(workflow_id="order-42").start()
    operations.send("order-42", "payment", {"cents": 990}, by="shop")
    run(handle)
    return Workflow.objects.get(id="order-42")


def words(content: str, title: str = "") -> str:
    """The text of a page, or of the section with that title, with single spaces."""
    if title:
        content = content.partition(f">{title}</h2>")[2].partition("</section>")[0]
    return re.sub(r"\s+", " ", strip_tags(re.sub("</t[dh]>", " ", content))).replace("&quot;", '"').strip()


def of(key: str, number: int) -> Event:
    """The event by which a key of order 42 got its n-th value."""
    return Event.objects.filter(workflow_id="order-42", key=key, kind="value_set").order_by("seq")[number - 1]


def test_what_happened_to_order_42_is_three_clicks_away(operator: Client, order: Workflow) -> None:
    assert "Workflows" in page(operator, "/admin/")  # the first click; then the search, which finds it by its id
    assert listed(operator, "workflow", q="order-42") == ["order-42"]
    content = page(operator, ORDER)
    assert "failed Failed after" in words(content)
    assert "ValueError: the card was declined" in words(content)
    said = words(content, "Event history")
    assert said.index("failed") < said.index("refused") < said.index("payment") < said.index("created")
    assert 'status {"text": "new", "items": 1}' in said
    assert "status text new → waiting items 1 → 2" in said
    assert re.search(r'payment \{"cents": 990\} \S+ \S+ shop \d+', words(content, "Messages"))
    assert link(content, "All events") == "/admin/workflows/event/?q=order-42"


def test_its_page_shows_it_after_any_event_and_leads_to_the_console_at_that_moment(
    operator: Client, order: Workflow
) -> None:
    at = of("status", 1).seq
    then = page(operator, ORDER, seq=at)
    moment = words(then, f"As it was after event {at} of {order.last_seq}")
    assert "running Running" in words(then)
    assert f'status {{"text": "new", "items": 1}} {at} ' in moment
    assert "refused" not in moment
    assert f'href="/workflows/order-42/?seq={at}"' in then
    assert f'href="?seq={at + 1}#moment"' in then
    assert "Nothing had happened yet." in page(operator, ORDER, seq=0)
    for odd in ("-1", "x", "9" * 30, str(order.last_seq + 5), ""):
        assert operator.get(ORDER, {"seq": odd, "against": odd, "before": odd}).status_code == 200


def test_two_moments_and_the_two_values_of_one_event_are_compared(operator: Client, order: Workflow) -> None:
    first, second = of("status", 1).seq, of("status", 2)
    content = words(page(operator, ORDER, seq=order.last_seq, against=first))
    changed = content.partition(f"What changed from event {first} to event {order.last_seq}")[2]
    assert 'values.status {"text": "new", "items": 1} refused' in changed
    assert "workflow.status running failed" in changed
    event = page(operator, f"/admin/workflows/event/{second.pk}/change/")
    assert "text new → waiting items 1 → 2" in words(event)
    assert link(event, "In the console") == f"/workflows/order-42/?seq={second.seq}"
    assert link(event, "The workflow after it") == f"{ORDER}?seq={second.seq}#moment"


def test_relatives_lead_to_each_other(operator: Client) -> None:
    SWITCH["body"] = lambda: doubling.using(workflow_id="child").start([1]) and None
    run(switching.using(workflow_id="parent").start())
    relatives = page(operator, "/admin/workflows/workflow/parent/change/")
    assert "a child child doubling queued" in words(relatives, "Relatives")
    assert 'href="/admin/workflows/workflow/child/change/"' in relatives
    assert "its parent parent switching" in words(
        page(operator, "/admin/workflows/workflow/child/change/"), "Relatives"
    )


def test_the_page_says_what_removes_it_when_and_why_it_is_kept(operator: Client, order: Workflow) -> None:
    assert "No schedule removes it" in words(page(operator, ORDER), "Retention")
    for name, kwargs in (
        ("old", {"days": 90}),
        ("failed", {"keep": 1_000, "days": None, "statuses": ["failed"]}),
        ("succeeded", {"statuses": ["succeeded"]}),
        ("others", {"definition": "other"}),
    ):
        schedules.create(name, "telltale.prune", kwargs=kwargs, cron="15 3 * * *")
    Schedule.objects.filter(name="old").update(paused=False)
    operations.pin("order-42", pinned=True, by="operator")
    said = words(page(operator, ORDER), "Retention")
    assert "Kept, because it is pinned." in said
    assert re.search(r"Schedule old removes it from 20\d\d-\d\d-\d\d \d\d:\d\d UTC on once that is over\.", said)
    assert "Schedule failed removes it when there are 1,000 newer ones that ended like it" in said
    assert "succeeded" not in said
    assert "others" not in said


def test_events_are_found_by_who_did_it(operator: Client, order: Workflow) -> None:
    for number in range(3):
        listening.using(workflow_id=f"w-{number}").start("t")
        operations.cancel(f"w-{number}", by="ada", reason="no longer needed")
    assert len(listed(operator, "event", by="ada")) == 3
    assert len(listed(operator, "event", by="ada", kind="cancelled", definition="listening")) == 3
    assert listed(operator, "event", by="ada", kind="resumed") == listed(operator, "event", by="ad") == []
    assert listed(operator, "event", by="ada", definition="switching") == []
    assert listed(operator, "event", q="payment") == [str(pk) for pk in _pks(key="payment")]
    assert listed(operator, "event", q="payment", kind="message_sent") == [str(pk) for pk in _pks(kind="message_sent")]
    assert listed(operator, "event", by="shop", key="payment") == [str(pk) for pk in _pks(kind="message_sent")]


def _pks(**wanted: str) -> list[int]:
    return list(Event.objects.filter(**wanted).order_by("-id").values_list("pk", flat=True))


def test_events_of_a_definition_that_did_much_are_looked_for_page_by_page(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sieve, "FEW_EVENTS", 0)
    monkeypatch.setattr(sieve, "LOOKED_THROUGH", 7)
    for number in range(4):
        run(doubling.using(workflow_id=f"d-{number}").start([number]))
        listening.using(workflow_id=f"l-{number}").start("t")
    wanted = [
        str(pk)
        for pk in Event.objects.filter(workflow__definition="listening").order_by("-id").values_list("pk", flat=True)
    ]
    content = page(operator, "/admin/workflows/event/", definition="listening")
    found = [*ids(content)]
    assert "Looked through 7 events" in content
    while "Older" in words(content.partition('class="paginator"')[2]).replace("“Older”", ""):
        content = page(operator, "/admin/workflows/event/" + link(content, "Older"))
        found += ids(content)
    assert found == wanted
    back = page(operator, "/admin/workflows/event/" + link(content, "Newer"))
    assert set(ids(back)) < set(wanted)


def test_what_may_not_be_read_is_hidden_on_every_page_of_the_admin(
    people: People, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        registry, "_definitions", dict(registry._definitions)
    )  # undone with the definition of this test

    def body() -> None:
        for key in ("email", "card", "note"):
            set_event(key, f"{key}@secret")

    declaring = workflow(name="declaring", keys={"email": "admin", "card": "never"})(body)
    run(declaring.using(workflow_id="order-43").start())
    pages = ["/admin/workflows/workflow/order-43/change/", "/admin/workflows/workflow/order-43/change/?seq=4&against=1"]
    pages += [f"/admin/workflows/{table}/?q=order-43" for table in ("event", "value")]
    pages += [f"/admin/workflows/event/{event.pk}/change/" for event in Event.objects.filter(workflow_id="order-43")]

    def seen(*permissions: str) -> set[str]:
        people.viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_workflow", *permissions]))
        client.force_login(people.viewer)
        return {found for path in pages for found in re.findall(r"(\w+)@secret", page(client, path))}

    assert seen() == set()
    assert seen("view_values") == {"note"}
    assert seen("view_values", "view_sensitive") == {"note", "email"}
