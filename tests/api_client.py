"""A program that asks the API in this process, with a token of its own."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.test import Client

from dashboard import api_tokens
from dashboard.api_tokens import Scope


class Answer(NamedTuple):
    """What came back."""

    status: int
    content: Any
    headers: Any

    @property
    def kind(self) -> str:
        """Of a problem."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.content["status"] == self.status
        kind: str = self.content["type"].removeprefix("urn:problem-type:telltale:")
        return kind


class Program:
    """Asks with a token of somebody, that has these scopes."""

    def __init__(self, user: User, *scopes: Scope, name: str = "") -> None:
        names = scopes or tuple(Scope)
        made = api_tokens.make(user, name or f"{user.username} {len(api_tokens.of(user))}", names)
        self.secret, self.token = made.secret, made.token
        self._client = Client(raise_request_exception=True)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request. `path` is below /api/v1; `body` becomes JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = self._client.generic(
            method, f"/api/v1{path}", content, content_type="application/json",
            headers={"authorization": f"Bearer {self.secret}", **headers},
        )  # fmt: skip
        return Answer(answer.status_code, json.loads(answer.content), answer.headers)

    def get(self, path: str) -> Answer:
        """A read."""
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """An act."""
        return self.ask("POST", path, {} if body is None else body, **headers)
