"""A console over HTTP: who we are there, and requests that carry our session. Standard library only.

Certificates are verified (the variable SSL_CERT_FILE names further authorities). Redirects are never followed, so name,
password and session go to the given address and nowhere else.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn
from urllib.parse import quote, urlencode, urlsplit

from workflows.errors import NotTelltale, SignedOut, Unreachable

SESSION = "sessionid"  # the cookie's name
SILENCE = 25.0  # seconds without a word, after which a connection is taken for lost

_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')


class Lost(Exception):
    """An answer that does not come, ends, or cannot be trusted any more; asking again may help."""


class Console:
    """The address of a console, with its path if it has one, and who watches. Not for several threads at once."""

    def __init__(self, address: str, *, user: str = "", password: str = "", session: str = "", token: str = "") -> None:
        """Give user and password, the value of a session cookie, or an API token. Raises ValueError for no address."""
        parts = urlsplit(address)
        if parts.username is not None:
            raise ValueError("The address must not have a name or password in it; others would see them.")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{address!r} is no address of a console; give https://host, with its path if it has one.")
        if not re.fullmatch(r"[\x21-\x7e]*", session) or ";" in session:
            raise ValueError("A session is the value of the cookie, without spaces and semicolons.")
        self.secure = parts.scheme == "https"
        usual = 443 if self.secure else 80
        self._host, self._port = parts.hostname.encode("idna").decode(), parts.port or usual
        self._path = quote(parts.path.rstrip("/"), safe="/%")
        host = f"[{self._host}]" if ":" in self._host else self._host
        port = "" if self._port == usual else f":{self._port}"
        self.address = f"{parts.scheme}://{host}{port}{self._path}"
        self.exposed = not self.secure and self._host not in {"localhost", "127.0.0.1", "::1"}  # others can listen
        self._user, self._password = user, password
        if not re.fullmatch(r"[\x21-\x7e]*", token):
            raise ValueError("An API token is what was shown when it was made, without spaces.")
        self._cookies = {SESSION: session} if session else {}
        self._token = token
        self._tls = ssl.create_default_context()

    @property
    def signed_in(self) -> bool:
        """Whether there is a session, as far as is known here."""
        return SESSION in self._cookies or bool(self._token)

    @property
    def streams(self) -> str:
        """Where streams are: who has a token asks the API. With the segment of an id between."""
        return "/api/v1/workflows/%s/stream" if self._token else "/workflows/%s/stream/"

    def sign_in(self) -> None:
        """Fill in the login form. `client.follow` does so when it must. Raises CannotWatch."""
        try:
            self.fill_in(SILENCE)
        except (OSError, http.client.HTTPException, Lost) as error:
            raise Unreachable(f"{self.address} cannot be reached: {reason(error)}") from error

    def fill_in(self, timeout: float) -> None:
        """Sign in, with losses as they are; `timeout` in seconds is of each wait for bytes."""
        if self._token:
            raise SignedOut(
                f"{self.address} does not accept the API token: it is revoked, expired, or of another console."
            )
        if not self._user:
            raise SignedOut(f"{self.address} does not accept the session; sign in again.")
        self._cookies.clear()
        with self.ask("GET", "/login/", timeout=timeout) as (page, _):
            token = _TOKEN.search(page.read(1024 * 1024))
        if page.status != http.client.OK or token is None:
            self.refuse(page)
        form = {"username": self._user, "password": self._password, "csrfmiddlewaretoken": token[1].decode()}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Referer": f"{self.address}/login/"}
        with self.ask("POST", "/login/", timeout=timeout, body=urlencode(form), headers=headers) as (answer, _):
            pass
        if answer.status == http.client.OK:
            raise SignedOut(f"{self.address} does not accept this name and password: {self._user!r}.")
        if answer.status == http.client.TOO_MANY_REQUESTS:
            wait = answer.headers.get("Retry-After", "")
            raise SignedOut(f"{self.address} locks out {self._user!r} for {wait} s: too many wrong passwords.")
        if answer.status != http.client.FOUND or not self.signed_in:
            self.refuse(answer)

    @contextmanager
    def ask(
        self, method: str, path: str, *, timeout: float, body: str | None = None, headers: Mapping[str, str] = {}
    ) -> Iterator[tuple[http.client.HTTPResponse, socket.socket]]:
        """One request with our cookies, on a connection of its own; `timeout` in seconds is of each wait for bytes."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        if self.secure:
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        ours = {"Authorization": f"Bearer {self._token}"} if self._token else cookies if self._cookies else {}
        try:
            connection.request(method, self._path + path, body, {**ours, **headers})
            wire = connection.sock
            response = connection.getresponse()
            with response:
                self._keep(response.headers.get_all("Set-Cookie", []))
                yield response, wire
        finally:
            connection.close()

    def _keep(self, cookies: list[str]) -> None:
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].strip().partition("=")
            self._cookies[name] = value
            if value in {"", '""'}:
                del self._cookies[name]

    def refuse(self, answer: http.client.HTTPResponse) -> NoReturn:
        """Say what an answer means that was not hoped for."""
        status = f"{self.address} answers {answer.status} {answer.reason}"
        if answer.status >= http.client.INTERNAL_SERVER_ERROR or answer.status == http.client.TOO_MANY_REQUESTS:
            raise Lost(status)
        place = answer.headers.get("Location")
        if place is not None:
            raise NotTelltale(f"{status}, a redirect to {place!r}, which is not followed; give the address it means.")
        raise NotTelltale(f"{status}; a console would not. Is its path complete, and the origin in its settings?")


def reason(error: Exception) -> str:
    """What a loss is called."""
    if isinstance(error, TimeoutError):
        return f"nothing was heard for {SILENCE:g} s"
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
