"""The shop's two pages: a person orders, is sent to pay, and nobody without permission gets anywhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from examples.workflows.checkout import checkout
from tests.execution import run
from tests.people import People
from tests.processes import Worker
from workflows import schedules
from workflows.durable import retrieve

pytestmark = pytest.mark.usefixtures("collected_static")
ORDER = {"order_id": "o1", "items": ["Signal flags", "Coil of rope"]}


@pytest.fixture
def shopper(people: People, client: Client) -> Client:
    """A signed-in operator."""
    client.force_login(people.operator)
    return client


@pytest.mark.django_db(transaction=True)
def test_an_order_leads_to_payment_and_a_payment_to_a_shipped_order(worker: Worker, shopper: Client) -> None:
    placed: Any = shopper.post("/examples/checkout/", ORDER)
    assert (placed.status_code, placed["Location"]) == (302, "/examples/pay/order-o1/")
    page = shopper.get(placed["Location"])
    assert "30.75" in page.content.decode()
    again: Any = shopper.post("/examples/checkout/", ORDER)  # a second click is the same order
    assert again["Location"] == placed["Location"]
    paid: Any = shopper.post(placed["Location"], _payment(page.content.decode()))
    assert (paid.status_code, paid["Location"]) == (302, "/workflows/order-o1/")
    assert retrieve("order-o1").result(timeout=60) == "shipped"
    late = shopper.post(placed["Location"], _payment(page.content.decode()) | {"nonce": "other"})
    assert late.status_code == 409
    assert "nothing was charged" in late.content.decode()


def _payment(page: str) -> dict[str, str]:
    fields = dict(re.findall(r'name="(nonce|amount)" value="([^"]*)"', page))
    return {**fields, "outcome": "paid"}


def test_a_payment_form_sent_twice_pays_once(db: None, shopper: Client) -> None:
    handle = _waiting_order()
    page = shopper.get("/examples/pay/order-o1/").content.decode()
    for _ in range(2):
        assert shopper.post("/examples/pay/order-o1/", _payment(page)).status_code == 302
    assert [event.kind for event in handle.history()].count("message_sent") == 1


def _waiting_order() -> Any:
    """An order as it waits for payment, run here up to there."""
    handle = checkout.using(workflow_id="order-o1").start({"id": "o1", "items": [{"price": "1"}]})
    run(handle, stopping=lambda: "payment_url" in handle.values())
    return handle


@pytest.mark.django_db(transaction=True)
def test_without_a_worker_the_shopper_lands_on_the_order_itself(
    shopper: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("examples.views.PAYMENT_URL_SECONDS", 0.2)
    placed: Any = shopper.post("/examples/checkout/", ORDER)
    assert placed["Location"] == "/workflows/order-o1/"


@pytest.mark.django_db(transaction=True)
def test_an_order_number_with_other_items_is_refused(shopper: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("examples.views.PAYMENT_URL_SECONDS", 0.1)
    shopper.post("/examples/checkout/", ORDER)
    other = shopper.post("/examples/checkout/", {**ORDER, "items": ["Chronometer"]})
    assert other.status_code == 409
    assert "taken by an order with other items" in other.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "order", [{}, {"order_id": "../x", "items": ["Chronometer"]}, {"order_id": "a", "items": ["?"]}]
)
def test_a_form_that_makes_no_sense_starts_nothing(shopper: Client, order: dict[str, Any]) -> None:
    assert shopper.post("/examples/checkout/", order).status_code == 422
    assert "field__errors" in shopper.post("/examples/checkout/", order).content.decode()


@pytest.mark.django_db(transaction=True)
def test_strangers_and_passers_by_get_nowhere(people: People, client: Client) -> None:
    _waiting_order()
    paths = [reverse("examples:checkout"), reverse("examples:pay", args=["order-o1"])]
    for path in paths:
        assert client.get(path).status_code == 302  # to the login page
        assert client.post(path).status_code == 302
    for person in (people.stranger, people.viewer):
        client.force_login(person)
        for path in paths:
            assert client.get(path).status_code == 403
            assert client.post(path).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_the_shop_has_the_frame_of_the_console_for_whoever_may_use_it(shopper: Client) -> None:
    shop = shopper.get("/examples/checkout/").content.decode()
    for page in ("/workflows/", "/queues/", "/schedules/", "/workers/", "/definitions/"):
        assert f'href="{page}"' in shop


def test_there_is_no_payment_page_for_anything_else(db: None, shopper: Client) -> None:
    for nobodys in ("unknown", "%00", "a%20b"):
        assert shopper.get(f"/examples/pay/{nobodys}/").status_code == 404
    call_command("demo", verbosity=0)
    assert shopper.get("/examples/pay/demo-flaky/").status_code == 404


def test_the_demo_can_be_asked_for_twice(db: None) -> None:
    for _ in range(2):
        call_command("demo", verbosity=0)
    for name in ("inventory", "time-zones", "flaky", "checkout"):
        assert [event.kind for event in retrieve(f"demo-{name}").history()] == ["created"]
    assert schedules.get("demo-every-minute").paused


def test_the_demo_leaves_its_schedule_as_somebody_set_it(db: None) -> None:
    call_command("demo", verbosity=0)
    schedules.unpause("demo-every-minute")
    call_command("demo", verbosity=0)
    assert not schedules.get("demo-every-minute").paused


def test_the_demo_leaves_what_an_earlier_version_started_as_it_is(db: None) -> None:
    checkout.using(workflow_id="demo-checkout").start({"id": "of old"})
    call_command("demo", verbosity=0)
    assert [event.kind for event in retrieve("demo-flaky").history()] == ["created"]
    assert [event.kind for event in retrieve("demo-checkout").history()] == ["created"]
