"""Writes docs/protocol.md from dashboard/protocol.py: every message, field, code and limit, with its own words."""

from __future__ import annotations

import inspect
import re
from enum import Enum

from dashboard import protocol

_INTRODUCTION = """# The live protocol

Version {version}. Every frame is JSON text. Three carriers bring the same frames, made by the same reads: a WebSocket
for pages, [a stream](#the-carrier-stream) of one workflow for scripts, and [polls](#the-carrier-polls) where neither
gets through. The session cookie signs in. How to use them from a shell: [streaming](guides/streaming.md).

The WebSocket is at `/ws/live/`, one per page. The page's origin must be ours or in `CSRF_TRUSTED_ORIGINS`; else the
handshake is answered with 403.

A topic is `workflow:<id>`, `workflows` (the list), or an overview: `counters`, `queues`, `workers`. What a reader of a
workflow sees is always *snapshot at N* and *everything after N*, each event once, in order:

1. A page carries a snapshot and its cursor `{{epoch, seq}}`. It subscribes with the cursor, and gets the events after
   it, then a `receipt` that says it is complete. Without a cursor it gets a `snapshot`.
2. Every `events` frame says `from` and `to`. A client that has `from - 1` applies it; one that has more skips what it
   has; one that has less subscribes again with its cursor.
3. After a loss of any kind the client connects anew (0.25 s, doubled to 8 s, ±20 %) and goes on at 1.
4. A cursor of another epoch (failover, a workflow deleted and made anew), beyond the newest event, or before events
   that were removed, is answered by `reset` and `snapshot`, never by silence and never by a partial answer.

The server sends the first change after quiet at once, then at most 30 frames a second to a reader; one that catches up
gets full frames one after the other. It keeps no queue per client: one that acknowledges slowly gets fewer, larger
frames; one that acknowledges nothing for 60 seconds is closed with 4408 and comes back with its cursor. Clients
acknowledge after `ack_bytes`, or at a time of their choice within `ack_seconds`, and only if something arrived; pings
they answer at once, for a client that says nothing at all for two heartbeats is closed, too.
Session, account and permissions are read anew at every subscription, and every four seconds while a connection is open.

An account may have `LIVE_CONNECTIONS_PER_USER` sockets, streams and polls under way in one server process, 200 unless
set; one more is refused with 4430. A server that stops closes with 4408.

A list is a state: `rows` carries the newest version of visible rows, and a higher `seq` wins. What newly matches the
filter is only named (`fresh`), so that a page can count it without moving under the reader's hand.

An overview is a state, too: first whole, then the cells that changed, at most once a second, and nothing while nothing
changes. A whole replaces what the client has, whatever its version; a part with a version that the client has is no
news. A poll is answered with the whole. Who may not see an overview, or no longer, gets an `error` for its topic.
"""

