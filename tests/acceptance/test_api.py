"""The API of a real server: the guide's own commands, streams with a token, and many who wait without connections."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dashboard import api_tokens
from dashboard.api_tokens import Scope
from tests.definitions import listening
from tests.execution import work_once
from tests.people import create_people
from tests.processes import ROOT, Server, sessions
from tests.wait import PATIENCE, until
from workflows import operations
from workflows.models import Event, Message, Workflow

GUIDE = ROOT / "docs" / "guides" / "api.md"

pytestmark = pytest.mark.django_db(transaction=True)


def ask(server: Server, path: str, secret: str) -> http.client.HTTPResponse:
    """A request that is under way."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=PATIENCE)
    connection.request("GET", path, headers={"Authorization": f"Bearer {secret}"})
    return connection.getresponse()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_guides_commands_start_pay_and_read_an_order(server: Server, tmp_path: Path) -> None:
    (commands,) = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    secret = api_tokens.make(create_people().operator, "guide", list(Scope)).secret
    names = {"URL": server.url, "TOKEN": secret}
    script = ["bash", "-ec", commands.replace("'\n\n#", "'\necho\n#").replace('"\n\n#', '"\necho\n#')]
    with (tmp_path / "told").open("w+") as told:
        with subprocess.Popen(script, env=os.environ | names, stdout=told, text=True) as process:
            until(lambda: process.poll() is not None or work_once(), within=2 * PATIENCE, what="the guide's commands")
        told.seek(0)
        started, value, sent, history, failed = [json.loads(line) for line in told if line.strip()]
    assert process.returncode == 0
    assert (started["id"], value["found"], value["value"][:10]) == ("order-42", True, "/examples/")
    assert (sent["topic"], history["events"][0]["seq"], failed["items"]) == ("payment", 3, [])
    until(lambda: work_once() or Workflow.objects.get(id="order-42").status == "succeeded", within=PATIENCE)
    assert Message.objects.get().idempotency_key == "payment-1"


def test_the_guides_program_does_the_same_in_python_without_django(server: Server, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    secret = api_tokens.make(create_people().operator, "guide", list(Scope)).secret
    names = {"URL": server.url, "TOKEN": secret, "PYTHONUNBUFFERED": "1"}
    with (tmp_path / "told").open("w+") as told:
        script = [sys.executable, "-c", f"{program}\nimport sys\nassert 'django' not in sys.modules"]
        with subprocess.Popen(script, cwd=ROOT, env=os.environ | names, stdout=told, text=True) as process:
            until(lambda: process.poll() is not None or work_once(), within=2 * PATIENCE, what="the guide's program")
        told.seek(0)
        lines = told.read().splitlines()
    assert process.returncode == 0, lines
    assert lines[0].startswith("pay at /examples/")
    assert "'succeeded'" in lines[-3]
    assert lines[-2].startswith("shipped ")
    assert lines[-1] == "order-43 succeeded"


def test_many_wait_in_one_process_without_a_connection_each_and_hear_of_it(server: Server) -> None:
    people = create_people()
    secret = api_tokens.make(people.viewer, "reader", [Scope.READ]).secret
    handle = listening.start("go")
    answers: list[Any] = []

    def wait() -> None:
        answers.append(json.loads(ask(server, f"/api/v1/workflows/{handle.id}/history?after=1&wait=30", secret).read()))

    waiting = [threading.Thread(target=wait) for _ in range(40)]
    for thread in waiting:
        thread.start()
    stream = ask(server, f"/api/v1/workflows/{handle.id}/stream", secret)
    lines = iter(stream.readline, b"")
    assert next(line for line in lines if line.startswith(b"event: snapshot"))
    assert len(sessions()) <= 15, "four threads read, one listens, one ticks: nobody who waits has one"
    operations.send(handle.id, "go", 1)
    for thread in waiting:
        thread.join()
    events = [answer["events"][0]["seq"] for answer in answers]
    assert events == [2] * 40
    assert Event.objects.filter(workflow_id=handle.id, seq=2).exists()
    api_tokens.revoke(api_tokens.of(people.viewer)[0].pk, owner=people.viewer)
    assert any(b'"code":4401' in line for line in lines), "the stream ends once its token is revoked"
