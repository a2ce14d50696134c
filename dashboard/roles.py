"""Roles: the groups that a site begins with, each with the permissions of the one before and some more.

Made by `migrate`, and left alone after that: what somebody gives to a group or takes from it stays so. A permission
that a later version brings is given once, when it comes into being, to the roles that are to have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import connections

_ADDED: dict[str, tuple[str, ...]] = {
    "Telltale viewers": (
        "workflows.view_workflow", "workflows.view_values", "workflows.view_queue", "workflows.view_schedule",
        "workflows.view_worker",
    ),
    "Telltale operators": (
        "workflows.start_workflow", "workflows.cancel_workflow", "workflows.send_message", "workflows.resume_workflow",
        "workflows.fork_workflow", "workflows.bulk_workflows",
    ),
    "Telltale managers": (
        "workflows.change_workflow", "workflows.delete_workflow", "workflows.change_queue", "workflows.change_schedule",
        "dashboard.manage_widgets", "workflows.manage_webhooks",
    ),
    "Telltale admins": ("workflows.view_sensitive", "workflows.view_audit"),
}  # fmt: skip
ADMINS = "Telltale admins"
# Who could do the second before the first was a permission of its own keeps it.
_SPLIT_OFF = {
    "workflows.view_values": "workflows.view_workflow",
    "workflows.bulk_workflows": "workflows.cancel_workflow",
}
_APPS = ("workflows", "dashboard")

_before: dict[str, set[str]] = {}  # by database: the permissions that there were before its migrations


def roles() -> dict[str, list[str]]:
    """The permissions of each role, by its name."""
    found: dict[str, list[str]] = {}
    held: list[str] = []
    for name, added in _ADDED.items():
        held = [*held, *added]
        found[name] = held
    return found


def remember(using: str, **_: Any) -> None:
    """Before migrations: which permissions there are."""
    is_new = Permission._meta.db_table not in connections[using].introspection.table_names()
    _before[using] = set() if is_new else {_word(one) for one in _ours(using)}


def hand_out(using: str, **_: Any) -> None:
    """After migrations: make the roles that are missing, and give to others what came into being."""
    before = _before.pop(using, None)
    if before is None:  # a flush, which brings nothing new
        return
    for name in _APPS:  # what a migration brought has no permission before this, whatever the order of the apps
        create_permissions(apps.get_app_config(name), verbosity=0, using=using)
    known = {_word(one): one for one in _ours(using)}
    for name, held in roles().items():
        group, is_new = Group.objects.using(using).get_or_create(name=name)
        group.permissions.add(*(known[one] for one in held if one in known and (is_new or one not in before)))
    for new, former in _SPLIT_OFF.items():
        if former in before and new not in before:
            _give_to_holders(known[new], known[former], using)


def _give_to_holders(new: Permission, former: Permission, using: str) -> None:
    for group in Group.objects.using(using).filter(permissions=former):
        group.permissions.add(new)
    for user in former.user_set.using(using).all():
        user.user_permissions.add(new)


def _ours(using: str) -> Iterator[Permission]:
    found = Permission.objects.using(using).filter(content_type__app_label__in=_APPS)
    return found.select_related("content_type").iterator()


def _word(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
