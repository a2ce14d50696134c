"""What the palette finds on the server: a few of each kind, and only what one may see."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboard import saved_views
from tests import definitions
from tests.people import People
from workflows import bulk, operations, queues, schedules

__all__ = ["definitions"]  # what the registry knows
pytestmark = pytest.mark.django_db


@pytest.fixture
def things() -> None:
    for number in range(12):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=f"Order-{number:02}")
    schedules.create("orders-daily", "doubling", kwargs={"numbers": []}, cron="0 9 * * *")
    queues.set_limits("orders", concurrency=3, by="x")


def found(client: Client, user: User, typed: str) -> list[dict[str, Any]]:
    client.force_login(user)
    response = client.get("/palette", {"q": typed})
    assert response.status_code == 200
    lines: list[dict[str, Any]] = response.json()["found"]
    return lines


def test_it_finds_a_few_of_each_kind_newest_first(client: Client, people: People, things: None) -> None:
    lines = found(client, people.operator, "Order")
    by_kind = {
        kind: [line["text"] for line in lines if line["kind"] == kind] for kind in ("Workflows", "Queues", "Schedules")
    }
    assert by_kind["Workflows"] == [f"Order-{number:02}" for number in range(11, 3, -1)]
    assert by_kind["Queues"] == ["orders"]
    assert by_kind["Schedules"] == ["orders-daily"]
    assert {line["address"] for line in lines} >= {
        "/workflows/Order-11/",
        "/queues/orders/",
        "/schedules/orders-daily/",
    }
    starts = [line for line in found(client, people.operator, "start doub") if line["kind"] == "Start"]
    assert [(line["text"], line["address"]) for line in starts] == [("Start doubling", "/definitions/doubling/start/")]


def test_views_definitions_and_bulk_actions_are_found_by_name(client: Client, people: People, things: None) -> None:
    saved_views.save(people.operator.pk, name="Slow orders", query="status=failed", shared=False, by="operator")
    saved_views.save(people.viewer.pk, name="All orders", query="q=order", shared=True, by="viewer")
    action = bulk.begin(uuid4(), "cancel", ["Order-01"], by="ana", reason="wrong orders")
    lines = {line["text"]: (line["kind"], line["address"]) for line in found(client, people.operator, "orders")}
    assert lines["Slow orders"] == ("Views", "/workflows/?status=failed")
    assert lines["All orders"] == ("Views", "/workflows/?q=order")
    assert lines["Cancel 1 by ana"] == ("Bulk", f"/bulk/{action.pk}/")
    assert "Slow orders" not in [line["text"] for line in found(client, people.viewer, "orders")]
    lines = {line["text"]: (line["kind"], line["address"]) for line in found(client, people.viewer, "doubling")}
    assert lines["doubling"] == ("Definitions", "/definitions/doubling/")
    assert lines["Workflows of doubling"] == ("Definitions", "/workflows/?definition=doubling")


def test_nobody_finds_what_they_may_not_see(client: Client, people: People, things: None) -> None:
    client.force_login(people.stranger)
    assert client.get("/palette", {"q": "order"}).status_code == 403
    kinds = {line["kind"] for line in found(client, people.viewer, "Order") + found(client, people.viewer, "doubling")}
    assert kinds == {"Workflows", "Queues", "Schedules", "Definitions"}
    client.logout()
    assert client.get("/palette", {"q": "order"}).status_code == 302
    assert client.post("/palette").status_code == 302


@pytest.mark.parametrize("typed", ["", " ", "\x00", "\ud800", "%_%", "<script>", "x" * 5_000, "'; --", "🧀"])
def test_whatever_is_typed_is_text(client: Client, people: People, things: None, typed: str) -> None:
    assert found(client, people.operator, typed.encode("utf-8", "surrogatepass").decode("utf-8", "replace")) == []


def test_it_asks_little_of_the_database(
    client: Client, people: People, things: None, django_assert_max_num_queries: Any
) -> None:
    client.force_login(people.operator)
    client.get("/palette", {"q": "Order"})
    with django_assert_max_num_queries(15):
        client.get("/palette", {"q": "Order"})
