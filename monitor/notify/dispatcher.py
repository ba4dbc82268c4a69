"""Delivery of the outbox: claim, group, assign a message id, send, mark as sent.

A kill at any line leaves the notification unsent.  A process on the same machine sees that the holder of the claim died
(process_identity.py), any other process waits until the claim expires.  A notification that has a message id is sent
again in the same message under the same id, so mail programs show a repeat once; SMTP allows no stronger guarantee.
"""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from collections import defaultdict
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
from monitor.plural import plural
from monitor.process_identity import current_process_identity, is_dead_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import Hit, Json, Notification, Story
    from monitor.notify.channel import Channel, OperatorReports
    from monitor.store import Store

T = TypeVar("T")
log = logging.getLogger(__name__)

CLAIM_TERM = timedelta(minutes=15)  # longer than one message takes; after a kill other machines wait this long
MAX_BATCH_TIME = CLAIM_TERM / 2  # then the rest is claimed again, so that no claim expires while a message is sent
CLAIM_BATCH = 1000  # notifications per store call
MAX_CLAIMED = 10_000  # notifications
MAX_SINGLE_MESSAGES = 5  # of an instant alert that are due together; more share one message
MAX_ENTRIES_PER_MESSAGE = 100
DELIVERY_RETRY_DELAYS = tuple(
    timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 240)
)  # after the nth failed attempt
# Elasticsearch stores notifications before the story; after a kill in between the page is committed again in time.
COMMIT_GRACE = timedelta(minutes=30)
SHORT_RETRY_DELAY = timedelta(minutes=1)
REFUSED_RETRY_DELAY = timedelta(days=1)  # a refused mailbox may be repaired, but servers dislike frequent attempts
STORE_RETRY_PAUSES_SECONDS = (0.5, 10.0)  # first and longest pause between attempts
STORE_GRACE_SECONDS = 20.0  # time for the store to return when the process stops
_RECEIVED = "mail/got/"  # + message id: recipients that have received a message that others have not


@dataclass(kw_only=True, slots=True)
class DeliveryReport:
    """The result of a delivery, for messages and exit codes."""

    mails: int = 0
    notifications: int = 0
    queued: int = 0  # due, but no mail server is configured
    postponed: int = 0
    refused: int = 0
    held: int = 0  # of snoozed alerts
    errors: list[str] = field(default_factory=list)


class Dispatcher:
    """Delivers the notifications of the outbox.  Several processes may deliver at the same time."""

    def __init__(
        self,
        store: Store,
        config: Config,
        channel: Channel | None,
        reports: OperatorReports | None = None,
        *,
        now: Callable[[], datetime] = clock,
    ) -> None:
        self._store = store
        self._config = config
        self._channel = channel
        self._reports = reports
        self._now = now
        self._has_requeued = False

    def deliver(self, *, stop: Callable[[], bool] = lambda: False) -> DeliveryReport:
        """Sends all notifications that are due.  Blocks.

        When ``stop`` returns True it ends after the current message and releases its claims.  After a message was sent
        it waits for an unavailable store until the message is marked, as it would be sent twice otherwise.
        Raises StoreError.  Errors of the channel are in the report.
        """
        if not self._has_requeued:
            self._requeue_corrected_recipients()
            self._has_requeued = True
        if self._channel is None:
            due = sum(notification.due_at <= self._now() for notification in self._store.outbox(limit=MAX_CLAIMED))
            return DeliveryReport(queued=due)
        return _Delivery(
            self._store, self._config, self._channel, reports=self._reports, now=self._now, stop=stop
        ).run()

    def _requeue_corrected_recipients(self) -> None:
        """Makes notifications due whose delivery failed and whose alert has other recipients now."""
        recipients = {alert.name: {*alert.to} for alert in self._config.alerts}
        at = self._now()
        corrected = [
            replace(notification, due_at=at)
            for notification in self._store.outbox(limit=MAX_CLAIMED)
            if notification.error
            and notification.due_at > at
            and not recipients.get(notification.alert, {*notification.to}).issuperset(notification.to)
        ]
        if corrected:
            self._store.postpone(corrected, holder="")


_deliveries_running: set[str] = set()  # holders of the deliveries of this process


def _is_abandoned(holder: str) -> bool:
    """Returns True if the holder's process died, or its delivery in this process ended with an error."""
    process = holder.partition("/")[0]
    return is_dead_process(process) or (process == current_process_identity() and holder not in _deliveries_running)


