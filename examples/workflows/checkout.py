"""An order: ask for payment, wait for it, pack, ship.

The browser that placed the order waits for the event `payment_url` (see `examples.views`); the payment page sends the
message `payment` back. Whatever crashes in between, an order is charged, packed and shipped once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.urls import reverse

from workflows.durable import receive, set_event, step, track, workflow, workflow_id

PAYMENT_TRIES = 3
OUTCOMES = ["paid", "declined"]  # no set: what a message holds may not be hashable
PACKING_SECONDS = 0.2  # stands for the hands that pack


@workflow(keys={"status": "public", "progress": "public"})
def checkout(order: dict[str, Any], payment_timeout: float = 3600.0) -> str:
    """Sell an order `{"id": …, "items": [{"name", "price", "quantity"}]}`: shipped, declined or expired."""
    set_event("status", "checking the order")
    total = price(order)
    set_event("total", total)
    outcome = _ask_for_payment(total, payment_timeout)
    if outcome == "paid":
        set_event("status", "packing")
        for item in track(order["items"], "packing"):
            pack(item)
        set_event("tracking_number", ship(order["id"]))
        outcome = "shipped"
    set_event("status", outcome)
    return outcome


@step
def price(order: dict[str, Any]) -> str:
    """The sum of all items, exactly. Raises ValueError for an order that cannot be sold."""
    items = order.get("items")
    if not order.get("id") or not isinstance(items, list) or not items:
        raise ValueError('An order needs an "id" and a list of "items" with at least one.')
    total = sum((_price(item) for item in items), start=Decimal(0))
    return f"{total:.2f}"


def _price(item: Mapping[str, Any]) -> Decimal:
    try:
        price, quantity = Decimal(str(item["price"])), int(item.get("quantity", 1))
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise ValueError(f'The item {str(item)[:100]} needs a "price" and a whole "quantity".') from error
    if not price.is_finite() or price < 0 or quantity < 1:
        raise ValueError(f"The item {str(item)[:100]} has a negative price or no quantity.")
    return price * quantity


def _ask_for_payment(total: str, timeout: float) -> str:
    set_event("status", "waiting for payment")
    set_event("payment_url", payment_page())
    for attempt in range(1, PAYMENT_TRIES + 1):
        payment = receive("payment", timeout=timeout)
        if payment is None:
            return "expired"
        verdict = verify(payment, total)
        if verdict == "paid":
            return "paid"
        set_event("status", f"{verdict}; {PAYMENT_TRIES - attempt} tries left")
    return "declined"


@step
def payment_page() -> str:
    """Where this order can be paid. A payment provider would be asked for it here."""
    return reverse("examples:pay", args=[workflow_id()])


@step
def verify(payment: Any, total: str) -> str:
    """What a payment message is worth. Whoever may send messages may send anything, so nothing in it is believed."""
    if not isinstance(payment, dict) or payment.get("outcome") not in OUTCOMES:
        return "payment not understood"
    if payment["outcome"] == "paid" and payment.get("amount") != total:
        return "wrong amount"
    return "paid" if payment["outcome"] == "paid" else "payment declined"


@step
def pack(item: dict[str, Any]) -> str:
    """Put one item into the parcel."""
    time.sleep(PACKING_SECONDS)
    return f"{int(item.get('quantity', 1))} × {item.get('name', 'item')}"


@step
def ship(order_id: Any) -> str:
    """Hand the parcel over; the number follows from the order, so asking twice ships once."""
    return f"TT-{order_id}"
