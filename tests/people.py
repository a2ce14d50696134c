"""The people of the tests: who they are and what they may do."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session

PASSWORD = "correct horse battery staple"


class People(NamedTuple):
    """operator acts, viewer looks, stranger is signed in and may nothing."""

    operator: User
    viewer: User
    stranger: User


def create_people() -> People:
    """The three, each with PASSWORD."""
    operator = User.objects.create(username="operator", password=_hashed(), is_staff=True)
    viewer = User.objects.create(username="viewer", password=_hashed(), is_staff=True)
    stranger = User.objects.create(username="stranger", password=_hashed())
    ours = Permission.objects.filter(content_type__app_label="workflows")
    acts = "^(view_|start_|cancel_|send_|resume_|fork_|bulk_|(change|delete)_workflow|change_queue|change_schedule)"
    operator.user_permissions.set(ours.filter(codename__regex=acts))
    operator.user_permissions.add(Permission.objects.get(codename="manage_widgets"))
    mine = ours.filter(codename__startswith="view_").exclude(codename__in=["view_audit", "view_sensitive"])
    viewer.user_permissions.set(mine)
    return People(operator, viewer, stranger)


@cache
def _hashed() -> str:
    """Of PASSWORD. Hashing is slow by intent; once per process of the suite will do."""
    return make_password(PASSWORD)


TAKEN = ("session", "account", "right")


def take_away(viewer: User, taken: str) -> None:
    """One of TAKEN, from somebody who is signed in and looks."""
    if taken == "session":
        Session.objects.all().delete()
    elif taken == "account":
        viewer.is_active = False
        viewer.save()
    else:
        viewer.user_permissions.remove(Permission.objects.get(codename="view_workflow"))
