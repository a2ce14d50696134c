"""The engine's own definitions: retention, so that a schedule starts it; deliveries of webhooks, so that they last."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from typing import Any

from workflows import retention, webhooks
from workflows.authoring import step, workflow
from workflows.errors import InvalidInput, WebhookUndelivered
from workflows.publishing import set_event, workflow_id
from workflows.states import TERMINAL

_STRETCH = 10.0  # seconds of one step: it is recorded, and a crash repeats no more than that


@step(attempts=5, backoff=5.0)
def remove_ended(
    days: float | None, keep: int | None, statuses: list[str] | None = None, definition: str | None = None
) -> dict[str, Any]:
    """Remove for a while; returns how many by status, and whether there is more."""
    older_than = None if days is None else timedelta(days=days)
    until = time.monotonic() + _STRETCH
    removed: Counter[str] = Counter()
    chosen = TERMINAL if statuses is None else statuses
    for counts in retention.batches(older_than=older_than, keep=keep, statuses=chosen, definition=definition):
        removed += counts
        if time.monotonic() > until:
            return {"removed": dict(removed), "more": True}
    return {"removed": dict(removed), "more": False}


@workflow(name=retention.PRUNING)
def prune(
    days: float | None = retention.DAYS,
    keep: int | None = None,
    statuses: list[str] | None = None,
    definition: str | None = None,
) -> dict[str, int]:
    """Remove ended workflows, but not pinned ones.

    Args:
        days: those that ended longer ago than this; null: none for their age.
        keep: all but the newest so many of each status; null: none for their number.
        statuses: only these, such as ["succeeded"]; null: every ended one.
        definition: only workflows of this definition; null: of every one.
    """
    if days is None and keep is None:
        raise InvalidInput("Give days, keep or both.")
    removed: Counter[str] = Counter()
    more = True
    while more:
        set_event("progress", {"done": removed.total(), "total": None, "label": "removed", "rate": None})
        stretch = remove_ended(days, keep, statuses, definition)
        removed.update(stretch["removed"])
        more = stretch["more"]
    set_event("progress", {"done": removed.total(), "total": removed.total(), "label": "removed", "rate": None})
    return dict(removed)


@step(attempts=15, backoff=2.0, max_backoff=6 * 3600.0, retry_on=WebhookUndelivered)
def post_message(hook: int, message_id: str, message: dict[str, Any]) -> str:
    """Send it, for some nine hours at most: 2, 4, 8 … seconds after each failure."""
    webhooks.check_ours(workflow_id())
    return webhooks.send(hook, message_id, message)


@workflow(name=webhooks.DELIVERY)
def deliver_webhook(hook: int, message_id: str, message: dict[str, Any]) -> str:
    """Tell somebody elsewhere that a workflow ended. Started by workers, for each end that a webhook asks for.

    Args:
        hook: the number of the webhook.
        message_id: by which the receiver knows a message that it has already.
        message: what it is sent.
    """
    return post_message(hook, message_id, message)
