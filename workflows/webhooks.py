"""Telling others that a workflow ended: what people do with webhooks, which ends are told, and one message of it.

Ends are found by a sweep over the events, so that ending a workflow costs nothing more. A number of an event is given
before its transaction commits, so the newest number that is there does not say that all before it are. Therefore a
webhook's cursor moves in two looks: the first remembers the last number that was given, and the number of its own
transaction, which comes later; once every transaction before that one has ended, all events up to there can be seen,
and have been. Until then each look reads the same stretch again, and tells at once what is new in it: a delivery is a
workflow whose id is made of the webhook, the workflow and the seq of its end, so nothing is told twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction

from workflows import operations, posting
from workflows.audit import act
from workflows.conf import conf
from workflows.errors import InvalidInput, InvalidWebhook, PayloadError, WebhookRefused, WebhookUndelivered
from workflows.history import wire_time
from workflows.models import Webhook, Workflow
from workflows.options import Options
from workflows.payloads import storable_text
from workflows.sql import fetch
from workflows.sql.webhooks import LAST_EVENT, TRANSACTIONS, UNTOLD
from workflows.states import TERMINAL

DELIVERY = "telltale.deliver_webhook"  # the definition of deliveries, whose own ends are told to nobody
OUTCOMES = sorted(TERMINAL)  # they are also the kinds of the events that say so
_PREFIX = "whsec_"
_NAME = 80  # characters
_BATCH = 100  # deliveries of one look at one webhook; the next look is a second later at most
_TRY_AGAIN = {408, 425, 429}  # that a receiver answers for a reason that passes


def make(
    name: str,
    url: str,
    *,
    outcomes: Collection[str],
    definitions: Collection[str] = (),
    queue: str = "default",
    by: str,
) -> Webhook:
    """This will tell an address of the ends from now on; the only return of the secret is on the result.

    outcomes: some of `OUTCOMES`; definitions: only of these, none: of every one; queue: of the deliveries.
    Raises InvalidWebhook.
    """
    described = check(name, url, outcomes=outcomes, definitions=definitions, queue=queue)
    with act("make", "webhook", described["name"], by=by, detail=_told(described)), _named_once(described["name"]):
        return Webhook.objects.create(**described, secret=_new_secret(), made_by=by[:200], after_event=_last_event())


def change(
    hook_id: int, name: str, url: str, *, outcomes: Collection[str], definitions: Collection[str] = (),
    queue: str = "default", active: bool, by: str,
) -> Webhook:  # fmt: skip
    """This will make it as described. Turned on again, it is told of what ends from now on.

    Raises InvalidWebhook, and Webhook.DoesNotExist.
    """
    described = check(name, url, outcomes=outcomes, definitions=definitions, queue=queue)
    detail = f"{_told(described)}, {'on' if active else 'off'}"
    with act("change", "webhook", described["name"], by=by, detail=detail), _named_once(described["name"]):
        hook = Webhook.objects.select_for_update().get(pk=hook_id)
        if active and not hook.active:
            hook.after_event, hook.next_event, hook.next_at_xact = _last_event(), None, None
        if active != hook.active:
            hook.active, hook.off_because = active, ""
        for field, value in described.items():
            setattr(hook, field, value)
        hook.save()
        return hook


def renew_secret(hook_id: int, *, by: str) -> Webhook:
    """This will sign with a new secret from now on, which is on the result. Raises Webhook.DoesNotExist."""
    hook = Webhook.objects.get(pk=hook_id)
    with act("renew secret", "webhook", hook.name, by=by):
        hook.secret = _new_secret()
        hook.save(update_fields=["secret"])
    return hook


def remove(hook_id: int, *, by: str) -> None:
    """This will tell it nothing more, also of what is in delivery. Raises Webhook.DoesNotExist."""
    hook = Webhook.objects.get(pk=hook_id)
    with act("remove", "webhook", hook.name, by=by):
        hook.delete()


def check(
    name: str, url: str, *, outcomes: Collection[str], definitions: Collection[str], queue: str
) -> dict[str, Any]:
    """The fields of a webhook that is described so. Raises InvalidWebhook."""
    name = storable_text(name.strip(), limit=_NAME)
    unknown = sorted(set(outcomes) - set(OUTCOMES))
    if not 1 <= len(name) <= _NAME:
        raise InvalidWebhook(f"Give it a name of at most {_NAME} characters: who is told, and what for.")
    if unknown or not outcomes:
        raise InvalidWebhook(f"Choose at least one outcome of {', '.join(OUTCOMES)}.")
    if any(not one or len(one) > 200 or storable_text(one, limit=200) != one for one in definitions):
        raise InvalidWebhook("A definition's name has 1 to 200 characters, none of them a control character.")
    named = posting.target(url).host
    if _is_address(named) and not conf().webhooks_private and not posting.is_public(named):
        raise InvalidWebhook(f"{named} is no address of the public internet.")
    try:
        Options(queue=queue)
    except (InvalidInput, PayloadError) as error:
        raise InvalidWebhook(str(error)) from None
    kept = [outcome for outcome in OUTCOMES if outcome in outcomes]
    return {"name": name, "url": url, "outcomes": kept, "definitions": sorted(set(definitions)), "queue": queue}


def _is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _told(described: dict[str, Any]) -> str:
    """For the audit list."""
    of = ", ".join(described["definitions"]) or "every definition"
    return f"{posting.target(described['url']).host}, {', '.join(described['outcomes'])} of {of}"


@contextmanager
def _named_once(name: str) -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise InvalidWebhook(f"There is a webhook “{name}” already; choose another name.") from None


def host(hook: Webhook) -> str:
    """Of its URL. A path may be a secret, so errors and lists name no more than this."""
    return posting.target(hook.url).host


def _new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _last_event() -> int:
    return int(fetch(LAST_EVENT, {})[0][0])


def sweep() -> int:
    """This will start the deliveries of what ended; returns how many. Costs one read while no webhook is active."""
    cursors = Webhook.objects.filter(active=True).order_by("pk").values_list("pk", "after_event")
    return sum(_look(hook_id, after) for hook_id, after in list(cursors))


def _look(hook_id: int, after: int) -> int:
    last = _last_event()  # before the transaction has its number
    if last == after:
        return 0
    with transaction.atomic():
        hook = Webhook.objects.select_for_update(skip_locked=True).filter(pk=hook_id, active=True).first()
        if hook is None:  # another worker looks
            return 0
        own, oldest = fetch(TRANSACTIONS, {})[0]
        untold = fetch(UNTOLD, {
            "hook": hook.pk, "after": hook.after_event, "kinds": hook.outcomes, "definitions": hook.definitions,
            "deliveries": DELIVERY, "limit": _BATCH,
        })  # fmt: skip
        for row in untold:
            _deliver(hook, *row)
        if len(untold) < _BATCH:
            _move(hook, last, own, oldest)
        return len(untold)


def _move(hook: Webhook, last: int, own: int, oldest: int) -> None:
    """The cursor, after everything behind it that can be seen was told."""
    if hook.next_at_xact is not None and hook.next_event is not None and hook.next_at_xact <= oldest:
        hook.after_event = max(hook.after_event, hook.next_event)
        hook.next_at_xact = None
    if hook.next_at_xact is None or hook.next_at_xact > own:  # above: a database restored into another server
        hook.next_event, hook.next_at_xact = last, own
    hook.save(update_fields=["after_event", "next_event", "next_at_xact"])


def _deliver(
    hook: Webhook, delivery: str, workflow_id: str, definition: str, outcome: str, seq: int, at: Any,
    created_at: Any, started_at: Any,
) -> None:  # fmt: skip
    message = {
        "type": f"workflow.{outcome}",
        "timestamp": wire_time(at),
        "data": {
            "workflow": workflow_id,
            "definition": definition,
            "status": outcome,
            "seq": seq,
            "created_at": wire_time(created_at),
            "started_at": None if started_at is None else wire_time(started_at),
            "duration": None if started_at is None else max(0.0, (at - started_at).total_seconds()),
        },
    }
    kwargs = {"hook": hook.pk, "message_id": message_id(delivery), "message": message}
    operations.start(DELIVERY, kwargs=kwargs, workflow_id=delivery, options=Options(queue=hook.queue))


def message_id(delivery: str) -> str:
    """The same for every attempt of a delivery; without a dot, because a dot ends it where it is signed."""
    return f"msg_{hashlib.sha256(delivery.encode()).hexdigest()[:32]}"


def signature(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """As Standard Webhooks signs: HMAC-SHA256 of id, time (Unix seconds) and body, with what the secret encodes."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = hmac.digest(key, f"{identity}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(signed).decode()


