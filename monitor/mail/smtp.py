"""A connection to a mail server that sends any number of mails."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from monitor.errors import DeliveryRefused, DeliveryUnavailable
from monitor.mail.smtp_addresses import AddressRests, addresses_of, open_first
from monitor.mail.smtp_errors import is_success, reply_text, translated_smtp_errors
from monitor.mail.smtp_login import log_in
from monitor.mail.smtp_session import SmtpSession, tls_context
from monitor.notify.channel import Refusals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.mail.access_tokens import TokenSource
    from monitor.mail.mail_url import MailServer
    from monitor.mail.smtp_addresses import Address

MAX_MAILS_PER_CONNECTION = 50  # many servers disconnect after 100
# The limits of one mail add up to less than CLAIM_TERM - MAX_BATCH_TIME of the dispatcher: the claim on its
# notifications must not expire meanwhile.
MAX_CONNECT_SECONDS = 30.0
MAX_ENVELOPE_SECONDS = 120.0  # MAIL FROM and all RCPT TO
# How long to wait for the reply to a mail's content.  A server may check the mail for ten minutes before it replies
# (RFC 5321, 4.5.3.2.6); if the client gives up earlier and sends the mail again, the server may deliver it twice.
MAX_CONTENT_SECONDS = 300.0
TLS_PROBE_AFTER_SECONDS = 5.0  # without a greeting
TLS_PROBE_TIMEOUT_SECONDS = 5.0


class SmtpConnection:
    """A connection to a mail server: connects on first use, reconnects after a disconnect.  Not thread-safe.

    ``timeout`` is the time in seconds for each reply but that to a mail's content, and for connecting.  With
    ``tokens``, logs in with an access token.
    """

    def __init__(
        self,
        server: MailServer,
        *,
        timeout: float,
        rests: AddressRests | None = None,
        tokens: TokenSource | None = None,
    ) -> None:
        self.server = server
        self._tokens = tokens
        self.timeout = timeout
        self._rests = rests or AddressRests()
        self._session: SmtpSession | None = None
        self._mails_sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Connects and logs in, unless a connection is open.

        Raises DeliveryUnavailable if the server cannot be used now, DeliveryRefused if the settings are wrong.
        """
        if self._session is not None:
            if self._mails_sent < MAX_MAILS_PER_CONNECTION:
                return
            self.close()
        with translated_smtp_errors(self.server, "connect"):
            addresses = addresses_of(self.server.host, self.server.port)
            timeout = min(self.timeout, MAX_CONNECT_SECONDS)
            self._session = open_first(addresses, self._open_session, self._rests, timeout=timeout)
        self._mails_sent = 0

    def send(self, mail: bytes, *, sender: str, to: Sequence[str]) -> Refusals:
        """Sends a mail to the recipients ``to``.  Returns the recipients that the server refused.

        Raises DeliveryRefused if the server rejects the mail permanently, DeliveryUnavailable if the server did not
        accept the mail, and DeliveryUnknown if the server may have accepted the mail.
        """
        session = self._session_with_sender(sender, size=len(mail))
        try:
            refusals = self._name_recipients(session, to)
            if len(refusals.temporarily) + len(refusals.permanently) < len(to):
                self._send_content(session, mail)
                self._mails_sent += 1
            else:
                with translated_smtp_errors(self.server, "reset"):
                    session.rset()
        except (DeliveryUnavailable, DeliveryRefused):
            self.close()
            raise
        return refusals

    def try_envelope(self, *, sender: str, to: Sequence[str]) -> Refusals:
        """Names a sender and recipients to the server and takes all back: no mail is sent.

        Returns the recipients that the server refused.  Raises DeliveryUnavailable or DeliveryRefused if it does not
        accept the sender.
        """
        try:
            session = self._session_with_sender(sender, size=0)
            refusals = self._name_recipients(session, to)
            with translated_smtp_errors(self.server, "reset"):
                session.rset()
        except (DeliveryUnavailable, DeliveryRefused):
            self.close()
            raise
        return refusals

    def close(self) -> None:
        """Sends QUIT if the connection is open, and closes it."""
        session, self._session = self._session, None
        if session is not None:
            try:
                session.quit()
            except (smtplib.SMTPException, OSError):
                session.close()

    # ---- the steps of a mail

    def _session_with_sender(self, sender: str, *, size: int) -> SmtpSession:
        """Returns the open session after MAIL FROM.  Connects again if the server has left an older connection."""
        was_open = self._session is not None
        self.open()
        try:
            return self._name_sender(sender, size)
        except DeliveryUnavailable:
            if not was_open:
                raise
        self.open()
        return self._name_sender(sender, size)

    def _name_sender(self, sender: str, size: int) -> SmtpSession:
        session = self._session
        assert session is not None
        session.limit_time(MAX_ENVELOPE_SECONDS)
        try:
            with translated_smtp_errors(self.server, "sender"):
                _require_success(session.mail(sender, [f"size={size}"] if size and session.has_extn("size") else []))
        except (DeliveryUnavailable, DeliveryRefused):
            self.close()
            raise
        return session

    def _name_recipients(self, session: SmtpSession, to: Sequence[str]) -> Refusals:
        """Sends RCPT TO for each recipient and returns the refused ones."""
        temporarily: dict[str, str] = {}
        permanently: dict[str, str] = {}
        with translated_smtp_errors(self.server, "recipient"):
            for address in to:
                code, text = session.rcpt(address)
                is_nonsense = not 200 <= code < 600
                if is_nonsense or code == 421:  # 421: the server closes the connection
                    raise smtplib.SMTPResponseException(code, text)
                if not is_success(code):
                    refused = temporarily if code < 500 else permanently
                    refused[address] = reply_text(code, text)
        return Refusals(temporarily=temporarily, permanently=permanently)

    def _send_content(self, session: SmtpSession, mail: bytes) -> None:
        with translated_smtp_errors(self.server, "data"):
            code, text = session.docmd("DATA")
            if code != 354:
                raise smtplib.SMTPResponseException(code, text)
        session.limit_time(max(self.timeout, MAX_CONTENT_SECONDS))
        session.reply_seconds = max(self.timeout, MAX_CONTENT_SECONDS)
        with translated_smtp_errors(self.server, "content"):
            session.send(_quote_leading_dots(mail) + b".\r\n")
            _require_success(session.getreply())
        session.reply_seconds = self.timeout

    # ---- the steps of connecting

    def _open_session(self, address: Address) -> SmtpSession:
        """Returns a session with one address, greeted and logged in.  Raises as `open`; runs in any thread."""
        timeout = min(self.timeout, MAX_CONNECT_SECONDS)
        with translated_smtp_errors(self.server, "connect"):
            sock = _connected_socket(address, timeout)
            try:
                if self.server.tls:
                    sock = self._context(verified=True).wrap_socket(sock, server_hostname=self.server.host)
                session = SmtpSession(sock, self.server, reply_seconds=timeout)
            except BaseException:
                sock.close()
                raise
            try:
                self._read_greeting(session, address, timeout)
                session.limit_time(timeout)
                self._log_in(session)
            except BaseException:
                session.close()
                raise
        session.reply_seconds = self.timeout
        return session

    def _read_greeting(self, session: SmtpSession, address: Address, timeout: float) -> None:
        """Reads the greeting.  Raises DeliveryRefused if the server waits for TLS, which smtp:// does not begin."""
        probes_tls = not self.server.tls and timeout > TLS_PROBE_AFTER_SECONDS
        session.limit_time(TLS_PROBE_AFTER_SECONDS if probes_tls else timeout)
        try:
            code, text = session.getreply()
        except TimeoutError:
            self._require_no_tls(address, min(timeout, TLS_PROBE_TIMEOUT_SECONDS))
            if not probes_tls:
                raise
            session.limit_time(timeout - TLS_PROBE_AFTER_SECONDS)
            code, text = session.getreply()
        if not is_success(code):
            raise smtplib.SMTPResponseException(code, text)

    def _require_no_tls(self, address: Address, timeout: float) -> None:
        """Raises DeliveryRefused if the server at ``address`` accepts a TLS handshake."""
        if self.server.tls:
            return
        with suppress(OSError), _connected_socket(address, timeout) as sock:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(sock):
                raise DeliveryRefused(
                    f"{self.server} expects TLS from the start",
                    hint=f"try smtps://{self.server.host}:{self.server.port} in mail.url",
                )

    def _log_in(self, session: SmtpSession) -> None:
        session.local_hostname = _ehlo_name(session)
        session.ehlo_or_helo_if_needed()
        encrypted = self.server.tls
        if not encrypted and self.server.starttls != "never":
            required = self.server.starttls == "required" or self._tokens is not None
            if session.has_extn("starttls"):
                # Opportunistic encryption without a verified certificate is better than none (RFC 7435).
                session.starttls(context=self._context(verified=required))
                session.ehlo()
                encrypted = True
            elif required:
                raise DeliveryRefused(f"{self.server} offers no STARTTLS", hint="use smtps://, or ?starttls=never")
        if not self.server.user:
            return
        if not (encrypted or self.server.is_local or self.server.starttls == "never"):
            raise DeliveryRefused(f"{self.server} would get the password unencrypted", hint="add ?starttls=required")
        log_in(session, self.server, self._tokens)

    def _context(self, *, verified: bool) -> ssl.SSLContext:
        try:
            return tls_context(self.server, verified=verified)
        except OSError as error:
            message = f"the CA file {self.server.ca_file} cannot be read: {error}"
            raise DeliveryRefused(message, hint="see ca= in mail.url") from None


def _connected_socket(address: Address, timeout: float) -> socket.socket:
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(place)
    except BaseException:
        sock.close()
        raise
    return sock


def _ehlo_name(session: smtplib.SMTP) -> str:
    """Returns this machine's name for EHLO: the host name if it contains a dot, else the address, such as [192.0.2.1].

    Many servers refuse a host name without a domain.
    """
    name = socket.gethostname()
    if "." in name.strip(".") and name.isascii():
        return name
    address = str(session.sock.getsockname()[0]) if session.sock else "127.0.0.1"
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _quote_leading_dots(mail: bytes) -> bytes:
    """Returns a mail for DATA: a dot at the start of a line is doubled (RFC 5321, 4.5.2), CRLF is last."""
    quoted = re.sub(rb"(?m)^\.", b"..", mail)
    return quoted if quoted.endswith(b"\r\n") else quoted + b"\r\n"


def _require_success(reply: tuple[int, bytes]) -> None:
    """Raises SMTPResponseException unless the reply's code begins with 2."""
    code, text = reply
    if not is_success(code):
        raise smtplib.SMTPResponseException(code, text)
