"""Who may see and do what, and which page may open a socket. Asked at every subscribe, message, page and action.

Denies by default. Views and consumers load workflows through `visible_workflows`, never by id alone.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from copy import copy
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.http import is_same_domain
from django.utils.module_loading import import_string

from dashboard import api_tokens
from dashboard.models import ApiToken
from workflows.models import BulkAction, Workflow
from workflows.redaction import Lens
from workflows.retention import PRUNING
from workflows.visibility import Visibility, suffices
from workflows.webhooks import DELIVERY

_log = logging.getLogger("dashboard.access")

Visitor: TypeAlias = AbstractBaseUser | AnonymousUser

PERMISSIONS = {
    "view": "workflows.view_workflow",
    "start": "workflows.start_workflow",
    "cancel": "workflows.cancel_workflow",
    "send": "workflows.send_message",
    "resume": "workflows.resume_workflow",
    "fork": "workflows.fork_workflow",
    "bulk": "workflows.bulk_workflows",
    "view_values": "workflows.view_values",
    "view_sensitive": "workflows.view_sensitive",
    "pin": "workflows.change_workflow",
    "delete": "workflows.delete_workflow",
    "view_queues": "workflows.view_queue",
    "change_queue": "workflows.change_queue",
    "view_schedules": "workflows.view_schedule",
    "change_schedule": "workflows.change_schedule",
    "view_workers": "workflows.view_worker",
    "manage_widgets": "dashboard.manage_widgets",
    "manage_webhooks": "workflows.manage_webhooks",
    "view_audit": "workflows.view_audit",
    "view_totals": "workflows.view_workflow",
}
# Of the engine's own definitions what amounts to a start: the removal of ended workflows, and a message that is signed.
_STARTS = {PRUNING: ("resume", "fork"), DELIVERY: ("fork",)}
VIEW_TOTALS = "view_totals"  # sums over all workflows
# For who sees all workflows, because these may show any.
_OVER_ALL = (VIEW_TOTALS, "manage_widgets", "manage_webhooks", "view_audit")


class Permissions:
    """Who may what, by Django's permissions, the same for every workflow.

    A project narrows it with a class of its own, which TELLTALE_ACCESS names. It is asked often, so it answers quickly.
    """

    def can(self, user: User | AnonymousUser, action: str, workflow: Workflow | None) -> bool:
        """Whether an active account may do this (one of PERMISSIONS): to this workflow; None: at all, to any."""
        return user.has_perm(PERMISSIONS[action])

    def visible(self, user: User | AnonymousUser, queryset: QuerySet[Workflow]) -> QuerySet[Workflow]:
        """Those of the workflows that somebody sees who may view any. Narrow it by `filter` or `exclude`."""
        return queryset


@lru_cache(maxsize=4)
def _rules_named(path: str) -> Permissions:
    rules: Permissions = import_string(path)()
    return rules


def rules() -> Permissions:
    """The rules of this project. Raises ImportError for a setting that names none."""
    return _rules_named(settings.TELLTALE_ACCESS)


def _are_permissions() -> bool:
    """Whether nothing but permissions decides, so that many accounts can be asked about in one query."""
    return type(rules()) is Permissions


def can(user: Visitor, action: str, workflow: Workflow | None = None) -> bool:
    """Whether this person may do this, to this workflow or at all. Raises KeyError for an unknown action."""
    if action not in PERMISSIONS:
        raise KeyError(action)
    if not (isinstance(user, User | AnonymousUser) and allows(user, action, workflow)):
        return False
    if action in _OVER_ALL:
        return _sees_all(user)
    return workflow is None or _sees_all(user) or visible_workflows(user).filter(pk=workflow.pk).exists()


def allows(user: Visitor, action: str, seen: Workflow | None) -> bool:
    """The same of a workflow that came from `visible_workflows`, without asking for it again."""
    if not isinstance(user, User | AnonymousUser) or not user.is_active:
        return False
    view = seen_as(user)
    left = None if view is None else _LEFT[view]
    if seen is not None and action in _STARTS.get(seen.definition, ()) and not may_start(user, seen.definition):
        return False
    return (left is None or action in left) and rules().can(user, action, seen)


def may_start(user: Visitor, definition: str) -> bool:
    """Whether this person may start workflows of a definition. One that removes others is for who may delete any."""
    if definition == DELIVERY:  # it would tell of an end that never was
        return False
    needed = ("start", "delete", VIEW_TOTALS) if definition == PRUNING else ("start",)
    return all(can(user, right) for right in needed)


SEEN_AS = "seen_as"  # in a session: as whom its owner looks, one of VIEWS
VIEWS = {"viewer": Visibility.STAFF, "widget": Visibility.PUBLIC}
_LOOKS = frozenset({"view", VIEW_TOTALS, "view_queues", "view_schedules", "view_workers"})
# What somebody may do who looks as somebody else: less than they may.
_LEFT = {Visibility.STAFF: _LOOKS | {"view_values"}, Visibility.PUBLIC: _LOOKS}


def see_as(user: User, view: str) -> None:
    """From here on this object of an account looks as one of VIEWS; anything else: as itself."""
    user.seen_as = VIEWS.get(view)  # type: ignore[attr-defined]


def seen_as(user: Visitor) -> Visibility | None:
    """As whom somebody looks; None: as themselves."""
    found: Visibility | None = getattr(user, "seen_as", None)
    return found


def visible_workflows(user: Visitor) -> QuerySet[Workflow]:
    """The workflows this person may see."""
    if not (isinstance(user, User | AnonymousUser) and can(user, "view")):
        return Workflow.objects.none()
    return rules().visible(user, Workflow.objects.all())


def _sees_all(user: User | AnonymousUser) -> bool:
    """Whether no workflow is hidden from this person: only then are sums over all workflows told."""
    query = visible_workflows(user).query
    return not query.where and not query.combinator and not query.is_sliced


def unseen(pairs: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Which of these accounts may not see the workflow that it watches, by its id, as things are now."""
    if _are_permissions():
        return set()  # whoever may see one sees all, and `standings` knows
    users = get_user_model().objects.in_bulk({user_id for user_id, _ in pairs})
    seen = {
        (user_id, workflow_id)
        for user_id, user in users.items()
        for workflow_id in visible_workflows(user)
        .filter(pk__in=[one for who, one in pairs if who == user_id])
        .values_list("pk", flat=True)
    }
    return set(pairs) - seen


