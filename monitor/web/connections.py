"""Limits of connections, so that a few clients that are slow or many cannot keep the page from the others.

uvicorn itself limits only the time between two requests of a connection: without these limits, clients that never
finish a request or never read a response would hold their connections for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport
    from collections.abc import Callable

MAX_CONNECTIONS = 400  # of all clients; further requests get status 503
MAX_CLIENT_CONNECTIONS = 100  # of one address, except that of a reverse proxy; further ones are closed
MAX_REQUEST_SECONDS = 20.0  # from the connection or the first byte of a request until its end
MAX_WRITE_SECONDS = 20.0  # until a client has read enough of a response that more can be sent


class LimitedConnection(H11Protocol):
    """A connection that is ended when its client takes too long, or has too many.

    ``is_proxy`` returns True for the address of a reverse proxy, which connects for many clients.
    """

    def __init__(self, *arguments: Any, is_proxy: Callable[[str], bool], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._is_proxy = is_proxy
        self._request_deadline: TimerHandle | None = None
        self._write_deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        clients = (cast("H11Protocol", each).client for each in self.connections)
        count = sum(1 for client in clients if client is not None and client[0] == peer)
        if count > MAX_CLIENT_CONNECTIONS and not self._is_proxy(peer):
            transport.abort()
        else:
            self._start_request_deadline()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state in {h11.IDLE, h11.SEND_BODY}:
            self._start_request_deadline()
        elif self._request_deadline is not None:
            self._request_deadline.cancel()
            self._request_deadline = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_deadline()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def timeout_keep_alive_handler(self) -> None:
        """Closes the connection; what its client has not read after a while is dropped."""
        super().timeout_keep_alive_handler()
        self._start_write_deadline()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():  # then uvicorn waits until the client has read everything
            self._start_write_deadline()

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._start_write_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for deadline in (self._request_deadline, self._write_deadline):
            if deadline is not None:
                deadline.cancel()

    def _start_request_deadline(self) -> None:
        if self._request_deadline is None:
            self._request_deadline = self.loop.call_later(MAX_REQUEST_SECONDS, self.transport.abort)

    def _start_write_deadline(self) -> None:
        if self._write_deadline is None:
            self._write_deadline = self.loop.call_later(MAX_WRITE_SECONDS, self.transport.abort)
