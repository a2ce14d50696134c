"""The groups that a site begins with: made once, and left as somebody made them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User

from dashboard import access, roles
from workflows.visibility import Visibility

pytestmark = pytest.mark.django_db


def migrated(*new: str) -> None:
    """As after migrations that brought these permissions."""
    Permission.objects.filter(codename__in=new).delete()
    roles.remember(using="default")
    roles.hand_out(using="default")


def member(role: str) -> User:
    user = User.objects.create_user(role, is_staff=True)
    user.groups.set([Group.objects.get(name=role)])
    return user


def test_each_role_may_what_the_one_before_may_and_more() -> None:
    migrated()
    members = [member(role) for role in roles.roles()]
    may = [{action for action in access.PERMISSIONS if access.can(user, action)} for user in members]
    viewers, operators, managers, admins = may
    assert viewers == {"view", "view_totals", "view_values", "view_queues", "view_schedules", "view_workers"}
    assert operators - viewers == {"start", "cancel", "send", "resume", "fork", "bulk"}
    assert managers - operators >= {"pin", "delete", "change_queue", "change_schedule"}
    assert admins == set(access.PERMISSIONS)
    assert [access.audience(user) for user in members] == [
        Visibility.STAFF,
        Visibility.STAFF,
        Visibility.STAFF,
        Visibility.ADMIN,
    ]


def test_what_somebody_changed_stays_changed() -> None:
    migrated()
    viewers = Group.objects.get(name="Telltale viewers")
    viewers.permissions.set(Permission.objects.filter(codename="view_workflow"))
    migrated()
    assert [one.codename for one in viewers.permissions.all()] == ["view_workflow"]


def test_a_permission_that_comes_into_being_is_given_to_its_roles_once() -> None:
    migrated()
    operators, viewers = (Group.objects.get(name=name) for name in ("Telltale operators", "Telltale viewers"))
    migrated("bulk_workflows")
    assert operators.permissions.filter(codename="bulk_workflows").exists()
    assert not viewers.permissions.filter(codename="bulk_workflows").exists()
    operators.permissions.remove(Permission.objects.get(codename="bulk_workflows"))
    migrated()
    assert not operators.permissions.filter(codename="bulk_workflows").exists()


def test_who_could_read_values_before_that_was_a_permission_still_can() -> None:
    theirs = Group.objects.create(name="theirs")
    somebody, nobody = User.objects.create_user("somebody"), User.objects.create_user("nobody")
    for holder in (theirs.permissions, somebody.user_permissions):
        holder.add(Permission.objects.get(codename="view_workflow"))
    migrated("view_values", "bulk_workflows")
    assert theirs.permissions.filter(codename="view_values").exists()
    assert access.audience(somebody) is Visibility.STAFF
    assert access.audience(nobody) is None
    assert not access.can(somebody, "bulk")


def test_a_flush_makes_no_groups() -> None:
    Group.objects.all().delete()
    roles.hand_out(using="default")
    assert not Group.objects.exists()
