"""Whom a webhook's message reaches, whom it must not, and that nobody holds its sender up."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.receiver import receiving
from workflows import posting
from workflows.errors import InvalidWebhook, WebhookRefused, WebhookUndelivered

PATIENT = 60.0  # seconds; for answers that come


def post(url: str, **options: Any) -> posting.Answer:
    """With a small message, to public addresses only unless told otherwise."""
    return posting.post(url, b"{}", {"x-test": "1"}, **{"private": False, "seconds": PATIENT, **options})


@contextmanager
def listening(speak: Callable[[socket.socket], None], *, hears: bool = True) -> Iterator[int]:
    """A port where whoever connects first is spoken to, after a message that ends as `post` ends it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError), server.accept()[0] as connection:
                if hears:
                    while not connection.recv(100_000).endswith(b"{}"):
                        pass
                speak(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        with suppress(OSError):  # who was never connected to would wait for ever
            socket.create_connection(server.getsockname(), timeout=1).close()
        thread.join(PATIENT)


@pytest.mark.parametrize("host", [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "localhost",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "169.254.169.254", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fd00::1]", "[fe80::1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]",
    "[2002:7f00:1::]", "[fec0::1]", "192.0.0.192", "168.63.129.16", "224.0.0.1", "255.255.255.255", "[ff02::1]",
])  # fmt: skip
def test_nothing_is_sent_into_our_own_network(host: str) -> None:
    with receiving(200) as receiver:
        with pytest.raises((WebhookRefused, WebhookUndelivered)) as caught:  # a resolver may know no such spelling
            post(f"http://{host}:{receiver.port}/")
        assert receiver.received == []
        if isinstance(caught.value, WebhookRefused):
            assert "which is no address of the public internet" in str(caught.value)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "fe80::1%lo", "rubbish"]
)
def test_one_address_of_a_name_that_is_not_public_is_enough_to_refuse_it(address: str) -> None:
    with pytest.raises(WebhookRefused, match=r"hook\.example is "):
        post("http://hook.example/", resolver=lambda _: ["93.184.215.14", address])


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_public_internet_are_asked(address: str) -> None:
    assert posting.is_public(address)


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, connected = iter([["93.184.215.14"], ["127.0.0.1"]]), []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(posting.socket, "create_connection", connect)  # nothing of the suite leaves this machine
    with pytest.raises(WebhookUndelivered, match="ConnectionRefusedError"):
        post("http://rebound.example:8080/", resolver=lambda _: next(answers))
    assert connected == [("93.184.215.14", 8080)]
    assert next(answers) == ["127.0.0.1"]


@pytest.mark.parametrize(("url", "why"), [
    ("file:///etc/passwd", "begins with https://"), ("gopher://example.org/", "begins with https://"),
    ("//example.org/", "begins with"), ("", "begins with"), ("http://", "names a host"), ("http:///x", "names a host"),
    ("https://user:pass@example.org/", "no user"), ("https://user@example.org/", "no user"),
    ("http://@127.0.0.1/", "no user"), ("http://example.org:0/", "names a host"),
    ("http://example.org:99999/", "cannot be read"), ("http://[::1/", "cannot be read"),
    ("http://exämple.org/", "ASCII"), ("http://example.org/a b", "visible"), ("http://example.org/\r\nX: 1", "visible"),
    ("http://example.org/\x00", "visible"), ("http://exam%70le.org/", "names a host"),
    ("http://example.org/" + "a" * 500, "500"),
])  # fmt: skip
def test_urls_that_are_none_of_ours_are_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(InvalidWebhook, match=why):
        posting.target(url)
    with pytest.raises(WebhookRefused, match=why):
        post(url, private=True)


def test_a_message_arrives_as_it_was_given_and_the_answer_is_returned() -> None:
    with receiving((201, {}, b"thanks")) as receiver:
        answer = post(f"http://hook.example:{receiver.port}/a?b=c#d", private=True, resolver=lambda _: ["127.0.0.1"])
    assert answer == (201, b"thanks")
    (got,) = receiver.received
    assert (got.path, got.body, got.headers["x-test"]) == ("/a?b=c", b"{}", "1")
    assert got.headers["host"] == f"hook.example:{receiver.port}"


