"""Delivery of the outbox: claim, group, assign a message id, send, mark as sent.

A notification that already has a message id is sent again in the same message under the same id, so that a receiver can
recognise the repetition.  Mail programs show a repeated mail once; SMTP allows no stronger guarantee.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import replace
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
from monitor.models import now as clock
from monitor.notify.channel import Refusals
from monitor.notify.claims import CLAIM_TERM, claim_holder
from monitor.notify.due_messages import DueMessages, requeue_corrected_targets
from monitor.notify.receipts import Receipts
from monitor.notify.report import ChannelReport, DeliveryReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import Hit
    from monitor.notify.channel import Channel, Message, OperatorReports
    from monitor.store import Store

T = TypeVar("T")
log = logging.getLogger(__name__)

MAX_BATCH_TIME = CLAIM_TERM / 2  # then unsent notifications are claimed again, so that no claim expires during a send
# The nth delay follows the nth failed attempt; the last delay follows all later attempts.
DELIVERY_RETRY_DELAYS = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 240))
# After a permanent refusal.  The mailbox may be repaired, but servers dislike frequent attempts.
REFUSED_RETRY_DELAY = timedelta(days=1)
STORE_RETRY_PAUSES_SECONDS = (0.5, 10.0)  # the first and the longest pause between two attempts of a store call
STORE_GRACE_AFTER_STOP_SECONDS = 20.0  # how long a stopping process still retries an unavailable store


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
            requeue_corrected_targets(self._store, self._config, at=self._now())
            self._has_requeued = True
        report = DeliveryReport()
        if self._channels:
            with claim_holder() as holder:
                _DeliveryRun(
                    self._store,
                    self._config,
                    self._channels,
                    holder=holder,
                    reports=self._reports,
                    report=report,
                    now=self._now,
                    stop=stop,
                ).deliver()
        due = self._store.count_due(now=self._now())
        report.queued = {channel: count for channel, count in due.items() if channel not in self._channels}
        return report


class _DeliveryRun:
    """The state of one call of `Dispatcher.deliver`."""

    def __init__(
        self,
        store: Store,
        config: Config,
        channels: Mapping[str, Channel],
        *,
        holder: str,
        reports: OperatorReports | None,
        report: DeliveryReport,
        now: Callable[[], datetime],
        stop: Callable[[], bool],
    ) -> None:
        self.store = store
        self.channels = channels
        self.holder = holder
        self.receipts = Receipts(store)
        self.reports = reports
        self.report = report
        self.now = now
        self.stop = stop
        self.due_messages = DueMessages(
            store,
            config,
            [*channels],
            holder=holder,
            receipts=self.receipts,
            report=report,
            now=now,
            stop=stop,
        )

    def deliver(self) -> None:
        with ExitStack() as cleanup:
            for channel in self.channels.values():
                cleanup.callback(channel.close)
            while self._deliver_batch():
                pass

    def _deliver_batch(self) -> bool:
        """Claims and sends due notifications for up to `MAX_BATCH_TIME`.

        Returns True if some are left unsent after that time; False if none is left, or if ``stop`` returned True.
        """
        deadline = self.now() + MAX_BATCH_TIME
        problems: dict[str, str] = {}  # by channel to which connecting failed
        for message in self.due_messages.claim():
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
        if errors := self.reports.report_unhealthy_outlets(self.store, now=self.now()):
            self.report.of(self.reports.channel).errors += errors

    def _connect_channel(self, name: str) -> str:
        """Connects a channel.  Returns the error text if connecting fails, else an empty string."""
        try:
            self.channels[name].open()
        except DeliveryError as error:
            self.report.of(name).errors.append(str(error))
            return str(error) or repr(error)
        return ""

    def _send_message(self, message: Message) -> None:
        ids = [notification.story for notification in message.notifications]
        stories = self.store.stories(ids)
        hits = self._hits_of_deleted_stories(message.alert, {*ids} - stories.keys())
        channel = self.channels[message.channel]
        content = channel.compose(message, stories, hits, at=self.now())
        try:
            self.store.assign_message_ids({message.id: message.notifications}, holder=self.holder)
        except LeaseLost:
            log.info("another process sends the message of alert %s by %s", message.alert, message.channel)
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
        report = self._report_of(message)
        if len(reasons) < len(message.targets):
            report.messages += 1
            report.notifications += len(message.notifications)
        if not reasons:
            at = self.now()
            self._with_store_retry(lambda: self.store.mark_sent(message.notifications, now=at))
            if any(notification.attempts for notification in message.notifications):
                self._with_store_retry(lambda: self.receipts.delete(message.id))
            return
        if accepted := [target for target in message.targets if target not in reasons]:
            self._with_store_retry(lambda: self.receipts.add(message.id, accepted))
        error = self._error_text(message, reasons)
        report.errors.append(f"alert {message.alert}: {error}")
        if refusals.permanently:
            report.refused += len(message.notifications)
            self._report_new_refusals(message, refusals.permanently)
        else:
            report.postponed += len(message.notifications)
        delay = None if refusals.temporarily else REFUSED_RETRY_DELAY
        self._return_to_outbox(message, targets=tuple(reasons), error=error, delay=delay)

    def _report_of(self, message: Message) -> ChannelReport:
        return self.report.of(message.channel)

    def _error_text(self, message: Message, reasons: Mapping[str, str]) -> str:
        """Returns the reasons with their targets, as the message's channel shows these."""
        describe = self.channels[message.channel].describe
        return "; ".join(f"{describe(target)}: {reason}" for target, reason in reasons.items())

    def _report_new_refusals(self, message: Message, reasons: dict[str, str]) -> None:
        """Reports permanent refusals to the operator, unless the notifications already contain the same reasons.

        Logs them if no reports are configured.  Runs before the error is stored, so that a process killed in between
        sends the report again rather than never.
        """
        is_reported = all(
            reason in notification.error for reason in reasons.values() for notification in message.notifications
        )
        if is_reported:
            return
        if self.reports is None:
            refused = f"{message.channel} refuses a message permanently: {self._error_text(message, reasons)}"
            log.error("alert %s: %s; without mail.url no mail reports this", message.alert, refused)
            return
        ids = [notification.story for notification in message.notifications]
        stories = self._with_store_retry(lambda: self.store.stories(ids))
        errors = self.reports.report_refused_targets(
            message, stories, reasons, channel=self.channels[message.channel], at=self.now()
        )
        if errors:
            self.report.of(self.reports.channel).errors += errors

    def _report_error_and_postpone(self, message: Message, error: DeliveryError) -> None:
        self._report_of(message).errors.append(f"alert {message.alert}: {error}")
        self._postpone_message(message, str(error))

    def _postpone_message(self, message: Message, error: str) -> None:
        self._report_of(message).postponed += len(message.notifications)
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
                    log.warning("a sent message is not marked until the store is back: %s", error)
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
