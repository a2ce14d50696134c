"""One order from the browser to the worker: its trace, its log lines, and the report of its error."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest

pytest.importorskip("opentelemetry.sdk", reason="requirements-extras.txt is not installed")
pytest.importorskip("sentry_sdk", reason="requirements-extras.txt is not installed")

from django.urls import reverse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.live_client import session_of
from tests.people import People
from tests.processes import ROOT, Process, Server, Worker
from tests.wait import PATIENCE, until
from workflows.models import Event, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


class Collector:
    """Takes what OpenTelemetry's and Sentry's SDKs send."""

    def __init__(self) -> None:
        self.spans: dict[str, list[Any]] = {}
        self.reports: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path.endswith("/v1/traces"):
                    collector.take(ExportTraceServiceRequest.FromString(body))
                else:
                    collector.reports.append(body.decode())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.setdefault(span.name, []).append(span)

    def named_by(self, span_id: str) -> str | None:
        """The name of the span with this id."""
        found = [name for name, spans in self.spans.items() for one in spans if one.span_id.hex() == span_id]
        return found[0] if found else None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.close()


def lines(process: Process) -> list[dict[str, Any]]:
    """The lines that are JSON; banners are none."""
    return [json.loads(line) for line in process.text().split("\n")[:-1] if line.startswith("{")]


def test_an_order_can_be_followed_from_its_request_into_the_worker(
    start_server: Callable[..., Server], start_worker: Callable[..., Worker], people: People, collector: Collector
) -> None:
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "SENTRY_DSN": f"http://key@{collector.address}/1",
        "LOG_FORMAT": "json",
    }
    worker, server = start_worker(concurrency=1, **settings), start_server(**settings)
    place_order(server, people, "order-7", {"id": "7", "items": [], "note": "a secret value"})  # cannot be sold
    until(lambda: Workflow.objects.get(pk="order-7").status == "failed", what="it ends")

    (execution,) = until(lambda: collector.spans.get("workflow checkout"), what="its span is sent")
    (step,) = until(lambda: collector.spans.get("step price"), what="its step's span is sent")
    _, trace, parent, _ = Event.objects.get(workflow_id="order-7", seq=1).data["trace"].split("-")
    request = until(lambda: collector.named_by(parent), what="the request's span is sent")
    assert request.startswith("POST")
    assert (execution.trace_id.hex(), execution.parent_span_id.hex()) == (trace, parent)
    assert (step.trace_id, step.parent_span_id) == (execution.trace_id, execution.span_id)
    assert {execution.status.code, step.status.code} == {2}  # errors
    assert not [name for name in collector.spans if "healthz" in name]

    told = until(lambda: [line for line in lines(worker) if "exception" in line], what="the failure is logged")[0]
    assert {name: told[name] for name in ("level", "workflow_id", "definition", "trace_id")} == {
        "level": "ERROR", "workflow_id": "order-7", "definition": "checkout", "trace_id": trace,
    }  # fmt: skip
    assert "ValueError" in told["exception"]
    of_worker = [line for line in lines(worker) if line["logger"] == "workflows"]
    assert all({"at", "level", "logger", "message", "pid", "worker"} <= set(line) for line in of_worker)
    assert lines(server)

    report = until(lambda: [one for one in collector.reports if "order-7" in one], what="it is reported")[0]
    assert "ValueError" in report
    assert "a secret value" not in report + worker.text()


def place_order(server: Server, people: People, workflow_id: str, order: dict[str, Any]) -> None:
    """By the form of the console, as a browser does."""
    form = urlencode({"parameter_order": json.dumps(order), "workflow_id": workflow_id})
    token = "a" * 32
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    headers = {
        "Cookie": f"sessionid={session_of(people.operator)}; csrftoken={token}",
        "X-CSRFToken": token,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection.request("POST", reverse("dashboard:start", args=["checkout"]), form, headers)
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    assert answer.status == 302, content


def test_what_is_asked_for_and_not_installed_stops_the_start_with_the_cure() -> None:
    hidden = "import sys; sys.modules['sentry_sdk'] = None; import django; django.setup()"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "SENTRY_DSN": "http://key@localhost/1"}
    ended = subprocess.run(
        [sys.executable, "-c", hidden], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "SENTRY_DSN is set, but what it needs is not installed" in ended.stderr
    assert "requirements-extras.txt" in ended.stderr
