"""A mail server whose answers a test can change."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path


@dataclass
class ReceivedMail:
    """A mail that the server accepted."""

    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    user: str | None

    @cached_property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)

    def part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


@dataclass
class ServerBehavior:
    """The server's answers, which a test can change while it runs; None accepts."""

    sender: Callable[[str], str | None] = lambda _: None
    recipient: Callable[[str], str | None] = lambda _: None
    data: Callable[[], str | None] = lambda: None
    hang_up_after_data: bool = False
    taken: list[ReceivedMail] = field(default_factory=list)
    connections: int = 0
    greeting: str = ""  # EHLO name of the last client

    async def handle_EHLO(  # noqa: N802  aiosmtpd's name
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = self.greeting = hostname
        return responses

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802  aiosmtpd's name
        answer = self.sender(address)
        if answer:
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802  aiosmtpd's name
        answer = self.recipient(address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        answer = self.data()
        if answer:
            return answer
        user = session.auth_data.login.decode() if session.auth_data else None
        encrypted = server.transport.get_extra_info("sslcontext") is not None
        self.taken.append(ReceivedMail(tuple(envelope.rcpt_tos), bytes(envelope.content), encrypted, user))
        if self.hang_up_after_data:
            server.transport.abort()
        return "250 kept"


class _Controller(Controller):
    def __init__(self, behavior: ServerBehavior, *, implicit: bool, port: int, **options: Any) -> None:
        self._options = options
        context = options.pop("implicit_context", None)
        super().__init__(behavior, hostname="127.0.0.1", port=port, ssl_context=context if implicit else None)

    def factory(self) -> SMTP:
        return SMTP(self.handler, **self._options)


@contextmanager
def mail_server(
    *, certificate: Path | None = None, implicit: bool = False, login: tuple[str, str] | None = None, port: int = 0
) -> Iterator[tuple[ServerBehavior, int]]:
    """Runs a server; with a certificate it offers STARTTLS or, with ``implicit``, uses TLS from the start."""
    behavior = ServerBehavior()
    options: dict[str, Any] = {}
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        options["implicit_context" if implicit else "tls_context"] = context
    if login is not None:

        def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
            right = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == login
            return AuthResult(success=right, handled=False, auth_data=given)

        options |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
    controller = _Controller(behavior, implicit=implicit, port=port or free_port(), **options)
    controller.start()
    try:
        yield behavior, controller.port
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
