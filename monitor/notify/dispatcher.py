"""Delivery of the outbox: claim, group, assign a message id, send, mark as sent.

A notification that already has a message id is sent again in the same message under the same id, so that a receiver can
recognise the repetition.  Mail programs show a repeated mail once; SMTP allows no stronger guarantee.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from monitor.errors import (
    DeliveryError,
    DeliveryRefused,
    DeliveryUnavailable,
    DeliveryUnknown,
    LeaseLost,
    StoreError,
    StoreUnavailable,
)
from monitor.models import now as clock
from monitor.notify import server_fingerprints
from monitor.notify.alert_delays import AlertDelays
from monitor.notify.batch_results import BatchResults
from monitor.notify.channel import Refusals
from monitor.notify.claims import CLAIM_TERM, claim_holder
from monitor.notify.concurrent_sends import ConcurrentSends, Stopped, call_until_stopped
from monitor.notify.coverage_notes import CoverageNotes
from monitor.notify.due_messages import DueMessages, requeue_corrected_targets, requeue_failed
from monitor.notify.empty_digests import is_placeholder
from monitor.notify.message_counts import MessageCounts
from monitor.notify.receipts import Receipts
from monitor.notify.report import ChannelReport, DeliveryReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import Hit, Notification
    from monitor.notify.channel import Batch, Channel, Message, OperatorReports
    from monitor.store import Store

T = TypeVar("T")
log = logging.getLogger(__name__)

MAX_BATCH_TIME = CLAIM_TERM / 3  # then unsent notifications are claimed again, so that no claim expires during a send
# The nth delay follows the nth failed attempt; the last delay follows all later attempts.
DELIVERY_RETRY_DELAYS = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 240))
# After a permanent refusal.  The mailbox may be repaired, but servers dislike frequent attempts.
REFUSED_RETRY_DELAY = timedelta(days=1)
STORE_RETRY_PAUSES_SECONDS = (0.5, 10.0)  # the first and the longest pause between two attempts of a store call
STORE_GRACE_AFTER_STOP_SECONDS = 4.0  # how long a stopping process still retries an unavailable store
CLAIM_INTERVAL_SECONDS = 5.0  # pause between two claims while messages wait for their server's reply


class Dispatcher:
    """Delivers each notification of the outbox through its channel.  Several processes may deliver at the same time.

    ``channels`` are the configured channels by name.  Notifications of other channels stay in the outbox.
    ``before_delivery`` may add notifications to it.  ``after_delivery`` does what no message waits for.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        channels: Mapping[str, Channel],
        reports: OperatorReports | None = None,
        *,
        before_delivery: Callable[[], None] = lambda: None,
        after_delivery: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = clock,
    ) -> None:
        self._before_delivery, self._after_delivery = before_delivery, after_delivery
        self._store = store
        self._config = config
        self._channels = channels
        self._reports = reports
        self._now = now
        self._has_requeued = False

    def deliver(
        self, *, stop: Callable[[], bool] = lambda: False, store_retry_timeout: timedelta | None = None
    ) -> DeliveryReport:
        """Sends all notifications that are due, and closes the channels.  Blocks.

        When ``stop`` returns True, waits `STOP_GRACE_SECONDS` for the messages under way, releases its claims and
        returns.  If the store becomes unavailable after a message was sent, waits until the message can be marked as
        sent, because otherwise the message is sent again under the same id; gives up after ``store_retry_timeout``, or
        never if that is None.  Raises StoreError.  Errors of the channels are in the report.
        """
        if not self._has_requeued:
            requeue_corrected_targets(self._store, self._config, at=self._now())
            self._requeue_after_change_of_server()
            self._has_requeued = True
        report = DeliveryReport()
        self._before_delivery()
        due = self._store.count_due(now=self._now())
        report.queued = {channel: count for channel, count in due.items() if channel not in self._channels}
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
                    store_retry_timeout=store_retry_timeout,
                ).deliver(has_due=not due.keys().isdisjoint(self._channels))
        if not stop():
            self._after_delivery()
        return report

    def retry_failed_now(self) -> None:
        """Makes the notifications due now whose last attempt failed."""
        requeue_failed(self._store, [*self._channels], at=self._now())

    def _requeue_after_change_of_server(self) -> None:
        """Makes failed notifications due now if their channel's server or login has changed since the last call."""
        changed = [
            name
            for name, channel in self._channels.items()
            if server_fingerprints.record_change(self._store, name, channel.server_settings)
        ]
        if changed:
            requeue_failed(self._store, changed, at=self._now())


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
        store_retry_timeout: timedelta | None,
    ) -> None:
        self.store = store
        self.store_retry_timeout = store_retry_timeout
        self.sends = ConcurrentSends(stop)
        self.channels = channels
        self.holder = holder
        self.receipts = Receipts(store)
        self.results: dict[Batch, BatchResults] = {}  # of batches of which not all messages have a result
        self.delays = AlertDelays(store)
        self.message_counts = MessageCounts(store)
        self.coverage_notes = CoverageNotes(store, config)
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

    def deliver(self, *, has_due: bool) -> None:
        """Sends what is due, if there is anything (``has_due``), and reports unhealthy outlets."""
        with ExitStack() as cleanup:
            for channel in self.channels.values():
                cleanup.callback(channel.close)
            if not has_due:  # most deliveries of `run`: no search for claims
                self._report_unhealthy_outlets({})
                return
            try:
                # While messages wait for the reply of a slow server, further notifications are claimed and sent.
                while self._deliver_batch() or self.sends:
                    self._record_finished_sends(wait_seconds=CLAIM_INTERVAL_SECONDS)
            except StoreError:
                self._record_all_sends()  # else the next delivery would repeat them
                raise

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
            try:
                if name not in problems and (problem := self._connect_channel(name)):
                    problems[name] = problem
            except Stopped:
                break
            if name in problems:
                self._postpone_message(message, problems[name])
            else:
                self._send_message(message)
                self._record_finished_sends()
        else:
            if not self.stop():
                self._report_unhealthy_outlets(problems)
            return False
        self._record_all_sends()
        self.store.release_claims(lambda holder: holder == self.holder)
        return not self.stop()

    def _report_unhealthy_outlets(self, problems: Mapping[str, str]) -> None:
        """Reports failing and suspect outlets to the operator, unless the channel of the reports cannot connect."""
        if self.reports is None or self.reports.channel in problems:
            return
        report = partial(self.reports.report_unhealthy_outlets, self.store, now=self.now())
        with suppress(Stopped):
            if errors := call_until_stopped(report, self.stop):
                self.report.of(self.reports.channel).errors += errors

    def _connect_channel(self, name: str) -> str:
        """Connects a channel.  Returns the error text if connecting fails, else "".  Raises Stopped."""
        try:
            call_until_stopped(self.channels[name].open, self.stop)
        except DeliveryError as error:
            self.report.of(name).errors.append(str(error))
            return str(error) or repr(error)
        return ""

    def _send_message(self, message: Message) -> None:
        ids = [notification.story for notification in message.notifications if not is_placeholder(notification)]
        stories = self.store.stories(ids)
        hits = self._hits_of_deleted_stories(message.alerts, {*ids} - stories.keys())
        channel = self.channels[message.channel]
        noted = replace(message, notes=(*message.notes, *self.coverage_notes.notes(message, at=self.now())))
        content = channel.compose(noted, stories, hits, at=self.now())
        try:
            self.store.assign_message_ids({message.batch.id: message.batch.notifications}, holder=self.holder)
        except LeaseLost:
            log.info("another process sends the message of %s by %s", message.alerts_text, message.channel)
            return
        self.sends.start(message, lambda: channel.send(content, targets=message.targets))

    def _record_all_sends(self) -> None:
        """Waits for all messages under way and records their results."""
        while self.sends:
            self._record_finished_sends(wait_seconds=CLAIM_INTERVAL_SECONDS)

    def _record_finished_sends(self, *, wait_seconds: float = 0.0) -> None:
        """Records the results of messages whose sends have ended; waits up to ``wait_seconds`` for the first."""
        for send in self.sends.take_finished(wait_seconds=wait_seconds):
            message = send.message
            try:
                refusals = send.result.result()
            except DeliveryUnavailable as error:
                self._report_error_and_postpone(message, error)
            except DeliveryRefused as error:
                self._record_send_result(message, Refusals(permanently=dict.fromkeys(message.targets, str(error))))
            else:
                self._record_send_result(message, refusals)

    def _record_send_result(self, message: Message, refusals: Refusals) -> None:
        """Records a message that the server accepted or refused, for each of its targets."""
        reasons = refusals.temporarily | refusals.permanently
        report = self._report_of(message)
        if len(reasons) < len(message.targets):
            report.messages += 1
            report.notifications += sum(not is_placeholder(each) for each in message.notifications)
        accepted = [target for target in message.targets if target not in reasons]
        if accepted and (reasons or message.batch.message_count > 1):
            self._with_store_retry(lambda: self.receipts.add(message.batch.id, accepted))
        if accepted:
            with suppress(StoreError):  # the next digest then counts from an earlier one
                self.coverage_notes.record(message, at=self.now())
        errors = self._error_texts(message, reasons)
        if reasons:
            report.errors.append(f"{message.alerts_text}: {'; '.join(errors.values())}")
        if refusals.permanently:
            report.refused += len(message.notifications)
            self._report_new_refusals(message, refusals.permanently)
        elif reasons:
            report.postponed += len(message.notifications)
        self._add_result(
            message,
            errors,
            is_temporary=bool(refusals.temporarily),
            keeps_id=True,
            retry_after=refusals.retry_after,
        )

    def _add_result(
        self,
        message: Message,
        errors: Mapping[str, str],
        *,
        is_temporary: bool,
        keeps_id: bool,
        retry_after: timedelta,
    ) -> None:
        """Adds a message's result to those of its batch; after the last one, settles the batch's notifications."""
        results = self.results.setdefault(message.batch, BatchResults(batch=message.batch))
        results.add(errors, is_temporary=is_temporary, keeps_id=keeps_id, retry_after=retry_after)
        if results.is_complete:
            del self.results[message.batch]
            self._settle(results)

    def _settle(self, results: BatchResults) -> None:
        """Marks the notifications as sent that all targets have received, and returns the others to the outbox."""
        at = self.now()
        if delivered := results.delivered:
            self._with_store_retry(lambda: self.store.mark_sent(delivered, now=at))
            self._record_delays(delivered, accepted_at=at)
            with suppress(StoreError):  # the count is approximate
                self.message_counts.add(results.batch.counted_alerts, channel=results.batch.channel, at=at)
        if undelivered := results.undelivered:
            attempts = max(notification.attempts for notification in undelivered)
            retry_delay = DELIVERY_RETRY_DELAYS[min(attempts, len(DELIVERY_RETRY_DELAYS)) - 1]
            delay = retry_delay if results.is_retried_soon else REFUSED_RETRY_DELAY
            self._return_to_outbox(undelivered, delay=max(delay, results.retry_after))
        elif results.batch.message_count > 1 or results.batch.is_repeated:
            self._with_store_retry(lambda: self.receipts.delete(results.batch.id))

    def _record_delays(self, delivered: Sequence[Notification], *, accepted_at: datetime) -> None:
        """Records how long new stories took; a store that is away costs only this statistic."""
        for alert in dict.fromkeys(notification.alert for notification in delivered):
            ids = [each.story for each in delivered if each.alert == alert and each.version == 1]
            try:
                stories = self.store.stories(ids).values()
                self.delays.add(alert, [story.published_at for story in stories], accepted_at=accepted_at)
            except StoreError as error:
                log.info("the delays of alert %s are not recorded: %s", alert, error)

    def _report_of(self, message: Message) -> ChannelReport:
        return self.report.of(message.channel)

    def _error_texts(self, message: Message, reasons: Mapping[str, str]) -> dict[str, str]:
        """Returns each target's reason after the target, as the message's channel shows it."""
        describe = self.channels[message.channel].describe
        return {target: f"{describe(target)}: {reason}" for target, reason in reasons.items()}

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
            shown = "; ".join(self._error_texts(message, reasons).values())
            refused = f"{message.channel} refuses a message permanently: {shown}"
            log.error("%s: %s; without mail.url no mail reports this", message.alerts_text, refused)
            return
        ids = [notification.story for notification in message.notifications]
        stories = self._with_store_retry(lambda: self.store.stories(ids))
        report = partial(
            self.reports.report_refused_targets,
            message,
            stories,
            reasons,
            channel=self.channels[message.channel],
            at=self.now(),
        )
        with suppress(Stopped):
            if errors := call_until_stopped(report, self.stop):
                self.report.of(self.reports.channel).errors += errors

    def _report_error_and_postpone(self, message: Message, error: DeliveryUnavailable) -> None:
        self._report_of(message).errors.append(f"{message.alerts_text}: {error}")
        may_have_arrived = isinstance(error, DeliveryUnknown)
        self._postpone_message(message, str(error), may_have_arrived=may_have_arrived, retry_after=error.retry_after)

    def _postpone_message(
        self, message: Message, error: str, *, may_have_arrived: bool = False, retry_after: timedelta = timedelta()
    ) -> None:
        """Records a message that no target received, or whose result is unknown.

        If no message of its batch may have arrived, later notifications may be sent together with these.
        """
        self._report_of(message).postponed += len(message.notifications)
        errors = dict.fromkeys(message.targets, error)
        self._add_result(message, errors, is_temporary=True, keeps_id=may_have_arrived, retry_after=retry_after)

    def _return_to_outbox(self, notifications: Sequence[Notification], *, delay: timedelta) -> None:
        """Postpones the notifications of a batch by ``delay``, because their messages are repeated together."""
        due_at = self.now() + delay
        postponed = [replace(notification, due_at=due_at) for notification in notifications]
        self._with_store_retry(lambda: self.store.postpone(postponed, holder=self.holder))

    def _with_store_retry(self, call: Callable[[], T]) -> T:
        """Returns the result of a store call, repeated until the store is available.

        Used after a message was sent, because an unmarked message would be sent again.  Raises StoreUnavailable if the
        store is still unavailable after ``store_retry_timeout``, or `STORE_GRACE_AFTER_STOP_SECONDS` after the process
        was asked to stop.
        """
        pause, max_pause = STORE_RETRY_PAUSES_SECONDS
        began = time.monotonic()
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
                limit = self.store_retry_timeout
                if limit is not None and time.monotonic() - began > limit.total_seconds():
                    raise StoreUnavailable(
                        f"a message may have been sent and cannot be marked as sent: {error.message}",
                        hint="if it was, the next delivery sends it again under the same Message-ID; " + error.hint,
                    ) from error
                time.sleep(pause)
                pause = min(pause * 2, max_pause)

    def _hits_of_deleted_stories(self, alerts: Sequence[str], missing: set[str]) -> dict[str, Hit]:
        """Returns the hits of the alerts for the story ids ``missing``, by story id; leaves out ids without a hit."""
        if not missing:
            return {}
        return {
            hit.story: hit for alert in alerts for hit in self.store.hits(alert, limit=10_000) if hit.story in missing
        }
