"""A web server whose answer never ends."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class EndlessServer:
    """Answers 404 for robots.txt, and any other request with ``start`` and then ``piece`` again and again."""

    def __init__(self, start: bytes, piece: bytes) -> None:
        self._start, self._piece = start, piece
        self.sent_bytes = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)  # ends the accept() of the thread, which keeps the port open
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if b"/robots.txt" in client.recv(65536):
                client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            client.sendall(self._start)
            while True:
                client.sendall(self._piece)
                self.sent_bytes += len(self._piece)
