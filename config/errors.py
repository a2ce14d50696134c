"""The answer to what broke in us: generic, with a number by which the log has the whole."""

from __future__ import annotations

import secrets
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.acting import API
from dashboard.api import problems
from dashboard.api.problems import Problem


def broken(request: HttpRequest, *_: Any) -> HttpResponse:
    """A page, or a problem for programs. Asks nothing: whatever broke may be what would be asked."""
    error_id = secrets.token_hex(4)
    request.error_id = error_id  # type: ignore[attr-defined]  # for the line that is logged next (`config.logs`)
    if request.path_info.startswith(API):
        return problems.response(Problem("internal-error", f"The log has it as error {error_id}.", error_id=error_id))
    return render(request, "500.html", {"error_id": error_id}, status=500)
