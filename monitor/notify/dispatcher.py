"""Delivery of the outbox: claim, group, assign a message id, send, mark as sent.

If the process is killed, its claimed notifications remain unsent in the outbox.  Another process on the same machine
detects that the holder of the claim died (process_identity.py); processes on other machines wait until the claim
expires.  A notification that already has a message id is sent again in the same message under the same id, so mail
programs show the repeated message once; SMTP allows no stronger guarantee.
"""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from monitor.errors import (
    DeliveryError,
    DeliveryRefused,
    DeliveryUnavailable,
    DeliveryUnknown,
    LeaseLost,
    StoreUnavailable,
)
from monitor.itertools_compat import batched
from monitor.models import now as clock
from monitor.notify import delivery_times
from monitor.notify.channel import Message, Refusals
from monitor.notify.grouping import group_by_cluster
from monitor.notify.receipts import Receipts
from monitor.plural import plural
from monitor.process_identity import current_process_identity, is_dead_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import Hit, Notification, Story
    from monitor.notify.channel import Channel, OperatorReports
    from monitor.store import Store

T = TypeVar("T")
log = logging.getLogger(__name__)

# After this time another machine may claim the notifications of a killed process.  Sending one message takes less.
CLAIM_TERM = timedelta(minutes=15)
MAX_BATCH_TIME = CLAIM_TERM / 2  # then unsent notifications are claimed again, so that no claim expires during a send
MAX_NOTIFICATIONS_PER_CLAIM = 1000  # that one call of Store.claim returns
MAX_NOTIFICATIONS_PER_BATCH = 10_000  # that are claimed before the first is sent
MAX_SEPARATE_MESSAGES = 5  # of one instant alert, one per cluster; if more clusters are due, they share messages
MAX_CLUSTERS_PER_MESSAGE = 100
# The nth delay follows the nth failed attempt; the last delay follows all later attempts.
DELIVERY_RETRY_DELAYS = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 240))
# How long a notification waits for its story.  The Elasticsearch store writes notifications before the story; if the
# process is killed in between, another process commits the page again within this time.
STORY_COMMIT_GRACE = timedelta(minutes=30)
UNCOMMITTED_STORY_DELAY = timedelta(minutes=1)  # until a notification whose story is not yet stored is tried again
# After a permanent refusal.  The mailbox may be repaired, but servers dislike frequent attempts.
REFUSED_RETRY_DELAY = timedelta(days=1)
STORE_RETRY_PAUSES_SECONDS = (0.5, 10.0)  # the first and the longest pause between two attempts of a store call
STORE_GRACE_AFTER_STOP_SECONDS = 20.0  # how long a stopping process still retries an unavailable store


@dataclass(kw_only=True, slots=True)
class DeliveryReport:
    """The numbers and errors of one call of `Dispatcher.deliver`."""

    mails: int = 0  # messages that the server accepted for at least one target
    notifications: int = 0  # in these messages
    queued: dict[str, int] = field(default_factory=dict)  # due notifications by channel that is not configured
    postponed: int = 0  # notifications to be tried again after an error
    refused: int = 0  # notifications with a permanently refused target
    held: int = 0  # notifications of snoozed alerts
    errors: list[str] = field(default_factory=list)


class Dispatcher:
    """Delivers each notification of the outbox through its channel.  Several processes may deliver at the same time.

    ``channels`` are the configured channels by name.  Notifications of other channels stay in the outbox.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        channels: Mapping[str, Channel],
        reports: OperatorReports | None = None,
        *,
        now: Callable[[], datetime] = clock,
    ) -> None:
        self._store = store
        self._config = config
        self._channels = channels
        self._reports = reports
        self._now = now
        self._has_requeued = False

    def deliver(self, *, stop: Callable[[], bool] = lambda: False) -> DeliveryReport:
        """Sends all notifications that are due, and closes the channels.  Blocks.

        When ``stop`` returns True, finishes the current message, releases its claims and returns.  If the store becomes
        unavailable after a message was sent, waits until the message can be marked as sent; otherwise the message
        would be sent twice.  Raises StoreError.  Errors of the channels are in the report.
        """
        if not self._has_requeued:
            self._requeue_corrected_targets()
            self._has_requeued = True
        report = DeliveryReport()
        if self._channels:
            run = _DeliveryRun(
                self._store, self._config, self._channels, reports=self._reports, now=self._now, stop=stop
            )
            report = run.deliver()
        due = self._store.count_due(now=self._now())
        report.queued = {channel: count for channel, count in due.items() if channel not in self._channels}
        return report

    def _requeue_corrected_targets(self) -> None:
        """Makes postponed notifications due now if the configuration no longer names one of their targets."""
        configured = _configured_targets(self._config)
        at = self._now()
        corrected = [
            replace(notification, due_at=at)
            for notification in self._store.outbox(limit=MAX_NOTIFICATIONS_PER_BATCH)
            if notification.error
            and notification.due_at > at
            and not {*_current_targets(notification, configured)}.issuperset(notification.targets)
        ]
        if corrected:
            self._store.postpone(corrected, holder="")


def _configured_targets(config: Config) -> dict[tuple[str, str], tuple[str, ...]]:
    """Returns the targets of all alerts, by (alert, channel)."""
    return {
        (alert.name, channel): targets
        for alert in config.alerts
        for channel, targets in alert.targets_by_channel.items()
    }


def _current_targets(
    notification: Notification, configured: Mapping[tuple[str, str], tuple[str, ...]]
) -> tuple[str, ...]:
    """Returns the configured targets of a notification's alert and channel.

    If the alert is removed or no longer uses the channel, returns the targets that the notification was queued with.
    """
    return configured.get((notification.alert, notification.channel), notification.targets)


_running_holders: set[str] = set()  # the claim holders of the deliveries that run in this process


def _is_abandoned_claim(holder: str) -> bool:
    """Returns True if the claim's holder is a dead process, or a delivery of this process that has ended."""
    process = holder.partition("/")[0]
    return is_dead_process(process) or (process == current_process_identity() and holder not in _running_holders)