def lens(user: Visitor, workflow: Workflow) -> Lens:
    """How this person sees the content of a workflow that it may see."""
    return Lens(workflow.definition, audience(user))


def audience(user: Visitor) -> Visibility | None:
    """The most that this person may read of values; None: not even those that are public.

    What is for NEVER is for nobody.
    """
    return _audience(*(can(user, action) for action in ("view", "view_values", "view_sensitive")))


def _audience(views: bool, values: bool, sensitive: bool) -> Visibility | None:
    if not views:
        return None
    if not values:
        return Visibility.PUBLIC
    return Visibility.ADMIN if sensitive else Visibility.STAFF


def narrowed(ids: Collection[int]) -> set[int]:
    """Which of these accounts do not see all workflows, as things are now; permissions alone hide none."""
    return set() if _are_permissions() else set(ids) - holders(VIEW_TOTALS, ids)


def visible_bulk_actions(user: Visitor) -> QuerySet[BulkAction]:
    """Those that this person may look at; only their own, if others may be about workflows that they do not see."""
    if not can(user, "view"):
        return BulkAction.objects.none()
    everything = BulkAction.objects.all()
    return everything if can(user, VIEW_TOTALS) else everything.filter(by=user.get_username())


def refused(user: Visitor, action: str, ids: Collection[str]) -> set[str]:
    """Those of these workflows that this person may not see, or not do this to. No query where permissions decide."""
    if _are_permissions():
        return set() if can(user, action) else set(ids)
    seen = visible_workflows(user).filter(pk__in=ids).defer("input", "output", "error")
    return set(ids) - {row.pk for row in seen if allows(user, action, row)}


