"""A WebSocket client that does what no decent one does: reads slowly or never, breaks frames, never finishes."""

from __future__ import annotations

import base64
import os
import socket
import struct
from contextlib import suppress

from tests.wait import PATIENCE

TEXT, CONTINUATION, CLOSE = 1, 0, 8


class RawSocket:
    """One TCP connection to a server's live socket, with `receive_buffer` bytes for what it does not read."""

    def __init__(self, port: int, session: str, *, receive_buffer: int = 4096, extensions: str = "") -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /ws/live/ HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Origin: http://127.0.0.1:{port}",
            f"Cookie: sessionid={session}", *([f"Sec-WebSocket-Extensions: {extensions}"] if extensions else []),
        ]  # fmt: skip
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self.socket.recv(1)

    def send(self, body: bytes, *, opcode: int = TEXT, final: bool = True, compressed: bool = False) -> None:
        """Send one frame, masked with zeros, which is a mask."""
        first = opcode | (0x80 if final else 0) | (0x40 if compressed else 0)
        if len(body) < 126:
            length = bytes([0x80 | len(body)])
        elif len(body) < 65_536:
            length = bytes([0x80 | 126]) + struct.pack(">H", len(body))
        else:
            length = bytes([0x80 | 127]) + struct.pack(">Q", len(body))
        self.socket.sendall(bytes([first]) + length + b"\0\0\0\0" + body)

    def end(self, within: float = PATIENCE) -> int | None:
        """Read until the server ends the connection: its close code, None if it says none. Raises TimeoutError."""
        self.socket.settimeout(within)
        seen = b""
        with suppress(ConnectionError):
            while piece := self.socket.recv(65_536):
                seen = (seen + piece)[-200:]
        at = seen.rfind(bytes([0x80 | CLOSE]))
        return int.from_bytes(seen[at + 2 : at + 4], "big") if at >= 0 and len(seen) >= at + 4 else None

    def close(self) -> None:
        """Close without a farewell."""
        self.socket.close()
