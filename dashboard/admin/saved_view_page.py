"""Saved views in the admin: to see who shares what, and to remove what nobody should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from dashboard.models import SavedView

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[SavedView]
else:
    ModelAdmin = admin.ModelAdmin  # not generic at run time


@admin.register(SavedView)
class SavedViewAdmin(ModelAdmin):
    """Read and deleted here, made and changed in the console."""

    list_display = ("name", "owner", "shared", "query", "created_at")
    list_filter = ("shared",)
    list_select_related = ("owner",)
    search_fields = ("name",)
    ordering = ("name", "pk")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False
