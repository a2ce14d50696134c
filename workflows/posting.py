"""One HTTP POST to an address that a person typed in, which must lead nowhere it should not. Pure of the database.

A name is resolved once, every address of it is checked, and the connection goes to a checked address itself: a name
that resolves differently the second time gains nothing. No redirect is followed, no proxy asked, no credentials sent;
time and answer are bounded. TLS certificates are verified for the host of the URL.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from workflows.errors import InvalidWebhook, WebhookRefused, WebhookUndelivered

Resolve = Callable[[str], list[str]]  # a host to its addresses; raises OSError

SECONDS = 5.0  # for all of it: resolving, connecting, sending, and reading the answer
MOST_READ = 64 * 1024  # bytes of the answer, most of them headers
URL_LENGTH = 500
_EXCERPT = 1_000  # bytes of a body
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
# Which Python's versions do not all call private: clouds keep what their machines may ask there, metadata and secrets.
_OURS = [ipaddress.ip_network(one) for one in ("192.0.0.0/24", "168.63.129.16/32", "fec0::/10")]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # the last four bytes are an IPv4 address, which is asked
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Target(NamedTuple):
    """A URL in its parts."""

    scheme: str
    host: str
    port: int
    path: str


class Answer(NamedTuple):
    """The status, and the beginning of the body if it came in time."""

    status: int
    body: bytes


def target(url: str) -> Target:
    """What a URL says. Raises InvalidWebhook for what is not asked."""
    if len(url) > URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidWebhook(
            f"The URL has at most {URL_LENGTH} visible characters of ASCII; write a name as xn--… and others as %XX."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidWebhook(f"The URL cannot be read: {error}.") from None
    if parts.scheme not in _PORTS:
        raise InvalidWebhook("The URL begins with https:// (or http://).")
    if "@" in parts.netloc:
        raise InvalidWebhook("The URL has no user and no password: messages are signed instead.")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or port == 0:
        raise InvalidWebhook("The URL names a host, and perhaps a port, such as https://example.org/hook.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)


def is_public(address: str) -> bool:
    """Whether the address, and each one that it stands for, is of the public internet."""
    try:
        return all(map(_is_public, _meant(ipaddress.ip_address(address))))
    except ValueError:
        return False


def _is_public(address: _Address) -> bool:
    if any(address in network for network in _OURS):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _meant(address: _Address) -> list[_Address]:
    """Whom a packet to this address reaches, if translators and tunnels do their work."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    return [address, *(address.teredo or ())]


def resolve(host: str) -> list[str]:
    """Every address of a host, as the system finds them."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Deadline:
    """When everything must be done."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than 0. Raises TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("it took too long")
        return left


def post(
    url: str, body: bytes, headers: Mapping[str, str], *,
    private: bool, resolver: Resolve = resolve, seconds: float = SECONDS,
) -> Answer:  # fmt: skip
    """Send the body and return what is answered, whatever its status. private: addresses may be of any network.

    Raises WebhookRefused for a URL or address that is not asked, WebhookUndelivered when there is no answer in time.
    """
    try:
        asked, deadline = target(url), _Deadline(seconds)
    except InvalidWebhook as error:
        raise WebhookRefused(str(error)) from None
    try:
        addresses = _checked(asked.host, _resolved(asked.host, resolver, deadline), private)
        with _connected(asked, addresses, deadline) as connection:
            return _exchange(asked, connection, deadline, body, headers)
    except (OSError, http.client.HTTPException, UnicodeError) as error:  # UnicodeError: a name no resolver takes
        told = "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        raise WebhookUndelivered(f"{asked.host}: {told}"[:500]) from None


def _resolved(host: str, resolver: Resolve, deadline: _Deadline) -> list[str]:
    """In a thread, because nothing ends the system's resolver before its own patience does."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(host))
        except Exception as error:  # raised in the thread that waits
            answers.put(error)

    threading.Thread(target=ask, name="telltale-resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError("its name did not resolve in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _checked(host: str, addresses: list[str], private: bool) -> list[str]:
    if not addresses:
        raise OSError("its name has no address")
    for address in addresses:
        if not private and not is_public(address):
            raise WebhookRefused(
                f"{host} is {address}, which is no address of the public internet. "
                "TELLTALE_WEBHOOKS_PRIVATE=1 allows those of private networks, too."
            )
    return addresses


def _connected(asked: Target, addresses: list[str], deadline: _Deadline) -> socket.socket:
    for address in addresses:
        try:
            connection = socket.create_connection((address, asked.port), timeout=deadline.left())
            break
        except OSError as error:
            failure = error
    else:
        raise failure
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the body does not wait for the head's receipt
    if asked.scheme == "http":
        return connection
    connection.settimeout(deadline.left())
    try:
        return ssl.create_default_context().wrap_socket(connection, server_hostname=asked.host)
    except BaseException:
        connection.close()
        raise


class _Reading(io.RawIOBase):
    """What a socket receives, up to a number of bytes and a moment, whatever pieces it comes in."""

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection, self._deadline, self._rest = connection, deadline, MOST_READ

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As much as is there; 0: the end. Raises OSError for more than is read of anybody."""
        if self._rest == 0:
            raise OSError("its answer begins with more than is read")
        self._connection.settimeout(self._deadline.left())
        count = self._connection.recv_into(memoryview(buffer)[: self._rest])
        self._rest -= count
        return count


class _Bounded:
    """As much of a socket as `http.client` uses; closed by `post`."""

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection, self._deadline = connection, deadline

    def sendall(self, data: bytes) -> None:
        """Within the time."""
        self._connection.settimeout(self._deadline.left())
        self._connection.sendall(data)

    def makefile(self, *_: Any) -> io.BufferedReader:
        """To read the answer from."""
        return io.BufferedReader(_Reading(self._connection, self._deadline))

    def close(self) -> None:
        """Not yet: the answer may not have been read."""


def _exchange(
    asked: Target, connection: socket.socket, deadline: _Deadline, body: bytes, headers: Mapping[str, str]
) -> Answer:
    spoken = http.client.HTTPConnection(asked.host, asked.port)
    spoken.default_port = _PORTS[asked.scheme]  # which the header Host leaves out
    spoken.sock = _Bounded(connection, deadline)
    spoken.request("POST", asked.path, body, {"Connection": "close", **headers})
    response = spoken.getresponse()
    try:
        return Answer(response.status, response.read(_EXCERPT))
    except (OSError, http.client.HTTPException):  # the status decides, and that is here
        return Answer(response.status, b"")
