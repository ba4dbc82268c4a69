"""A connection to a mail server that sends any number of mails."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from monitor.errors import DeliveryRefused, DeliveryUnavailable, DeliveryUnknown
from monitor.notify.channel import Refusals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.mail.mail_url import MailServer

MAX_MAILS_PER_CONNECTION = 50  # many servers disconnect after 100
# How long to wait for the reply to a mail's content.  A server may check the mail for ten minutes before it replies
# (RFC 5321, 4.5.3.2.6); if the client gives up earlier and sends the mail again, the server may deliver it twice.
# Five minutes is a compromise, because the claim on the notifications (CLAIM_TERM) must not expire meanwhile.
DATA_TIMEOUT_SECONDS = 300.0
MAIL_TOO_LARGE_REPLY_CODE = 552  # SMTP reply to MAIL FROM with a size above the server's limit


class SmtpConnection:
    """A connection to a mail server: connects on first use, reconnects after a disconnect.  Not thread-safe."""

    def __init__(self, server: MailServer, *, timeout: float) -> None:
        self.server = server
        self.timeout = timeout
        self._smtp: smtplib.SMTP | None = None
        self._mails_sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Connects and logs in, unless a working connection is open.

        Raises DeliveryUnavailable if the server cannot be used now, DeliveryRefused if the settings are wrong.
        """
        if self._smtp is not None:
            if self._mails_sent < MAX_MAILS_PER_CONNECTION and _is_alive(self._smtp):
                return
            self.close()
        with _translated_smtp_errors(self.server, "connect"):
            smtp = self._connect()
            try:
                self._greet_and_log_in(smtp)
            except BaseException:
                smtp.close()
                raise
        self._smtp, self._mails_sent = smtp, 0

    def send(self, mail: bytes, *, sender: str, to: Sequence[str]) -> Refusals:
        """Sends a mail to the recipients ``to``.  Returns the recipients that the server refused.

        Raises DeliveryRefused if the server rejects the mail permanently, DeliveryUnavailable if the server did not
        accept the mail, and DeliveryUnknown if the server may have accepted the mail.
        """
        self.open()
        smtp = self._smtp
        assert smtp is not None
        temporarily: dict[str, str] = {}
        permanently: dict[str, str] = {}
        try:
            with _translated_smtp_errors(self.server, "sender"):
                _require_ok_reply(smtp.mail(sender, ["size=" + str(len(mail))] if smtp.has_extn("size") else []))
            with _translated_smtp_errors(self.server, "recipient"):
                for address in to:
                    code, text = smtp.rcpt(address)
                    if code == 421:
                        raise smtplib.SMTPResponseException(code, text)  # the server closes the connection
                    if code not in (250, 251):
                        refused = temporarily if 400 <= code < 500 else permanently
                        refused[address] = _reply_text(code, text)
            if len(temporarily) + len(permanently) < len(to):
                with _translated_smtp_errors(self.server, "mail"):
                    self._set_socket_timeout(max(self.timeout, DATA_TIMEOUT_SECONDS))
                    _require_ok_reply(smtp.data(mail))
                    self._set_socket_timeout(self.timeout)
                self._mails_sent += 1
            else:
                with _translated_smtp_errors(self.server, "reset"):
                    smtp.rset()
        except (DeliveryUnavailable, DeliveryRefused):
            self.close()
            raise
        return Refusals(temporarily=temporarily, permanently=permanently)

    def _set_socket_timeout(self, seconds: float) -> None:
        if self._smtp is not None and self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)

    def close(self) -> None:
        """Sends QUIT if the connection is open, and closes it."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            try:
                smtp.quit()
            except (smtplib.SMTPException, OSError):
                smtp.close()

    def _connect(self) -> smtplib.SMTP:
        address = self.server.host, self.server.port
        name = "localhost"  # `_greet_and_log_in` replaces it; smtplib's default is a DNS lookup, which can be slow
        if self.server.tls:
            context = _tls_context(self.server, verified=True)
            return smtplib.SMTP_SSL(*address, local_hostname=name, timeout=self.timeout, context=context)
        return smtplib.SMTP(*address, local_hostname=name, timeout=self.timeout)

    def _greet_and_log_in(self, smtp: smtplib.SMTP) -> None:
        smtp.local_hostname = _ehlo_name(smtp)
        smtp.ehlo_or_helo_if_needed()
        encrypted = self.server.tls
        if not encrypted and self.server.starttls != "never":
            required = self.server.starttls == "required"
            if smtp.has_extn("starttls"):
                # Opportunistic encryption without a verified certificate is better than none (RFC 7435).
                smtp.starttls(context=_tls_context(self.server, verified=required))
                smtp.ehlo()
                encrypted = True
            elif required:
                raise DeliveryRefused(f"{self.server} offers no STARTTLS", hint="use smtps://, or ?starttls=never")
        if not self.server.user:
            return
        if not (encrypted or self.server.is_local or self.server.starttls == "never"):
            raise DeliveryRefused(f"{self.server} would get the password unencrypted", hint="add ?starttls=required")
        if not smtp.has_extn("auth"):
            raise DeliveryRefused(f"{self.server} offers no login", hint="try port 587, or drop user:password")
        smtp.login(self.server.user, self.server.password)


def _ehlo_name(smtp: smtplib.SMTP) -> str:
    """Returns this machine's name for EHLO: the host name if it contains a dot, else the address, such as [192.0.2.1].

    Many servers refuse a host name without a domain.
    """
    name = socket.gethostname()
    if "." in name.strip(".") and name.isascii():
        return name
    address = str(smtp.sock.getsockname()[0]) if smtp.sock else "127.0.0.1"
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _tls_context(server: MailServer, *, verified: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if server.ca_file:
        try:
            context.load_verify_locations(cafile=server.ca_file)
        except (OSError, ssl.SSLError) as error:
            message = f"the CA file {server.ca_file} cannot be read: {error}"
            raise DeliveryRefused(message, hint="see ca= in mail.url") from None
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _is_alive(smtp: smtplib.SMTP) -> bool:
    """Returns True if the server replies to NOOP."""
    try:
        return smtp.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


def _require_ok_reply(reply: tuple[int, bytes]) -> None:
    """Raises SMTPResponseException unless the reply's code is 250."""
    code, text = reply
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)


