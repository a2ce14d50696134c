"""An hour of orders for pictures: real ones, worked off in seconds, and then moved back and apart in time."""

from __future__ import annotations

from django.db import connection, transaction

from workflows import counts, operations
from workflows.models import Value, Workflow

ORDERS = 72
_TEAS = ("Assam, 250 g", "Sencha, 100 g", "Rooibos, 500 g")

# When each was created, and how long it then waited for its payment: more and more slowly through the hour.
_MOMENTS = """
CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
SELECT w.id, (SELECT min(seq) FROM workflows_event WHERE workflow_id = w.id AND kind = 'suspended') AS waited_from,
    date_trunc('second', now()) - interval '58 minutes' + n * interval '48 seconds' - w.created_at AS shift,
    interval '1 second' * (8 + n / 4 + 13 * ((n * 7919) %% 97) / 97.0) AS waited
FROM (SELECT id, created_at, row_number() OVER (ORDER BY md5(id)) AS n
    FROM workflows_workflow WHERE definition = 'checkout' AND finished_at IS NOT NULL) AS w"""
_EVENTS = """
UPDATE workflows_event AS e SET at = at + shift + CASE WHEN seq > waited_from THEN waited ELSE interval '0' END
FROM moved AS m WHERE m.id = e.workflow_id"""
_STEPS = """
UPDATE workflows_step AS s SET started_at = s.started_at + by, attempt_started_at = s.attempt_started_at + by,
    finished_at = s.finished_at + by
FROM (
    SELECT m.id, e.position, shift + CASE WHEN min(seq) > waited_from THEN waited ELSE interval '0' END AS by
    FROM moved AS m JOIN workflows_event AS e ON e.workflow_id = m.id
    GROUP BY m.id, e.position, shift, waited_from, waited
) AS m
WHERE m.id = s.workflow_id AND m.position = s.position"""
_VALUES = """
UPDATE workflows_value AS v SET at = e.at FROM moved AS m, workflows_event AS e
WHERE m.id = v.workflow_id AND e.workflow_id = v.workflow_id AND e.seq = v.seq"""
_WORKFLOWS = """
UPDATE workflows_workflow AS w SET created_at = w.created_at + shift, started_at = w.started_at + shift,
    finished_at = w.finished_at + shift + CASE WHEN waited_from IS NULL THEN interval '0' ELSE waited END
FROM moved AS m WHERE m.id = w.id"""
_FORGOTTEN = "DELETE FROM workflows_{0}minutecount WHERE {1} = '{2}'"
_COUNTED = """
INSERT INTO workflows_{0}minutecount (minute, {1}, kind, workflows)
SELECT date_trunc('minute', at), {1}, kind, sum(moved) FROM workflows_workflow CROSS JOIN LATERAL (VALUES
    (created_at, 'created', 1), (created_at, 'waiting', 1), (finished_at, 'waiting', -1), (finished_at, status, 1)
) AS happened(at, kind, moved)
WHERE {1} = '{2}' AND finished_at IS NOT NULL GROUP BY 1, 2, 3 HAVING sum(moved) <> 0"""


def begin() -> None:
    """Start the orders; every ninth has nothing in it, and fails."""
    for number in range(ORDERS):
        order_id = f"2026-{1000 + number}"
        items = [{"name": _TEAS[number % 3], "price": f"{4 + number % 9}.90", "quantity": 1}] * (1 + number % 2)
        order = {"id": order_id, "items": [] if number % 9 == 4 else items}
        operations.start("checkout", kwargs={"order": order}, workflow_id=f"order-{order_id}", by="ana")


def pay() -> None:
    """Send each order that waits what it costs."""
    for total in Value.objects.filter(key="total", workflow__definition="checkout", workflow__status="waiting"):
        payment = {"outcome": "paid", "amount": total.value}
        operations.send(total.workflow_id, "payment", payment, by="shop", idempotency_key="payment")


def have_gone_on() -> bool:
    """Whether each has failed, or waits for its payment."""
    return Workflow.objects.filter(definition="checkout", status__in=("waiting", "failed")).count() == ORDERS


def have_ended() -> bool:
    """Whether all of them have."""
    return not Workflow.objects.filter(definition="checkout", finished_at__isnull=True).exists()


def move_back() -> None:
    """Spread them over the last hour, with how many there were in each of its minutes."""
    while counts.fold():
        pass
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in (_MOMENTS, _EVENTS, _STEPS, _VALUES, _WORKFLOWS):
            cursor.execute(statement, {})
        for of in (("", "definition", "checkout"), ("queue", "queue", "default")):
            cursor.execute(_FORGOTTEN.format(*of))
            cursor.execute(_COUNTED.format(*of))
    while counts.fold():
        pass
