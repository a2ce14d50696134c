"""A wire between a client and a web server that can be cut, go deaf, and end TLS as a proxy does."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit


class Wire:
    """Listens on a port of its own and passes everything on to `target`, which may change.

    With `tls`, that ends here, and the server is told so; one request to a connection, as our client has it.
    """

    def __init__(self, target: str, *, tls: ssl.SSLContext | None = None) -> None:
        self.target, self.deaf = target, False
        self.allowance: list[int] = []  # how many bytes of answers the next connections bring before they are cut
        self.accepted = 0
        self._tls, self._open = tls, set[socket.socket]()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """End every connection without a farewell."""
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                self.accepted += 1
                allowed = self.allowance.pop(0) if self.allowance else None
                threading.Thread(target=self._pass, args=(near, allowed), daemon=True).start()

    def _pass(self, near: socket.socket, allowed: int | None) -> None:
        address = urlsplit(self.target)
        with suppress(OSError):
            near = self._tls.wrap_socket(near, server_side=True) if self._tls else near
            far = socket.create_connection((address.hostname or "", address.port or 80))
            self._open |= {near, far}
            if self._tls:
                far.sendall(near.recv(65_536).replace(b"\r\n", b"\r\nX-Forwarded-Proto: https\r\n", 1))
            threading.Thread(target=self._pump, args=(near, far, None), daemon=True).start()
            self._pump(far, near, allowed)
        near.close()

    def _pump(self, source: socket.socket, sink: socket.socket, allowed: int | None) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self.deaf:
                    continue
                sink.sendall(data[:allowed])
                allowed = None if allowed is None else allowed - len(data)
                if allowed is not None and allowed <= 0:
                    break
        for end in (source, sink):
            self._open.discard(end)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
