"""Connects the outbox dispatcher to the channels that the configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.mail import CHANNEL_NAME
from monitor.mail.channel import EmailChannel
from monitor.mail.ops_mail import OpsMail
from monitor.models import now as clock
from monitor.notify.dispatcher import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitor.config import Config
    from monitor.store import Store


def configured_dispatcher(store: Store, config: Config, *, now: Callable[[], datetime] = clock) -> Dispatcher:
    """Returns a dispatcher for the configured channels; each connects at its first message of a delivery.

    Without ``mail.url`` the channel email is not configured: the dispatcher only counts its due notifications.
    """
    if config.mail.url is None:
        return Dispatcher(store, config, {}, now=now)
    email = EmailChannel(config)
    return Dispatcher(store, config, {CHANNEL_NAME: email}, OpsMail(config, email), now=now)
