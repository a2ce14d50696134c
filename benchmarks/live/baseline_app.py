"""What is compared with: Channels consumers behind the same sign-in, which send frames of the same form and size.

`/ws/bare/` sends to every consumer in a loop, one frame per topic with all events of a period of 40 ms: the bytes that
we send, without a database, acknowledgements, or anything that could be resumed. `/ws/memory/` and `/ws/redis/` are how
one would write it by the book of Channels: a group per topic, a `group_send` per event. Never a part of the product.

`POST /publish/?way=bare&rate=1000&seconds=10&topics=1` publishes within this process and answers with what was sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.live.baseline_settings")
from django.core.asgi import get_asgi_application

get_asgi_application()  # loads the apps, which the imports below need

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

FRAME_PERIOD = 1 / 25
_EPOCH = "0123456789abcdef0123456789abcdef"
_watching: dict[str, list[Bare]] = defaultdict(list)


class Bare(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Sends what it is told to."""

    topic = ""

    async def connect(self) -> None:
        """Greet, as our protocol does."""
        await self.accept()
        await self.send(text_data='{"t":"hello"}')

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """The only message is a subscription."""
        self.topic = json.loads(text_data or "")["topic"]
        await self.join()
        await self.send(text_data=f'{{"t":"snapshot","topic":"{self.topic}","epoch":"{_EPOCH}","seq":0}}')

    async def join(self) -> None:
        """Hear of the topic."""
        _watching[self.topic].append(self)

    async def disconnect(self, code: int) -> None:
        """Hear no more of it."""
        if self in _watching[self.topic]:
            _watching[self.topic].remove(self)


class InMemory(Bare):
    """A member of a group."""

    channel_layer_alias = "memory"

    async def join(self) -> None:
        """Hear of the topic."""
        await self.channel_layer.group_add(_group(self.topic), self.channel_name)

    async def disconnect(self, code: int) -> None:
        """Hear no more of it."""
        await self.channel_layer.group_discard(_group(self.topic), self.channel_name)

    async def event(self, message: dict[str, Any]) -> None:
        """One event of the group."""
        await self.send(text_data=message["text"])


class OnRedis(InMemory):
    """A member of a group that other processes may send to."""

    channel_layer_alias = "redis"


def _group(topic: str) -> str:
    return topic.replace(":", ".")


def _event(seq: int, rate: int) -> str:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    value = {"value": {"done": seq, "total": 10_000, "label": "benchmark", "rate": rate}}
    return json.dumps([seq, at, "value_set", seq, "progress", value], separators=(",", ":"))


def _frame(topic: str, first: int, events: list[str]) -> str:
    head = {"t": "events", "topic": topic, "epoch": _EPOCH, "from": first, "to": first + len(events) - 1}
    return f'{json.dumps(head, separators=(",", ":"))[:-1]},"events":[{",".join(events)}]}}'


class Publisher:
    """Makes events at a rate, in turn for each topic, and sends them in one of the ways."""

    def __init__(self, way: str, rate: int, topics: list[str]) -> None:
        self._rate, self._topics = rate, topics
        self._send: Callable[[str, str], Awaitable[None]] = self._to_each if way == "bare" else self._to_group
        self._layer = None if way == "bare" else get_channel_layer(way)
        self._period = FRAME_PERIOD if way == "bare" and rate / len(topics) > 1 / FRAME_PERIOD else 0.0
        self._seqs = dict.fromkeys(topics, 0)

    async def publish(self, seconds: float) -> dict[str, Any]:
        """For so long, however far it comes."""
        began, sent = time.time(), 0
        waiting: dict[str, list[str]] = {}
        while (now := time.time() - began) < seconds:
            if sent >= int(now * self._rate):
                await self._flush(waiting)
                await asyncio.sleep(self._period or 1 / self._rate)
                continue
            topic = self._topics[sent % len(self._topics)]
            self._seqs[topic] += 1
            waiting.setdefault(topic, []).append(_event(self._seqs[topic], self._rate))
            sent += 1
            if not self._period:
                await self._flush(waiting)
        await self._flush(waiting)
        return {"began": began, "ended": time.time(), "sent": sent, "targets": self._seqs}

    async def _flush(self, waiting: dict[str, list[str]]) -> None:
        for topic, events in waiting.items():
            await self._send(topic, _frame(topic, self._seqs[topic] - len(events) + 1, events))
        waiting.clear()

    async def _to_each(self, topic: str, text: str) -> None:
        for consumer in list(_watching[topic]):
            await consumer.send(text_data=text)
        await asyncio.sleep(0)

    async def _to_group(self, topic: str, text: str) -> None:
        await self._layer.group_send(_group(topic), {"type": "event", "text": text})  # type: ignore[union-attr]
        await asyncio.sleep(0)  # the members' turn; without it the layer only fills up and drops


async def control(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Publish as the query says."""
    asked = dict(parse_qsl(scope["query_string"].decode()))
    topics = [f"workflow:baseline-{number}" for number in range(int(asked["topics"]))]
    answer = await Publisher(asked["way"], int(asked["rate"]), topics).publish(float(asked["seconds"]))
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


_consumers = {"bare": Bare, "memory": InMemory, "redis": OnRedis}
_routes = [path(f"ws/{way}/", consumer.as_asgi()) for way, consumer in _consumers.items()]
application = ProtocolTypeRouter({"http": control, "websocket": AuthMiddlewareStack(URLRouter(_routes))})