class _Delivery:
    """One delivery of one process."""

    def __init__(
        self,
        store: Store,
        config: Config,
        channel: Channel,
        *,
        reports: OperatorReports | None,
        now: Callable[[], datetime],
        stop: Callable[[], bool],
    ) -> None:
        self.store = store
        self.channel = channel
        self.reports = reports
        self.now = now
        self.stop = stop
        self.recipients = {alert.name: alert.to for alert in config.alerts}
        self.deliver = {alert.name: alert.deliver for alert in config.alerts}
        self.domain = config.mail.sender.rpartition("@")[2].rstrip("> ")
        self.holder = (
            f"{current_process_identity()}/{uuid.uuid4().hex[:8]}"  # a process may deliver from several threads
        )
        self.report = DeliveryReport()

    def run(self) -> DeliveryReport:
        _deliveries_running.add(self.holder)
        try:
            while self._deliver_batch():
                pass
        finally:
            _deliveries_running.discard(self.holder)
            self.channel.close()
        return self.report

    def _deliver_batch(self) -> bool:
        """Claims and sends one batch; returns True if notifications are left because the batch took too long."""
        deadline = self.now() + MAX_BATCH_TIME
        problem = ""
        for message in self._group(self._claim()):
            if self.stop() or self.now() > deadline:
                break
            problem = problem or self._connection_problem()
            if problem:
                self._postpone(message, problem)
            else:
                self._send(message)
        else:
            if not problem and not self.stop():
                self._report_failing_outlets()
            return False
        self.store.release_claims(lambda holder: holder == self.holder)
        return not self.stop()

    def _report_failing_outlets(self) -> None:
        if self.reports is not None and (problem := self.reports.failing_outlets(self.store, now=self.now())):
            self.report.errors.append(problem)

    def _connection_problem(self) -> str:
        """Connects; returns the reason why that fails, empty if it succeeds."""
        try:
            self.channel.open()
        except DeliveryError as error:
            self.report.errors.append(str(error))
            return str(error) or repr(error)
        return ""

    # ---- from the outbox to messages

    def _claim(self) -> list[Notification]:
        claimed: list[Notification] = []
        at = self.now()
        if freed := self.store.release_claims(_is_abandoned):
            log.info("%s taken over from a process that died or an interrupted delivery", plural(freed, "notification"))
        while len(claimed) < MAX_CLAIMED and not self.stop():
            more = self.store.claim(holder=self.holder, now=at, term=CLAIM_TERM, limit=CLAIM_BATCH)
            claimed += more
            if len(more) < CLAIM_BATCH:
                break
        snoozed = {alert: until for alert, until in self.store.snoozes().items() if until > at}
        held = [replace(each, due_at=snoozed[each.alert]) for each in claimed if each.alert in snoozed]
        if held:  # snoozed after they were queued
            self.store.postpone(held, holder=self.holder)
            self.report.held += len(held)
        return self._with_current_recipients([each for each in claimed if each.alert not in snoozed])

    def _with_current_recipients(self, notifications: Sequence[Notification]) -> list[Notification]:
        """Sets the recipients that the configuration names now, without those that have received the message."""
        received: dict[str, Json] = {}
        if any(notification.message_id for notification in notifications):
            stored = self.store.settings(_RECEIVED)
            received = {key.removeprefix(_RECEIVED): value["to"] for key, value in stored.items()}
        addressed = []
        for notification in notifications:
            done = received.get(notification.message_id or "", ())
            recipients = self.recipients.get(notification.alert, notification.to)
            addressed.append(replace(notification, to=tuple(address for address in recipients if address not in done)))
        without_recipient = [notification for notification in addressed if not notification.to]
        if without_recipient:  # the alert no longer names the recipients that were left
            self.store.mark_sent(without_recipient, now=self.now())
            for message_id in {notification.message_id for notification in without_recipient}:
                self.store.put_setting(f"{_RECEIVED}{message_id}", None)
        return [notification for notification in addressed if notification.to]

    def _group(self, notifications: Sequence[Notification]) -> list[Message]:
        """Groups notifications into messages: by message id, else by alert and recipients."""
        attempted: dict[tuple[str, tuple[str, ...]], list[Notification]] = defaultdict(list)
        fresh: dict[tuple[str, tuple[str, ...]], list[Notification]] = defaultdict(list)
        for notification in sorted(notifications, key=lambda each: (each.due_at, each.created_at, each.key)):
            if notification.message_id:
                attempted[notification.message_id, notification.to].append(notification)
            else:
                fresh[notification.alert, notification.to].append(notification)
        messages = [Message(id=message_id, notifications=tuple(group)) for (message_id, _), group in attempted.items()]
        for (alert, _), due in fresh.items():
            stories = self.store.stories([notification.story for notification in due])
            clusters = group_by_cluster(self._with_committed_story(due, stories), stories)
            is_instant = delivery_times.parse(self.deliver.get(alert, "instant")).every == "instant"
            is_single = is_instant and len(clusters) <= MAX_SINGLE_MESSAGES
            for batch in batched(clusters, 1 if is_single else MAX_ENTRIES_PER_MESSAGE):
                entries = tuple(notification for cluster in batch for notification in cluster)
                messages.append(Message(id=_message_id(entries, self.domain), notifications=entries))
        return messages

    def _with_committed_story(
        self, notifications: Sequence[Notification], stories: Mapping[str, Story]
    ) -> list[Notification]:
        """Returns the notifications whose story is stored; postpones the others for up to `COMMIT_GRACE`."""
        at = self.now()

        def is_early(notification: Notification) -> bool:
            story = stories.get(notification.story)
            is_missing = story is None or story.version < notification.version
            return is_missing and at - notification.created_at < COMMIT_GRACE

        early = [replace(each, due_at=at + SHORT_RETRY_DELAY) for each in notifications if is_early(each)]
        if early:
            self.store.postpone(early, holder=self.holder)
        return [notification for notification in notifications if not is_early(notification)]

    # ---- from messages to their recipients

    def _send(self, message: Message) -> None:
        ids = [notification.story for notification in message.notifications]
        stories = self.store.stories(ids)
        hits = self._hits_of_deleted_stories(message.alert, {*ids} - stories.keys())
        content = self.channel.compose(message, stories, hits, at=self.now())
        try:
            self.store.assign_message_ids({message.id: message.notifications}, holder=self.holder)
        except LeaseLost:
            log.info("another process sends the mail of alert %s", message.alert)
            return
        with_id = tuple(replace(notification, message_id=message.id) for notification in message.notifications)
        attempted = replace(message, notifications=with_id)
        try:
            refusals = self.channel.send(content, to=message.to)
        except DeliveryUnknown as error:
            self._fail(attempted, error)
        except DeliveryUnavailable as error:
            self._fail(message, error)  # not sent, so later notifications may join it
        except DeliveryRefused as error:
            self._settle(attempted, Refusals(permanently=dict.fromkeys(message.to, str(error))))
        else:
            self._settle(attempted, refusals)

    def _settle(self, message: Message, refusals: Refusals) -> None:
        """Marks the message as sent, or keeps it for the recipients that were refused."""
        reasons = refusals.temporarily | refusals.permanently
        if len(reasons) < len(message.to):
            self.report.mails += 1
            self.report.notifications += len(message.notifications)
        key = _RECEIVED + message.id
        if not reasons:
            at = self.now()
            self._with_store_retry(lambda: self.store.mark_sent(message.notifications, now=at))
            if any(notification.attempts for notification in message.notifications):
                self._with_store_retry(lambda: self.store.put_setting(key, None))
            return
        if accepted := [address for address in message.to if address not in reasons]:
            received = self._with_store_retry(lambda: self.store.settings(key)).get(key, {"to": []})
            self._with_store_retry(lambda: self.store.put_setting(key, {"to": [*received["to"], *accepted]}))
        error = "; ".join(f"{address}: {reason}" for address, reason in reasons.items())
        self.report.errors.append(f"alert {message.alert}: {error}")
        if refusals.permanently:
            self.report.refused += len(message.notifications)
            self._report_refusal(message, refusals.permanently)
        else:
            self.report.postponed += len(message.notifications)
        delay = None if refusals.temporarily else REFUSED_RETRY_DELAY
        self._return_to_outbox(message, to=tuple(reasons), error=error, delay=delay)

    def _report_refusal(self, message: Message, reasons: dict[str, str]) -> None:
        """Reports a new refusal to the operator, before it is stored: a kill in between repeats the report."""
        is_reported = all(
            reason in notification.error for reason in reasons.values() for notification in message.notifications
        )
        if self.reports is None or is_reported:
            return
        ids = [notification.story for notification in message.notifications]
        stories = self._with_store_retry(lambda: self.store.stories(ids))
        self.report.errors += self.reports.refused(message, stories, reasons, at=self.now())

    def _fail(self, message: Message, error: DeliveryError) -> None:
        self.report.errors.append(f"alert {message.alert}: {error}")
        self._postpone(message, str(error))

    def _postpone(self, message: Message, error: str) -> None:
        self.report.postponed += len(message.notifications)
        self._return_to_outbox(message, to=message.to, error=error, delay=None)

    def _return_to_outbox(self, message: Message, *, to: tuple[str, ...], error: str, delay: timedelta | None) -> None:
        at = self.now()
        postponed = [
            replace(
                notification,
                to=to,
                attempts=notification.attempts + 1,
                error=error[:1000],
                due_at=at
                + (delay or DELIVERY_RETRY_DELAYS[min(notification.attempts, len(DELIVERY_RETRY_DELAYS) - 1)]),
            )
            for notification in message.notifications
        ]
        self._with_store_retry(lambda: self.store.postpone(postponed, holder=self.holder))

    def _with_store_retry(self, call: Callable[[], T]) -> T:
        """Repeats a store call after a sent message until the store is back: it would be sent again otherwise.

        Raises StoreUnavailable if the process has to stop first.
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
                if stopped_at is not None and time.monotonic() - stopped_at > STORE_GRACE_SECONDS:
                    raise
                time.sleep(pause)
                pause = min(pause * 2, max_pause)

    def _hits_of_deleted_stories(self, alert: str, missing: set[str]) -> dict[str, Hit]:
        """Returns the hits of stories that are no longer stored, by story id."""
        if not missing:
            return {}
        return {hit.story: hit for hit in self.store.hits(alert, limit=10_000) if hit.story in missing}


def _message_id(notifications: Sequence[Notification], domain: str) -> str:
    """Returns an id that depends only on the notifications and recipients."""
    text = "\n".join(
        [*sorted(f"{n.alert}\t{n.story}\t{n.version}" for n in notifications), *sorted(notifications[0].to)]
    )
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:32]}@{domain}>"
