"""What every page is sent with, and what no page has in it: the policy that keeps foreign scripts out."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import Client

from dashboard.models import SavedView
from tests import places
from tests.dashboard.test_deny import NAMES, address
from tests.people import People

POLICY = {
    "default-src": {"'self'"}, "style-src": {"'self'"}, "img-src": {"'self'", "data:"}, "connect-src": {"'self'"},
    "object-src": {"'none'"}, "base-uri": {"'none'"}, "form-action": {"'self'"}, "frame-ancestors": {"'none'"},
}  # fmt: skip
HEADERS = {
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}  # fmt: skip
INLINE = re.compile(r"<[^>]*\s(?:style|on[a-z]+)\s*=|<style\b|javascript:", re.IGNORECASE)


def test_a_page_without_a_visit_is_noticed() -> None:
    known = set(places.PAGES) | set(places.NOT_PAGES)
    assert set(places.names()) == known, "every name of urls.py is in tests/places.py, as a page or as none"
    assert not set(places.PAGES) & set(places.NOT_PAGES)


@pytest.mark.django_db(transaction=True)
def test_every_page_has_the_strict_policy_and_nothing_that_needs_a_looser_one(client: Client) -> None:
    from tests.people import create_people  # the fixture's transaction would hide the workflows

    client.force_login(create_people().operator)
    places.furnish()
    for path in [path for paths in places.PAGES.values() for path in paths] + ["/no-such-page/", "/admin/"]:
        response = client.get(path, follow=True)
        policy = {name: set(words) for name, *words in map(str.split, response["Content-Security-Policy"].split(";"))}
        scripts = policy.pop("script-src")
        assert policy == POLICY, path
        assert {word for word in scripts if not word.startswith("'nonce-")} == {"'self'"}, path
        assert not INLINE.search(response.content.decode()), path
        assert_kept_to_itself(response, path)


def assert_kept_to_itself(response: HttpResponseBase, path: str) -> None:
    """Framed by nobody, opened by nobody, taken for what it says it is, and without the browser's other senses."""
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS, path
    assert "camera=()" in response.headers["Permissions-Policy"], path
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"], path


def test_every_address_of_the_site_is_kept_to_itself_also_in_what_it_refuses(people: People) -> None:
    browsers = [Client(), Client()]
    browsers[0].force_login(people.stranger)
    ours = [(name, parts) for name, parts in NAMES.items() if not name.startswith("embed:")]
    assert len(ours) > 80
    for name, parts in ours:
        path = address(name, parts, "nobodys")
        for browser in browsers:
            assert_kept_to_itself(browser.get(path), path)


@pytest.mark.django_db(transaction=True)
def test_a_page_of_another_site_changes_nothing_even_with_every_token(people: People, settings: Any) -> None:
    """Programs say nothing of sites, and pages of others may ask for widgets."""
    browser, where = Client(), "/views/new"
    browser.force_login(people.operator)
    given = {"name": "mine", "query": "status=failed", "shared": ""}

    def asked(site: str, origin: str = "https://evil.example") -> int:
        return browser.post(where, given, headers={"sec-fetch-site": site, "origin": origin}).status_code

    assert [asked("cross-site"), SavedView.objects.count()] == [403, 0]
    assert asked("same-origin", "http://testserver") == 302
    settings.CSRF_TRUSTED_ORIGINS = ["https://evil.example"]
    given["name"] = "another"
    assert asked("cross-site") == 302
    watching = json.dumps({"t": "watch", "tokens": ["tw_1_x"]})
    told = browser.post("/embed/state/", watching, "text/plain", headers={"sec-fetch-site": "cross-site"})
    assert told.status_code == 200


@pytest.mark.parametrize("path", ["/palette?q=w", "/now/parts", "/workflows/nobodys/"])
def test_what_is_no_page_is_sent_with_the_policy_too(client: Client, people: People, path: str) -> None:
    client.force_login(people.operator)
    assert "script-src 'self'" in client.get(path)["Content-Security-Policy"]
