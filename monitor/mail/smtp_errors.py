"""Translates errors of smtplib, ssl and sockets to delivery errors with hints."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

from monitor.errors import DeliveryRefused, DeliveryUnavailable, DeliveryUnknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.mail.mail_url import MailServer

Stage: TypeAlias = Literal["connect", "sender", "recipient", "data", "content", "reset"]

MAIL_TOO_LARGE_REPLY_CODE = 552  # SMTP reply to MAIL FROM with a size above the server's limit
LOGIN_REQUIRED_REPLY_CODE = 530
_NAME_MISMATCH_CODES = (62, 64)  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
_EXPIRED_CODE = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_MAX_SHOWN_REPLY_CHARACTERS = 300


def is_success(code: int) -> bool:
    """Returns True for each code that begins with 2: a client acts by the first digit (RFC 5321, 4.2)."""
    return 200 <= code < 300


def reply_text(code: int, text: bytes | str) -> str:
    """Returns a reply in one line, without control characters; a reply without a code as the server sent it."""
    message = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    shown = "".join(c if c.isprintable() else " " for c in message)
    line = " ".join(shown.split())[:_MAX_SHOWN_REPLY_CHARACTERS]
    return f"{code} {line}" if code > 0 else line


@contextmanager
def translated_smtp_errors(server: MailServer, stage: Stage) -> Iterator[None]:
    """Translates errors to DeliveryUnavailable, DeliveryUnknown or DeliveryRefused.

    ``stage`` is the step of the SMTP session.  In the stage ``content`` the server has the mail, so every error but a
    reply that refuses it (4xx, 5xx) becomes DeliveryUnknown.
    """
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        answer = reply_text(error.smtp_code, error.smtp_error)
        raise DeliveryRefused(
            f"{server} refuses the login: {answer}", hint="check the user and password in mail.url"
        ) from None
    except smtplib.SMTPResponseException as error:
        raise _error_of_reply(server, stage, error.smtp_code, error.smtp_error) from None
    except ssl.SSLCertVerificationError as error:
        raise _certificate_error(server, error) from None
    except ssl.SSLError as error:
        if stage == "content":
            raise DeliveryUnknown(f"the connection to {server} broke: {error.reason or error}") from None
        raise DeliveryUnavailable(
            f"no encryption with {server}: {error.reason or error}",
            hint="smtps:// is for port 465, smtp:// with STARTTLS for 587 and 25",
        ) from None
    except socket.gaierror:
        raise DeliveryUnavailable(
            f"{server} does not answer: no host is called {server.host}", hint="check mail.url"
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        message = (error.strerror if isinstance(error, OSError) else None) or str(error)
        reason = " ".join(message.split()) or type(error).__name__
        error_type = DeliveryUnknown if stage == "content" else DeliveryUnavailable
        raise error_type(f"{server} does not answer: {reason}") from None


def _error_of_reply(
    server: MailServer, stage: Stage, code: int, text: bytes | str
) -> DeliveryUnavailable | DeliveryRefused:
    """Returns the error for a reply that is no success."""
    answer = reply_text(code, text)
    if stage == "content" and not 400 <= code < 600:
        return DeliveryUnknown(f"{server} gives an unexpected answer to a mail, which it may have taken: {answer}")
    if code == LOGIN_REQUIRED_REPLY_CODE:
        return DeliveryUnavailable(
            f"{server} requires a login: {answer}", hint="write smtp://user:password@host:587 in mail.url"
        )
    if code >= 500 and (stage in ("data", "content") or (stage == "sender" and code == MAIL_TOO_LARGE_REPLY_CODE)):
        return DeliveryRefused(f"{server} refuses the mail: {answer}")
    if code >= 500 and stage == "sender":  # the sender is wrong, not this mail
        return DeliveryUnavailable(f"{server} refuses the sender: {answer}", hint="check mail.sender")
    if stage == "connect" and code <= 0:
        return DeliveryUnavailable(
            f"{server} is not a mail server: it says {answer!r}", hint="check the host and port in mail.url"
        )
    return DeliveryUnavailable(f"{server} cannot take mail now: {answer}")


def _certificate_error(server: MailServer, error: ssl.SSLCertVerificationError) -> DeliveryRefused:
    if error.verify_code in _NAME_MISMATCH_CODES:
        return DeliveryRefused(
            f"the certificate of {server} is not for {server.host}: its subjectAltName does not name it, or is missing",
            hint="write the name in the certificate in mail.url, or have a certificate made for this name",
        )
    if error.verify_code == _EXPIRED_CODE:
        return DeliveryRefused(f"the certificate of {server} has expired", hint="the server needs a new one")
    return DeliveryRefused(
        f"the certificate of {server} is not trusted: {error.verify_message}",
        hint="name its CA with ?ca=FILE in mail.url",
    )
