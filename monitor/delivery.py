"""Connects the outbox dispatcher to the channels that the configuration names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from monitor.mail.channel import EmailChannel
from monitor.mail.ops_mail import OpsMail
from monitor.models import now as clock
from monitor.notify.dispatcher import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from monitor.config import Config
    from monitor.store import Store


@contextmanager
def open_dispatcher(store: Store, config: Config, *, now: Callable[[], datetime] = clock) -> Iterator[Dispatcher]:
    """Yields a dispatcher for the configured channel, and closes the channel's connection afterwards.

    Without ``mail.url`` the dispatcher sends nothing and only counts due notifications.  Connects at the first message.
    """
    if config.mail.url is None:
        yield Dispatcher(store, config, None, now=now)
        return
    channel = EmailChannel(config)
    try:
        yield Dispatcher(store, config, channel, OpsMail(config, channel), now=now)
    finally:
        channel.close()
