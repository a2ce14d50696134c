"""The Python client against a real server: every event once and in order, whatever breaks; and clear errors."""

from __future__ import annotations

import random
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.db import connection, transaction

from tests.definitions import SWITCH, counting, listening, publishing, switching
from tests.execution import run
from tests.live_client import session_of
from tests.people import PASSWORD, People
from tests.processes import ROOT, Server, Shell, Worker
from tests.wait import PATIENCE, until
from tests.wire import Wire
from workflows import client, history, operations
from workflows.client import Console, Cursor, Moved, follow
from workflows.durable import ResultTimeout, set_event
from workflows.errors import CannotWatch, NotTelltale, NotVisible, SignedOut, Unreachable, WorkflowGone
from workflows.models import Event, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
LONG = 2 * PATIENCE  # seconds; following includes signing in and starting over


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """Between the client and the server."""
    with Wire(server.url) as wire:
        yield wire


def viewer(address: str) -> Console:
    """A console as the viewer sees it."""
    return Console(address, user="viewer", password=PASSWORD)


def recorded(workflow_id: str, after: int = 0) -> list[list[Any]]:
    """What the database has."""
    rows = Event.objects.filter(workflow_id=workflow_id, seq__gt=after).order_by("seq")
    return [history.wire(row) for row in rows]


class Watching:
    """Somebody who follows in a thread of their own, as other programs do."""

    def __init__(self, console: Console, workflow_id: str, **options: Any) -> None:
        self.moves: list[Moved] = []
        self.told: list[str] = []
        self.error: BaseException | None = None
        self._follow = lambda: follow(console, workflow_id, **{"timeout": LONG, "tell": self.told.append, **options})
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for moved in self._follow():
                self.moves.append(moved)
        except BaseException as error:
            self.error = error

    @property
    def events(self) -> list[list[Any]]:
        """All of them, in the order of arrival."""
        return [event for moved in self.moves for event in moved.events]

    def begun(self) -> Watching:
        """Wait for the snapshot."""
        until(lambda: self.moves or self.error, what="a snapshot")
        return self

    def ended(self) -> Watching:
        """Wait for the end; raise what it ended with."""
        self._thread.join(LONG + PATIENCE)
        assert not self._thread.is_alive(), f"still following; told {self.told}"
        if self.error is not None:
            raise self.error
        return self

    def failure(self) -> BaseException:
        """Wait for the end; the error that it must have ended with."""
        self._thread.join(LONG + PATIENCE)
        assert self.error is not None
        return self.error


class Turns:
    """A workflow that publishes so many values whenever the test lets it, so that what breaks, breaks meanwhile."""

    def __init__(self, count: int, size: int, content: str = "") -> None:
        self._allowed, self._count, self._size, self._content = threading.Semaphore(0), count, size, content
        SWITCH["body"] = self._publish
        self.handle = switching.start()

    def allow(self) -> None:
        """Let one more turn begin."""
        self._allowed.release()

    def _publish(self) -> None:
        for turn in range(self._count):
            assert self._allowed.acquire(timeout=LONG), f"the test allowed no turn {turn}"
            for number in range(self._size):
                set_event("key", [turn, number, self._content])

    @contextmanager
    def running(self) -> Iterator[None]:
        """It runs in a thread of the test."""

        def work() -> None:
            run(self.handle)
            connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        yield
        thread.join(LONG)


@pytest.mark.parametrize("hints", ["1", "0"])
def test_every_event_of_a_worker_arrives_once_and_folds_to_the_database(
    start_server: Callable[..., Server], start_worker: Callable[..., Worker], people: People, hints: str
) -> None:
    server, _ = start_server(TELLTALE_HINTS=hints), start_worker(TELLTALE_HINTS=hints)
    handle = counting.start(20, 0.01)
    moves = list(follow(viewer(server.url), handle.id, timeout=LONG))
    assert moves[0].snapshot == "start"
    assert [event for moved in moves for event in moved.events] == recorded(handle.id, moves[0].cursor.seq)
    assert moves[-1].state == history.snapshot(handle.id)


def test_cut_connections_resume_with_their_cursor_and_say_so(wire: Wire, people: People) -> None:
    seed = random.randrange(10**6)
    dice, turns = random.Random(seed), Turns(6, 200)
    wire.allowance = [10**6] * 2  # the login form, there and back
    wire.allowance += [dice.randrange(1_500, 40_000) for _ in range(8)]  # and streams that are cut in mid-frame
    watching = Watching(viewer(wire.url), turns.handle.id, at=Cursor("", 0)).begun()
    with turns.running():
        for turn in range(6):
            turns.allow()
            until(lambda: len(watching.events) >= (turn + 1) * 200 or watching.error)  # noqa: B023
            wire.cut()
    watching.ended()
    assert watching.events == recorded(turns.handle.id), f"seed {seed}"
    assert watching.moves[-1].state == history.snapshot(turns.handle.id)
    assert wire.accepted >= 2 + 6  # each turn came by another connection than the one before
    assert any(sentence.startswith("Connection lost (") for sentence in watching.told)
    assert any("events replayed, no gap" in sentence for sentence in watching.told)


