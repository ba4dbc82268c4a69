"""Turns the exceptions of Scrapy's downloader into FetchError: the kind of failure and a message in plain English."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from OpenSSL import SSL
from scrapy.core.downloader.handlers.http11 import TunnelError
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)
from service_identity import VerificationError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.web.client import ResponseFailed

from monitor.crawl.own_faults import is_own_fault, own_fault_message
from monitor.crawl.robots import RobotsDisallowed, RobotsUnreachable
from monitor.decompression import DecompressionLimitExceeded
from monitor.egress.address_guard import AddressRefused
from monitor.egress.host_rests import HostResting
from monitor.egress.http_handler import CertificateNotTrusted, ProxyUnreachable
from monitor.egress.name_resolutions import name_resolutions
from monitor.egress.response_headers import HEADERS_TOO_LARGE_MESSAGE, MAX_HEADER_LINE_BYTES
from monitor.errors import FetchError, MonitorError
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy.http import Response


async def response_or_fetch_error(download: Awaitable[Response]) -> Response:
    """Awaits a download and returns its response.

    Raises a MonitorError of the download unchanged and FetchError for any other exception.
    """
    try:
        return await download
    except HostResting as error:
        if error.is_foreign:  # the page's redirect leads there: the outlet's own host does not rest
            raise FetchError(str(error), kind=FailureKind.HTTP_OTHER, status=429, retry_after=error.seconds) from error
        raise FetchError(str(error), kind=FailureKind.RESTING, retry_after=error.seconds) from error
    except _DOWNLOAD_ERRORS as error:
        if outage := _own_outage(error):
            raise outage from error
        text = readable_error_message(str(error)) or type(error).__name__
        _, kind, message = next(row for row in _DOWNLOAD_FAILURE_RULES if row[0](error, text))
        raise FetchError((message or text)[:300], kind=kind) from error
    except MonitorError:
        raise
    except MemoryError as error:
        raise FetchError(own_fault_message(error), kind=FailureKind.NO_RESOURCES) from error
    except Exception as error:  # Scrapy's decoders raise exceptions of many types
        raise FetchError(
            f"the response cannot be read: {error!r}"[:300], kind=FailureKind.UNDECODABLE_RESPONSE
        ) from error


def _own_outage(error: Exception) -> FetchError | None:
    """Returns the error as a failure on the monitor's side, such as an unreachable proxy; None if it is another's."""
    cause = error.__cause__ if isinstance(error, RobotsUnreachable) else error
    if isinstance(cause, ProxyUnreachable):
        return FetchError(str(cause)[:300], kind=FailureKind.PROXY)
    if is_own_fault(error):
        return FetchError(own_fault_message(error), kind=FailureKind.NO_RESOURCES)
    if isinstance(cause, CannotResolveHostError) and name_resolutions.are_all_failing:
        return FetchError(readable_error_message(str(cause))[:300], kind=FailureKind.NO_NETWORK)
    return None


def readable_error_message(message: str) -> str:
    """Returns the message with the wording of Twisted and OpenSSL errors replaced by plain English."""
    for pattern, replacement in _ERROR_MESSAGE_REPLACEMENTS:
        message = pattern.sub(replacement, message)
    return message


_ERROR_MESSAGE_REPLACEMENTS = (
    (
        re.compile(
            r"(\[<twisted\S+ OpenSSL\.SSL\.Error: )?"
            r"\[\('SSL routines', '', '[^']*(version number|record layer)[^']*'\)\](>\])?"
        ),
        "no TLS there; the address may have to begin with http://",
    ),
    (re.compile(r"\[<twisted\S+ OpenSSL\.SSL\.Error: \[\('SSL routines', '', '([^']*)'\).*?\]>\]"), r"TLS: \1"),
    (
        re.compile(r"\[<twisted\S+ twisted\.internet\.error\.ConnectionDone: Connection was closed cleanly\.>\]"),
        f"the server closed the connection before the end of the headers, or a line of them is longer than "
        f"{MAX_HEADER_LINE_BYTES:,} bytes",
    ),
    (re.compile(r"DNS lookup failed: no results for hostname lookup: (\S+?)\.?$"), r"the name \1 has no address"),
    (re.compile(r"Connection was refused by other side.*"), "the connection is refused"),
    (re.compile(r"\[<twisted\.python\.failure\.Failure [\w.]+: (.*?)>\]"), r"\1"),
)

_DOWNLOAD_ERRORS = (
    IgnoreRequest,
    DownloadTimeoutError,
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
    ConnectError,
    ConnectionClosed,
    ResponseFailed,
    SSL.Error,
    VerificationError,
    TunnelError,
    OSError,
    EOFError,
    ValueError,
)
_TOO_LARGE_MESSAGE = "larger than the size limit (crawl.max_size)"


def _is_instance_of(*types: type[Exception]) -> Callable[[Exception, str], bool]:
    """Returns a test for `_DOWNLOAD_FAILURE_RULES` that is True for an exception of one of these types."""
    return lambda error, _: isinstance(error, types)


# Rows of (test, failure kind, message); the first row whose test returns True applies.  The arguments of a test are
# the exception and its readable message; a row with an empty message keeps the readable message.
_DOWNLOAD_FAILURE_RULES: tuple[tuple[Callable[[Exception, str], bool], FailureKind, str], ...] = (
    (_is_instance_of(AddressRefused), FailureKind.PRIVATE_ADDRESS, ""),
    (_is_instance_of(RobotsDisallowed), FailureKind.ROBOTS, ""),
    (_is_instance_of(RobotsUnreachable), FailureKind.ROBOTS_UNREACHABLE, ""),
    (lambda _, text: "max redirections" in text, FailureKind.REDIRECTS, "redirected too often"),
    (lambda _, text: "DOWNLOAD_MAXSIZE" in text, FailureKind.TOO_LARGE, f"{_TOO_LARGE_MESSAGE} once unpacked"),
    (_is_instance_of(DecompressionLimitExceeded), FailureKind.TOO_LARGE, ""),
    (lambda _, text: HEADERS_TOO_LARGE_MESSAGE in text, FailureKind.TOO_LARGE, HEADERS_TOO_LARGE_MESSAGE),
    (_is_instance_of(IgnoreRequest), FailureKind.REQUEST_DROPPED, ""),
    (_is_instance_of(DownloadTimeoutError), FailureKind.TIMEOUT, "no complete response within crawl.timeout"),
    (_is_instance_of(CannotResolveHostError), FailureKind.DNS, ""),
    (_is_instance_of(DownloadCancelledError), FailureKind.TOO_LARGE, _TOO_LARGE_MESSAGE),
    (_is_instance_of(ResponseDataLossError), FailureKind.CONNECTION, "the response ends early"),
    (_is_instance_of(UnsupportedURLSchemeError), FailureKind.UNSUPPORTED_ADDRESS, ""),
    (_is_instance_of(CertificateNotTrusted, SSL.Error, VerificationError), FailureKind.TLS, ""),
    (lambda _, text: "SSL" in text or "TLS" in text, FailureKind.TLS, ""),
    # Decoders raise these exceptions for a body that does not match its Content-Encoding.
    (_is_instance_of(OSError, EOFError, ValueError), FailureKind.UNDECODABLE_RESPONSE, ""),
    (lambda *_: True, FailureKind.CONNECTION, ""),
)
