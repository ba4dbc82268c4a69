"""Answers /metrics, /healthz and /readyz over HTTP, in threads, so that an answer does not need the event loop."""

from __future__ import annotations

import logging
import socket
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from monitor.config.types import split_listen_address
from monitor.errors import MonitorError
from monitor.heartbeat import MAX_AGE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry

    from monitor.heartbeat import Heartbeat

REQUEST_TIMEOUT_SECONDS = 10.0  # for a client to send its request


@contextmanager
def serve_metrics(address: str, registry: CollectorRegistry, heartbeat: Heartbeat) -> Iterator[None]:
    """Answers requests at ``address`` (host:port) within the block.

    /healthz fails (503) if the event loop has not beaten for MAX_AGE_SECONDS, as `alive` does; /readyz also while the
    store or the extraction workers are unavailable.  Raises MonitorError if the address cannot be used.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_TIMEOUT_SECONDS
        server_version = "media-monitor"
        sys_version = ""

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)
                case "/healthz":
                    self._answer_faults(_health_faults(heartbeat))
                case "/readyz":
                    self._answer_faults([*_health_faults(heartbeat), *_readiness_faults(registry)])
                case _:
                    self._answer_text(HTTPStatus.NOT_FOUND, "there are /metrics, /healthz and /readyz")

        def _answer_faults(self, faults: list[str]) -> None:
            status = HTTPStatus.SERVICE_UNAVAILABLE if faults else HTTPStatus.OK
            self._answer_text(status, "; ".join(faults) or "ok")

        def _answer_text(self, status: HTTPStatus, text: str) -> None:
            self._answer(status, f"{text}\n".encode(), "text/plain; charset=utf-8")

        def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the signature of http.server
            logging.getLogger(__name__).debug(format, *args)

    host, port = split_listen_address(address)

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    try:
        server = Server((host, int(port)), Handler)
    except OSError as error:
        raise MonitorError(f"metrics: {address} cannot be used: {error.strerror}", hint="name another port") from None
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _health_faults(heartbeat: Heartbeat) -> list[str]:
    age = heartbeat.age_seconds
    if age is None:
        return ["starting"]
    return [f"the event loop has been busy for {age:.0f} s"] if age > MAX_AGE_SECONDS else []


def _readiness_faults(registry: CollectorRegistry) -> list[str]:
    faults = {
        "media_monitor_store_up": "the store is unavailable",
        "media_monitor_workers_up": "no extraction worker can be started",
    }
    return [text for name, text in faults.items() if not registry.get_sample_value(name)]
