"""Tokens of the programming interface: made, found again by their secret, revoked.

A token is a way to be its owner in a program, and no more: it never does what its owner may not do, nor what its scopes
leave out. The secret is shown once and kept nowhere; who reads the table can do nothing with it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils import timezone

from dashboard.models import NAME_LENGTH, ApiToken
from workflows import audit
from workflows.payloads import storable_text

MOST = 50  # in force, of one owner
MOST_DAYS = 3_650
_BEGIN, _SHOWN = "tt_", 12  # of each secret, so that a leaked one is recognised; characters that are kept of it
_USED = timedelta(minutes=1)


class Scope(StrEnum):
    """What a token is good for, if its owner may do it."""

    READ = "read"  # lists, workflows, histories, values, queues, schedules
    START = "start"  # start workflows, also by a schedule
    OPERATE = "operate"  # send, cancel, resume, fork, restart
    BULK = "bulk"  # the same for many at once
    MANAGE = "manage"  # limits and pauses of queues and schedules


class Refused(Exception):
    """A token that cannot be made; the text says why, to the owner."""


class Made(NamedTuple):
    """A new token, and the only time that its secret is there."""

    token: ApiToken
    secret: str


def make(owner: User, name: str, scopes: Collection[str], *, days: int | None = None) -> Made:
    """A token of this person that opens what the scopes say, for so many days (None: for ever). Raises Refused."""
    name = storable_text(name.strip(), limit=NAME_LENGTH)
    unknown = set(scopes) - set(Scope)
    if not name:
        raise Refused("Give it a name: what uses it, and where.")
    if unknown or not scopes:
        raise Refused(f"Choose at least one scope of {', '.join(Scope)}.")
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise Refused(f"It expires after 1 to {MOST_DAYS} days, or never.")
    mine = ApiToken.objects.in_force().filter(owner=owner)
    if mine.filter(name=name).exists():
        raise Refused(f"You have a token named “{name}” already. Revoke it, or choose another name.")
    if mine.count() >= MOST:
        raise Refused(f"You have {MOST} tokens; revoke some.")
    secret, kept = _BEGIN + secrets.token_urlsafe(32), [scope.value for scope in Scope if scope in scopes]
    with audit.act("make", "token", name, by=owner.get_username(), detail=", ".join(kept)):
        token = ApiToken.objects.create(
            owner=owner, name=name, prefix=secret[:_SHOWN], digest=_digest(secret), scopes=kept,
            expires_at=None if days is None else timezone.now() + timedelta(days=days),
        )  # fmt: skip
    return Made(token, secret)


def find(secret: str) -> ApiToken | None:
    """The token with that secret, with its owner, if it is in force; that it was used is written once a minute."""
    if not secret.startswith(_BEGIN) or not secret.isascii():
        return None
    token = ApiToken.objects.in_force().select_related("owner").filter(digest=_digest(secret)).first()
    if token is not None and (token.last_used_at is None or token.last_used_at < timezone.now() - _USED):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=Now())
    return token


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def revoke(token_id: int, *, owner: User) -> ApiToken:
    """Let it open nothing any more. Revoking twice changes nothing. Raises ApiToken.DoesNotExist."""
    token = ApiToken.objects.get(pk=token_id, owner=owner)
    end(token, by=owner.get_username())
    token.refresh_from_db()
    return token


def end(token: ApiToken, *, by: str) -> bool:
    """The same for anybody's. Whether it was in force until now."""
    if token.revoked_at is not None:
        return False
    detail = "" if by == token.owner.get_username() else f"of {token.owner.get_username()}"
    with audit.act("revoke", "token", token.name, by=by, detail=detail):
        return bool(ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=Now()))


def of(owner: User) -> list[ApiToken]:
    """This person's tokens, newest first, revoked and expired ones too."""
    return list(ApiToken.objects.filter(owner=owner).order_by("-created_at", "-pk")[: 4 * MOST])


def in_force(ids: Collection[int]) -> set[int]:
    """Which of these tokens open anything now; one query, none for none."""
    return set(ApiToken.objects.in_force().filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()


def requests_per_minute() -> int:
    """How many requests a token or an account may make, in each web process."""
    limit: int = settings.API_REQUESTS_PER_MINUTE
    return limit