def _reply_text(code: int, text: bytes | str) -> str:
    message = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(message.split())[:300]}"


@contextmanager
def _translated_smtp_errors(server: MailServer, stage: str) -> Iterator[None]:
    """Translates errors of smtplib, ssl and sockets to DeliveryUnavailable, DeliveryUnknown or DeliveryRefused.

    ``stage`` is the step of the SMTP session: connect, sender, recipient, mail (its content) or reset.
    """
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        answer = _reply_text(error.smtp_code, error.smtp_error)
        raise DeliveryRefused(
            f"{server} refuses the login: {answer}", hint="check the user and password in mail.url"
        ) from None
    except smtplib.SMTPResponseException as error:
        answer = _reply_text(error.smtp_code, error.smtp_error)
        if error.smtp_code >= 500 and (
            stage == "mail" or (stage == "sender" and error.smtp_code == MAIL_TOO_LARGE_REPLY_CODE)
        ):
            raise DeliveryRefused(f"{server} refuses the mail: {answer}") from None
        if error.smtp_code >= 500 and stage == "sender":  # the sender is wrong, not this mail
            raise DeliveryUnavailable(f"{server} refuses the sender: {answer}", hint="check mail.sender") from None
        raise DeliveryUnavailable(f"{server} cannot take mail now: {answer}") from None
    except ssl.SSLCertVerificationError as error:
        raise DeliveryRefused(
            f"the certificate of {server} is not trusted: {error.verify_message}",
            hint="name its CA with ?ca=FILE in mail.url",
        ) from None
    except ssl.SSLError as error:
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
        error_type = DeliveryUnknown if stage == "mail" else DeliveryUnavailable
        raise error_type(f"{server} does not answer: {reason}") from None
