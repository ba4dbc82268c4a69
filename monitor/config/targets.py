"""Where an alert is delivered: mail addresses, webhooks, and the addresses of chat services as apprise spells them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from monitor import chat, mail, webhook
from monitor.config.model import FrozenModel
from monitor.config.types import (
    HostName,
    PositiveDuration,
    as_one_item_list,
    valid_mail_address,
    valid_single_line,
    valid_web_url,
)
from monitor.notify.targets import url_target
from monitor.webhook.signature import secret_key

# Hosts of incoming webhooks of chat services, which do not take the body of a webhook; apprise knows their addresses.
_CHAT_HOSTS = frozenset({"hooks.slack.com", "discord.com", "discordapp.com", "chat.googleapis.com"})
_MAIL_SCHEMES = frozenset({"mailto", "mailtos", "smtp", "smtps"})
_SCHEME_PATTERN = re.compile(r"[a-z][a-z0-9+.-]*")


def channel_of(address: str) -> str:
    """Returns the name of the channel that delivers to an address of ``alerts[].to``."""
    if "://" not in address:
        return mail.CHANNEL_NAME
    parts = urlsplit(address)
    is_chat = parts.scheme not in {"http", "https"} or parts.hostname in _CHAT_HOSTS
    return chat.CHANNEL_NAME if is_chat else webhook.CHANNEL_NAME


def target_name(address: str) -> str:
    """Returns the name of an address in the outbox, in logs and in lists, without its secrets.

    The path of a webhook and all of a chat's address may be secret.
    """
    if channel_of(address) == mail.CHANNEL_NAME:
        return address
    return url_target(address, with_host=urlsplit(address).scheme in {"http", "https"})


def valid_target(value: str) -> str:
    """Validates a mail address, a web URL or the URL of a chat service; an error shows no part of a URL."""
    valid_single_line(value)
    scheme, sign, rest = value.partition("://")
    if not sign:
        if value.startswith("mailto:"):
            raise ValueError("write the mail address without mailto:")
        return valid_mail_address(value)
    if scheme in _MAIL_SCHEMES:
        raise ValueError("write the mail address alone; the server is mail.url")
    if not _SCHEME_PATTERN.fullmatch(scheme) or not rest.strip("/"):
        raise ValueError("is no address; write desk@example.org, https://example.org/hook or slack://...")
    if scheme in {"http", "https"}:
        valid_web_url(value)
    return value


def check_webhook_secret(value: SecretStr) -> SecretStr:
    """Validates the secret that signs webhooks."""
    secret_key(value.get_secret_value())
    return value


WebhookSecret: TypeAlias = Annotated[SecretStr, AfterValidator(check_webhook_secret)]
Targets: TypeAlias = Annotated[
    tuple[Annotated[str, AfterValidator(valid_target)], ...], BeforeValidator(as_one_item_list)
]


class Webhooks(FrozenModel):
    """How requests to webhooks are signed, and how long they may take."""

    secret: WebhookSecret | None = Field(default=None, repr=False)  # of hosts that `secrets` does not name
    secrets: dict[HostName, WebhookSecret] = Field(default_factory=dict, repr=False)  # by host
    timeout: PositiveDuration = timedelta(seconds=15)  # of one request

    def secret_of(self, host: str) -> str | None:
        """Returns the secret for a host; None if its requests are not signed."""
        secret = self.secrets.get(host, self.secret)
        return secret.get_secret_value() if secret else None

    @property
    def secret_texts(self) -> list[str]:
        """All secrets, from which a change is recognised."""
        return [secret.get_secret_value() for secret in (self.secret, *self.secrets.values()) if secret]
