"""One SMTP session over an open socket, in which every reply has a limit on time, lines and bytes."""

from __future__ import annotations

import smtplib
import ssl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

    from monitor.mail.mail_url import MailServer

MAX_REPLY_LINES = 1000
MAX_REPLY_BYTES = 100_000
MAX_QUIT_SECONDS = 2.0
UNREADABLE_REPLY_CODE = -1  # smtplib's code of a reply that begins with no reply code


class ReplyTooLong(smtplib.SMTPException):
    """A reply has more than `MAX_REPLY_LINES` lines or `MAX_REPLY_BYTES` bytes."""


class SmtpSession(smtplib.SMTP):
    """smtplib's client on a socket that is already connected, and for ``server.tls`` encrypted.

    smtplib limits the time of each read, so a server that sends endless lines or one byte at a time holds it for ever;
    here each reply must be complete within `reply_seconds`, and all of them before `deadline`.
    """

    def __init__(self, sock: socket.socket, server: MailServer, *, reply_seconds: float) -> None:
        # smtplib's default local_hostname is a DNS lookup, which can be slow; `ehlo_name` replaces it.
        super().__init__(local_hostname="localhost")
        self.sock = sock
        self._host = server.host  # starttls() verifies the certificate for this name
        self.reply_seconds = reply_seconds
        self.deadline = time.monotonic() + reply_seconds  # monotonic time
        self._received = b""
        self._received_from: socket.socket | None = None

    def limit_time(self, seconds: float) -> None:
        """Limits the commands from now on, taken together, to ``seconds``."""
        self.deadline = time.monotonic() + seconds

    def getreply(self) -> tuple[int, bytes]:
        """Returns the code and the text of the next reply.

        The code is `UNREADABLE_REPLY_CODE` if a line has no reply code, or if the lines have different ones.  Raises
        SMTPServerDisconnected, TimeoutError or ReplyTooLong.
        """
        end = min(self.deadline, time.monotonic() + self.reply_seconds)
        lines: list[bytes] = []
        codes: set[int] = set()
        while True:
            line = self._read_line(end)
            lines.append(line)
            if len(lines) > MAX_REPLY_LINES or sum(map(len, lines)) > MAX_REPLY_BYTES:
                raise ReplyTooLong("its reply does not end")
            if not (line[:3].isdigit() and line[3:4] in (b"", b" ", b"-")):
                return UNREADABLE_REPLY_CODE, b"\n".join(lines)
            codes.add(int(line[:3]))
            if line[3:4] != b"-":
                break
        text = b"\n".join(line[4:].strip() for line in lines)
        return (codes.pop(), text) if len(codes) == 1 else (UNREADABLE_REPLY_CODE, b"\n".join(lines))

    def send(self, s: str | bytes) -> None:  # type: ignore[override]  # typeshed allows any buffer, smtplib sends these two
        if self.sock is not None:
            self.sock.settimeout(max(0.001, self.deadline - time.monotonic()))
        super().send(s)

    def quit(self) -> tuple[int, bytes]:
        self.limit_time(MAX_QUIT_SECONDS)
        return super().quit()

    def _read_line(self, end: float) -> bytes:
        """Returns the next line without its end.  ``end`` is a monotonic time."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        if self._received_from is not self.sock:  # after STARTTLS: what was received before it is not trusted
            self._received, self._received_from = b"", self.sock
        while b"\n" not in self._received:
            if len(self._received) > MAX_REPLY_BYTES:
                raise ReplyTooLong("its reply does not end")
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("timed out")
            self.sock.settimeout(remaining)
            data = self.sock.recv(4096)
            if not data:
                raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return line.rstrip(b"\r")


def tls_context(server: MailServer, *, verified: bool) -> ssl.SSLContext:
    """Returns the context for a connection to ``server``.  Raises OSError if its CA file cannot be read."""
    context = ssl.create_default_context()
    if server.ca_file:
        context.load_verify_locations(cafile=server.ca_file)
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
