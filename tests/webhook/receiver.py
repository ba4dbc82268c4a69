"""A receiver of webhooks whose answers a test can change."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Received:
    """A request that the receiver has read completely."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def titles(self) -> list[str]:
        return [event["title"] for alert in self.json["data"]["alerts"] for event in alert["events"]]


@dataclass
class Receiver:
    """``answers`` are used up one for each request; after them every request gets ``answer``.

    An answer is a status, "hang up unread", "hang up", "wait" (until the receiver ends) or "trickle".
    """

    answer: int | str = 200
    answers: list[int | str] = field(default_factory=list)
    reply_text: str = ""
    location: str = ""
    retry_after: str = ""
    requests: list[Received] = field(default_factory=list)
    port: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/secret-path-4711"

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.requests]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = receiver.answers.pop(0) if receiver.answers else receiver.answer
            if answer == "hang up unread":
                self.connection.close()
                return
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(
                Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            if answer == "hang up":
                self.connection.close()
            elif answer == "wait":
                receiver.ended.wait(20)
            elif answer == "trickle":
                while not receiver.ended.is_set():
                    self.wfile.write(b"X")
                    time.sleep(0.1)
            else:
                self.send_response(int(answer))
                if receiver.location:
                    self.send_header("Location", receiver.location)
                if receiver.retry_after:
                    self.send_header("Retry-After", receiver.retry_after)
                self.end_headers()
                self.wfile.write(receiver.reply_text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Says nothing of connections that the client or this server has closed."""


@contextmanager
def webhook_receiver(*, port: int = 0) -> Iterator[Receiver]:
    receiver = Receiver()
    server = _Server(("127.0.0.1", port), _handler(receiver))
    receiver.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