class Credential(NamedTuple):
    """What an open connection was admitted with."""

    session_key: str
    user_id: int
    session_hash: str
    audience: Visibility | None = None
    api_token: int = 0  # its number, instead of a session
    seen_as: Visibility | None = None

    @property
    def reads(self) -> Visibility | None:
        """What it may read, or less, if it looks as somebody else."""
        is_less = self.seen_as is not None and suffices(self.audience, self.seen_as)
        return self.seen_as if is_less else self.audience


class Rights(NamedTuple):
    """Whether somebody may watch workflows, and how much of their values."""

    may_watch: bool
    audience: Visibility | None


class Admission(NamedTuple):
    """Who somebody is, and whether they may watch workflows, as things were when it was asked."""

    user: User
    credential: Credential
    may_watch: bool


def admissions(session_keys: Collection[str]) -> dict[str, Admission]:
    """Who is signed in with these sessions: five queries for all. Sessions of nobody are left out."""
    keys = [key for key in session_keys if key.isascii() and key.isalnum()]  # as Django makes them; a cookie may be not
    alive = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    claims = {session.session_key: session.get_decoded() for session in alive}
    users = _viewers({int(claim[SESSION_KEY]) for claim in claims.values() if SESSION_KEY in claim})
    found = {key: _admission(key, claim, users) for key, claim in claims.items()}
    return {key: admission for key, admission in found.items() if admission is not None}


def admission_of(token: ApiToken) -> Admission:
    """Whom a token in force admits."""
    may, owner = can(token.owner, "view"), token.owner
    return Admission(owner, Credential("", owner.pk, "", audience(owner), token.pk), may)


def _admission(key: str, claim: dict[str, Any], users: dict[int, tuple[User, Rights]]) -> Admission | None:
    user, rights = users.get(int(claim.get(SESSION_KEY, 0)), (None, Rights(False, None)))
    if user is None or claim.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    given, hashes = (
        claim.get(HASH_SESSION_KEY, ""),
        [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()],
    )
    if not any(constant_time_compare(given, one) for one in hashes):
        return None
    user = copy(user)  # another session of the same account may look as itself
    see_as(user, str(claim.get(SEEN_AS, "")))
    credential = Credential(key, user.pk, hashes[0], rights.audience, seen_as=seen_as(user))
    return Admission(user, credential, rights.may_watch)


class Standing(Enum):
    """What became of a credential."""

    GOOD = "good"
    CHANGED = "changed"  # it may watch, but read more or less than it was admitted for
    SIGNED_OUT = "signed_out"
    FORBIDDEN = "forbidden"


def standings(credentials: Collection[Credential]) -> dict[Credential, Standing]:
    """Which connections may stay open: five queries for all. A changed password ends sessions, as in Django."""
    keys = {credential.session_key for credential in credentials}
    tokens = api_tokens.in_force({credential.api_token for credential in credentials if credential.api_token})
    alive = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    sessions = set(alive.values_list("session_key", flat=True))
    users = _viewers({credential.user_id for credential in credentials})
    return {
        credential: _standing_of_token(credential, tokens, users)
        if credential.api_token
        else _standing(credential, sessions, users)
        for credential in credentials
    }


def holders(action: str, ids: Collection[int]) -> set[int]:
    """Who of these accounts may do this, as things are now; one query, unless a project has rules of its own."""
    if not _are_permissions():
        asked = get_user_model().objects.filter(pk__in=ids, is_active=True)
        return {user.pk for user in asked if can(user, action)}
    users = get_user_model().objects.with_perm(PERMISSIONS[action], backend="django.contrib.auth.backends.ModelBackend")
    return set(users.filter(pk__in=ids).values_list("pk", flat=True))


