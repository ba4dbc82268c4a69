"""A small web server on this machine.  While it runs, pages can be changed and made to fail; requests are recorded."""

# ruff: noqa: SLF001  the request handler is part of the site

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

ResponseBody: TypeAlias = bytes | Callable[[], bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """The response to requests for one path.  A callable body is called for each request and returns the bytes."""

    body: ResponseBody = b""
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    conditional: bool = False  # True: sends an ETag, and 304 if a request's If-None-Match equals it


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A way in which requests for a path fail."""

    status: int | None = None  # responds with this status and no body
    headers: tuple[tuple[str, str], ...] = ()  # added to the response
    delay_seconds: float = 0.0  # before the response begins
    seconds_per_byte: float = 0.0  # pause after each byte of the body
    hang: bool = False  # never responds
    drop: bool = False  # closes the connection in the middle of the body
    times: int | None = None  # number of requests that fail; None: all until `Site.clear_fault`


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRequest:
    """A request that a `Site` has received, and the status of its response (0 if it never responded)."""

    path: str
    status: int
    headers: dict[str, str]  # names in lower case
    at: float  # seconds since the epoch


class Site:
    """A web server on its own port of 127.0.0.1, started by ``with`` or `start`.

    All methods may be called from any thread while the server runs.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, delay: float = 0.0) -> None:
        self.delay = delay  # seconds before every response
        self._lock = threading.Lock()
        self._resources: dict[str, Resource] = {}
        self._post_handlers: dict[str, Callable[[bytes], int]] = {}
        self._faults: dict[str, Fault] = {}
        self._requests: list[RecordedRequest] = []
        self._closing = threading.Event()
        self._server = _QuietServer((host, port), _handler_class(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://{host}:{self._server.server_port}/"

    # ---- pages

    def put(
        self,
        path: str,
        body: ResponseBody = b"",
        content_type: str = "text/html; charset=utf-8",
        *,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
        conditional: bool = False,
    ) -> str:
        """Sets the response to requests for ``path``.  Returns the URL of ``path``."""
        resource = Resource(
            body=body, content_type=content_type, status=status, headers=headers, conditional=conditional
        )
        with self._lock:
            self._resources[path] = resource
        return self.url + path.removeprefix("/")

    def put_post_handler(self, path: str, handler: Callable[[bytes], int]) -> str:
        """Sets what takes the body of each POST to ``path`` and returns the status; returns the URL of ``path``."""
        with self._lock:
            self._post_handlers[path] = handler
        return self.url + path.removeprefix("/")

    def remove(self, path: str) -> None:
        """Removes the response of ``path``, so that requests for it get status 404."""
        with self._lock:
            self._resources.pop(path, None)

    def fault(self, path: str, fault: Fault) -> None:
        """Makes requests for ``path`` fail; the path ``*`` stands for all paths that have no fault."""
        with self._lock:
            self._faults[path] = fault

    def clear_fault(self, path: str = "") -> None:
        """Removes the fault of ``path``, or all faults if ``path`` is empty."""
        with self._lock:
            if path:
                self._faults.pop(path, None)
            else:
                self._faults.clear()

    # ---- recorded requests

    @property
    def recorded_requests(self) -> list[RecordedRequest]:
        """The recorded requests, in the order of their responses."""
        with self._lock:
            return list(self._requests)

    def count(self, path: str | None = None, *, status: int | None = None) -> int:
        """Returns the number of recorded requests for ``path`` (None: all) with this response status (None: any)."""
        return sum(path in (None, a.path) and status in (None, a.status) for a in self.recorded_requests)

    def counts_by_path(self) -> Counter[str]:
        """Returns the number of recorded requests by path."""
        return Counter(request.path for request in self.recorded_requests)

    def forget_requests(self) -> None:
        """Deletes all recorded requests."""
        with self._lock:
            self._requests.clear()

    # ---- start and stop

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Stops the server; closes the connections of requests that hang."""
        self._closing.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # ---- responding, on the connection's thread

    def _resource_and_fault(self, path: str) -> tuple[Resource, Fault]:
        """Returns the response and the fault for one request of ``path``, and counts the fault as used once."""
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

    def _post_handler(self, path: str) -> Callable[[bytes], int] | None:
        with self._lock:
            return self._post_handlers.get(path)

    def _record_request(self, request: RecordedRequest) -> None:
        with self._lock:
            self._requests.append(request)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores errors without printing a traceback, because clients in tests close connections early."""


def _handler_class(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            resource, fault = site._resource_and_fault(path)
            if site._closing.wait(site.delay + fault.delay_seconds) or fault.hang:
                site._record_request(
                    RecordedRequest(path=path, status=0, headers=self._received_headers(), at=time.time())
                )
                site._closing.wait()
                self.close_connection = True
                return
            status = fault.status or resource.status
            body = b"" if fault.status else _body_bytes(resource.body)
            headers = [("Content-Type", resource.content_type), *resource.headers, *fault.headers]
            if resource.conditional and status == 200:
                etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                headers.append(("ETag", etag))
                if self.headers.get("If-None-Match") == etag:
                    status, body = 304, b""
            site._record_request(
                RecordedRequest(path=path, status=status, headers=self._received_headers(), at=time.time())
            )
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self._send(body, fault)

        do_HEAD = do_GET  # noqa: N815  http.server's name

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            handler = site._post_handler(self.path)
            status = handler(body) if handler else 405
            site._record_request(
                RecordedRequest(path=self.path, status=status, headers=self._received_headers(), at=time.time())
            )
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _received_headers(self) -> dict[str, str]:
            """Returns the headers of the received request, names in lower case."""
            return {name.lower(): value for name, value in self.headers.items()}

        def _send(self, body: bytes, fault: Fault) -> None:
            if fault.drop:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            elif fault.seconds_per_byte:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    if site._closing.wait(fault.seconds_per_byte):
                        return
            else:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
            """Logs nothing, because `Site.recorded_requests` contains all requests."""

    return Handler


def _body_bytes(body: ResponseBody) -> bytes:
    return body() if callable(body) else body
