"""The admin as a whole: an index by what one looks for, and nothing that is done there without an entry."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from dashboard import saved_views
from tests.api_client import Program
from tests.definitions import publishing
from tests.people import People
from workflows.models import AuditEntry, Workflow

pytestmark = pytest.mark.django_db
INDEX = {
    "Workflows": [
        "Workflows", "Events", "Steps", "Values", "Messages", "Schedules", "Workers", "Deleted workflows", "Audit list",
        "Webhooks",
    ],
    "Console": ["Saved views", "API tokens"],
    "Accounts": ["Users", "Groups", "Failed sign-ins"],
}  # fmt: skip


def told() -> list[tuple[str, ...]]:
    """What the audit list has of the admin, oldest first."""
    rows = AuditEntry.objects.filter(carrier="admin", done=True).order_by("pk")
    return list(rows.values_list("who", "action", "target_kind", "target", "detail"))


def test_the_index_has_what_one_looks_for_in_that_order_and_no_empty_page(admin_client: Client, people: People) -> None:
    page = admin_client.get("/admin/")
    shown = {one["name"]: one["models"] for one in page.context["app_list"]}
    assert {head: [model["name"] for model in models] for head, models in shown.items()} == INDEX
    for models in shown.values():
        for model in models:
            assert admin_client.get(model["admin_url"]).status_code == 200, model["name"]
    for place in re.findall(r'href="(/admin/[a-z]+/)"', page.content.decode()):
        assert admin_client.get(place).status_code == 200, place
    admin_client.force_login(people.viewer)
    seen = admin_client.get("/admin/").context["app_list"]
    assert {one["name"] for one in seen} == {"Workflows"}
    assert [model["name"] for model in seen[0]["models"]] == INDEX["Workflows"][:-2]


def test_no_by_way_of_the_admin_tells_which_rows_there_are_or_counts_them(client: Client, people: People) -> None:
    publishing.using(workflow_id="w").start([1])
    client.force_login(people.stranger)
    User.objects.filter(pk=people.stranger.pk).update(is_staff=True)
    of_workflows = ContentType.objects.get_for_model(Workflow).pk
    ways = [f"/admin/r/{kind}/{id_}/" for kind in (of_workflows, 0, "x") for id_ in ("w", "guessed")]
    assert {client.get(way).status_code for way in ways} == {404}
    client.force_login(people.operator)
    lookup = "/admin/autocomplete/?app_label=workflows&model_name=event&field_name=workflow&term="
    assert client.get(lookup).status_code == 403


def test_what_is_done_to_accounts_groups_and_tokens_is_in_the_audit_list(admin_client: Client, people: People) -> None:
    group = Group.objects.create(name="Night shift")
    password = "a long one, unheard of"
    admin_client.post("/admin/auth/user/add/", {
        "username": "ann", "usable_password": "true", "password1": password, "password2": password,
    })  # fmt: skip
    ann = User.objects.get(username="ann")
    admin_client.post(f"/admin/auth/user/{ann.pk}/change/", {
        "username": "ann", "groups": [group.pk], "is_active": "on", "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    })  # fmt: skip
    token = Program(people.viewer, name="cron").token
    made = saved_views.save(people.viewer.pk, name="mine", query="status=failed", shared=False, by="viewer")
    for path, action, keys in (
        ("dashboard/apitoken", "revoke", [token.pk]), ("dashboard/savedview", "delete_selected", [made.pk]),
        ("auth/user", "delete_selected", [ann.pk, people.stranger.pk]),
    ):  # fmt: skip
        chosen = {"action": action, "_selected_action": keys, "post": "yes"}
        assert admin_client.post(f"/admin/{path}/", chosen).status_code == 302, path
    entries = told()
    assert all(entry[0] == "admin" and password not in str(entry) for entry in entries)
    assert [entry[1:4] for entry in entries[:5]] == [
        ("add", "user", "ann"), ("change", "user", "ann"), ("revoke", "token", "cron"),
        ("delete", "saved view", str(made)), ("delete", "user", "ann"),
    ]  # fmt: skip
    assert "roups" in entries[1][4]
    assert entries[2][4] == "of viewer"
    assert ("delete", "user", "stranger") in [entry[1:4] for entry in entries]
