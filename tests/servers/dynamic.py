"""A web server whose answers depend on the request: its headers, cookies and form; and a recording HTTP proxy."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from servers.accepting import AcceptingServer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request that a server has received; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def cookies(self) -> dict[str, str]:
        return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("cookie", "")).items()}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    @property
    def text(self) -> str:
        """All that was received, for searching it for a secret."""
        return f"{self.method} {self.path} {self.headers} {self.body!r}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The response to a request."""

    body: str = ""
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = "text/html; charset=utf-8"


def redirect(location: str, *headers: tuple[str, str], status: int = 302) -> Answer:
    return Answer(status=status, headers=[("Location", location), *headers])


class DynamicSite:
    """A web server on its own port, started by ``with``; unknown paths get 404."""

    def __init__(self, host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None) -> None:
        self.routes: dict[str, Callable[[Received], Answer]] = {}
        self.received: list[Received] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Received(method=self.command, path=self.path, headers=headers, body=body)
                site.received.append(request)
                route = site.routes.get(urlsplit(self.path).path)
                answer = route(request) if route else Answer(status=404)
                self.send_response(answer.status)
                for name, value in [("Content-Type", answer.content_type), *answer.headers]:
                    self.send_header(name, value)
                content = answer.body.encode()
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815  http.server's name

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
                """Logs nothing."""

        self._server = _quiet_server((host, 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://{host}:{self._server.server_port}/"

    def page(self, path: str, body: str, content_type: str = "text/html; charset=utf-8") -> str:
        """Serves the same page to every request; returns its URL."""
        self.routes[path] = lambda _: Answer(body=body, content_type=content_type)
        return self.url + path.removeprefix("/")

    def requests(self, path: str, method: str = "GET") -> list[Received]:
        return [request for request in self.received if request.method == method and request.path == path]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class MembersSite(DynamicSite):
    """A site whose pages need a login with a CSRF token; `end_sessions` makes every session invalid."""

    PASSWORD = "open-sesame-7431"

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.sessions: list[str] = []  # of each login
        self.valid_session = ""
        self.refusal = redirect("/login?next=/")  # of a page without session
        self.routes["/login"] = self._login
        self.routes["/"] = lambda _: Answer(body="<h1>Home</h1>")

    def members_page(self, path: str, body: str, content_type: str = "text/html; charset=utf-8") -> str:
        """Serves a page only with a valid session; returns its URL."""
        self.routes[path] = lambda request: (
            Answer(body=body, content_type=content_type)
            if self.valid_session and request.cookies.get("sid") == self.valid_session
            else self.refusal
        )
        return self.url + path.removeprefix("/")

    def end_sessions(self) -> None:
        self.valid_session = ""

    def _login(self, request: Received) -> Answer:
        token = f"token-{len(self.sessions)}"
        form = (
            "<form action='/search'><input name='q'></form><form method='post'><input type='hidden' name='csrf' "
            f"value='{token}'><input name='email'><input type='password' name='password'>"
            "<input type='checkbox' name='stay' value='1' checked></form>"
        )
        if request.method == "GET":
            return Answer(body=form, headers=[("Set-Cookie", f"csrf={token}")])
        if request.form.get("csrf") != token or request.cookies.get("csrf") != token or "stay" not in request.form:
            return Answer(status=400, body="the token does not match")
        if request.form.get("password") != self.PASSWORD:
            return Answer(body=f"<p>Wrong password.</p>{form}")
        self.valid_session = f"session-secret-{len(self.sessions)}"
        self.sessions.append(self.valid_session)
        return redirect("/", ("Set-Cookie", f"sid={self.valid_session}; HttpOnly; Path=/"))


class RecordingProxy(AcceptingServer):
    """An HTTP proxy on 127.0.0.1 that requires ``user:password`` (None: nothing) and records each request's head.

    ``hosts`` maps names to addresses, as the proxy's own name server would.
    """

    def __init__(self, login: str | None = None) -> None:
        super().__init__()
        self.heads: list[str] = []
        self.hosts: dict[str, str] = {}
        self._authorization = f"Basic {base64.b64encode(login.encode()).decode()}" if login else None

    def serve(self, client: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = client.recv(65536)
            if not chunk:
                return
            data += chunk
        head, _, rest = data.partition(b"\r\n\r\n")
        self.heads.append(head.decode("latin-1"))
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if self._authorization is not None and headers.get("proxy-authorization") != self._authorization:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host = self.hosts.get(parts.hostname or "", parts.hostname or "")
        with socket.create_connection((host, parts.port or 80)) as site:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                kept = [line for line in lines[1:] if not line.lower().startswith(("proxy-", "connection:"))]
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                forwarded = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""])
                site.sendall(forwarded.encode("latin-1") + rest)
            pump = threading.Thread(target=_copy, args=(client, site), daemon=True)
            pump.start()
            _copy(site, client)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)


def _quiet_server(address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Ignores connections that the client closes early."""

    return Server(address, handler)
