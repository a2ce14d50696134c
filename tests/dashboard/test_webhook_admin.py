"""Webhooks in the admin: who manages them, that a secret is shown once, and that what is refused says why."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from tests.people import People
from workflows import webhooks
from workflows.models import AuditEntry, Webhook

pytestmark = [pytest.mark.usefixtures("collected_static"), pytest.mark.django_db]
LIST = "/admin/workflows/webhook/"
GIVEN: dict[str, Any] = {
    "name": "<script>alert(1)</script>", "url": "https://hook.example/secret-path?token=1", "queue": "default",
    "outcomes": ["failed", "quarantined"], "definitions": "doubling, refusing", "active": "on",
}  # fmt: skip


@pytest.fixture
def manager(people: People, client: Client) -> Client:
    """Signed in, may manage webhooks."""
    people.operator.user_permissions.add(Permission.objects.get(codename="manage_webhooks"))
    client.force_login(people.operator)
    return client


def test_one_is_made_its_secret_is_shown_once_and_it_is_in_the_audit_list(manager: Client) -> None:
    assert manager.get(f"{LIST}add/").status_code == 200
    response = manager.post(f"{LIST}add/", GIVEN)
    hook = Webhook.objects.get()
    answer = response.content.decode()
    assert hook.secret.startswith("whsec_")
    assert hook.secret in answer
    assert "no-store" in response["Cache-Control"]
    assert (hook.made_by, hook.outcomes, hook.definitions) == ("operator", GIVEN["outcomes"], ["doubling", "refusing"])
    for page in (LIST, f"{LIST}{hook.pk}/change/", f"{LIST}{hook.pk}/history/", f"{LIST}{hook.pk}/delete/"):
        shown = manager.get(page).content.decode()
        assert hook.name not in shown, page
        assert hook.secret not in shown, page
    assert "&lt;script&gt;" in manager.get(LIST).content.decode()
    (entry,) = AuditEntry.objects.all()
    assert (entry.who, entry.action, entry.carrier) == ("operator", "make", "admin")
    assert "secret-path" not in entry.detail
    assert hook.secret not in str(list(LogEntry.objects.values()))


def test_one_is_changed_turned_off_signed_anew_and_removed(manager: Client) -> None:
    manager.post(f"{LIST}add/", {**GIVEN, "name": "chat", "active": ""})
    hook = Webhook.objects.get()
    assert not hook.active
    assert manager.post(f"{LIST}{hook.pk}/change/", {**GIVEN, "name": "pager", "definitions": ""}).status_code == 302
    changed = Webhook.objects.get()
    assert (changed.name, changed.definitions, changed.active, changed.secret) == ("pager", [], True, hook.secret)
    answer = manager.post(LIST, {"action": "new_secret", "_selected_action": [hook.pk]}).content.decode()
    assert Webhook.objects.get().secret != hook.secret
    assert Webhook.objects.get().secret in answer
    manager.post(LIST, {"action": "delete_selected", "_selected_action": [hook.pk], "post": "yes"})
    assert not Webhook.objects.exists()
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["make", "change", "change", "renew secret", "remove"]


def test_a_new_secret_is_made_of_one_at_a_time(manager: Client) -> None:
    hooks = [webhooks.make(name, "https://hook.example/", outcomes=["failed"], by="ann") for name in ("a", "b")]
    chosen = {"action": "new_secret", "_selected_action": [hook.pk for hook in hooks]}
    assert "Choose one webhook" in manager.post(LIST, chosen, follow=True).content.decode()
    assert {hook.secret for hook in Webhook.objects.all()} == {hook.secret for hook in hooks}


@pytest.mark.parametrize(("wrong", "why"), [
    ({"url": "http://169.254.169.254/"}, "is no address of the public internet"),
    ({"url": "javascript:alert(1)", "outcomes": []}, "required"), ({"outcomes": ["running"]}, "Select a valid choice"),
    ({"name": "taken"}, "already exists"), ({"queue": "q\x07"}, "control"),
])  # fmt: skip
def test_what_cannot_be_says_why_and_changes_nothing(manager: Client, wrong: dict[str, Any], why: str) -> None:
    webhooks.make("taken", "https://hook.example/", outcomes=["failed"], by="ann")
    response = manager.post(f"{LIST}add/", {**GIVEN, **wrong})
    assert (response.status_code, Webhook.objects.count()) == (200, 1)
    assert why in response.content.decode()


def test_who_may_not_manage_them_sees_and_does_nothing(people: People, client: Client) -> None:
    hook = webhooks.make("chat", "https://hook.example/", outcomes=["failed"], by="ann")
    for person in (people.viewer, people.operator, people.stranger):
        client.force_login(person)
        for page in (LIST, f"{LIST}add/", f"{LIST}{hook.pk}/change/", f"{LIST}{hook.pk}/delete/"):
            assert client.get(page).status_code in (302, 403), page
            assert client.post(page, GIVEN).status_code in (302, 403), page
        assert LIST not in client.get("/admin/").content.decode()
    assert Webhook.objects.get().name == "chat"