class _DeliveryRun:
    """The state of one call of `Dispatcher.deliver`."""

    def __init__(
        self,
        store: Store,
        config: Config,
        channels: Mapping[str, Channel],
        *,
        reports: OperatorReports | None,
        now: Callable[[], datetime],
        stop: Callable[[], bool],
    ) -> None:
        self.store = store
        self.channels = channels
        self.receipts = Receipts(store)
        self.reports = reports
        self.now = now
        self.stop = stop
        self.configured_targets = _configured_targets(config)
        self.schedule_by_alert = {alert.name: alert.deliver for alert in config.alerts}
        self.message_id_domain = config.mail.sender.rpartition("@")[2].rstrip("> ")
        # Unique per delivery, because several threads of a process may deliver at the same time.
        self.holder = f"{current_process_identity()}/{uuid.uuid4().hex[:8]}"
        self.report = DeliveryReport()

    def deliver(self) -> DeliveryReport:
        with ExitStack() as cleanup:
            for channel in self.channels.values():
                cleanup.callback(channel.close)
            _running_holders.add(self.holder)
            cleanup.callback(_running_holders.discard, self.holder)
            while self._deliver_batch():
                pass
        return self.report

    def _deliver_batch(self) -> bool:
        """Claims and sends due notifications for up to `MAX_BATCH_TIME`.

        Returns True if some are left unsent after that time; False if none is left, or if ``stop`` returned True.
        """
        deadline = self.now() + MAX_BATCH_TIME
        problems: dict[str, str] = {}  # by channel to which connecting failed
        for message in self._group_into_messages(self._claim_due_notifications()):
            if self.stop() or self.now() > deadline:
                break
            name = message.channel
            if name not in problems and (problem := self._connect_channel(name)):
                problems[name] = problem
            if name in problems:
                self._postpone_message(message, problems[name])
            else:
                self._send_message(message)
        else:
            if not self.stop():
                self._report_unhealthy_outlets(problems)
            return False
        self.store.release_claims(lambda holder: holder == self.holder)
        return not self.stop()

    def _report_unhealthy_outlets(self, problems: Mapping[str, str]) -> None:
        """Reports failing and suspect outlets to the operator, unless the channel of the reports cannot connect."""
        if self.reports is None or self.reports.channel in problems:
            return
        self.report.errors += self.reports.report_unhealthy_outlets(self.store, now=self.now())

    def _connect_channel(self, name: str) -> str:
        """Connects a channel.  Returns the error text if connecting fails, else an empty string."""
        try:
            self.channels[name].open()
        except DeliveryError as error:
            self.report.errors.append(str(error))
            return str(error) or repr(error)
        return ""

    # ---- from the outbox to messages

    def _claim_due_notifications(self) -> list[Notification]:
        """Claims due notifications and returns those to send; postpones those of snoozed alerts."""
        claimed: list[Notification] = []
        at = self.now()
        if freed := self.store.release_claims(_is_abandoned_claim):
            log.info("%s taken over from a process that died or an interrupted delivery", plural(freed, "notification"))
        while len(claimed) < MAX_NOTIFICATIONS_PER_BATCH and not self.stop():
            more = self.store.claim(
                [*self.channels], holder=self.holder, now=at, term=CLAIM_TERM, limit=MAX_NOTIFICATIONS_PER_CLAIM
            )
            claimed += more
            if len(more) < MAX_NOTIFICATIONS_PER_CLAIM:
                break
        snoozed = {alert: until for alert, until in self.store.snoozes().items() if until > at}
        held = [replace(each, due_at=snoozed[each.alert]) for each in claimed if each.alert in snoozed]
        if held:  # their alerts were snoozed after they were queued
            self.store.postpone(held, holder=self.holder)
            self.report.held += len(held)
        return self._with_current_targets([each for each in claimed if each.alert not in snoozed])

    def _with_current_targets(self, notifications: Sequence[Notification]) -> list[Notification]:
        """Returns the notifications with the currently configured targets that have not yet received them.

        Marks notifications without such a target as sent and leaves them out.
        """
        is_repeated = any(notification.message_id for notification in notifications)
        received = self.receipts.by_message() if is_repeated else {}
        addressed = []
        for notification in notifications:
            done = received.get(notification.message_id or "", ())
            targets = _current_targets(notification, self.configured_targets)
            addressed.append(replace(notification, targets=tuple(target for target in targets if target not in done)))
        without_target = [notification for notification in addressed if not notification.targets]
        if without_target:  # the configuration no longer names the targets that have not received them
            self.store.mark_sent(without_target, now=self.now())
            for message_id in {notification.message_id for notification in without_target if notification.message_id}:
                self.receipts.delete(message_id)
        return [notification for notification in addressed if notification.targets]

    def _group_into_messages(self, notifications: Sequence[Notification]) -> list[Message]:
        """Groups notifications into messages: by message id if they have one, else by alert, channel and targets."""
        attempted: dict[tuple[str, tuple[str, ...]], list[Notification]] = defaultdict(list)
        fresh: dict[tuple[str, str, tuple[str, ...]], list[Notification]] = defaultdict(list)
        for notification in sorted(notifications, key=lambda each: (each.due_at, each.created_at, each.key)):
            if notification.message_id:
                attempted[notification.message_id, notification.targets].append(notification)
            else:
                fresh[notification.alert, notification.channel, notification.targets].append(notification)
        messages = [Message(id=message_id, notifications=tuple(group)) for (message_id, _), group in attempted.items()]
        for (alert, _, _), due in fresh.items():
            stories = self.store.stories([notification.story for notification in due])
            clusters = group_by_cluster(self._postpone_uncommitted(due, stories), stories)
            schedule = delivery_times.parse_schedule(self.schedule_by_alert.get(alert, "instant"))
            is_instant = schedule.frequency == "instant"
            is_single = is_instant and len(clusters) <= MAX_SEPARATE_MESSAGES
            for batch in batched(clusters, 1 if is_single else MAX_CLUSTERS_PER_MESSAGE):
                entries = tuple(notification for cluster in batch for notification in cluster)
                messages.append(Message(id=_message_id(entries, self.message_id_domain), notifications=entries))
        return messages

    def _postpone_uncommitted(
        self, notifications: Sequence[Notification], stories: Mapping[str, Story]
    ) -> list[Notification]:
        """Postpones notifications younger than `STORY_COMMIT_GRACE` whose story is not stored; returns the others."""
        at = self.now()

        def awaits_story_commit(notification: Notification) -> bool:
            story = stories.get(notification.story)
            is_missing = story is None or story.version < notification.version
            return is_missing and at - notification.created_at < STORY_COMMIT_GRACE

        early = [
            replace(each, due_at=at + UNCOMMITTED_STORY_DELAY) for each in notifications if awaits_story_commit(each)
        ]
        if early:
            self.store.postpone(early, holder=self.holder)
        return [notification for notification in notifications if not awaits_story_commit(notification)]

    # ---- from messages to their targets

    def _send_message(self, message: Message) -> None:
        ids = [notification.story for notification in message.notifications]
        stories = self.store.stories(ids)
        hits = self._hits_of_deleted_stories(message.alert, {*ids} - stories.keys())
        channel = self.channels[message.channel]
        content = channel.compose(message, stories, hits, at=self.now())
        try:
            self.store.assign_message_ids({message.id: message.notifications}, holder=self.holder)
        except LeaseLost:
            log.info("another process sends the mail of alert %s", message.alert)
            return
        with_id = tuple(replace(notification, message_id=message.id) for notification in message.notifications)
        attempted = replace(message, notifications=with_id)
        try:
            refusals = channel.send(content, targets=message.targets)
        except DeliveryUnknown as error:
            self._report_error_and_postpone(attempted, error)
        except DeliveryUnavailable as error:
            # Returned without the message id, so that later notifications may be sent together with these.
            self._report_error_and_postpone(message, error)
        except DeliveryRefused as error:
            self._record_send_result(attempted, Refusals(permanently=dict.fromkeys(message.targets, str(error))))
        else:
            self._record_send_result(attempted, refusals)

    def _record_send_result(self, message: Message, refusals: Refusals) -> None:
        """Marks the notifications as sent, or returns them to the outbox for the targets that were refused."""
        reasons = refusals.temporarily | refusals.permanently
        if len(reasons) < len(message.targets):
            self.report.mails += 1
            self.report.notifications += len(message.notifications)
        if not reasons:
            at = self.now()
            self._with_store_retry(lambda: self.store.mark_sent(message.notifications, now=at))
            if any(notification.attempts for notification in message.notifications):
                self._with_store_retry(lambda: self.receipts.delete(message.id))
            return
        if accepted := [target for target in message.targets if target not in reasons]:
            self._with_store_retry(lambda: self.receipts.add(message.id, accepted))
        error = "; ".join(f"{target}: {reason}" for target, reason in reasons.items())
        self.report.errors.append(f"alert {message.alert}: {error}")
        if refusals.permanently:
            self.report.refused += len(message.notifications)
            self._report_new_refusals(message, refusals.permanently)
        else:
            self.report.postponed += len(message.notifications)
        delay = None if refusals.temporarily else REFUSED_RETRY_DELAY
        self._return_to_outbox(message, targets=tuple(reasons), error=error, delay=delay)

    def _report_new_refusals(self, message: Message, reasons: dict[str, str]) -> None:
        """Reports permanent refusals to the operator, unless the notifications already contain the same reasons.

        Runs before the error is stored, so that a process killed in between sends the report again rather than never.
        """
        is_reported = all(
            reason in notification.error for reason in reasons.values() for notification in message.notifications
        )
        if self.reports is None or is_reported:
            return
        ids = [notification.story for notification in message.notifications]
        stories = self._with_store_retry(lambda: self.store.stories(ids))
        self.report.errors += self.reports.report_refused_targets(message, stories, reasons, at=self.now())

    def _report_error_and_postpone(self, message: Message, error: DeliveryError) -> None:
        self.report.errors.append(f"alert {message.alert}: {error}")
        self._postpone_message(message, str(error))

    def _postpone_message(self, message: Message, error: str) -> None:
        self.report.postponed += len(message.notifications)
        self._return_to_outbox(message, targets=message.targets, error=error, delay=None)

    def _return_to_outbox(
        self, message: Message, *, targets: tuple[str, ...], error: str, delay: timedelta | None
    ) -> None:
        """Postpones the notifications by ``delay``, or by the next of `DELIVERY_RETRY_DELAYS` if it is None."""
        at = self.now()
        postponed = [
            replace(
                notification,
                targets=targets,
                attempts=notification.attempts + 1,
                error=error[:1000],
                due_at=at
                + (delay or DELIVERY_RETRY_DELAYS[min(notification.attempts, len(DELIVERY_RETRY_DELAYS) - 1)]),
            )
            for notification in message.notifications
        ]
        self._with_store_retry(lambda: self.store.postpone(postponed, holder=self.holder))

    def _with_store_retry(self, call: Callable[[], T]) -> T:
        """Returns the result of a store call, repeated until the store is available.

        Used after a message was sent, because an unmarked message would be sent again.  Raises StoreUnavailable if the
        store is still unavailable `STORE_GRACE_AFTER_STOP_SECONDS` after the process was asked to stop.
        """
        pause, max_pause = STORE_RETRY_PAUSES_SECONDS
        stopped_at: float | None = None
        while True:
            try:
                return call()
            except StoreUnavailable as error:
                if pause == STORE_RETRY_PAUSES_SECONDS[0]:
                    log.warning("a mail is not marked until the store is back: %s", error)
                if stopped_at is None and self.stop():
                    stopped_at = time.monotonic()
                if stopped_at is not None and time.monotonic() - stopped_at > STORE_GRACE_AFTER_STOP_SECONDS:
                    raise
                time.sleep(pause)
                pause = min(pause * 2, max_pause)

    def _hits_of_deleted_stories(self, alert: str, missing: set[str]) -> dict[str, Hit]:
        """Returns the alert's hits for the story ids ``missing``, by story id; ids without a hit are left out."""
        if not missing:
            return {}
        return {hit.story: hit for hit in self.store.hits(alert, limit=10_000) if hit.story in missing}


def _message_id(notifications: Sequence[Notification], domain: str) -> str:
    """Returns a Message-ID that is the same for the same alert, story versions, channel and targets."""
    keys = sorted("\t".join(map(str, notification.key)) for notification in notifications)
    text = "\n".join([*keys, *sorted(notifications[0].targets)])
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:32]}@{domain}>"
