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
# A server may check a mail for ten minutes before it answers (RFC 5321, 4.5.3.2.6); after a shorter timeout it delivers
# the mail and every repeat.  Half of that, as the claim on the notifications must last longer.
DATA_TIMEOUT_SECONDS = 300.0
TOO_LARGE = 552  # reply to MAIL FROM if the mail's size exceeds the server's limit


class Connection:
    """Connects on first use and reconnects when the server disconnects.  Not thread-safe."""

    def __init__(self, server: MailServer, *, timeout: float) -> None:
        self.server = server
        self.timeout = timeout
        self._smtp: smtplib.SMTP | None = None
        self._sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Connects and logs in if necessary.

        Raises DeliveryUnavailable, or DeliveryRefused if the settings are wrong.
        """
        if self._smtp is not None:
            if self._sent < MAX_MAILS_PER_CONNECTION and _alive(self._smtp):
                return
            self.close()
        with _mail_errors(self.server, "connect"):
            smtp = self._connect()
            try:
                self._greet(smtp)
            except BaseException:
                smtp.close()
                raise
        self._smtp, self._sent = smtp, 0

    def send(self, mail: bytes, *, sender: str, to: Sequence[str]) -> Refusals:
        """Sends one mail to all recipients that the server accepts and returns the others.

        Raises DeliveryRefused if the server rejects the mail permanently, DeliveryUnavailable if it was not accepted,
        and DeliveryUnknown if it may have been accepted.
        """
        self.open()
        smtp = self._smtp
        assert smtp is not None
        temporarily: dict[str, str] = {}
        permanently: dict[str, str] = {}
        try:
            with _mail_errors(self.server, "sender"):
                _check_answer(smtp.mail(sender, ["size=" + str(len(mail))] if smtp.has_extn("size") else []))
            with _mail_errors(self.server, "recipient"):
                for address in to:
                    code, text = smtp.rcpt(address)
                    if code == 421:
                        raise smtplib.SMTPResponseException(code, text)  # the server closes the connection
                    if code not in (250, 251):
                        refused = temporarily if 400 <= code < 500 else permanently
                        refused[address] = _error_of_answer(code, text)
            if len(temporarily) + len(permanently) < len(to):
                with _mail_errors(self.server, "mail"):
                    self._set_timeout(max(self.timeout, DATA_TIMEOUT_SECONDS))
                    _check_answer(smtp.data(mail))
                    self._set_timeout(self.timeout)
                self._sent += 1
            else:
                with _mail_errors(self.server, "reset"):
                    smtp.rset()
        except (DeliveryUnavailable, DeliveryRefused):
            self.close()
            raise
        return Refusals(temporarily=temporarily, permanently=permanently)

    def _set_timeout(self, seconds: float) -> None:
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
        name = "localhost"  # until `_ehlo_name`; smtplib's default asks the DNS, which can be slow
        if self.server.tls:
            context = _context(self.server, verified=True)
            return smtplib.SMTP_SSL(*address, local_hostname=name, timeout=self.timeout, context=context)
        return smtplib.SMTP(*address, local_hostname=name, timeout=self.timeout)

    def _greet(self, smtp: smtplib.SMTP) -> None:
        smtp.local_hostname = _ehlo_name(smtp)
        smtp.ehlo_or_helo_if_needed()
        encrypted = self.server.tls
        if not encrypted and self.server.starttls != "never":
            required = self.server.starttls == "required"
            if smtp.has_extn("starttls"):
                # Opportunistic encryption without a verified certificate is better than none (RFC 7435).
                smtp.starttls(context=_context(self.server, verified=required))
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
    """Returns the name for EHLO: a qualified host name, else an address literal; many servers refuse bare names."""
    name = socket.gethostname()
    if "." in name.strip(".") and name.isascii():
        return name
    address = str(smtp.sock.getsockname()[0]) if smtp.sock else "127.0.0.1"
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _context(server: MailServer, *, verified: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if server.ca:
        try:
            context.load_verify_locations(cafile=server.ca)
        except (OSError, ssl.SSLError) as error:
            message = f"the CA file {server.ca} cannot be read: {error}"
            raise DeliveryRefused(message, hint="see ca= in mail.url") from None
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _alive(smtp: smtplib.SMTP) -> bool:
    try:
        return smtp.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


def _check_answer(answer: tuple[int, bytes]) -> None:
    code, text = answer
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)


def _error_of_answer(code: int, text: bytes | str) -> str:
    message = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(message.split())[:300]}"


@contextmanager
def _mail_errors(server: MailServer, stage: str) -> Iterator[None]:
    """Translates errors of smtplib, ssl and sockets to DeliveryUnavailable, DeliveryUnknown or DeliveryRefused."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        answer = _error_of_answer(error.smtp_code, error.smtp_error)
        raise DeliveryRefused(
            f"{server} refuses the login: {answer}", hint="check the user and password in mail.url"
        ) from None
    except smtplib.SMTPResponseException as error:
        answer = _error_of_answer(error.smtp_code, error.smtp_error)
        if error.smtp_code >= 500 and (stage == "mail" or (stage == "sender" and error.smtp_code == TOO_LARGE)):
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
