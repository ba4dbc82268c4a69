"""A web server whose answer never ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servers.accepting import AcceptingServer

if TYPE_CHECKING:
    import socket


class EndlessServer(AcceptingServer):
    """Answers 404 for robots.txt, and any other request with ``start`` and then ``piece`` again and again."""

    def __init__(self, start: bytes, piece: bytes) -> None:
        super().__init__()
        self._start, self._piece = start, piece
        self.sent_bytes = 0
        self.url = f"http://127.0.0.1:{self.port}/"

    def serve(self, client: socket.socket) -> None:
        if b"/robots.txt" in client.recv(65536):
            client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        client.sendall(self._start)
        while True:
            client.sendall(self._piece)
            self.sent_bytes += len(self._piece)
