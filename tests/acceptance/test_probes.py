"""What machines ask a web process: /healthz, /readyz and /metrics, also while the database hangs."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from prometheus_client.parser import text_string_to_metric_families

from tests.definitions import listening, publishing
from tests.live_client import LiveClient, session_of
from tests.people import People
from tests.processes import Server, Worker, sessions
from tests.wait import PATIENCE, until
from workflows import operations
from workflows.states import TERMINAL

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "a-token-that-nobody-guesses"


def ask(server: Server, path: str, *, method: str = "GET", **headers: str) -> tuple[int, str, Any]:
    """Status, body and headers of an answer."""
    asked = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        asked.request(method, path, headers=headers)
        answer = asked.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        asked.close()


def details(server: Server, path: str = "/readyz") -> dict[str, Any]:
    """What /readyz says to who has the token."""
    found: dict[str, Any] = json.loads(ask(server, path, Authorization=f"Bearer {TOKEN}")[1])
    return found


def checks(server: Server, **headers: str) -> dict[str, Any] | None:
    """Each check, once all of them could be looked at."""
    found: dict[str, Any] = json.loads(ask(server, "/readyz", **headers)[1]).get("checks", {})
    return found if set(found) == {"database", "migrations", "workers", "broker", "hints", "stream"} else None


def samples(server: Server) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What a scrape brings, parsed as Prometheus does."""
    status, text, headers = ask(server, "/metrics", Authorization=f"Bearer {TOKEN}")
    assert status == 200, text
    assert headers["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def sample(server: Server, name: str, **labels: str) -> float | None:
    return samples(server).get((name, frozenset(labels.items())))


def test_probes_need_no_host_no_https_and_no_session_and_tell_strangers_one_word(
    start_server: Callable[..., Server], start_worker: Callable[..., Worker], people: People
) -> None:
    server = start_server(MONITORING_TOKEN=TOKEN, HTTPS="1")
    sessions = {name: session_of(getattr(people, name)) for name in ("viewer", "stranger")}
    for path, said in (("/healthz", "ok\n"), ("/readyz", '{\n  "status": "degraded"\n}')):  # no worker lives
        until(lambda path=path, said=said: ask(server, path, Host="10.1.2.3:8000")[:2] == (200, said), what=path)  # type: ignore[misc]
        assert "Set-Cookie" not in ask(server, path)[2]
        assert ask(server, path, method="POST")[0] == 405
    assert ask(server, "/login/", Host="10.1.2.3:8000")[0] == 400  # only probes may come by any name
    assert ask(server, "/readyz?strict")[0] == 503
    for cookie in ("nonsense", sessions["stranger"]):
        assert list(json.loads(ask(server, "/readyz", Cookie=f"sessionid={cookie}")[1])) == ["status"]
    staff = until(lambda: checks(server, Cookie=f"sessionid={sessions['viewer']}"), what="staff sees each check")
    assert staff["workers"]["cure"] == "Start one: celery -A config worker."
    assert all(one["state"] in ("ok", "degraded") and one["ms"] >= 0 for one in staff.values())
    for wrong in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \xe9"):
        assert ask(server, "/metrics", Authorization=wrong)[0] == 401
        assert list(json.loads(ask(server, "/readyz", Authorization=wrong)[1])) == ["status"]
    start_worker()
    until(lambda: details(server)["status"] == "ready", what="ready once a worker lives")
    until(lambda: ask(server, "/readyz?strict")[0] == 200, what="ready in every way")
    with one_migration_missing() as name:
        until(lambda: ask(server, "/readyz")[0] == 503, what="older tables than the code are not served")
        says = f"1 not applied, the first is workflows {name}"
        until(lambda: details(server)["checks"].get("migrations", {}).get("says") == says, what="it says which")
    until(lambda: ask(server, "/readyz")[0] == 200, what="ready again")


@contextmanager
def one_migration_missing() -> Iterator[str]:
    """As before `migrate` ran; its name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE app = 'workflows' AND name LIKE '0005%%' RETURNING name, applied"
        )
        ((name, applied),) = cursor.fetchall()
        try:
            yield name
        finally:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('workflows', %s, %s)", [name, applied]
            )


def test_metrics_of_all_workers_come_from_any_web_process(
    start_server: Callable[..., Server], start_worker: Callable[..., Worker], people: People
) -> None:
    start_worker(concurrency=2)
    server = start_server(MONITORING_TOKEN=TOKEN)
    handles = [publishing.start([number]) for number in range(12)]
    refused = publishing.start([1], key="")
    for handle in [*handles, refused]:
        until(lambda handle=handle: handle.status() in TERMINAL, what="all have ended")  # type: ignore[misc]
    for status, number in (("succeeded", 12), ("failed", 1)):
        ended = {"definition": "publishing", "status": status}
        until(
            lambda ended=ended, number=number: sample(server, "telltale_workflows_finished_total", **ended) == number,  # type: ignore[misc]
            what="the ends are told",
        )
    found = samples(server)

    def value(name: str, **labels: str) -> float | None:
        return found.get((name, frozenset(labels.items())))

    assert value("telltale_workflows_started_total", definition="publishing") == 13
    assert value("telltale_workflows", definition="publishing", queue="default", status="succeeded") == 12
    assert value("telltale_workflows_finished_total", definition="publishing", status="failed") == 1
    assert value("telltale_workflow_duration_seconds_count", definition="publishing") == 13
    assert value("telltale_workflow_duration_seconds_bucket", definition="publishing", le="+Inf") == 13
    assert (value("telltale_queue_wait_seconds_count", queue="default") or 0) >= 13
    assert (value("telltale_queue_wait_seconds_sum", queue="default") or 0) > 0
    assert value("telltale_queue_oldest_seconds", queue="default") == 0
    assert value("telltale_database_up") == 1
    assert value("telltale_workers", state="ready") == 1
    assert value("telltale_worker_slots") == 2
    assert value("process_resident_memory_bytes")
    with LiveClient(server, session_of(people.viewer)) as page:
        page.follow(handles[0].id)
        page.take_until("snapshot")
        until(lambda: sample(server, "telltale_connections") == 1, what="the socket is counted")
        assert (sample(server, "telltale_frames_sent_total") or 0) >= 2
        late = listening.start("go")
        page.follow(late.id)
        page.take_until("snapshot")
        operations.send(late.id, "go", 1)  # while somebody looks
        page.take_until_event("succeeded")
        until(lambda: sample(server, "telltale_stream_lag_seconds_count"), what="the lag is measured")
    until(lambda: sample(server, "telltale_connections") == 0, what="the socket is gone")


@contextmanager
def stopped_backends() -> Iterator[None]:
    """The database's sessions of the server hang, as on a host that swaps to death."""
    pids = sessions()
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_database_that_hangs_is_told_in_time_and_forgotten_when_it_is_back(
    start_server: Callable[..., Server],
) -> None:
    server = start_server(MONITORING_TOKEN=TOKEN)
    until(lambda: checks(server, Authorization=f"Bearer {TOKEN}"), what="all is looked at")
    until(lambda: sample(server, "telltale_database_up") == 1, what="scraped")
    with stopped_backends():
        assert ask(server, "/healthz")[:2] == (200, "ok\n")

        def hangs() -> bool:
            return ask(server, "/readyz")[0] == 503

        until(hangs, what="unready")
        assert json.loads(ask(server, "/readyz")[1]) == {"status": "unready"}
        found = details(server)
        assert found["checks"]["database"]["state"] == "failed"
        assert "no answer within 2 s" in found["checks"]["database"]["says"]
        assert found["checks"]["database"]["cure"]
        until(lambda: sample(server, "telltale_database_up") == 0, what="the scrape goes on without it")
        assert len(threads(server.pid)) < 40
    until(lambda: ask(server, "/readyz")[0] == 200, what="ready again")
    until(lambda: sample(server, "telltale_database_up") == 1, what="scraped again")


def threads(pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/task")


def test_a_database_that_accepts_and_never_answers_holds_up_no_probe_and_no_token_no_details(
    start_server: Callable[..., Server],
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        port = silent.getsockname()[1]
        server = start_server(DATABASE_URL=f"postgres://x:y@127.0.0.1:{port}/x")
        assert ask(server, "/healthz")[:2] == (200, "ok\n")
        for given in ("", "Bearer", "Bearer ", f"Bearer {TOKEN}"):
            status, body, _ = ask(server, "/readyz", Authorization=given)
            assert (status, json.loads(body)) == (503, {"status": "unready"})
            assert ask(server, "/metrics", Authorization=given)[0] == 404
        assert len(threads(server.pid)) < 40
        server.terminate(within=PATIENCE)  # nor does it hold up the end
