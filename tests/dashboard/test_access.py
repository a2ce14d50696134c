"""Who may see and do what, and which pages may open a socket."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from dashboard import access
from dashboard.access import Credential, Standing
from tests.definitions import publishing
from tests.people import People
from workflows.visibility import Visibility


def test_everybody_may_do_exactly_what_they_were_given(people: People) -> None:
    root = User.objects.create_superuser("root")
    may = {
        name: {action for action in access.PERMISSIONS if access.can(user, action)}
        for name, user in {**people._asdict(), "nobody": AnonymousUser(), "root": root}.items()
    }
    everything = set(access.PERMISSIONS)
    looks = {"view", "view_totals", "view_values", "view_queues", "view_schedules", "view_workers"}
    acts = everything - {"manage_webhooks"}
    assert may == {"operator": acts, "viewer": looks, "stranger": set(), "nobody": set(), "root": everything}


def test_an_audience_is_the_most_that_somebody_may_read(people: People) -> None:
    watcher = User.objects.create_user("watcher")
    watcher.user_permissions.add(Permission.objects.get(codename="view_workflow"))
    blind = User.objects.create_user("blind")
    blind.user_permissions.add(Permission.objects.get(codename="view_values"))
    read = [access.audience(user) for user in (*people, watcher, blind, AnonymousUser())]
    assert read == [Visibility.ADMIN, Visibility.STAFF, None, Visibility.PUBLIC, None, None]


def test_a_disabled_account_may_nothing_even_as_superuser(db: None) -> None:
    assert not access.can(User.objects.create_superuser("root", is_active=False), "view")


def test_an_action_that_does_not_exist_is_an_error_not_a_no(people: People) -> None:
    with pytest.raises(KeyError):
        access.can(people.operator, "explode")


@pytest.mark.django_db(transaction=True)
def test_a_workflow_is_visible_to_those_who_may_view() -> None:
    from tests.people import create_people  # the fixture's transaction would hide the workflow

    people = create_people()
    workflow = access.Workflow.objects.get(pk=publishing.start([1]).id)
    assert access.can(people.operator, "cancel", workflow)
    assert access.visible_workflows(people.viewer).get() == workflow
    assert not access.visible_workflows(people.stranger).exists()
    assert not access.visible_workflows(AnonymousUser()).exists()


def credential(user: User) -> Credential:
    browser = Client()
    browser.force_login(user)
    key = str(browser.session.session_key)
    return Credential(key, user.pk, user.get_session_auth_hash(), access.audience(user))


def standing(given: Credential) -> Standing:
    return access.standings([given])[given]


def test_a_good_session_of_a_viewer_is_good_and_of_a_stranger_is_not(people: People) -> None:
    root = User.objects.create_superuser("root")
    given = [credential(people.viewer), credential(people.stranger), credential(root)]
    assert list(access.standings(given).values()) == [Standing.GOOD, Standing.FORBIDDEN, Standing.GOOD]


def test_a_session_that_ended_or_expired_is_signed_out(people: People) -> None:
    gone, expired = credential(people.viewer), credential(people.viewer)
    Session.objects.filter(pk=gone.session_key).delete()
    Session.objects.filter(pk=expired.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert standing(gone) is standing(expired) is Standing.SIGNED_OUT


def test_a_disabled_or_deleted_account_and_a_changed_password_are_signed_out(people: People) -> None:
    disabled, deleted, changed = (credential(user) for user in people)
    User.objects.filter(pk=people.operator.pk).update(is_active=False)
    people.viewer.delete()
    people.stranger.set_password("another")
    people.stranger.save()
    assert [standing(given) for given in (disabled, deleted, changed)] == [Standing.SIGNED_OUT] * 3


def test_a_right_that_was_taken_is_forbidden(people: People) -> None:
    given = credential(people.viewer)
    people.viewer.user_permissions.remove(Permission.objects.get(codename="view_workflow"))
    assert standing(given) is Standing.FORBIDDEN


def test_who_reads_more_or_less_than_before_is_changed(people: People) -> None:
    less, more = credential(people.operator), credential(people.viewer)
    people.operator.user_permissions.remove(Permission.objects.get(codename="view_values"))
    people.viewer.user_permissions.add(Permission.objects.get(codename="view_sensitive"))
    assert standing(less) is standing(more) is Standing.CHANGED


def test_an_admission_is_of_an_active_account_with_a_good_session(people: People, settings: Any) -> None:
    viewer, stranger, gone, disabled = (
        credential(user).session_key for user in [*people[1:], people.viewer, people.operator]
    )
    Session.objects.filter(pk=gone).delete()
    User.objects.filter(pk=people.operator.pk).update(is_active=False)
    found = access.admissions([viewer, stranger, gone, disabled, "", "a\x00b", "' OR 1=1", "é"])
    assert {key: (admission.user, admission.may_watch) for key, admission in found.items()} == {
        viewer: (people.viewer, True), stranger: (people.stranger, False),
    }  # fmt: skip
    assert standing(found[viewer].credential) is Standing.GOOD
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert set(access.admissions([viewer])) == {viewer}
    people.viewer.set_password("changed")
    people.viewer.save()
    assert access.admissions([viewer]) == {}


def test_admitting_a_thousand_takes_five_queries(people: People, django_assert_num_queries: Any) -> None:
    keys = [credential(people.viewer).session_key for _ in range(20)]
    with django_assert_num_queries(5):
        assert len(access.admissions(keys)) == 20


def test_checking_a_thousand_connections_takes_five_queries(people: People, django_assert_num_queries: Any) -> None:
    given = [credential(people.viewer) for _ in range(20)]
    with django_assert_num_queries(5):
        assert set(access.standings(given).values()) == {Standing.GOOD}


def may_connect(origin: str | None, *, host: str = "console.example:8000", scheme: str = "ws", **more: str) -> bool:
    headers = [(b"host", host.encode()), *((k.replace("_", "-").encode(), v.encode()) for k, v in more.items())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    return access.page_may_connect(headers, scheme)


@pytest.fixture
def ours(settings: Any) -> Any:
    settings.ALLOWED_HOSTS = ["console.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example:8443", "https://*.wild.example"]
    settings.SECURE_PROXY_SSL_HEADER = None
    settings.USE_X_FORWARDED_HOST = False
    return settings


@pytest.mark.usefixtures("ours")
def test_our_own_pages_and_trusted_ones_may_connect() -> None:
    assert may_connect("http://console.example:8000")
    assert may_connect("https://console.example:8000", scheme="wss")
    assert may_connect("https://trusted.example:8443")
    assert may_connect("https://a.wild.example")


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    "origin",
    [
        None, "", "null", "file://", "http://console.example", "http://console.example:8001",
        "https://console.example:8000", "http://evil.example:8000", "http://console.example:8000.evil.example",
        "http://trusted.example:8443", "https://trusted.example", "https://trusted.example:8443.evil.example",
        "http://a.wild.example", "https://wild.example.evil", "https://a.wild.example:444", "https://[", "*",
    ],
)  # fmt: skip
def test_foreign_pages_may_not(origin: str | None) -> None:
    assert not may_connect(origin)


@pytest.mark.usefixtures("ours")
def test_a_name_that_merely_resolves_to_us_is_foreign() -> None:
    assert not may_connect("http://rebound.evil.example:8000", host="rebound.evil.example:8000")


def test_behind_a_proxy_its_headers_count_only_if_configured(ours: Any) -> None:
    forwarded = {"x_forwarded_proto": "https", "x_forwarded_host": "console.example"}
    assert not may_connect("https://console.example", host="inner:9000", **forwarded)
    ours.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ours.USE_X_FORWARDED_HOST = True
    assert may_connect("https://console.example", host="inner:9000", **forwarded)
    assert not may_connect("http://console.example", host="inner:9000", **forwarded)
