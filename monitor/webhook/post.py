"""One POST request with a limit on its time; a redirect is not followed, so only the host of the URL is connected."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.digests.text import one_line
from monitor.errors import DeliveryUnavailable, DeliveryUnknown
from monitor.retry_after import parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_REPLY_BYTES = 2000  # of the reply's body that an error shows a part of
MAX_SHOWN_REPLY_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """The status of a response and the beginning of its body in one line."""

    status: int
    text: str
    location: str = ""  # of a redirect: scheme and host
    retry_after: timedelta = timedelta()  # the time that the server asks to wait

    def __str__(self) -> str:
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "unknown status"
        return f"{self.status} {phrase}" + (f": {self.text}" if self.text else "")


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float) -> Reply:
    """Posts a body and returns the reply, whatever its status; all of it takes at most about ``timeout`` seconds.

    Raises DeliveryUnavailable if the server cannot have read the request, DeliveryUnknown if it may have.  Their
    messages and the reply's text contain neither path nor query of the URL, which may be secret.
    """
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    shown = f"{parts.scheme}://{host}"
    connection = _connection(host, parts.port, is_tls=is_tls, timeout=timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    watchdog = threading.Timer(timeout, _interrupt, args=(connection,))
    watchdog.daemon = True
    watchdog.start()
    try:
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise DeliveryUnavailable(f"the certificate of {shown} is refused: {error.verify_message}") from None
        except socket.gaierror:
            raise DeliveryUnavailable(f"{shown} does not answer: no host is called {host}") from None
        except OSError as error:
            raise DeliveryUnavailable(f"{shown} does not answer: {error.strerror or error}") from None
        try:
            connection.request("POST", target, body=body, headers=dict(headers))
            response = connection.getresponse()
            text = _without_secrets(response.read(MAX_REPLY_BYTES).decode("utf-8", "replace"), target)
        except (OSError, http.client.HTTPException) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
            message = f"{shown} gave no answer, it may have taken the message: {one_line(reason)[:200]}"
            raise DeliveryUnknown(message) from None
        return Reply(
            response.status,
            text,
            location=_site(response.getheader("Location") or ""),
            retry_after=timedelta(seconds=parse_retry_after(response.getheader("Retry-After")) or 0.0),
        )
    finally:
        watchdog.cancel()
        connection.close()


def try_connection(url: str, *, timeout: float) -> None:
    """Connects to the server of a URL and sends nothing.  Raises DeliveryUnavailable if that fails."""
    parts = urlsplit(url)
    connection = _connection(parts.hostname or "", parts.port, is_tls=parts.scheme == "https", timeout=timeout)
    try:
        connection.connect()
    except OSError as error:
        reason = getattr(error, "verify_message", None) or error.strerror or str(error)
        raise DeliveryUnavailable(f"{parts.scheme}://{parts.hostname} does not answer: {reason}") from None
    finally:
        connection.close()


def _connection(host: str, port: int | None, *, is_tls: bool, timeout: float) -> http.client.HTTPConnection:
    if is_tls:
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=timeout)


def _interrupt(connection: http.client.HTTPConnection) -> None:
    """Ends a request that takes too long: a server that sends a byte at a time passes the limit of each read."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _without_secrets(text: str, target: str) -> str:
    """Returns the beginning of a reply in one line; a reply that repeats the request's path is hidden."""
    secrets = [part for part in target.replace("?", "/").split("/") if len(part) >= 8]
    return "" if any(secret in text for secret in secrets) else one_line(text)[:MAX_SHOWN_REPLY_CHARACTERS]


def _site(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" if parts.hostname else ""
