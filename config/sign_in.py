"""Signing in: how often somebody may guess, and what they are told who guessed too often.

django-axes counts failures by account and address together: a stranger locks nobody out but a guesser at their own
address, and an account that does not exist is answered like one that does.
"""

from __future__ import annotations

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboard.acting import client_address
from dashboard.presenters.times import iso_utc

TOO_MANY = 429


class Attempts(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Failures, one row for each account and address."""

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> None:
        """Without what the browser says of itself: it may say anything, also what no table holds, to not be counted."""
        if request is not None:
            request.axes_user_agent = request.axes_http_accept = ""  # type: ignore[attr-defined]
        super().user_login_failed(sender, credentials, request, **kwargs)


def address(request: HttpRequest) -> str | None:
    """The client's, as the audit list has it."""
    return client_address(request) or None


def locked_out(request: HttpRequest, *_: Any) -> HttpResponse:
    """The page that says until when."""
    name = (getattr(request, "axes_credentials", None) or {}).get("username", "")
    failures = AccessAttempt.objects.filter(username=name, ip_address=address(request))
    last = failures.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
    until, now = last + settings.AXES_COOLOFF_TIME, timezone.now()
    seconds = max(1, -int((now - until).total_seconds() // 1))
    context = {"name": name, "until": iso_utc(until), "minutes": -(-seconds // 60)}
    response = render(request, "registration/locked_out.html", context, status=TOO_MANY)
    response["Retry-After"] = str(seconds)
    return response
