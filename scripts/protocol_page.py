"""Writes docs/protocol.md from dashboard/protocol.py: every message, field, code and limit, with its own words."""

from __future__ import annotations

import inspect
import re
from enum import Enum

from dashboard import protocol

_INTRODUCTION = """# The live protocol

Version {version}. One WebSocket per page at `/ws/live/`; every frame is JSON text. The browser's session cookie signs
in, and the page's origin must be ours or in `CSRF_TRUSTED_ORIGINS`; else the handshake is answered with 403.

A topic is `workflow:<id>` or `workflows` (the list). What a reader of a workflow sees is always *snapshot at N* and
*everything after N*, each event once, in order:

1. A page carries a snapshot and its cursor `{{epoch, seq}}`. It subscribes with the cursor, and gets the events after
   it, then a `receipt` that says it is complete. Without a cursor it gets a `snapshot`.
2. Every `events` frame says `from` and `to`. A client that has `from - 1` applies it; one that has more skips what it
   has; one that has less subscribes again with its cursor.
3. After a loss of any kind the client connects anew (0.25 s, doubled to 8 s, ±20 %) and goes on at 1.
4. A cursor of another epoch (failover, a workflow deleted and made anew) or beyond the newest event is answered by
   `reset` and `snapshot`, never by silence and never by a partial answer.

The server sends the first change after quiet at once, then at most 25 frames a second to a reader. It keeps no queue
per client: one that acknowledges slowly gets fewer, larger frames; one that acknowledges nothing for 60 seconds is
closed with 4408 and comes back with its cursor. Clients acknowledge after `ack_seconds` or `ack_bytes`, and only if
something arrived. Permissions are asked at every subscription and re-checked every five seconds on open sockets.

A list is a state: `rows` carries the newest version of visible rows, and a higher `seq` wins. What newly matches the
filter is only named (`fresh`), so that a page can count it without moving under the reader's hand.
"""


def protocol_page() -> str:
    """The document."""
    parts = [_INTRODUCTION.format(version=protocol.VERSION)]
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
