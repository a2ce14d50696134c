"""API tokens in the admin: whose there are, what each opens, when it was used last; and to revoke some at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from dashboard import api_tokens
from dashboard.admin import shown
from dashboard.models import ApiToken

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[ApiToken]
else:
    ModelAdmin = admin.ModelAdmin  # not generic at run time


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):
    """Read, revoked and deleted here; made by their owners, who alone see a secret."""

    list_display = ("name_shown", "owner", "begins", "opens", "created", "last_used", "expires", "revoked")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username", "prefix")
    ordering = ("-pk",)
    fields = ("name_shown", "owner", "begins", "opens", "created", "last_used", "expires", "revoked")
    readonly_fields = fields
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    @admin.action(description="Revoke selected API tokens", permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Let them open nothing any more; who had them, and when, stays to be seen."""
        by = request.user.get_username()
        count = sum(api_tokens.end(token, by=by) for token in queryset.select_related("owner"))
        self.message_user(request, f"{count} API {'token is' if count == 1 else 'tokens are'} revoked.")

    @admin.display(description="name")
    def name_shown(self, token: ApiToken) -> str:
        """What uses it."""
        return shown.text(token.name)

    @admin.display(description="begins with")
    def begins(self, token: ApiToken) -> str:
        """How its secret begins."""
        return f"{token.prefix}…"

    @admin.display(description="scopes")
    def opens(self, token: ApiToken) -> str:
        """What it is good for."""
        return ", ".join(token.scopes)

    @admin.display(description="created (UTC)", ordering="created_at")
    def created(self, token: ApiToken) -> str:
        """When it was made."""
        return shown.moment(token.created_at)

    @admin.display(description="last used (UTC)", ordering="last_used_at")
    def last_used(self, token: ApiToken) -> str:
        """When something asked with it, to the minute."""
        return shown.moment(token.last_used_at)

    @admin.display(description="expires (UTC)", ordering="expires_at")
    def expires(self, token: ApiToken) -> str:
        """When it ends by itself, if ever."""
        return shown.moment(token.expires_at)

    @admin.display(description="revoked (UTC)", ordering="revoked_at")
    def revoked(self, token: ApiToken) -> str:
        """When somebody ended it."""
        return shown.moment(token.revoked_at)