def test_a_restart_of_the_server_in_the_middle_is_caught_up_with(
    start_server: Callable[..., Server], people: People
) -> None:
    first, turns = start_server(), Turns(2, 300)
    with Wire(first.url) as wire, turns.running():
        watching = Watching(viewer(wire.url), turns.handle.id).begun()
        turns.allow()
        until(lambda: len(watching.events) > 100)
        first.kill()
        turns.allow()
        until(lambda: any("Connection lost" in sentence for sentence in watching.told))
        wire.target = start_server().url
        watching.ended()
    assert watching.events == recorded(turns.handle.id, watching.moves[0].cursor.seq)
    assert any("Connected again." in sentence for sentence in watching.told)


def test_more_than_one_response_may_bring_comes_in_several(server: Server, people: People) -> None:
    turns = Turns(1, 120, "x" * 20_000)  # 2.4 MB
    turns.allow()
    with turns.running():
        pass
    last = None
    events: list[list[Any]] = []
    for moved in follow(viewer(server.url), turns.handle.id, at=Cursor("", 1), timeout=LONG):
        events += moved.events
        last = moved
    assert events == recorded(turns.handle.id, 1)
    assert last is not None
    assert last.state == history.snapshot(turns.handle.id)


def test_a_silent_connection_is_taken_for_lost(wire: Wire, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = listening.start("t")
    watching = Watching(viewer(wire.url), handle.id).begun()
    with monkeypatch.context() as patch:
        patch.setattr(client, "SILENCE", 2.0)
        operations.send(handle.id, "other", 1)  # having read it, the client waits for so long
        until(lambda: watching.events)
        wire.deaf = True
        operations.cancel(handle.id)
        until(lambda: any("nothing was heard" in sentence for sentence in watching.told))
    wire.deaf = False
    watching.ended()
    assert watching.events == recorded(handle.id, 1)


def test_a_cursor_of_an_earlier_time_goes_on_exactly_after_it(server: Server, people: People) -> None:
    handle = publishing.start([1, 2, 3])
    run(handle)
    (only,) = follow(viewer(server.url), handle.id, timeout=LONG)
    assert [event[2] for event in only.earlier][-1] == "succeeded"
    for cursor in (Cursor("", 2), only.cursor._replace(seq=2)):
        moves = list(follow(viewer(server.url), handle.id, at=cursor, timeout=LONG))
        assert [event for moved in moves for event in moved.events] == recorded(handle.id, 2)
        assert [moved.snapshot for moved in moves] == [None] * len(moves)
    (reset,) = follow(viewer(server.url), handle.id, at=Cursor("another", 2), timeout=LONG)
    assert (reset.snapshot, reset.state) == ("epoch", history.snapshot(handle.id))


def test_a_workflow_made_anew_is_a_reset_and_a_deleted_one_is_said_to_be(server: Server, people: People) -> None:
    listening.using(workflow_id="again").start("first")
    watching = Watching(viewer(server.url), "again").begun()
    with transaction.atomic():  # else the server may look in between, and find it gone, or without its message
        Workflow.objects.get(id="again").delete()
        listening.using(workflow_id="again").start("second")
        operations.send("again", "second", 2)
    until(lambda: watching.moves[-1].snapshot == "epoch" and watching.moves[-1].state["seq"] == 2)
    Workflow.objects.get(id="again").delete()
    assert isinstance(watching.failure(), WorkflowGone)


def test_the_time_is_over_also_while_nothing_is_heard(server: Server, people: People) -> None:
    handle = listening.start("t")
    console = viewer(server.url)
    console.sign_in()
    with pytest.raises(ResultTimeout, match="still going on after 3 s"):
        list(follow(console, handle.id, timeout=3))


def test_who_may_not_watch_is_told_why(server: Server, people: People) -> None:
    handle = listening.start("t")

    def refusal(console: Console, workflow_id: str = handle.id) -> Any:
        with pytest.raises((CannotWatch, NotVisible)) as caught:
            list(follow(console, workflow_id, timeout=LONG))
        return caught.value

    assert isinstance(refusal(Console(server.url, user="viewer", password="wrong")), SignedOut)
    assert isinstance(refusal(Console(server.url, user="nobody", password="x" * 5_000)), SignedOut)
    assert isinstance(refusal(Console(server.url, session="guessed")), SignedOut)
    assert isinstance(refusal(Console(server.url)), SignedOut)
    assert isinstance(refusal(Console(server.url, user="stranger", password=PASSWORD)), NotVisible)
    assert isinstance(refusal(viewer(server.url), "guessed"), NotVisible)
    assert isinstance(refusal(viewer(f"{server.url}/elsewhere")), NotTelltale)
    signed_in = Console(f"{server.url}/elsewhere", session=session_of(people.viewer))
    assert isinstance(refusal(signed_in), NotTelltale)
    assert isinstance(refusal(viewer("http://127.0.0.1:1")), Unreachable)


@pytest.mark.parametrize(
    "workflow_id", ["order/42", "a b"[:1] + "~%2F", "...", "Bestellung-äöü-日本", "<script>", "a?b#c&d"]
)
def test_any_id_can_be_followed(server: Server, people: People, workflow_id: str) -> None:
    run(publishing.using(workflow_id=workflow_id).start([1]))
    (only,) = follow(Console(server.url, session=session_of(people.viewer)), workflow_id, timeout=LONG)
    assert only.state == history.snapshot(workflow_id)


def test_an_ended_session_is_signed_in_anew_where_the_password_is_known(server: Server, people: People) -> None:
    handle = listening.start("t")
    knowing = Watching(viewer(server.url), handle.id).begun()
    unknowing = Watching(Console(server.url, session=session_of(people.viewer)), handle.id).begun()
    Session.objects.all().delete()
    assert isinstance(unknowing.failure(), SignedOut)
    until(lambda: Session.objects.exists(), what="a new session")
    operations.cancel(handle.id)
    knowing.ended()
    assert knowing.events == recorded(handle.id, 1)


@pytest.mark.parametrize("taken", ["account", "right"])
def test_what_is_taken_from_a_watcher_ends_the_stream_with_the_reason(
    server: Server, people: People, taken: str
) -> None:
    watching = Watching(viewer(server.url), listening.start("t").id).begun()
    if taken == "account":
        people.viewer.is_active = False
        people.viewer.save()
    else:
        people.viewer.user_permissions.remove(Permission.objects.get(codename="view_workflow"))
    expected = SignedOut if taken == "account" else CannotWatch
    assert isinstance(watching.failure(), expected)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody vouches for, with its key in one file."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form))
    return path


def test_a_certificate_that_nobody_vouches_for_is_refused_and_one_of_a_named_authority_is_taken(
    start_server: Callable[..., Server], people: People, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle, server = publishing.start([1]), start_server(HTTPS="1")
    run(handle)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with Wire(server.url, tls=tls) as wire:
        with pytest.raises(Unreachable, match="certificate verify failed"):
            list(follow(viewer(wire.url), handle.id, timeout=LONG))
        with pytest.raises(NotTelltale, match="a redirect to 'https://"):
            list(follow(viewer(server.url), handle.id, timeout=LONG))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        (only,) = follow(viewer(wire.url), handle.id, timeout=LONG)
    assert only.state == history.snapshot(handle.id)


def test_the_shell_draws_the_same_through_a_console_as_from_the_database(server: Server, people: People) -> None:
    handle = publishing.using(workflow_id="drawn").start([1, "two", {"three": 3}])
    run(handle)
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "TELLTALE_PASSWORD": PASSWORD}
    remote = ("--server", server.url, "--user", "viewer")
    for words in (["watch", "drawn"], ["watch", "drawn", "--from", "1"], ["watch", "drawn", "--from", "0", "--json"]):
        here = Shell(*words, stdout=subprocess.PIPE, text=True).end()
        there = Shell(*words, *remote, environment=away, stdout=subprocess.PIPE, text=True).end()
        assert here == there
        assert here[0] == 0


@pytest.mark.parametrize(
    ("words", "environment", "code", "message"),
    [
        (["drawn", "--user", "viewer"], {"TELLTALE_PASSWORD": "wrong"}, 5, "does not accept this name and password"),
        (["drawn"], {"TELLTALE_SESSION": "guessed"}, 5, "does not accept the session"),
        (["drawn"], {}, 2, "Say who watches"),
        (["drawn", "--user", "viewer"], {}, 2, "put it into TELLTALE_PASSWORD"),
        (["unknown", "--user", "viewer"], {"TELLTALE_PASSWORD": PASSWORD}, 2, "has no workflow 'unknown'"),
        (["drawn", "--user", "viewer", "--timeout", "2"], {"TELLTALE_PASSWORD": PASSWORD}, 3, "still going on after"),
    ],
)
def test_exit_codes_of_watching_through_a_console(
    server: Server, people: People, words: list[str], environment: dict[str, str], code: int, message: str
) -> None:
    listening.using(workflow_id="drawn").start("t")
    shell = Shell(
        "watch", *words, "--server", server.url, environment={"TELLTALE_SESSION": "", **environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    found, output = shell.end()
    assert (found, message in output) == (code, True), output
    assert "Traceback" not in output
    assert PASSWORD not in output


@pytest.mark.parametrize(
    "address",
    [
        "",
        "console.example",
        "ftp://host",
        "https://",
        "https://user:secret@host?x=1",
        "https://host?x=1",
        "https://host:x",
        "https://[1",
        "https://..",
        "https://h\udc80st",
    ],
)
def test_what_is_no_address_of_a_console_is_refused(address: str) -> None:
    with pytest.raises(ValueError) as caught:
        Console(address)
    assert "secret" not in str(caught.value)


def test_the_client_needs_the_standard_library_only() -> None:
    code = "import sys, workflows.client; print([m for m in ('django', 'psycopg', 'celery') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
