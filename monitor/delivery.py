"""Connects the outbox dispatcher to the channels that the configuration names."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import chat, webhook
from monitor.chat.channel import ChatChannel
from monitor.errors import StoreError
from monitor.mail import CHANNEL_NAME
from monitor.mail.channel import EmailChannel
from monitor.mail.ops_mail import OpsMail
from monitor.models import now as clock
from monitor.notify.dispatcher import Dispatcher
from monitor.notify.empty_digests import EmptyDigests
from monitor.notify.planned_snoozes import PlannedSnoozes
from monitor.store.records import OutboxRecord
from monitor.webhook.channel import WebhookChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from monitor.config import Config
    from monitor.feed_files import FeedFiles
    from monitor.notify.channel import Channel
    from monitor.store import Store

log = logging.getLogger(__name__)

STORE_RETRY_TIMEOUT = timedelta(minutes=2)  # for commands that deliver once, as for those that crawl once


def configured_dispatcher(store: Store, config: Config, *, now: Callable[[], datetime] = clock) -> Dispatcher:
    """Returns a dispatcher for the configured channels; each connects at its first message of a delivery.

    Without ``mail.url`` the channel email is not configured: the dispatcher only counts its due notifications, and
    logs what it would report to ``mail.ops``.
    """
    config_of_file = config  # without the alert of the canary
    if config.canary:
        from monitor.canary import with_canary_alert

        config = with_canary_alert(config)
    channels = configured_channels(config)
    email = channels.get(CHANNEL_NAME)
    empty_digests = EmptyDigests(store, config.alerts)
    planned_snoozes = PlannedSnoozes(store)
    sources = list(_notification_sources(store, config, now))
    feed_files = _feed_files(store, config_of_file, now)

    def queue_what_is_due() -> None:
        planned_snoozes.begin_due(now=now())
        for source in sources:
            _call_without_faults(source)
        if placeholders := empty_digests.due_placeholders(now=now()):
            store.load([OutboxRecord(notification=each, sent_at=None) for each in placeholders])
            for each in placeholders:
                empty_digests.record([each.alert], at=each.due_at)

    reports = OpsMail(config, email) if email else None
    return Dispatcher(
        store,
        config,
        channels,
        reports,
        before_delivery=queue_what_is_due,
        after_delivery=partial(_call_without_faults, feed_files.write_due) if feed_files else lambda: None,
        now=now,
    )


def _call_without_faults(task: Callable[[], None]) -> None:
    """Calls a task of a delivery.  Raises StoreError; logs any other fault, which must not keep the mail."""
    try:
        task()
    except StoreError:
        raise
    except Exception:
        log.exception("a task of the delivery failed")


def _notification_sources(store: Store, config: Config, now: Callable[[], datetime]) -> Iterator[Callable[[], None]]:
    """Yields what queues notifications before each delivery: the canary and volume alerts, if there are any."""
    if config.canary:
        from monitor.canary import CanarySchedule

        yield CanarySchedule(store, config, now=now).run_due
    if any(alert.type != "match" for alert in config.alerts):
        from monitor.volume.watch import VolumeWatch

        yield VolumeWatch(store, config, now=now).queue_findings


def _feed_files(store: Store, config: Config, now: Callable[[], datetime]) -> FeedFiles | None:
    if not config.feeds:
        return None
    from monitor.feed_files import FeedFiles

    return FeedFiles(store, config, Path(config.feeds), now=now)


def configured_channels(config: Config) -> dict[str, Channel]:
    """Returns the channels whose settings the configuration has, by name; none of them is connected yet."""
    used = {channel for alert in config.alerts for channel in alert.targets_by_channel}
    channels: dict[str, Channel] = {}
    if config.mail.url is not None:
        channels[CHANNEL_NAME] = EmailChannel(config)
    if webhook.CHANNEL_NAME in used:
        channels[webhook.CHANNEL_NAME] = WebhookChannel(config)
    if chat.CHANNEL_NAME in used:
        channels[chat.CHANNEL_NAME] = ChatChannel(config)
    return channels


def unconfigured_channels(config: Config) -> list[str]:
    """Returns the names of the channels that alerts use and whose settings the configuration lacks."""
    used = {channel for alert in config.alerts for channel in alert.targets_by_channel}
    return sorted(used - configured_channels(config).keys())
