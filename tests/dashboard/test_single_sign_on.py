"""Single sign-on with a provider of the test's own: a real server that signs and checks as OpenID Connect says."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import Group, User
from django.core.checks import run_checks
from django.http import HttpResponse
from django.test import Client

from config import checks
from tests.people import People

pytestmark = pytest.mark.django_db
CLIENT_ID, SECRET, KEY_ID = "telltale", "its-secret", "key-1"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Idp(ThreadingHTTPServer):
    """A small provider. `claims` is who signs in; `lies` changes the token that is signed; `key` signs it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.claims: dict[str, Any] = {"sub": "u-1", "preferred_username": "marie", "email": "marie@example.com"}
        self.lies: dict[str, Any] = {}
        self.key = KEY
        self.codes: dict[str, dict[str, str]] = {}

    def token(self) -> str:
        """Who it is, signed."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, **self.claims, **self.lies}
        return jwt.encode(said, self.key, algorithm="RS256", headers={"kid": KEY_ID})


class Answers(BaseHTTPRequestHandler):
    """What it answers."""

    server: Idp

    def do_GET(self) -> None:
        """Discovery, keys, who somebody is."""
        issuer = self.server.issuer
        if self.path == "/.well-known/openid-configuration":
            ends = {f"{name}_endpoint": f"{issuer}/{name}" for name in ("authorization", "token", "userinfo")}
            self.answer(200, {"issuer": issuer, "jwks_uri": f"{issuer}/keys", **ends,
                              "token_endpoint_auth_methods_supported": ["client_secret_post"]})  # fmt: skip
        elif self.path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
            self.answer(200, {"keys": [{**public, "kid": KEY_ID, "alg": "RS256", "use": "sig"}]})
        elif self.path == "/userinfo" and self.headers["Authorization"] == "Bearer opaque":
            self.answer(200, self.server.claims)
        else:
            self.answer(401, {})

    def do_POST(self) -> None:
        """A code for a token, once, and only for who asked for it."""
        given = {
            name: one for name, [one] in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()
        }
        asked = self.server.codes.pop(given.get("code", ""), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if (
            asked is None
            or (given["client_id"], given["client_secret"]) != (CLIENT_ID, SECRET)
            or given["redirect_uri"] != asked["redirect_uri"]
            or proof.decode() != asked["code_challenge"]
        ):
            self.answer(400, {"error": "invalid_grant"})
        else:
            self.answer(200, {"access_token": "opaque", "token_type": "Bearer", "id_token": self.server.token()})

    def answer(self, status: int, document: dict[str, Any]) -> None:
        """As JSON."""
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def idp(settings: Any) -> Iterator[Idp]:
    """A provider, and a site that is set up for it."""
    server = Idp()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    settings.OIDC_ISSUER = server.issuer
    settings.OIDC_NAME = "Company account"
    app = {"provider_id": "sso", "name": "Company account", "client_id": CLIENT_ID, "secret": SECRET,
           "settings": {"server_url": server.issuer, "oauth_pkce_enabled": True}}  # fmt: skip
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    yield server
    server.shutdown()
    server.server_close()


def sent_away(browser: Client, query: str = "") -> dict[str, str]:
    """What the provider is asked, when somebody chooses to sign in with it."""
    answer = browser.get(f"/sso/login/{query}")
    assert answer.status_code == 302, answer.content
    return {name: one for name, [one] in parse_qs(urlsplit(answer["Location"]).query).items()}


def back(browser: Client, idp: Idp, asked: dict[str, str], **instead: str) -> HttpResponse:
    """They signed in there, and are sent back with a code."""
    code = f"code-{len(idp.codes)}"
    idp.codes[code] = asked
    place = urlsplit(asked["redirect_uri"]).path
    return browser.get(f"{place}?{urlencode({'code': code, 'state': asked['state'], **instead})}")


def sign_in(idp: Idp, query: str = "") -> tuple[Client, HttpResponse]:
    """All of it, in a browser that was never here."""
    browser = Client()
    return browser, back(browser, idp, sent_away(browser, query))


def test_whom_the_provider_knows_is_signed_in_and_led_to_where_they_wanted(idp: Idp) -> None:
    assert 'href="/sso/login/?next=/queues/"' in Client().get("/login/?next=/queues/").content.decode()
    browser = Client()
    asked = sent_away(browser, "?next=/queues/")
    assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (CLIENT_ID, "code", "S256")
    assert asked["redirect_uri"] == "http://testserver/sso/login/callback/"
    answer = back(browser, idp, asked)
    assert (answer.status_code, answer["Location"]) == (302, "/queues/")
    user = User.objects.get(username="marie")
    assert int(browser.session["_auth_user_id"]) == user.pk
    assert (user.email, user.has_usable_password(), user.is_staff, user.is_superuser) == (
        "marie@example.com", False, False, False,
    )  # fmt: skip
    assert browser.get("/workflows/").status_code == 403, "known, and without any right"


def test_groups_are_those_of_the_claim_each_time_and_only_groups_that_exist(idp: Idp) -> None:
    for name in ("operators", "auditors"):
        Group.objects.create(name=name)
    idp.claims |= {"groups": ["operators", "unknown", 7]}
    sign_in(idp)
    user = User.objects.get(username="marie")
    assert [group.name for group in user.groups.all()] == ["operators"]
    idp.claims |= {"groups": ["auditors"]}
    sign_in(idp)
    assert [group.name for group in user.groups.all()] == ["auditors"]
    del idp.claims["groups"]
    sign_in(idp)
    assert [group.name for group in user.groups.all()] == ["auditors"], "a provider that says nothing changes nothing"
    assert User.objects.count() == 1


def test_a_local_account_is_not_taken_over_by_its_name_or_address(idp: Idp) -> None:
    local = User.objects.create_user("marie", email="marie@example.com", password="x", is_superuser=True)
    browser, answer = sign_in(idp)
    assert answer.status_code == 302
    assert int(browser.session["_auth_user_id"]) != local.pk
    assert User.objects.count() == 2


def test_a_closed_account_stays_closed(idp: Idp) -> None:
    sign_in(idp)
    User.objects.update(is_active=False)
    browser, answer = sign_in(idp)
    assert (answer.status_code, "is closed" in answer.content.decode()) == (403, True)
    assert "_auth_user_id" not in browser.session


def test_what_no_table_holds_signs_nobody_in_and_leaves_nothing_half_written(idp: Idp) -> None:
    idp.claims |= {"groups": ["\x00"]}
    _, answer = sign_in(idp)
    assert (answer.status_code, User.objects.count()) == (403, 0)


LIES = {
    "another audience": {"aud": "somebody-else"},
    "another issuer": {"iss": "https://evil.example"},
    "out of date": {"exp": 1_000_000_000},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_is_not_for_us_signs_nobody_in(idp: Idp, lie: str) -> None:
    idp.lies = LIES[lie]
    browser, answer = sign_in(idp)
    assert (answer.status_code, "_auth_user_id" in browser.session) == (403, False)
    assert User.objects.count() == 0


def test_a_token_that_somebody_else_signed_signs_nobody_in(idp: Idp) -> None:
    idp.key = OTHER_KEY
    _, answer = sign_in(idp)
    assert (answer.status_code, User.objects.count()) == (403, 0)


def test_a_code_counts_only_in_the_browser_that_asked_and_only_once(idp: Idp) -> None:
    browser, thief = Client(), Client()
    asked = sent_away(browser)
    assert back(thief, idp, asked).status_code == 403
    assert back(browser, idp, asked, state="guessed").status_code == 403
    assert back(browser, idp, asked).status_code == 302
    assert back(Client(), idp, asked).status_code == 403
    refused = browser.get("/sso/login/callback/?error=access_denied&state=x")
    assert (refused.status_code, "did not sign you in" in refused.content.decode()) == (403, True)


def test_signing_in_leads_nowhere_else(idp: Idp) -> None:
    for away in ("https://evil.example/", "//evil.example"):
        _, answer = sign_in(idp, "?" + urlencode({"next": away}))
        assert answer["Location"] == "/"


def test_a_provider_that_is_away_is_said_to_be(idp: Idp) -> None:
    idp.shutdown()
    idp.server_close()
    answer = Client().get("/sso/login/")
    assert (answer.status_code, "does not answer" in answer.content.decode()) == (403, True)


def test_without_settings_there_is_no_such_way_in(people: People, settings: Any) -> None:
    assert settings.OIDC_ISSUER == ""
    assert "/sso/" not in Client().get("/login/").content.decode()
    for path in ("/sso/login/", "/sso/login/callback/?code=1&state=1"):
        assert Client().get(path).status_code == 404, path


def test_settings_that_cannot_work_are_refused_at_start(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [found.id for found in run_checks() if found.id.startswith("config.")] == []
    settings.OIDC_ISSUER = "https://id.example"
    settings.OIDC_CLIENT_ID = ""
    assert [found.id for found in checks.check_single_sign_on()] == ["config.E002"]
    settings.OIDC_CLIENT_ID, settings.OIDC_AVAILABLE = "telltale", False
    (found,) = checks.check_single_sign_on()
    assert (found.id, "requirements-extras" in str(found.hint)) == ("config.E001", True)
