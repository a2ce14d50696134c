"""A real HTTP server that answers as it is told and keeps what it got."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Received(NamedTuple):
    """One request. headers: by lower-case name."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Where it listens, what it got, and what it answers: these in turn, the last one for ever."""

    def __init__(self, port: int, answers: list[tuple[int, dict[str, str], bytes]]) -> None:
        self.url, self.port = f"http://127.0.0.1:{port}/hook?of=ours", port
        self.answers, self.received = answers, list[Received]()


@contextmanager
def receiving(*answers: int | tuple[int, dict[str, str], bytes]) -> Iterator[Receiver]:
    """A receiver that answers with these statuses, or statuses with headers and bodies."""
    told = [(one, {}, b"said") if isinstance(one, int) else one for one in answers]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            status, more, content = told.pop(0) if len(told) > 1 else told[0]
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_address[1], told)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
