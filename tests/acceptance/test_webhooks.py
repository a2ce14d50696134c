"""A webhook with a real worker and a real receiver: told again until it answers, signed each time."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import override_settings

from tests.definitions import doubling
from tests.processes import Worker
from tests.receiver import receiving
from tests.wait import until
from workflows import operations, webhooks
from workflows.durable import Status
from workflows.models import Event, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_receiver_that_fails_twice_is_told_a_third_time_and_can_verify_each(
    start_worker: Callable[..., Worker],
) -> None:
    with override_settings(WORKFLOWS={"WEBHOOKS_PRIVATE": True}), receiving(500, 500, 200) as receiver:
        hook = webhooks.make("chat", receiver.url, outcomes=["succeeded", "cancelled"], by="ann")
        start_worker(TELLTALE_WEBHOOKS_PRIVATE="1")
        doubling.using(workflow_id="order-42").start([1])
        deliveries = Workflow.objects.filter(definition=webhooks.DELIVERY)
        until(lambda: deliveries.filter(status=Status.SUCCEEDED).exists(), what="it is delivered")
        doubling.using(workflow_id="late", delay=3600).start([1])
        operations.cancel("late")
        until(lambda: deliveries.filter(status=Status.SUCCEEDED).count() == 2, what="the other one, too")
    assert deliveries.count() == 2  # deliveries that succeed are told to nobody
    first, *again = receiver.received
    for got in receiver.received:
        identity, timestamp = got.headers["webhook-id"], int(got.headers["webhook-timestamp"])
        assert got.headers["webhook-signature"] == webhooks.signature(hook.secret, identity, timestamp, got.body)
    assert [got.body == first.body for got in again] == [True, True, False]
    assert [got.headers["webhook-id"] == first.headers["webhook-id"] for got in again] == [True, True, False]
    assert json.loads(first.body)["data"]["workflow"] == "order-42"
    assert json.loads(again[-1].body)["type"] == "workflow.cancelled"
    kinds = Event.objects.filter(workflow__id__startswith=f"webhook:{hook.pk}:order-42:").values_list("kind", flat=True)
    assert list(kinds).count("step_retrying") == 2
