"""Signing in: who guesses too often waits, nobody else does, and a stranger learns nothing of who has an account."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.people import PASSWORD, People

pytestmark = pytest.mark.django_db


class Quick(PBKDF2PasswordHasher):
    """The real one, not slowed; says how often it was asked."""

    algorithm = "quick"
    iterations = 1
    asked = 0

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """As the real one does."""
        type(self).asked += 1
        return str(super().encode(password, salt, iterations))


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    """These tests try many passwords."""
    settings.PASSWORD_HASHERS = [f"{__name__}.Quick", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.AXES_FAILURE_LIMIT = 3


@pytest.fixture
def ann() -> User:
    """Somebody with an account."""
    return User.objects.create_user("ann", password=PASSWORD)


def tries(name: str, password: str = "wrong", address: str = "192.0.2.7", **more: Any) -> HttpResponse:
    """One try, by a browser that was never here."""
    return Client(REMOTE_ADDR=address).post("/login/", {"username": name, "password": password, **more})


def test_who_guesses_too_often_waits_at_their_address_and_is_told_until_when(ann: User) -> None:
    assert [tries("ann").status_code for _ in range(3)] == [200, 200, 429]
    refused = tries("ann", PASSWORD)
    page = refused.content.decode()
    assert refused.status_code == 429, "not even with the right password"
    assert 240 < int(refused["Retry-After"]) <= 300
    assert "Too many tries" in page
    assert re.search(r"until <time datetime=\"[^\"]+\">[^<]+ UTC</time>, in 5 minutes", page)
    assert tries("ann", PASSWORD, address="192.0.2.8").status_code == 302, "the account is open from elsewhere"
    assert tries("bob").status_code == 200, "and the address for others"


def test_the_wait_ends_and_tries_during_it_do_not_prolong_it(ann: User) -> None:
    for _ in range(6):
        tries("ann")
    assert AccessAttempt.objects.get().failures_since_start == 3
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=5, seconds=1))
    assert tries("ann", PASSWORD).status_code == 302


def test_success_forgets_the_failures_before_it(ann: User) -> None:
    for _ in range(3):
        assert [tries("ann").status_code, tries("ann").status_code] == [200, 200]
        assert tries("ann", PASSWORD).status_code == 302


def test_the_admins_form_counts_too(ann: User) -> None:
    for _ in range(3):
        Client(REMOTE_ADDR="192.0.2.7").post("/admin/login/", {"username": "ann", "password": "wrong"})
    assert tries("ann", PASSWORD).status_code == 429


def test_a_guesser_is_counted_whatever_the_browser_says_of_itself(ann: User) -> None:
    for agent in ("one", "two", "\x00"):
        browser = Client(REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=agent, HTTP_ACCEPT=agent)
        last = browser.post("/login/?next=%00", {"username": "ann", "password": "wrong"})
    assert last.status_code == 429
    assert AccessAttempt.objects.get().user_agent == ""


def test_a_lock_can_be_switched_off(ann: User, settings: Any) -> None:
    settings.AXES_ENABLED = False
    assert {tries("ann").status_code for _ in range(5)} == {200}


def test_what_is_kept_of_a_try_has_no_secret_and_an_admin_can_end_a_lock(ann: User, admin_client: Client) -> None:
    for _ in range(3):
        tries("ann", "hunter2", csrfmiddlewaretoken="token")
    kept = AccessAttempt.objects.get()
    assert "hunter2" not in kept.post_data
    assert "csrfmiddlewaretoken=token" not in kept.post_data
    assert admin_client.get("/admin/axes/accessattempt/").status_code == 200
    admin_client.post(f"/admin/axes/accessattempt/{kept.pk}/delete/", {"post": "yes"})
    assert tries("ann", PASSWORD).status_code == 302


def test_an_account_that_does_not_exist_is_answered_like_one_that_does_with_as_much_work() -> None:
    User.objects.create_user("quentin", password=PASSWORD)
    User.objects.create_user("quorra", password=PASSWORD, is_active=False)
    told = {}
    for name in ("quentin", "quorra", "quinlan"):
        before = Quick.asked
        answers = [tries(name, PASSWORD if name == "quorra" else "wrong") for _ in range(4)]
        text = [
            re.sub(rf'{name}|(nonce|value|content)="[^"]*"|until .*UTC', "", each.content.decode()) for each in answers
        ]
        told[name] = ([each.status_code for each in answers], text, Quick.asked - before)
    assert told["quentin"] == told["quinlan"] == told["quorra"]
    assert told["quentin"][2] == 3, "one check of a password each, until nobody asks any more"


@pytest.mark.parametrize(
    "away",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:///evil.example"],
)
def test_signing_in_leads_nowhere_else(ann: User, away: str) -> None:
    answer = tries("ann", PASSWORD, next=away)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert tries("ann", PASSWORD, next="/queues/")["Location"] == "/queues/"


def test_the_session_is_another_one_after_signing_in_and_none_after_signing_out(ann: User) -> None:
    browser = Client()
    before = browser.session  # made by this look, as one that somebody else planted
    before.save()
    planted = browser.cookies["sessionid"].value if "sessionid" in browser.cookies else before.session_key
    browser.post("/login/", {"username": "ann", "password": PASSWORD})
    session = browser.cookies["sessionid"]
    assert session.value != planted
    assert (session["httponly"], session["samesite"]) == (True, "Lax")
    token = browser.cookies["csrftoken"]
    assert (token["httponly"], token["samesite"]) == (True, "Lax")
    signed_in = session.value
    browser.post("/logout/")
    again = Client()
    again.cookies["sessionid"] = signed_in
    assert again.get("/workflows/").status_code == 302


def test_other_requests_ask_nothing_of_the_lock(ann: User, client: Client, django_assert_num_queries: Any) -> None:
    client.force_login(ann)
    with django_assert_num_queries(4) as asked:  # the session, the account, its rights and those of its groups
        client.get("/workflows/")
    assert not [query["sql"] for query in asked.captured_queries if "axes" in query["sql"]]


def test_fields_of_the_form_say_what_they_are_to_password_managers(client: Client) -> None:
    page = client.get("/login/").content.decode()
    assert re.search(r'name="username"[^>]*autocomplete="username"', page)
    assert re.search(r'name="password"[^>]*autocomplete="current-password"', page)


def test_who_may_do_nothing_is_told_who_they_are_and_can_sign_out(people: People, client: Client) -> None:
    client.force_login(people.stranger)
    refused = client.get("/workflows/")
    assert refused.status_code == 403
    assert "You are signed in as stranger." in refused.content.decode()
    assert f'action="{reverse("logout")}"' in refused.content.decode()
