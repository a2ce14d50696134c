"""Asks for everything on the data set: first what each request makes the database do, then how long it takes.

Two servers, one after the other: one remembers every statement with its plan, the other is what users meet.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from benchmarks.bigdata import fill, requests
from benchmarks.bigdata.plans import ADDRESS, Statement
from benchmarks.bigdata.requests import Asked
from benchmarks.bigdata.results import HEAD, Result
from benchmarks.live.servers import OURS, Server, serving
from workflows.models import Worker

OBSERVED = "benchmarks.bigdata.observed_app:application"
ASKED_OFTEN = 7  # a connection plans a statement anew up to five times; then it may go on with one plan for all values
_MOST_LINKS = 60  # of one page
_CSRF = "b" * 32


class Visitor:
    """A signed-in superuser on one connection that is kept."""

    def __init__(self, server: Server, session: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
        self._origin = f"http://127.0.0.1:{server.port}"
        self._session = session

    def close(self) -> None:
        """Go away."""
        self._connection.close()

    def ask(self, asked: Asked) -> tuple[int, str]:
        """Status and content."""
        headers = {"Cookie": f"sessionid={self._session}; csrftoken={_CSRF}"}
        if asked.body is not None:
            kind = "application/x-www-form-urlencoded" if asked.form else "application/json"
            headers |= {"Origin": self._origin, "X-CSRFToken": _CSRF, "Content-Type": kind}
        self._connection.request("GET" if asked.body is None else "POST", asked.path, asked.body, headers)
        response = self._connection.getresponse()
        return response.status, response.read().decode(errors="replace")

    def observed(self) -> list[Statement]:
        """The statements since this was asked last."""
        _, content = self.ask(Asked(ADDRESS))
        return [Statement(**told) for told in json.loads(content)]


def run(home: Path, *, repeat: int, only: str, as_json: bool) -> int:
    """The exit status: 1 for a scan, a count, too many rows or statements, or an answer that is an error."""
    about = fill.about()
    if about is None:
        print("There is no data set in this database; make it first: make big-data", file=sys.stderr)
        return 1
    call_command("collectstatic", interactive=False, verbosity=0)
    Worker.objects.filter(ended_at__isnull=True).update(heartbeat_at=timezone.now() + timedelta(hours=6))
    session = _signed_in()
    environment = {**os.environ, "LIVE_CONNECTIONS_PER_USER": "1000"}
    cores = set(os.sched_getaffinity(0))
    with (
        serving("daphne", OBSERVED, cores, environment, home / "observed.log") as server,
        closing(Visitor(server, session)) as visitor,
    ):
        found = list(_observed(visitor, about, only))
    results = [one for one in found if isinstance(one, Result)]
    with (
        serving("daphne", OURS, cores, environment, home / "server.log") as server,
        closing(Visitor(server, session)) as visitor,
    ):
        for result in results:
            _time(visitor, result, repeat)
    missing = [one for one in found if isinstance(one, str)]
    return _report(results, missing, as_json=as_json)


def _signed_in() -> str:
    """The session of somebody who may see everything."""
    user, _ = get_user_model().objects.get_or_create(username="big-data", is_superuser=True, is_staff=True)
    browser = Client()
    browser.force_login(user)
    return browser.cookies["sessionid"].value


def _observed(visitor: Visitor, about: dict[str, Any], only: str) -> Iterator[Result | str]:
    """Every request with what it makes the database do, also those that pages lead to."""
    known: set[Asked] = set()
    waiting: list[tuple[Asked | str, bool]] = [
        (one, True) for one in (*requests.pages(about), *requests.posts(about), *requests.admin_pages(about))
    ]
    visitor.ask(Asked("/"))
    while waiting:
        asked, leads_on = waiting.pop(0)
        if isinstance(asked, str):
            yield f"could not be filled in: {asked}"
        if isinstance(asked, str) or asked in known or only not in asked.name:
            continue
        known.add(asked)
        visitor.observed()
        status, content = visitor.ask(asked)
        if status == 405:  # it wants to be posted to, and would change something
            continue
        result = Result(asked, bytes=len(content))
        result.look(status, visitor.observed())
        for _ in range(ASKED_OFTEN - 1):
            status, content = visitor.ask(asked)
            result.look(status, visitor.observed())
        for words in result.wrong:  # as it is found: the whole takes its time
            print(f"{asked.name}  {words}", file=sys.stderr, flush=True)
        yield result
        if leads_on and status == 200:
            links = requests.found_on(asked, content)[:_MOST_LINKS]
            waiting += [(link, False) for link in links]


def _time(visitor: Visitor, result: Result, repeat: int) -> None:
    visitor.ask(result.asked)
    for _ in range(repeat):
        began = time.perf_counter()
        visitor.ask(result.asked)
        result.times.append(1000 * (time.perf_counter() - began))


def _report(results: list[Result], missing: list[str], *, as_json: bool) -> int:
    if as_json:
        for result in results:
            told = {
                **asdict(result),
                "wrong": sorted(result.wrong),
                "p50": result.p50,
                "p95": result.p95,
                "bar": result.bar,
            }
            print(json.dumps(told))
    else:
        print(HEAD)
        for result in sorted(results, key=lambda one: -one.p95 / one.bar):
            print(result.text())
    for words in missing:
        print(words)
    slow = sum(result.p95 > result.bar for result in results)
    wrong = sum(bool(result.wrong) for result in results)
    print(
        f"{len(results)} requests; {wrong} scan, count or read too much; {slow} above their bar on this machine",
        file=sys.stderr if as_json else sys.stdout,
    )
    return int(bool(wrong or missing or not results))
