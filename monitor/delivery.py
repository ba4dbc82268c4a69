"""Connects the outbox dispatcher to the channels that the configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    """Returns a dispatcher for the configured channel; connects at the first message of each delivery.

    Without ``mail.url`` the dispatcher sends nothing and only counts due notifications.
    """
    if config.mail.url is None:
        return Dispatcher(store, config, None, now=now)
    channel = EmailChannel(config)
    return Dispatcher(store, config, channel, OpsMail(config, channel), now=now)
