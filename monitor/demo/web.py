"""A small web site on loopback whose pages can be changed, counted and made to fail while it runs."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

Body: TypeAlias = bytes | Callable[[], bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """What a path answers.  A callable body is made anew for each request."""

    body: Body = b""
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    conditional: bool = False  # has an ETag and answers 304 to who knows it


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """How a path misbehaves; ``times`` bounds how often (None: until mended)."""

    status: int | None = None  # answers with this status and no page
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0  # seconds before the answer begins
    drip: float = 0.0  # seconds between two bytes of the body
    hang: bool = False  # never answers
    drop: bool = False  # closes the connection half-way through the body
    times: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRequest:
    """A request as it came and how it was answered."""

    path: str
    status: int
    headers: dict[str, str]  # names in lower case
    at: float  # seconds since the epoch


class Site:
    """A web server on 127.0.0.1 with a port of its own; start it with ``with`` or `start`.

    All methods may be called from any thread while it serves.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, delay: float = 0.0) -> None:
        self.delay = delay  # seconds that every answer takes
        self._lock = threading.Lock()
        self._resources: dict[str, Resource] = {}
        self._faults: dict[str, Fault] = {}
        self._asked: list[RecordedRequest] = []
        self._closing = threading.Event()
        self._server = _Server((host, port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://{host}:{self._server.server_port}/"

    # ---- its pages

    def put(
        self,
        path: str,
        body: Body = b"",
        content_type: str = "text/html; charset=utf-8",
        *,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
        conditional: bool = False,
    ) -> str:
        """Answers ``path`` with this from now on; returns its address."""
        resource = Resource(
            body=body, content_type=content_type, status=status, headers=headers, conditional=conditional
        )
        with self._lock:
            self._resources[path] = resource
        return self.url + path.removeprefix("/")

    def remove(self, path: str) -> None:
        """Answers ``path`` with 404 from now on."""
        with self._lock:
            self._resources.pop(path, None)

    def fault(self, path: str, fault: Fault) -> None:
        """Lets ``path`` fail; ``*`` stands for every path that has no fault of its own."""
        with self._lock:
            self._faults[path] = fault

    def mend(self, path: str = "") -> None:
        """Ends the fault of ``path``, or all faults."""
        with self._lock:
            if path:
                self._faults.pop(path, None)
            else:
                self._faults.clear()

    # ---- what was asked of it

    @property
    def asked(self) -> list[RecordedRequest]:
        """Every request so far, in the order they were answered."""
        with self._lock:
            return list(self._asked)

    def count(self, path: str | None = None, *, status: int | None = None) -> int:
        """How often a path (all, without one) was asked for, or answered with ``status``."""
        return sum(path in (None, a.path) and status in (None, a.status) for a in self.asked)

    def counts(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(asked.path for asked in self.asked)

    def forget(self) -> None:
        """Begins to count anew."""
        with self._lock:
            self._asked.clear()

    # ---- its life

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Stops serving; requests that hang are dropped."""
        self._closing.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # ---- answering, on the connection's thread

    def _answer(self, path: str) -> tuple[Resource, Fault]:
        with self._lock:
            resource = self._resources.get(path)
            key = path if path in self._faults else "*"
            fault = self._faults.get(key) or Fault()
            if fault.times is not None:
                if fault.times > 1:
                    self._faults[key] = replace(fault, times=fault.times - 1)
                else:
                    del self._faults[key]
        return resource or Resource(status=404, body=b"<h1>Not found</h1>"), fault

    def _record(self, asked: RecordedRequest) -> None:
        with self._lock:
            self._asked.append(asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what tests do, not an error worth a traceback."""


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            resource, fault = site._answer(path)  # noqa: SLF001 - the handler is the site's other half
            if site._closing.wait(site.delay + fault.delay) or fault.hang:  # noqa: SLF001
                site._record(RecordedRequest(path=path, status=0, headers=self._asked_headers(), at=time.time()))  # noqa: SLF001
                site._closing.wait()  # noqa: SLF001
                self.close_connection = True
                return
            status = fault.status or resource.status
            body = b"" if fault.status else _made(resource.body)
            headers = [("Content-Type", resource.content_type), *resource.headers, *fault.headers]
            if resource.conditional and status == 200:
                etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                headers.append(("ETag", etag))
                if self.headers.get("If-None-Match") == etag:
                    status, body = 304, b""
            site._record(RecordedRequest(path=path, status=status, headers=self._asked_headers(), at=time.time()))  # noqa: SLF001
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self._send(body, fault)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def _asked_headers(self) -> dict[str, str]:
            return {name.lower(): value for name, value in self.headers.items()}

        def _send(self, body: bytes, fault: Fault) -> None:
            if fault.drop:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            elif fault.drip:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    if site._closing.wait(fault.drip):  # noqa: SLF001
                        return
            else:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server gives it
            """Says nothing: `Site.asked` has it all."""

    return Handler


def _made(body: Body) -> bytes:
    return body() if callable(body) else body
