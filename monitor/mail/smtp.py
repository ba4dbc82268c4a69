"""One connection to a mail server, for as many mails as there are."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from monitor.errors import MailRefused, MailUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.mail.mail_url import MailServer

MAX_MAILS_PER_CONNECTION = 50  # many servers hang up at 100
# A server may look at a mail for long before it answers (RFC 5321 says ten minutes): given up on too soon, it delivers
# the mail and each repeat.  Half of that, for a delivery's claim has to outlive it.
DATA_TIMEOUT_SECONDS = 300.0  # seconds
TOO_LARGE = 552  # what MAIL FROM is answered where the size it names is too much


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedRecipients:
    """What the server said to each recipient of a mail; who is in neither of the two will get it."""

    later: dict[str, str] = field(default_factory=dict)  # address -> why; ask again
    never: dict[str, str] = field(default_factory=dict)


class DeliveryUnknown(MailUnavailable):
    """The connection broke after the mail was handed over: it may have arrived."""


class Connection:
    """Connects when first needed and again when the server has hung up.  Not for several threads."""

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
        """Makes sure that the server listens.  Raises MailUnavailable, or MailRefused where it wants other settings."""
        if self._smtp is not None:
            if self._sent < MAX_MAILS_PER_CONNECTION and _alive(self._smtp):
                return
            self.close()
        with _unavailable(self.server, "connect"):
            smtp = self._connect()
            try:
                self._greet(smtp)
            except BaseException:
                smtp.close()
                raise
        self._smtp, self._sent = smtp, 0

    def send(self, mail: bytes, *, sender: str, to: Sequence[str]) -> RefusedRecipients:
        """Hands one mail over for all recipients the server takes.

        Raises MailRefused where the mail will never be taken, MailUnavailable where it was surely
        not taken, DeliveryUnknown where that cannot be known.
        """
        self.open()
        smtp = self._smtp
        assert smtp is not None
        later: dict[str, str] = {}
        never: dict[str, str] = {}
        try:
            with _unavailable(self.server, "sender"):
                _expect(smtp.mail(sender, ["size=" + str(len(mail))] if smtp.has_extn("size") else []))
            with _unavailable(self.server, "recipient"):
                for address in to:
                    code, text = smtp.rcpt(address)
                    if code == 421:
                        raise smtplib.SMTPResponseException(code, text)  # it says goodbye
                    if code not in (250, 251):
                        (later if 400 <= code < 500 else never)[address] = _error_of_answer(code, text)
            if len(later) + len(never) < len(to):
                with _unavailable(self.server, "mail"):
                    self._wait(max(self.timeout, DATA_TIMEOUT_SECONDS))
                    _expect(smtp.data(mail))
                    self._wait(self.timeout)
                self._sent += 1
            else:
                with _unavailable(self.server, "reset"):
                    smtp.rset()
        except (MailUnavailable, MailRefused):
            self.close()
            raise
        return RefusedRecipients(later=later, never=never)

    def _wait(self, seconds: float) -> None:
        if self._smtp is not None and self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)

    def close(self) -> None:
        """Says goodbye, if anybody still listens."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            try:
                smtp.quit()
            except (smtplib.SMTPException, OSError):
                smtp.close()

    def _connect(self) -> smtplib.SMTP:
        address = self.server.host, self.server.port
        name = "localhost"  # for now, see `_own_name`; smtplib's own way asks the DNS, which may take its time
        if self.server.tls:
            context = _context(self.server, verified=True)
            return smtplib.SMTP_SSL(*address, local_hostname=name, timeout=self.timeout, context=context)
        return smtplib.SMTP(*address, local_hostname=name, timeout=self.timeout)

    def _greet(self, smtp: smtplib.SMTP) -> None:
        smtp.local_hostname = _own_name(smtp)
        smtp.ehlo_or_helo_if_needed()
        encrypted = self.server.tls
        if not encrypted and self.server.starttls != "never":
            required = self.server.starttls == "required"
            if smtp.has_extn("starttls"):
                # An optional encryption whose certificate is not checked still beats none (RFC 7435).
                smtp.starttls(context=_context(self.server, verified=required))
                smtp.ehlo()
                encrypted = True
            elif required:
                raise MailRefused(f"{self.server} offers no STARTTLS", hint="use smtps://, or ?starttls=never")
        if not self.server.user:
            return
        if not (encrypted or self.server.local or self.server.starttls == "never"):
            raise MailRefused(f"{self.server} would get the password unencrypted", hint="add ?starttls=required")
        if not smtp.has_extn("auth"):
            raise MailRefused(f"{self.server} takes no login here", hint="try port 587, or drop user:password")
        smtp.login(self.server.user, self.server.password)


def _own_name(smtp: smtplib.SMTP) -> str:
    """What the server is greeted with: a host name with its domain, else the address, for many refuse a bare name."""
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
            raise MailRefused(f"the CA file {server.ca} cannot be read: {error}", hint="see ca= in mail.url") from None
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _alive(smtp: smtplib.SMTP) -> bool:
    try:
        return smtp.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


def _expect(answer: tuple[int, bytes]) -> None:
    code, text = answer
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)


def _error_of_answer(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())[:300]}"


@contextmanager
def _unavailable(server: MailServer, stage: str) -> Iterator[None]:
    """Turns what smtplib, ssl and sockets raise into the errors there are, with the next step."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        answer = _error_of_answer(error.smtp_code, error.smtp_error)
        raise MailRefused(
            f"{server} refuses the login: {answer}", hint="check the user and password in mail.url"
        ) from None
    except smtplib.SMTPResponseException as error:
        answer = _error_of_answer(error.smtp_code, error.smtp_error)
        if error.smtp_code >= 500 and (stage == "mail" or (stage == "sender" and error.smtp_code == TOO_LARGE)):
            raise MailRefused(f"{server} refuses the mail: {answer}") from None
        if error.smtp_code >= 500 and stage == "sender":  # it is not the mail's fault: the next may be taken as it is
            raise MailUnavailable(f"{server} refuses the sender: {answer}", hint="check mail.sender") from None
        raise MailUnavailable(f"{server} cannot take mail now: {answer}") from None
    except ssl.SSLCertVerificationError as error:
        raise MailRefused(
            f"the certificate of {server} is not trusted: {error.verify_message}",
            hint="name its CA with ?ca=FILE in mail.url",
        ) from None
    except ssl.SSLError as error:
        raise MailUnavailable(
            f"no encryption with {server}: {error.reason or error}",
            hint="smtps:// is for port 465, smtp:// with STARTTLS for 587 and 25",
        ) from None
    except socket.gaierror:
        why = f"no host is called {server.host}"
        raise MailUnavailable(f"{server} does not answer: {why}", hint="check mail.url") from None
    except (smtplib.SMTPException, OSError) as error:
        words = (error.strerror if isinstance(error, OSError) else None) or str(error)
        reason = " ".join(words.split()) or type(error).__name__
        kind = DeliveryUnknown if stage == "mail" else MailUnavailable
        raise kind(f"{server} does not answer: {reason}") from None
