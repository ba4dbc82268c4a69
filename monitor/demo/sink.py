"""A mail server on this machine that stores the received mails.  Needs the ``demo`` extra (aiosmtpd)."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any, Self

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage
    from pathlib import Path
    from types import TracebackType


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedMail:
    """A received mail: the envelope's sender and recipients, and the content (headers and body)."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """The text/plain part, or an empty string without one."""
        part = self.message.get_body(("plain",))
        return str(part.get_content()) if part else ""

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        return str(part.get_content()) if part else ""


class MailSink:
    """An SMTP server on 127.0.0.1 that accepts every mail.  A context manager that starts and stops the server.

    ``refuse(address)`` is called for each recipient; to refuse the recipient it returns an SMTP reply such as
    ``450 later``, else None.  If ``directory`` is given, each mail is also written there: ``01.eml``, ``02.eml``, ...
    Port 0 means any free port.
    """

    def __init__(
        self, *, directory: Path | None = None, refuse: Callable[[str], str | None] | None = None, port: int = 0
    ) -> None:
        self._directory = directory
        self._refuse = refuse
        self._lock = threading.Lock()
        self._received: list[ReceivedMail] = []
        self.port = port or _free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    @property
    def url(self) -> str:
        """The server's URL, as a value for ``mail.url`` in the configuration."""
        return f"smtp://127.0.0.1:{self.port}?starttls=never"

    @property
    def received(self) -> list[ReceivedMail]:
        """All mails received so far, in the order received."""
        with self._lock:
            return list(self._received)

    def __enter__(self) -> Self:
        if self._directory:
            self._directory.mkdir(parents=True, exist_ok=True)
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._controller.stop()

    # ---- called by aiosmtpd, on the server's thread

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        refusal = self._refuse(address) if self._refuse else None
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        mail = ReceivedMail(
            sender=envelope.mail_from, recipients=tuple(envelope.rcpt_tos), content=bytes(envelope.original_content)
        )
        with self._lock:
            self._received.append(mail)
            number = len(self._received)
        if self._directory:
            (self._directory / f"{number:02}.eml").write_bytes(mail.content)
        return "250 kept"


def _free_port() -> int:
    """Returns a free TCP port of 127.0.0.1.  Needed because aiosmtpd cannot choose a port itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