_CARRIERS = """## The carrier "stream"

`GET /workflows/<id>/stream/` answers with Server-Sent Events (`text/event-stream`). Each message is one frame of the
server: `event:` is its `t`, `data:` the frame, and after a `snapshot`, `events` or `receipt` there is an `id:`, the
cursor `<epoch>:<seq>`. The request begins there if it has a header `Last-Event-ID` or a parameter `at`; else with a
snapshot.

```
event: hello
data: {{"t":"hello","version":1,"server_time":"2026-11-25T18:45:00.000000Z","heartbeat":{stream_heartbeat_seconds:g}}}
retry: 2104

event: snapshot
data: {{"t":"snapshot","topic":"workflow:order-42","epoch":"00000001-1764096300000000","seq":2,"state":…,"events":…}}
id: 00000001-1764096300000000:2
```

A `ping` comes every {stream_heartbeat_seconds:g} seconds of quiet. Nobody acknowledges on a stream and not every
server pushes back, so a response ends after `unacknowledged_bytes` (and the frame that exceeds them) or
`stream_seconds`; come back with the last id. The last frame is a `close` with one of the codes below; its `retry:`
says when to come back. After 4401 or 4403 that is refused. A workflow deleted meanwhile is a `reset` with the
reason `gone`, and the end.

Refusals are JSON, `code` being a close code: 400 with `error` for a bad cursor, 401, 403 for a foreign page, 404 for
a workflow that does not exist or may not be seen, 429 and 503 (the database is away) with `Retry-After`.

## The carrier "polls"

`POST /live/poll/` with `{{"version": {version}, "subscriptions": […]}}`, each a `subscribe` message as below. The
answer is `{{"frames": […]}}`: a `hello`, and for each subscription what a socket would be sent now.

- A workflow with a cursor: `events`, and once they are everything, a `receipt`, also when nothing is new. Without a
  receipt, ask again at once. A void cursor: `reset` and `snapshot`. Without a cursor: a `snapshot`.
- A list: `rows`. Next time send the `server_time` of this answer's `hello` as `since`, and the `seq` of each row; the
  server looks two seconds further back, so something fresh may be named twice.
- What may not be seen: an `error`.

An answer ends after `unacknowledged_bytes` and the subscription that exceeds them. A subscription that did not fit
has no frame in it; what has least to catch up with comes first. The request needs an `Origin` of ours, like the
handshake of a socket, and at most `client_message_bytes`. Refusals are JSON: 400 with `error`, which names the field,
401, 403, 413, 429 and 503 with `Retry-After`. The server keeps nothing between polls.
"""


def protocol_page() -> str:
    """The document."""
    parts = [text.format(version=protocol.VERSION, **protocol.LIMITS) for text in (_INTRODUCTION, _CARRIERS)]
    parts += ["## The client says\n", *(_message(kind) for kind in protocol.CLIENT_MESSAGES)]
    parts += ["## The server says\n", *(_message(kind) for kind in protocol.SERVER_FRAMES)]
    parts += ["## Parts of messages\n", *(_message(kind) for kind in (protocol.Cursor, protocol.Filter))]
    parts += [_codes("Close codes", protocol.CloseCode), _codes("Error codes", protocol.ErrorCode)]
    parts += [_codes("Reasons of a reset", protocol.ResetReason), _limits()]
    return "\n".join(parts)


def _message(kind: type) -> str:
    fields = ", ".join(f"`{name}`: {_type(text)}" for name, text in _annotations(kind).items())
    return f"**{kind.__name__}** {{ {fields} }}\n: {' '.join((kind.__doc__ or '').split())}\n"


def _annotations(kind: type) -> dict[str, str]:
    return {name: _source(annotation) for name, annotation in kind.__annotations__.items()}


def _source(annotation: object) -> str:
    """As it is written in the code."""
    if isinstance(annotation, type):
        return annotation.__name__
    return str(getattr(annotation, "__forward_arg__", annotation)).replace("typing.", "")


def _type(text: str) -> str:
    literal = re.fullmatch(r"Literal\[['\"](.*)['\"]\]", text)
    if literal:
        return f'"{literal[1]}"'
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    optional = re.fullmatch(r"NotRequired\[(.*)\]", text)
    return f"{optional[1]}, may be absent" if optional else words.get(text, f"`{text}`")


def _codes(title: str, codes: type[Enum]) -> str:
    comments = dict(re.findall(r"^    ([A-Z_]+) = [^#\n]+(?:# (.*))?$", inspect.getsource(codes), re.MULTILINE))
    rows = [f"| `{code.value}` | {code.name.lower()} | {comments.get(code.name, '')} |" for code in codes]
    summary = " ".join((codes.__doc__ or "").split())
    return "\n".join([f"## {title}\n", f"{summary}\n", "| value | name | meaning |", "|---|---|---|", *rows, ""])


def _limits() -> str:
    rows = [f"| `{name}` | {value:,} |" for name, value in protocol.LIMITS.items()]
    return "\n".join(["## Limits\n", "| name | value |", "|---|---|", *rows, ""])