def _viewers(ids: Iterable[int]) -> dict[int, tuple[User, Rights]]:
    """Active users among these, and what each may watch."""
    active = {user.pk: user for user in get_user_model().objects.filter(pk__in=ids, is_active=True)}
    held = {action: holders(action, active) for action in ("view", "view_values", "view_sensitive")}
    return {
        pk: (user, Rights(pk in held["view"], _audience(*(pk in held[action] for action in held))))
        for pk, user in active.items()
    }


def _standing(credential: Credential, sessions: set[str], users: dict[int, tuple[User, Rights]]) -> Standing:
    user, rights = users.get(credential.user_id, (None, Rights(False, None)))
    if user is None or credential.session_key not in sessions:
        return Standing.SIGNED_OUT
    if not constant_time_compare(credential.session_hash, user.get_session_auth_hash()):
        return Standing.SIGNED_OUT
    return _standing_by(credential, rights)


def _standing_of_token(credential: Credential, tokens: set[int], users: dict[int, tuple[User, Rights]]) -> Standing:
    user, rights = users.get(credential.user_id, (None, Rights(False, None)))
    if user is None or credential.api_token not in tokens:
        return Standing.SIGNED_OUT
    return _standing_by(credential, rights)


def _standing_by(credential: Credential, rights: Rights) -> Standing:
    if not rights.may_watch:
        return Standing.FORBIDDEN
    return Standing.GOOD if rights.audience is credential.audience else Standing.CHANGED


def session_key(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The session that a browser names; empty if it names none."""
    cookies = "; ".join(value.decode("latin-1") for name, value in headers if name == b"cookie")
    return parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, "")


def page_may_connect(headers: Iterable[tuple[bytes, bytes]], scheme: str, *, quiet: bool = False) -> bool:
    """Whether the page that opens this socket, or polls, is ours, to scheme and port, or of CSRF_TRUSTED_ORIGINS.

    Cookies travel with a foreign page's socket too, so a missing or opaque origin is refused like a wrong one.
    quiet: others are no trouble there, because they are asked for a token next.
    """
    found = {name: value.decode("latin-1") for name, value in headers}
    origin = found.get(b"origin", "")
    allowed = _is_our_page(found, origin, scheme)
    if not allowed and not quiet:
        _log.warning("a page of %.200r may not connect", origin)
    return allowed


def _is_our_page(found: dict[bytes, str], origin: str, scheme: str) -> bool:
    if any(_covers(trusted, origin) for trusted in settings.CSRF_TRUSTED_ORIGINS):
        return True
    forwarded = found.get(b"x-forwarded-host") if settings.USE_X_FORWARDED_HOST else None
    host = forwarded or found.get(b"host", "")
    return origin == f"{_page_scheme(found, scheme)}://{host}" and _is_ours(host)


def _page_scheme(headers: dict[bytes, str], scheme: str) -> str:
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure = settings.SECURE_PROXY_SSL_HEADER
        header = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower().encode())
        if header is not None:
            return "https" if header.split(",")[0].strip() == secure else "http"
    return "https" if scheme in ("https", "wss") else "http"


def _is_ours(host: str) -> bool:
    """A name that resolves to us is not ours for that: an attacker's may (DNS rebinding)."""
    allowed = settings.ALLOWED_HOSTS
    if settings.DEBUG and not allowed:
        allowed = [".localhost", "127.0.0.1", "[::1]"]
    return validate_host(split_domain_port(host)[0], allowed)


def _covers(trusted: str, origin: str) -> bool:
    if "*" not in trusted:
        return trusted == origin
    try:
        ours, theirs = urlsplit(trusted), urlsplit(origin)
    except ValueError:
        return False
    return ours.scheme == theirs.scheme and is_same_domain(theirs.netloc, ours.netloc.removeprefix("*"))
