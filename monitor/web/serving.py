"""Opens the page's port and serves it, in the foreground or beside a crawl."""

from __future__ import annotations

import errno
import socket
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from monitor.config.types import split_listen_address
from monitor.errors import ConfigError, MonitorError
from monitor.web.access import is_loopback, needs_login

if TYPE_CHECKING:
    from collections.abc import Iterator

    import uvicorn

    from monitor.config.schema import WebSettings
    from monitor.web.services import Services

SHUTDOWN_SECONDS = 5  # until requests that still run are abandoned
MAX_QUEUED_CONNECTIONS = 128


def require_access_rules(settings: WebSettings, listen: str) -> None:
    """Raises ConfigError if others could open the page without a login."""
    host, _ = split_listen_address(listen)
    if not is_loopback(host) and not needs_login(settings):
        raise ConfigError(
            [
                f"web: anybody who reaches {listen} could read and change everything; add a user with "
                "`media-monitor user add NAME`, name the header of a reverse proxy in web.user_header, "
                "or listen on 127.0.0.1"
            ]
        )


@contextmanager
def listening_socket(listen: str) -> Iterator[socket.socket]:
    """Yields a socket that listens at an address; port 0 takes a free one.  Raises MonitorError if it cannot."""
    host, port = split_listen_address(listen)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise MonitorError(f"cannot listen on {listen}: {error.strerror}") from None
    with opened:
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(MAX_QUEUED_CONNECTIONS)
        except OSError as error:
            hint = "stop the other program, or choose another port: --listen 127.0.0.1:8090"
            is_taken = error.errno == errno.EADDRINUSE
            reason = "another program listens there" if is_taken else error.strerror
            raise MonitorError(f"cannot listen on {listen}: {reason}", hint=hint if is_taken else "") from None
        yield opened


def url_of(listening: socket.socket) -> str:
    """Returns the address of the page for a browser."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(services: Services, listening: socket.socket) -> None:
    """Serves the page until SIGINT or SIGTERM."""
    _server(services).run(sockets=[listening])


@contextmanager
def serving_beside(services: Services, listening: socket.socket) -> Iterator[None]:
    """Serves the page in a thread while the block runs."""
    server = _server(services)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(SHUTDOWN_SECONDS + 1)


def _server(services: Services) -> uvicorn.Server:
    import uvicorn

    from monitor.web.app import create_app
    from monitor.web.connections import MAX_CONNECTIONS, LimitedConnection

    def is_reverse_proxy(address: str) -> bool:
        return address in services.config.web.proxies

    return uvicorn.Server(
        uvicorn.Config(
            create_app(services),
            http=partial(LimitedConnection, is_proxy=is_reverse_proxy),  # type: ignore[arg-type]  # makes a protocol, as a class does
            limit_concurrency=MAX_CONNECTIONS,
            log_config=None,
            access_log=False,
            proxy_headers=False,  # access.py reads them, of the configured proxies only
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