def check_ours(delivery: str) -> None:
    """Raises WebhookRefused for a delivery that a person or a schedule started: it would have anything signed."""
    if not Workflow.objects.filter(id=delivery, created_by="", schedule=None).exists():
        raise WebhookRefused("Only ends that were found are told. Resume a delivery that has failed.")


def send(hook_id: int, identity: str, message: dict[str, Any], *, resolver: posting.Resolve = posting.resolve) -> str:
    """Send a message once, and say what came of it. 410 Gone turns the webhook off.

    Raises WebhookUndelivered if it may be sent again, WebhookRefused if not.
    """
    hook = Webhook.objects.filter(pk=hook_id, active=True).first()
    if hook is None:
        return "not sent: the webhook is turned off or removed"
    body, now = json.dumps(message, separators=(",", ":")).encode(), int(time.time())
    headers = {
        "Content-Type": "application/json", "User-Agent": "Telltale-Webhook", "webhook-id": identity,
        "webhook-timestamp": str(now), "webhook-signature": signature(hook.secret, identity, now, body),
    }  # fmt: skip
    answer = posting.post(hook.url, body, headers, private=conf().webhooks_private, resolver=resolver)
    return _judged(hook, answer)


def _judged(hook: Webhook, answer: posting.Answer) -> str:
    status = answer.status
    told = f"{host(hook)} answered {status}"
    if 200 <= status < 300:
        return told
    if status == 410:
        Webhook.objects.filter(pk=hook.pk).update(active=False, off_because=f"{told} Gone"[:200])
        raise WebhookRefused(f"{told} Gone: the webhook {hook.name!r} is turned off.")
    if 300 <= status < 400:
        raise WebhookRefused(f"{told}, a redirect, which is not followed. Change the URL of the webhook {hook.name!r}.")
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        raise WebhookRefused(f"{told}: {_excerpt(answer.body)}")
    raise WebhookUndelivered(f"{told}: {_excerpt(answer.body)}")


def _excerpt(body: bytes) -> str:
    return storable_text(body[:200].decode(errors="replace"), limit=200) or "nothing more"
