"""Django's admin as one of our pages: what is there in the order in which it is looked for, and nothing that is empty.

Whatever is added, changed or removed in it, be it an account, a group or a token, is in the audit list, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.views import shortcut
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path, reverse

from workflows import audit

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # not generic at run time


class _Section(NamedTuple):
    """A head of the index: the app whose page it leads to, and which models stand below it, under what name."""

    title: str
    app: str
    models: dict[str, str]


_SECTIONS = (
    _Section("Workflows", "workflows", {
        "workflows.workflow": "Workflows", "workflows.event": "Events", "workflows.step": "Steps",
        "workflows.value": "Values", "workflows.message": "Messages", "workflows.schedule": "Schedules",
        "workflows.worker": "Workers", "workflows.deletion": "Deleted workflows", "workflows.auditentry": "Audit list",
        "workflows.webhook": "Webhooks",
    }),
    _Section("Console", "dashboard", {"dashboard.savedview": "Saved views", "dashboard.apitoken": "API tokens"}),
    _Section("Accounts", "auth", {
        "auth.user": "Users", "auth.group": "Groups", "axes.accessattempt": "Failed sign-ins",
        "socialaccount.socialaccount": "Identities at the provider",
    }),
)  # fmt: skip
# Tables of libraries that nothing here ever fills, or that settings stand for.
_EMPTY = frozenset({
    "axes.accesslog", "axes.accessfailurelog", "account.emailaddress", "socialaccount.socialapp",
    "socialaccount.socialtoken",
})  # fmt: skip


def _is_empty(label: str) -> bool:
    return label in _EMPTY or (label.startswith("socialaccount.") and not settings.OIDC_ISSUER)


def _to_its_page(request: HttpRequest, content_type_id: str, object_id: str) -> HttpResponseBase:
    """Django's way for what a project registers; none for rows of ours, which `access` must be asked for."""
    if not content_type_id.isdecimal():
        raise Http404
    kind = get_object_or_404(ContentType, pk=content_type_id)
    if kind.app_label in ("workflows", "dashboard"):
        raise Http404
    return shortcut(request, content_type_id, object_id)


class Audited(ModelAdmin):
    """What is done here is told in the audit list, beside the admin's own log, whose rows can be edited."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Something was added."""
        self._tell(request, "add", [obj], message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Something was changed."""
        self._tell(request, "change", [obj], message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Something will be removed."""
        self._tell(request, "delete", queryset, "")
        return super().log_deletions(request, queryset)

    def _tell(self, request: HttpRequest, action: str, rows: Iterable[Any], message: Any) -> None:
        told = LogEntry(change_message=message if isinstance(message, str) else json.dumps(message))
        kind, by = str(self.opts.verbose_name)[: audit.KIND_LENGTH], request.user.get_username()
        for row in rows:
            with audit.act(action, kind, str(row), by=by, detail=str(told.get_change_message())):
                pass


class Site(admin.AdminSite):
    """The admin."""

    site_header = site_title = "Telltale"
    index_title = "Records"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """All but what is always empty; whatever it changes is audited, if only here: `tells_the_audit_list`."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        base = admin_class or admin.ModelAdmin
        of_base = {"__module__": base.__module__, "__doc__": base.__doc__}
        tells = getattr(base, "tells_the_audit_list", False)
        audited = base if tells else type(base.__name__, (Audited, base), of_base)
        super().register([one for one in models if not _is_empty(one._meta.label_lower)], audited, **options)

    def get_urls(self) -> list[Any]:
        """Without the way from a row's number to its page, which would tell which rows there are."""
        leads = path("r/<path:content_type_id>/<path:object_id>/", self.admin_view(_to_its_page), name="view_on_site")
        return [leads, *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The index, by what one looks for; what a project registers besides comes after that. Or one app's page."""
        if app_label is not None:
            return super().get_app_list(request, app_label)
        apps = super().get_app_list(request)
        left = {one["model"]._meta.label_lower: one for app in apps for one in app["models"]}
        found = []
        for section in _SECTIONS:
            known = [left.pop(label) | {"name": name} for label, name in section.models.items() if label in left]
            if known:
                place = reverse(f"{self.name}:app_list", args=[section.app])
                found.append({"name": section.title, "app_label": section.app, "app_url": place,
                              "has_module_perms": True, "models": known})  # fmt: skip
        others = [app | {"models": [one for one in app["models"] if one in left.values()]} for app in apps]
        return found + [app for app in others if app["models"]]