def test_an_address_that_refuses_leaves_the_others_a_try() -> None:
    with receiving(204) as receiver:
        assert post(receiver.url, private=True, resolver=lambda _: ["::1", "127.0.0.1"]).status == 204


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with receiving(200) as inside, receiving((307, {"Location": inside.url}, b"")) as receiver:
        assert post(receiver.url, private=True).status == 307
    assert inside.received == []


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with receiving(200) as receiver:
        assert post(receiver.url, private=True).status == 200


def test_of_a_huge_answer_little_is_read() -> None:
    with receiving((200, {}, b"x" * 5_000_000)) as receiver:
        answer = post(receiver.url, private=True)
    assert answer.status == 200
    assert 0 < len(answer.body) < posting.MOST_READ


@pytest.mark.parametrize("noise", [
    b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 20_000, b"HTTP/1.1 200 " + b"x" * 200_000, b"\x00\xff" * 99, b"",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 9_999,
])  # fmt: skip
def test_what_is_no_answer_is_a_failed_attempt(noise: bytes) -> None:
    with listening(lambda connection: connection.sendall(noise)) as port, pytest.raises(WebhookUndelivered):
        post(f"http://127.0.0.1:{port}/", private=True)


def test_a_slow_answer_does_not_hold_the_sender_however_it_drips() -> None:
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not ended.wait(0.05):  # each byte comes in time, the answer never does
            connection.sendall(b"x")

    with listening(drip) as port:
        with pytest.raises(WebhookUndelivered, match="no answer in time"):
            post(f"http://127.0.0.1:{port}/", private=True, seconds=0.5)
        ended.set()


def test_the_status_counts_even_if_the_body_breaks_off() -> None:
    broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx"
    with listening(lambda connection: connection.sendall(broken)) as port:
        assert post(f"http://127.0.0.1:{port}/", private=True) == (200, b"")


def test_a_resolver_that_hangs_does_not_hold_the_sender() -> None:
    ended = threading.Event()
    with pytest.raises(WebhookUndelivered, match="no answer in time"):
        post("http://hook.example/", seconds=0.2, resolver=lambda _: (ended.wait(PATIENT) and []) or [])
    ended.set()


@pytest.mark.parametrize("resolver", [lambda _: [], lambda _: posting.resolve("a" * 64 + ".example")])
def test_a_name_without_an_address_is_a_failed_attempt(resolver: posting.Resolve) -> None:
    with pytest.raises(WebhookUndelivered, match=r"hook\.example: "):
        post("http://hook.example/", resolver=resolver)


def certified(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate for this name that vouches for itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(),
                                   now - timedelta(days=1), now + timedelta(days=1))  # fmt: skip
    signed = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False).sign(key, hashes.SHA256())
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(signed.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@pytest.mark.parametrize(("vouched", "asked", "is_trusted"), [
    (True, "hook.example", True), (True, "other.example", False), (False, "hook.example", False),
])  # fmt: skip
def test_a_certificate_counts_if_somebody_vouches_for_it_and_it_is_for_the_host_of_the_url(
    vouched: bool, asked: str, is_trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = certified(tmp_path, "hook.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if vouched:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    seen: list[bytes] = []

    def greet(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
            while not b"".join(seen).endswith(b"{}"):
                seen.append(secured.recv(1000))
            secured.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with listening(greet, hears=False) as port:
        url = f"https://{asked}:{port}/"
        if is_trusted:
            assert post(url, private=True, resolver=lambda _: ["127.0.0.1"]).status == 204
        else:
            with pytest.raises(WebhookUndelivered, match="SSLCertVerificationError"):
                post(url, private=True, resolver=lambda _: ["127.0.0.1"])
    assert bool(b"".join(seen)) == is_trusted
