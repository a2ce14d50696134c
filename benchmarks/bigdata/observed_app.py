"""The console's ASGI application, in a process that remembers every statement; `/observed/` tells and forgets them."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.bigdata import plans
from config.asgi import application as console

plans.watch_all()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The console, and what it asked."""
    if scope["type"] != "http" or scope["path"] != plans.ADDRESS:
        await console(scope, receive, send)
        return
    told = json.dumps([one._asdict() for one in plans.taken()]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": told})
