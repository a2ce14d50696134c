"""Start, read and act on workflows from any Python program, through a console's API. Standard library only.

    client = Client("https://console.example", token)
    order = client.start("checkout", {"id": "42", "items": items}, workflow_id="order-42")
    print(order.get_event("payment_url", timeout=30))
    order.send("payment", {"outcome": "paid", "amount": "12.00"})
    print(order.result(timeout=3600))

What is asked again after a lost answer does not happen twice: starts have an id, messages an idempotency key.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict
from urllib.parse import urlencode

from workflows import ids
from workflows.client import follow
from workflows.errors import (
    ApiProblem,
    Forbidden,
    InvalidInput,
    NotTelltale,
    NotVisible,
    ResultTimeout,
    SignedOut,
    TelltaleError,
    TransitionRefused,
    UnknownDefinition,
    Unreachable,
    WorkflowCancelled,
    WorkflowConflict,
    WorkflowEnded,
    WorkflowFailed,
    WorkflowQuarantined,
)
from workflows.reader import Cursor, Moved
from workflows.remote import SILENCE, Console, Lost, reason

__all__ = ["Client", "RemoteWorkflow", "Row"]

_PREFIX = "/api/v1"
_PATIENCE = 60.0  # seconds, for a console that is away or busy
_WAIT = 20.0  # seconds, of one long poll; below the silence after which a connection counts as lost
_FIRST, _LAST = 0.25, 5.0  # seconds until the next try, doubled
_TERMINAL = frozenset({"succeeded", "failed", "cancelled", "quarantined"})
_ENDS: dict[str, type[WorkflowEnded]] = {
    "failed": WorkflowFailed, "cancelled": WorkflowCancelled, "quarantined": WorkflowQuarantined,
}  # fmt: skip


class Row(TypedDict):
    """A workflow as a list shows it; docs/api.md says what each field is."""

    id: str
    definition: str
    queue: str
    status: str
    seq: int
    priority: int
    pinned: bool
    created_at: str
    created_by: str
    started_at: str | None
    finished_at: str | None
    status_at: str
    wake_at: str | None
    waiting: dict[str, Any] | None
    parent: str | None
    forked_from: str | None
    schedule: str | None
    error: dict[str, str] | None
    values: dict[str, Any] | None


class Client:
    """A console's API, with a token. Not for several threads at once.

    Every method raises SignedOut (the token is not in force), Forbidden (it, or its owner, may not), ApiProblem, and
    Unreachable once the console did not answer for a minute.
    """

    def __init__(self, url: str, token: str) -> None:
        """`url` is the address of the console, with its path if it has one. Raises ValueError for what is none."""
        self.console = Console(url, token=token)

    def start(
        self,
        definition: str,
        *args: Any,
        workflow_id: str | None = None,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> RemoteWorkflow:
        """Start a workflow, or find the one of this id and input. `options` are those of `Start` in docs/api.md.

        Raises UnknownDefinition, InvalidInput, InvalidWorkflowId, WorkflowConflict.
        """
        own_id = ids.new_id() if workflow_id is None else ids.checked(workflow_id)
        body = {"definition": definition, "args": args, "kwargs": kwargs, "id": own_id, **(options or {})}
        return RemoteWorkflow(self, self.ask("POST", "/workflows", body, again=True)["id"])

    def retrieve(self, workflow_id: str) -> RemoteWorkflow:
        """One that exists. Raises WorkflowNotFound."""
        found = RemoteWorkflow(self, workflow_id)
        found.read()
        return found

    def workflows(
        self, *, q: str = "", status: Sequence[str] = (), definition: str = "", since: str = "",
        where: Sequence[str] = (), values: Sequence[str] = (),
    ) -> Iterator[Row]:  # fmt: skip
        """Every workflow that matches, newest first, page by page. Raises InvalidInput."""
        wanted = {"q": q, "status": status, "definition": definition, "since": since, "where": where, "values": values}
        asked = {name: each for name, each in wanted.items() if each}
        cursor = ""
        while cursor is not None:
            query = urlencode({**asked, "limit": 200, "cursor": cursor}, doseq=True)
            page = self.ask("GET", f"/workflows?{query}")
            yield from page["items"]
            cursor = page["next"]

    def definitions(self) -> list[dict[str, Any]]:
        """What can be started, and with what."""
        found: list[dict[str, Any]] = self.ask("GET", "/definitions")["items"]
        return found

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, again: bool | None = None,
        within: float = _PATIENCE,
    ) -> Any:  # fmt: skip
        """One request below /api/v1, for what has no method here, and the JSON that came back.

        `again`: asking twice does no harm, so a lost answer is asked for again (None: for GET), `within` seconds.
        """
        again = method == "GET" if again is None else again
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
        text, end, pause = None if body is None else json.dumps(body), time.monotonic() + within, _FIRST
        while True:
            try:
                return self._once(method, path, text, headers)
            except (OSError, http.client.HTTPException, Lost) as error:
                wait = max(pause, error.seconds) if isinstance(error, _Busy) else pause
                may = again or (isinstance(error, _Busy) and error.did_nothing)
                if not may or time.monotonic() + wait > end:
                    raise Unreachable(f"{self.console.address} does not answer: {reason(error)}") from error
            time.sleep(wait)
            pause = min(_LAST, pause * 2)

    def _once(self, method: str, path: str, text: str | None, headers: Mapping[str, str]) -> Any:
        with self.console.ask(method, _PREFIX + path, timeout=SILENCE, body=text, headers=headers) as (answer, _):
            kind, content = answer.headers.get_content_type(), answer.read()
            if answer.status in (http.client.TOO_MANY_REQUESTS, http.client.SERVICE_UNAVAILABLE):
                raise _Busy(answer.status, answer.headers.get("Retry-After", ""))
            if kind not in ("application/json", "application/problem+json"):
                self.console.refuse(answer)
        try:
            found = json.loads(content)
        except ValueError as error:
            raise NotTelltale(f"{self.console.address} answers something that is no JSON: {content[:40]!r}.") from error
        if kind == "application/problem+json":
            raise _error(found, path, self.console.address)
        return found


class _Busy(Lost):
    """It refuses for now; how many seconds later it may be asked again, and whether it did nothing, for certain."""

    def __init__(self, status: int, retry_after: str) -> None:
        super().__init__(f"it answers {status}")
        self.seconds = float(retry_after) if retry_after.isdigit() else 1.0
        self.did_nothing = status == http.client.TOO_MANY_REQUESTS


class RemoteWorkflow:
    """One workflow, as its console shows it to us. Cheap to make; every call reads afresh. Raises WorkflowNotFound."""

    def __init__(self, client: Client, workflow_id: str) -> None:
        self.id = ids.possible(workflow_id)
        self._client, self._path = client, f"/workflows/{ids.segment(workflow_id)}"

    def __repr__(self) -> str:
        return f"RemoteWorkflow({self.id!r})"

    def read(self) -> dict[str, Any]:
        """All of it: what a Row has, `input`, `output`, and `hidden` where we may not read these."""
        found: dict[str, Any] = self._client.ask("GET", self._path)
        return found

    def status(self) -> str:
        """As it is now."""
        return str(self.read()["status"])

    def result(self, timeout: float | None = None) -> Any:
        """Wait until it ended, at most `timeout` seconds, and return what it returned.

        Raises WorkflowFailed, WorkflowCancelled, WorkflowQuarantined, ResultTimeout.
        """
        for wait in _waits(timeout):
            found = self._client.ask("GET", f"{self._path}?wait={wait:.3f}")
            if found["status"] == "succeeded":
                return found["output"]
            if found["status"] in _ENDS:
                raise _ENDS[found["status"]](self.id, found["status"], found["error"])
        raise ResultTimeout(f"Workflow {self.id!r} is still going on after {timeout:g} s; so it does now.")

    def get_event(
        self, key: str, *, default: Any = None, timeout: float | None = 60.0, after: int | None = None
    ) -> Any:
        """The value of a key as soon as it is set (and newer than event `after`).

        `default` when `timeout` seconds are over, or the workflow ended without it.
        """
        newer = "" if after is None else f"&after={after}"
        for wait in _waits(timeout):
            found = self._client.ask("GET", f"{self._path}/values/{ids.segment(key)}?wait={wait:.3f}{newer}")
            if found["found"]:
                return found["value"]
            if found["status"] in _TERMINAL:
                break
        return default

    def values(self) -> dict[str, Any]:
        """What every key has now that we may read."""
        found = self._client.ask("GET", f"{self._path}/values")["values"]
        return {key: each["value"] for key, each in found.items()}

    def history(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Every event after a seq, up to now, in order."""
        head, epoch = after + 1, ""
        while after < head:
            query = urlencode({"after": after, "epoch": epoch})
            part = self._client.ask("GET", f"{self._path}/history?{query}")
            yield from part["events"]
            after, head, epoch = part["seq"], part["head"], part["epoch"]

    def follow(self, *, at: Cursor | None = None, timeout: float | None = None) -> Iterator[Moved]:
        """The state now, then every change until it ended: `workflows.client.follow`."""
        return follow(self._client.console, self.id, at=at, timeout=timeout)

    def send(self, topic: str, message: Any, *, idempotency_key: str | None = None) -> None:
        """Put a message into its inbox, once. Raises TransitionRefused, InvalidInput."""
        key = idempotency_key or ids.new_id()
        self._client.ask("POST", f"{self._path}/messages", {"topic": topic, "message": message}, key=key, again=True)

    def cancel(self, *, reason: str = "", tree: bool = False) -> None:
        """Stop it for good; with `tree`, its descendants, too. Raises TransitionRefused."""
        self._client.ask("POST", f"{self._path}/cancellation", {"reason": reason, "tree": tree})

    def resume(self, *, reason: str = "") -> None:
        """Let it go on after its end. Raises TransitionRefused."""
        self._client.ask("POST", f"{self._path}/resumption", {"reason": reason})

    def fork(self, position: int, *, new_id: str | None = None, reason: str = "") -> RemoteWorkflow:
        """A new one that has recorded already what this one recorded before a position. Raises InvalidInput."""
        body = {"position": position, "id": new_id, "reason": reason}
        return RemoteWorkflow(self._client, self._client.ask("POST", f"{self._path}/forks", body)["id"])

    def restart(self, *args: Any, new_id: str | None = None, reason: str = "", **kwargs: Any) -> RemoteWorkflow:
        """The same definition anew; without arguments, with the same input. Raises InvalidInput."""
        body = {"id": new_id, "reason": reason, **({"args": args, "kwargs": kwargs} if args or kwargs else {})}
        return RemoteWorkflow(self._client, self._client.ask("POST", f"{self._path}/restarts", body)["id"])


def _waits(timeout: float | None) -> Iterator[float]:
    """Of one long poll after the other, how long each may take, until the time is over; at least one."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _WAIT if end is None else min(_WAIT, end - time.monotonic())
        yield max(0.0, left)
        if end is not None and time.monotonic() >= end:
            return


def _error(problem: dict[str, Any], path: str, address: str) -> TelltaleError:
    """The exception that a problem is here."""
    kind, detail = str(problem.get("type", "")).rpartition(":")[2], str(problem.get("detail", ""))
    if kind == "not-found" and path.startswith("/workflows/"):
        return NotVisible(path.split("/")[2].partition("?")[0], address)
    known = _KNOWN.get(kind)
    return known(detail) if known else ApiProblem(kind, int(problem.get("status", 0)), detail)


_KNOWN: dict[str, type[TelltaleError]] = {
    "unauthenticated": SignedOut, "forbidden": Forbidden, "missing-scope": Forbidden,
    "transition-refused": TransitionRefused, "workflow-conflict": WorkflowConflict,
    "unknown-definition": UnknownDefinition, "invalid-request": InvalidInput,
}  # fmt: skip
