"""The e-mail channel: composes messages and sends them through one SMTP connection for each that is sent at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from monitor.errors import DeliveryRefused, DeliveryUnavailable
from monitor.mail import compose, describe, mail_url
from monitor.mail.access_tokens import TokenSource
from monitor.mail.mime import bare_address
from monitor.mail.smtp import SmtpConnection
from monitor.mail.smtp_addresses import AddressRests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import Hit, Story
    from monitor.notify.channel import Message, Refusals


class EmailChannel:
    """Implements `monitor.notify.channel.Channel` for ``mail.url``, which must be set; the targets are addresses."""

    def __init__(self, config: Config) -> None:
        assert config.mail.url is not None
        self._config = config
        self._sender = bare_address(config.mail.sender)
        self._server = mail_url.parse_mail_url(config.mail.url.get_secret_value())
        self._tokens = token_source(config)
        self._rests = AddressRests()
        self._lock = threading.Lock()
        self._idle_connections: list[SmtpConnection] = []

    @property
    def server_settings(self) -> str:
        mail = self._config.mail
        assert mail.url is not None
        token = f" {mail.token_file or mail.token_command}" if self._tokens else ""
        return f"{mail.url.get_secret_value()} {self._sender}{token}"

    def open(self) -> None:
        connection = self._take_connection()
        connection.open()
        self._idle_connections.append(connection)

    def compose(
        self, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
    ) -> bytes:
        return compose.alert_mail(self._config, message, stories, hits, at=at)

    @staticmethod
    def describe(target: str) -> str:
        return describe(target)

    def send(self, content: bytes, *, targets: Sequence[str]) -> Refusals:
        connection = self._take_connection()
        try:
            connection.open()
        except DeliveryRefused as error:  # the settings are wrong, which is no fault of this message
            raise DeliveryUnavailable(error.message, hint=error.hint) from error
        refusals = connection.send(content, sender=self._sender, to=targets)
        self._idle_connections.append(connection)
        return refusals

    def close(self) -> None:
        """Closes the idle connections; one that sends a message in another thread stays open."""
        while self._idle_connections:
            self._take_connection().close()

    def _take_connection(self) -> SmtpConnection:
        """Returns a connection that no other thread uses, connected or not."""
        with self._lock:
            if self._idle_connections:
                return self._idle_connections.pop()
        return SmtpConnection(
            self._server,
            timeout=self._config.mail.timeout.total_seconds(),
            rests=self._rests,
            tokens=self._tokens,
        )


def token_source(config: Config) -> TokenSource | None:
    """Returns where access tokens for the mail server come from; None for a login with a password, or none."""
    mail = config.mail
    if not (mail.token_file or mail.token_command):
        return None
    return TokenSource(file=mail.token_file, command=mail.token_command)
