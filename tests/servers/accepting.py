"""The common part of servers that handle raw connections."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class AcceptingServer:
    """Accepts connections on a port of 127.0.0.1 while the context is open, each in its own thread."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]

    def serve(self, client: socket.socket) -> None:
        """Handles one connection, which is closed afterwards; an OSError ends it."""
        raise NotImplementedError

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
                threading.Thread(target=self._serve_and_close, args=(connection,), daemon=True).start()

    def _serve_and_close(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self.serve(client)
