"""A mail server on loopback that keeps the mail it receives.  Needs the ``demo`` extra (aiosmtpd)."""

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
    """A received mail: its envelope and content."""

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
        """The plain text part."""
        part = self.message.get_body(("plain",))
        return str(part.get_content()) if part else ""

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        return str(part.get_content()) if part else ""


class MailSink:
    """An SMTP server that accepts every mail, as a context manager.

    ``refuse`` is called with each recipient and may return an SMTP reply such as ``450 later`` to refuse it.
    With ``keep``, each mail is also written to that directory as ``01.eml``, ``02.eml`` and so on.
    """

    def __init__(
        self, *, keep: Path | None = None, refuse: Callable[[str], str | None] | None = None, port: int = 0
    ) -> None:
        self._keep = keep
        self._refuse = refuse
        self._lock = threading.Lock()
        self._received: list[ReceivedMail] = []
        self.port = port or _free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    @property
    def url(self) -> str:
        """The value for ``mail.url``."""
        return f"smtp://127.0.0.1:{self.port}?starttls=never"

    @property
    def received(self) -> list[ReceivedMail]:
        """All mails so far, in the order received."""
        with self._lock:
            return list(self._received)

    def __enter__(self) -> Self:
        if self._keep:
            self._keep.mkdir(parents=True, exist_ok=True)
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
        if self._keep:
            (self._keep / f"{number:02}.eml").write_bytes(mail.content)
        return "250 kept"


def _free_port() -> int:
    """Returns a free port, because aiosmtpd cannot choose one itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
