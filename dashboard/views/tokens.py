"""The page of a person's API tokens: to make one, whose secret is shown once, and to revoke them."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from dashboard import access, api_tokens
from dashboard.api_tokens import Made, Scope
from dashboard.forms import ApiTokenForm, first_error
from dashboard.models import ApiToken
from dashboard.presenters.times import iso_utc
from dashboard.views.pages import page_context

_SCOPES = {
    Scope.READ: "Lists, workflows, histories, values, queues, schedules.",
    Scope.START: "Start workflows, also by a schedule.",
    Scope.OPERATE: "Send messages; cancel, resume, fork and restart one.",
    Scope.BULK: "Cancel, resume, pin and delete many at once.",
    Scope.MANAGE: "Limits and pauses of queues and schedules.",
}


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Every token of this person."""
    return _page(request, _person(request), ApiTokenForm(initial={"scopes": [Scope.READ], "days": "90"}))


@require_POST
@never_cache
@login_required
@sensitive_variables("made")
def creation(request: HttpRequest) -> HttpResponse:
    """A new token, and its secret, this once."""
    person, form = _person(request), ApiTokenForm(request.POST)
    if not form.is_valid():
        notices.error(request, f"Not made: {first_error(form)}")
        return _page(request, person, form, status=422)
    try:
        made = api_tokens.make(person, **form.cleaned_data)
    except api_tokens.Refused as refused:
        notices.error(request, f"Not made: {refused}")
        return _page(request, person, form, status=422)
    return _page(request, person, ApiTokenForm(initial={"scopes": [Scope.READ], "days": "90"}), made, status=201)


@require_POST
@login_required
def revocation(request: HttpRequest, token_id: int) -> HttpResponse:
    """Let it open nothing any more."""
    try:
        revoked = api_tokens.revoke(token_id, owner=_person(request))
    except ApiToken.DoesNotExist:
        raise Http404 from None
    notices.success(request, f"“{revoked.name}” is revoked: it opens nothing any more, and what it holds open ends.")
    return redirect("dashboard:tokens")


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User) or not access.can(request.user, "view"):
        raise PermissionDenied
    return request.user


class _Shown(NamedTuple):
    """A row of the page. standing: in force, expired or revoked."""

    token: ApiToken
    standing: str
    created_at: str
    last_used_at: str | None
    expires_at: str | None


def _page(
    request: HttpRequest, person: User, form: ApiTokenForm, made: Made | None = None, status: int = 200
) -> HttpResponse:
    chosen = form["scopes"].value() or []
    context: dict[str, Any] = page_context(request, "tokens") | {
        "tokens": [_shown(token) for token in api_tokens.of(person)],
        "form": form,
        "scopes": [(scope.value, says, scope.value in chosen) for scope, says in _SCOPES.items()],
        "made": made,
        "address": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "dashboard/tokens.html", context, status=status)


def _shown(token: ApiToken) -> _Shown:
    is_expired = token.expires_at is not None and token.expires_at <= timezone.now()
    standing = "revoked" if token.revoked_at else "expired" if is_expired else "in force"
    used, expires = token.last_used_at, token.expires_at
    return _Shown(
        token, standing, iso_utc(token.created_at), None if used is None else iso_utc(used),
        None if expires is None else iso_utc(expires),
    )  # fmt: skip
