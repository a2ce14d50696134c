"""Who asks, and whether they may: an account by its session, or by a token that is good for it.

A session acts as a browser does, so that what changes anything needs its CSRF token; a token of a program is sent on
purpose and needs none. Who asks is decided before a body is read: a stranger learns nothing from how one is refused.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja.utils import check_csrf

from dashboard import access, acting, api_tokens
from dashboard.access import Standing
from dashboard.api.problems import Problem
from dashboard.api_tokens import Scope
from dashboard.fanout import fanout
from dashboard.models import ApiToken
from workflows.visibility import Visibility

_NOT_THEIRS = ("forbidden", "missing-scope")
_KINDS = ("queue", "schedule")  # of what is done something to, besides workflows
_MOST_REMEMBERED = 10_000  # credentials, so that a process's memory stays bounded


@dataclass(frozen=True)
class Caller:
    """Who asks. `scopes`: of the token; None: a session, which may whatever its account may."""

    admission: access.Admission
    scopes: frozenset[str] | None

    @property
    def user(self) -> User:
        """The account; of a token, its owner's."""
        return self.admission.user

    @property
    def audience(self) -> Visibility | None:
        """The most that it may read of values."""
        return self.admission.credential.reads

    @property
    def name(self) -> str:
        """Who did it, in a history."""
        return self.user.get_username()


class Requires:
    """Authentication of an operation: the scope that a token needs for it, and what the account must be allowed."""

    def __init__(self, scope: Scope, *actions: str) -> None:
        self.scope, self.actions = scope, actions

    def __call__(self, request: HttpRequest) -> Caller:
        """Who asks. Raises Problem."""
        given = request.headers.get("Authorization")
        if given is not None:
            caller = _of_token(api_tokens.find(_secret(given)))
        elif isinstance(request.user, User) and request.user.is_active:
            caller = _of_session(request, request.user)
            if check_csrf(request) is not None:
                raise Problem("csrf", "Send the cookie csrftoken as the header X-CSRFToken, or use a token instead.")
        else:
            raise _unknown()
        request.user = caller.user  # of a token, too: whose act it is, for the audit list
        try:
            return self.admitted(caller)
        except Problem as problem:
            if request.method != "GET" and problem.kind in _NOT_THEIRS:
                self._note(request, problem)
            raise

    def _note(self, request: HttpRequest, problem: Problem) -> None:
        """What somebody tried to do and may not is in the audit list, too."""
        match = request.resolver_match
        parts = match.kwargs if match else {}
        resource = request.path_info.removeprefix("/api/v1/").partition("/")[0].removesuffix("s")
        target = str(parts.get("workflow_id") or parts.get("name") or "")
        kind = resource if resource in _KINDS else "workflow"
        acting.refuse(request, self.actions[-1], kind, target, problem.detail)

    def admitted(self, caller: Caller) -> Caller:
        """The caller, who may do this. Raises Problem."""
        _count(caller)
        if caller.scopes is not None and self.scope not in caller.scopes:
            raise Problem("missing-scope", f"The token lacks the scope “{self.scope}”.", scope=self.scope.value)
        for action in self.actions:
            if not access.can(caller.user, action):
                raise Problem("forbidden", f"The account {caller.name!r} may not: {action}.")
        return caller


class RequiresAsync(Requires):
    """The same for operations that wait: it asks in the threads that all readers share, so no connection is held."""

    async def __call__(self, request: HttpRequest) -> Caller:  # type: ignore[override]
        """Who asks. Raises Problem."""
        threads, given = fanout().reads.threads, request.headers.get("Authorization")
        if given is not None:
            caller = await threads.ask(lambda: _of_token(api_tokens.find(_secret(given))))
        else:
            admission = await fanout().reads.admission(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))
            if admission is None:
                raise _unknown()
            caller = Caller(admission, None)
        return await threads.ask(self.admitted, caller)


async def still_admitted(caller: Caller) -> None:
    """Raises Problem unless the caller may look, and read as much, as when it began to wait."""
    credential = caller.admission.credential
    standings = await fanout().reads.threads.ask(access.standings, {credential})
    if standings[credential] is Standing.SIGNED_OUT:
        raise _unknown()
    if standings[credential] is not Standing.GOOD:
        raise Problem("forbidden", f"What the account {caller.name!r} may look at has changed meanwhile.")


def caller_of(request: HttpRequest) -> Caller:
    """Whom `Requires` let through."""
    return cast(Caller, request.auth)  # type: ignore[attr-defined]


def _secret(header: str) -> str:
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _of_token(token: ApiToken | None) -> Caller:
    if token is None:
        raise Problem("unauthenticated", "This token is not, or no longer, in force.")
    return Caller(access.admission_of(token), frozenset(token.scopes))


def _of_session(request: HttpRequest, user: User) -> Caller:
    credential = access.Credential(request.session.session_key or "", user.pk, "", access.audience(user))
    return Caller(access.Admission(user, credential, access.can(user, "view")), None)


def _unknown() -> Problem:
    return Problem("unauthenticated", "Send a token as “Authorization: Bearer …”, or sign in.")


class _Allowances:
    """How many requests each credential has left, in this process: as many as a minute's, refilled steadily."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: OrderedDict[tuple[int, int], tuple[float, float]] = OrderedDict()  # how many, when

    def take(self, whose: tuple[int, int], per_minute: int) -> float:
        """Take one; else how many seconds it is until there is one."""
        with self._lock:
            now = time.monotonic()
            left, at = self._left.pop(whose, (float(per_minute), now))
            left = min(float(per_minute), left + (now - at) * per_minute / 60)
            self._left[whose] = (left - 1 if left >= 1 else left, now)
            while len(self._left) > _MOST_REMEMBERED:
                self._left.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) * 60 / per_minute


_allowances = _Allowances()


def _count(caller: Caller) -> None:
    credential = caller.admission.credential
    wait = _allowances.take((credential.user_id, credential.api_token), api_tokens.requests_per_minute())
    if wait:
        seconds = math.ceil(wait)
        raise Problem("too-many-requests", f"Come back in {seconds} s.", {"Retry-After": str(seconds)})
