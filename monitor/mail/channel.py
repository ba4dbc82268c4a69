"""The e-mail channel: composes messages and sends them through one SMTP connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.mail import compose, describe, mail_url
from monitor.mail.smtp import SmtpConnection

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
        self._sender = compose.bare_address(config.mail.sender)
        server = mail_url.parse_mail_url(config.mail.url.get_secret_value())
        self._connection = SmtpConnection(server, timeout=config.mail.timeout.total_seconds())

    def open(self) -> None:
        self._connection.open()

    def compose(
        self, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
    ) -> bytes:
        return compose.alert_mail(self._config, message.id, message.notifications, stories, hits, at=at)

    @staticmethod
    def describe(target: str) -> str:
        return describe(target)

    def send(self, content: bytes, *, targets: Sequence[str]) -> Refusals:
        return self._connection.send(content, sender=self._sender, to=targets)

    def close(self) -> None:
        self._connection.close()
