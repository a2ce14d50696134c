"""The live socket: decode, authorise, call `fanout`, encode.

Threats, and where each is met:
- a foreign page opens a socket with the visitor's cookie: `access.page_may_connect`, before the handshake is answered;
- nobody is signed in, or the session ended, the account was disabled, a right was taken while the socket stays open:
  checked here at connect, at every subscribe, and every few seconds by the fan-out's audit;
- a guessed or stolen workflow id: every subscribe asks `access`; unknown and forbidden are answered alike;
- a cursor of another history, or from the future: reset and snapshot, never silence;
- floods, huge messages, thousands of subscriptions: limits below; a client that never reads: `window`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from dashboard import access, decoding, protocol, topics
from dashboard.fanout import Fanout, Refused, fanout
from dashboard.protocol import LIMITS, CloseCode, ErrorCode
from dashboard.seats import TooMany
from dashboard.subscriptions import Subscription
from dashboard.window import STALL_SECONDS, Window

_log = logging.getLogger("dashboard.consumers")

# Of one connection. A page subscribes to each thing it shows, and acknowledges every 64 KB or few seconds.
MESSAGES_PER_SECOND = 400
# Every ping is answered at once; who answered none of two is gone, and perhaps its connection half-open.
SILENCE_SECONDS = LIMITS["heartbeat_seconds"] * 2


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """One browser page."""

    credential: access.Credential

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hub: Fanout | None = None
        self._window = Window()
        self._subscriptions: dict[str, Subscription] = {}
        self._due: dict[Subscription | None, None] = {}  # in order; None stands for the heartbeat
        self._pump: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()
        self._pings = 0
        self._quiet = 0.0  # seconds since the last ping
        self._silent = 0.0  # seconds since anything was heard
        self._messages = 0  # of this second
        self._admitted: access.Admission | None = None  # in this second; a page's subscriptions share it

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Connect, hear messages until the end, and leave nothing behind, however that comes.

        Channels' own loop makes a task and visits a thread for every message; with a thousand acknowledgements a second
        that would be the dearest thing here (docs/decisions/0013-live-delivery.md).
        """
        self.scope, self.base_send = scope, send
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                if message["type"] == "websocket.connect":
                    await self.connect()
                else:
                    await self.receive(message.get("text"), message.get("bytes"))
        finally:
            self._leave()
            if self._pump is not None:
                self._pump.cancel()

    async def connect(self) -> None:
        """Refuse foreign pages unheard; tell others why they may not stay by a close code."""
        if not access.page_may_connect(self.scope["headers"], self.scope.get("scheme", "ws")):
            await self.close()
            return
        await self.accept()
        hub = fanout()
        admission = await self._admission(hub, access.session_key(self.scope["headers"]))
        if admission is None:
            return
        self.credential = admission.credential
        try:
            hub.seats.take(self.credential.user_id)
        except TooMany:
            await self.end(CloseCode.TOO_MANY)
            return
        self._hub = hub
        hub.enter(self)
        await self._send(protocol.hello())

    async def _admission(self, hub: Fanout, session_key: str) -> access.Admission | None:
        """Who this is, as things are now; closes, and None, if it may not be here."""
        try:
            admission = await hub.reads.admission(session_key)
        except DatabaseError:
            await self.end(CloseCode.COME_BACK)
            return None
        if admission is None or not admission.may_watch:
            await self.end(CloseCode.FORBIDDEN if admission else CloseCode.SIGNED_OUT)
            return None
        return admission

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One message of the client."""
        if self._hub is None:
            return
        self._messages += 1
        if len(text_data or bytes_data or "") > LIMITS["client_message_bytes"]:
            await self.end(CloseCode.TOO_BIG)
        elif self._messages > MESSAGES_PER_SECOND:
            await self.end(CloseCode.FLOOD)
        else:
            await self._answer(self._hub, text_data or "")

    async def _answer(self, hub: Fanout, text: str) -> None:
        try:
            message = decoding.decode(text)
            if message["t"] == "ack":
                self._window.acknowledged(message["frames"])
                self._start_pump()
            elif message["t"] == "subscribe":
                await self._subscribe(hub, message)
            elif message["t"] == "unsubscribe":
                self._drop(hub, message["topic"])
        except decoding.BadMessage as error:
            await self._send(protocol.error(None, ErrorCode.BAD, str(error)))

    async def _subscribe(self, hub: Fanout, message: protocol.Subscribe) -> None:
        topic = message["topic"]
        self._drop(hub, topic)
        if len(self._subscriptions) >= LIMITS["subscriptions"]:
            refusal = f"At most {LIMITS['subscriptions']} subscriptions on one connection."
            await self._send(protocol.error(topic, ErrorCode.LIMIT, refusal))
            return
        admission = self._admitted or await self._admission(hub, self.credential.session_key)
        if admission is None:
            return
        self._admitted = admission
        try:
            subscription = await self._granted(hub, admission.user, message)
        except Refused as refused:
            await self._send(protocol.error(topic, refused.code, str(refused)))
            return
        except DatabaseError:
            await self.end(CloseCode.COME_BACK)
            return
        if self._hub is None:  # closed meanwhile
            hub.unsubscribe(subscription)
            return
        self._subscriptions[topic] = subscription
        self.wake(subscription)

    async def _granted(self, hub: Fanout, user: access.Visitor, message: protocol.Subscribe) -> Subscription:
        if message["topic"] == topics.LIST:
            return await hub.follow_list(self, user, cast(protocol.SubscribeList, message))
        if message["topic"] in topics.OVERVIEWS:
            return await hub.follow_overview(self, user, message["topic"])
        one = cast(protocol.SubscribeWorkflow, message)
        return await hub.follow(self, user, topics.workflow_id(one["topic"]) or "", one.get("at"))

    def _drop(self, hub: Fanout, topic: str) -> None:
        subscription = self._subscriptions.pop(topic, None)
        if subscription is not None:
            self._due.pop(subscription, None)
            hub.unsubscribe(subscription)

    # What the fan-out asks of a reader

    @property
    def ready(self) -> bool:
        """Nothing is being sent, and the window is open."""
        return self._pump is None and self._window.is_open

    def wake(self, subscription: Subscription) -> None:
        """Send what this subscription has, as soon as the window allows."""
        self._due[subscription] = None
        self._start_pump()

    def care(self, seconds: float) -> bool:
        """Ping when it is time. Whether nothing is heard of it any more, or it does not get on."""
        self._silent = 0.0 if self._messages else self._silent + seconds
        self._messages, self._admitted = 0, None
        self._quiet += seconds
        if self._quiet >= LIMITS["heartbeat_seconds"]:
            self._quiet = 0.0
            self._due[None] = None
            self._start_pump()
        return self._window.stalled(seconds) > STALL_SECONDS or self._silent > SILENCE_SECONDS

    async def end(self, code: int) -> None:
        """Close, and stop to listen."""
        self._leave()
        await self.close(int(code))  # autobahn wants the plain type

    def _leave(self) -> None:
        hub, self._hub = self._hub, None
        if hub is not None:
            hub.leave(self, self._subscriptions.values())
            hub.seats.give_back(self.credential.user_id)
            self._due.clear()

    def _start_pump(self) -> None:
        if self._pump is None and self._due and self._window.is_open and self._hub is not None:
            self._pump = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        """Take turns among what is due, while the window is open. The only place that streams."""
        try:
            while self._due and self._window.is_open:
                subscription = next(iter(self._due))
                del self._due[subscription]
                frames = self._heartbeat() if subscription is None else subscription.take()
                for frame in frames:
                    await self._send(frame)
                if frames and subscription is not None:
                    self._due[subscription] = None
        except OSError:
            pass  # the client is gone; the server says so next
        except Exception:  # a page that hears nothing more must not believe that nothing happens
            _log.exception("a frame could not be sent; its reader shall come back")
            await self.end(CloseCode.COME_BACK)
        finally:
            self._pump = None

    def _heartbeat(self) -> list[str]:
        self._pings += 1
        return [protocol.ping(self._pings)]

    async def _send(self, text: str) -> None:
        async with self._sending:
            for message in protocol.parts(text):
                self._window.sent(len(message))
                await self.base_send({"type": "websocket.send", "text": message})
