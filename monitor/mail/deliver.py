"""Delivery of the outbox: claim, group, assign a Message-ID, send, mark as sent.

A kill at any line leaves the notification unsent.  A process on the same machine sees that the holder of the claim died
(process_identity.py), any other process waits until the claim expires.  A notification that has a Message-ID is sent
again in the same mail under the same id, so that mail programs show a repeat once: SMTP allows no stronger guarantee.
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

from monitor.errors import LeaseLost, MailError, MailRefused, MailUnavailable, StoreUnavailable
from monitor.itertools_compat import batched
from monitor.mail import compose, delivery_times, mail_url
from monitor.mail.ops_mail import report_failing_outlets
from monitor.mail.smtp import Connection, DeliveryUnknown, RefusedRecipients
from monitor.models import now as clock
from monitor.plural import plural
from monitor.process_identity import is_dead, this_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from monitor.config import Config
    from monitor.mail.mail_url import MailServer
    from monitor.models import Hit, Json, Notification, Story
    from monitor.store import Store

T = TypeVar("T")
log = logging.getLogger(__name__)

CLAIM_TERM = timedelta(minutes=15)  # longer than one mail takes; after a kill other machines wait this long
MAX_BATCH_TIME = CLAIM_TERM / 2  # then the rest is claimed again, so that no claim expires during a mail
CLAIM_BATCH = 1000  # notifications per store call
MAX_CLAIMED = 10_000  # notifications
MAX_SINGLE_MAILS = 5  # of an instant alert that are due together; more share one mail
MAX_ENTRIES_PER_MAIL = 100
RETRY_DELAYS = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 240))  # after the nth failed attempt
# Elasticsearch stores notifications before the story; after a kill in between the page is committed again in time.
COMMIT_GRACE = timedelta(minutes=30)
SHORT_RETRY_DELAY = timedelta(minutes=1)
REFUSED_RETRY_DELAY = timedelta(days=1)  # a refused mailbox may be repaired, but servers dislike frequent attempts
_RECEIVED = "mail/got/"  # + Message-ID: recipients that have received a mail that others have not
STORE_RETRY_PAUSES_SECONDS = (0.5, 10.0)  # first and longest pause between attempts
SHUTDOWN_GRACE_SECONDS = 20.0  # time for the store to return when the process stops


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """Notifications that are sent in one mail."""

    id: str  # Message-ID
    notifications: tuple[Notification, ...]

    @property
    def alert(self) -> str:
        return self.notifications[0].alert

    @property
    def to(self) -> tuple[str, ...]:
        return self.notifications[0].to


def deliver_due(
    store: Store,
    config: Config,
    *,
    now: Callable[[], datetime] = clock,
    stop: Callable[[], bool] = lambda: False,
) -> DeliveryReport:
    """Sends all mail that is due.  Blocks; several processes may deliver at the same time.

    When ``stop`` returns True it ends after the current mail and releases its claims.  After a mail was sent it waits
    for an unavailable store until the mail is marked, as the mail would be sent twice otherwise.
    Raises StoreError.  Errors of the mail server are in the report.
    """
    if config.mail.url is None:
        due = sum(notification.due_at <= now() for notification in store.outbox(limit=MAX_CLAIMED))
        return DeliveryReport(queued=due)
    return _Delivery(store, config, mail_url.parse(config.mail.url.get_secret_value()), now, stop).run()


def requeue_corrected_recipients(store: Store, config: Config, *, now: Callable[[], datetime] = clock) -> None:
    """Makes notifications due whose delivery failed and whose alert has other recipients now; run at start-up.

    Raises StoreError.
    """
    recipients = {alert.name: {*alert.to} for alert in config.alerts}
    at = now()
    corrected = [
        replace(notification, due_at=at)
        for notification in store.outbox(limit=MAX_CLAIMED)
        if notification.error
        and notification.due_at > at
        and not recipients.get(notification.alert, {*notification.to}).issuperset(notification.to)
    ]
    if corrected:
        store.postpone(corrected, holder="")


_deliveries_running: set[str] = set()  # holders of the deliveries of this process


def _is_abandoned(holder: str) -> bool:
    """Returns True if the holder's process died, or its delivery in this process ended with an error."""
    process = holder.partition("/")[0]
    return is_dead(process) or (process == this_process() and holder not in _deliveries_running)


class _Delivery:
    """One delivery of one process."""

    def __init__(
        self,
        store: Store,
        config: Config,
        address: MailServer,
        now: Callable[[], datetime],
        stop: Callable[[], bool],
    ) -> None:
        self.store = store
        self.config = config
        self.now = now
        self.stop = stop
        self.sender = compose.bare_address(config.mail.sender)
        self.holder = f"{this_process()}/{uuid.uuid4().hex[:8]}"  # a process may deliver from several threads
        self.connection = Connection(address, timeout=config.mail.timeout.total_seconds())
        self.report = DeliveryReport()

    def run(self) -> DeliveryReport:
        _deliveries_running.add(self.holder)
        try:
            return self._run()
        finally:
            _deliveries_running.discard(self.holder)

    def _run(self) -> DeliveryReport:
        with self.connection:
            while self._deliver_batch():
                pass
        return self.report

    def _deliver_batch(self) -> bool:
        """Claims and sends one batch; returns True if notifications are left because the batch took too long."""
        deadline = self.now() + MAX_BATCH_TIME
        problem = ""
        for mail in self._group(self._claim()):
            if self.stop() or self.now() > deadline:
                break
            problem = problem or self._connection_problem()
            if problem:
                self._postpone(mail, problem)
            else:
                self._send(mail)
        else:
            if not problem and not self.stop():
                self._report_failing_outlets()
            return False
        self.store.release_claims(lambda holder: holder == self.holder)
        return not self.stop()

    def _report_failing_outlets(self) -> None:
        if problem := report_failing_outlets(self.store, self.config, self.connection, now=self.now()):
            self.report.errors.append(problem)

    def _connection_problem(self) -> str:
        """Connects; returns the reason why that fails, empty if it succeeds."""
        try:
            self.connection.open()
        except MailError as error:
            self.report.errors.append(str(error))
            return str(error) or repr(error)
        return ""

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
        held = [
            replace(notification, due_at=snoozed[notification.alert])
            for notification in claimed
            if notification.alert in snoozed
        ]
        if held:  # snoozed after they were queued
            self.store.postpone(held, holder=self.holder)
            self.report.held += len(held)
        return self._with_current_recipients(
            [notification for notification in claimed if notification.alert not in snoozed]
        )

    def _with_current_recipients(self, notifications: Sequence[Notification]) -> list[Notification]:
        """Sets the recipients that the configuration names now, without those that have received the mail."""
        configured = {alert.name: alert.to for alert in self.config.alerts}
        received: dict[str, Json] = {}
        if any(notification.message_id for notification in notifications):
            received = {
                key.removeprefix(_RECEIVED): value["to"] for key, value in self.store.settings(_RECEIVED).items()
            }
        addressed = []
        for notification in notifications:
            done = received.get(notification.message_id or "", ())
            recipients = configured.get(notification.alert, notification.to)
            addressed.append(replace(notification, to=tuple(address for address in recipients if address not in done)))
        without_recipient = [notification for notification in addressed if not notification.to]
        if without_recipient:  # the alert no longer names the recipients that were left
            self.store.mark_sent(without_recipient, now=self.now())
            for message_id in {notification.message_id for notification in without_recipient}:
                self.store.put_setting(f"{_RECEIVED}{message_id}", None)
        return [notification for notification in addressed if notification.to]

    def _group(self, notifications: Sequence[Notification]) -> list[Mail]:
        """Groups notifications into mails: by Message-ID, else by alert and recipients."""
        deliver = {alert.name: alert.deliver for alert in self.config.alerts}
        attempted: dict[tuple[str, tuple[str, ...]], list[Notification]] = defaultdict(list)
        fresh: dict[tuple[str, tuple[str, ...]], list[Notification]] = defaultdict(list)
        for notification in sorted(
            notifications, key=lambda notification: (notification.due_at, notification.created_at, notification.key)
        ):
            if notification.message_id:
                attempted[notification.message_id, notification.to].append(notification)
            else:
                fresh[notification.alert, notification.to].append(notification)
        mails = [Mail(id=message_id, notifications=tuple(group)) for (message_id, _), group in attempted.items()]
        for (alert, _), due in fresh.items():
            stories = self.store.stories([notification.story for notification in due])
            group = self._with_committed_story(due, stories)
            clusters = compose.group_by_cluster(group, stories)
            every = delivery_times.parse(deliver.get(alert, "instant")).every
            is_single = every == "instant" and len(clusters) <= MAX_SINGLE_MAILS
            for batch in batched(clusters, 1 if is_single else MAX_ENTRIES_PER_MAIL):
                entries = tuple(notification for cluster in batch for notification in cluster)
                mails.append(Mail(id=_message_id(entries, self.sender), notifications=entries))
        return mails

    def _with_committed_story(
        self, notifications: Sequence[Notification], stories: Mapping[str, Story]
    ) -> list[Notification]:
        """Returns the notifications whose story is stored; postpones the others for up to `COMMIT_GRACE`."""
        at = self.now()

        def is_early(notification: Notification) -> bool:
            story = stories.get(notification.story)
            return (
                story is None or story.version < notification.version
            ) and at - notification.created_at < COMMIT_GRACE

        early = [
            replace(notification, due_at=at + SHORT_RETRY_DELAY)
            for notification in notifications
            if is_early(notification)
        ]
        if early:
            self.store.postpone(early, holder=self.holder)
        return [notification for notification in notifications if not is_early(notification)]

    def _send(self, mail: Mail) -> None:
        stories = self.store.stories([notification.story for notification in mail.notifications])
        hits = self._hits_of_deleted_stories(
            mail.alert, {notification.story for notification in mail.notifications} - stories.keys()
        )
        message = compose.alert_mail(self.config, mail.id, mail.notifications, stories, hits, at=self.now())
        try:
            self.store.assign_message_ids({mail.id: mail.notifications}, holder=self.holder)
        except LeaseLost:
            log.info("another process sends the mail of alert %s", mail.alert)
            return
        attempted = replace(
            mail, notifications=tuple(replace(notification, message_id=mail.id) for notification in mail.notifications)
        )
        try:
            refused = self.connection.send(message, sender=self.sender, to=mail.to)
        except DeliveryUnknown as error:
            self._fail(attempted, error)
        except MailUnavailable as error:
            self._fail(mail, error)  # not sent, so later notifications may join it
        except MailRefused as error:
            self._settle(attempted, RefusedRecipients(permanently=dict.fromkeys(mail.to, str(error))))
        else:
            self._settle(attempted, refused)

    def _settle(self, mail: Mail, refused: RefusedRecipients) -> None:
        """Marks the mail as sent, or keeps it for the recipients that the server refused."""
        reasons = refused.temporarily | refused.permanently
        if len(reasons) < len(mail.to):
            self.report.mails += 1
            self.report.notifications += len(mail.notifications)
        key = _RECEIVED + mail.id
        if not reasons:
            at = self.now()
            self._with_store_retry(lambda: self.store.mark_sent(mail.notifications, now=at))
            if any(notification.attempts for notification in mail.notifications):
                self._with_store_retry(lambda: self.store.put_setting(key, None))
            return
        if accepted := [address for address in mail.to if address not in reasons]:
            received = self._with_store_retry(lambda: self.store.settings(key)).get(key, {"to": []})
            self._with_store_retry(lambda: self.store.put_setting(key, {"to": [*received["to"], *accepted]}))
        error = "; ".join(f"{address}: {reason}" for address, reason in reasons.items())
        self.report.errors.append(f"alert {mail.alert}: {error}")
        if refused.permanently:
            self.report.refused += len(mail.notifications)
            self._report_refusal(mail, refused.permanently)
        else:
            self.report.postponed += len(mail.notifications)
        delay = None if refused.temporarily else REFUSED_RETRY_DELAY
        self._return_to_outbox(mail, to=tuple(reasons), error=error, delay=delay)

    def _report_refusal(self, mail: Mail, reasons: dict[str, str]) -> None:
        """Mails a new refusal to `mail.ops`, before it is stored: a kill in between repeats the mail."""
        to = tuple(address for address in self.config.mail.ops if address not in reasons)
        is_reported = all(
            reason in notification.error for reason in reasons.values() for notification in mail.notifications
        )
        if not to or is_reported:
            return
        stories = self._with_store_retry(
            lambda: self.store.stories([notification.story for notification in mail.notifications])
        )
        message = compose.refused_recipients_mail(self.config, mail.notifications, stories, reasons, at=self.now())
        try:
            self.connection.open()
            refused = self.connection.send(message, sender=self.sender, to=to)
        except MailError as error:
            self.report.errors.append(f"the mail to mail.ops failed: {error}")
        else:
            for address, reason in (refused.temporarily | refused.permanently).items():
                self.report.errors.append(f"the mail to mail.ops failed: {address}: {reason}")

    def _fail(self, mail: Mail, error: MailError) -> None:
        self.report.errors.append(f"alert {mail.alert}: {error}")
        self._postpone(mail, str(error))

    def _postpone(self, mail: Mail, error: str) -> None:
        self.report.postponed += len(mail.notifications)
        self._return_to_outbox(mail, to=mail.to, error=error, delay=None)

    def _return_to_outbox(self, mail: Mail, *, to: tuple[str, ...], error: str, delay: timedelta | None) -> None:
        at = self.now()
        postponed = [
            replace(
                notification,
                to=to,
                attempts=notification.attempts + 1,
                error=error[:1000],
                due_at=at + (delay or RETRY_DELAYS[min(notification.attempts, len(RETRY_DELAYS) - 1)]),
            )
            for notification in mail.notifications
        ]
        self._with_store_retry(lambda: self.store.postpone(postponed, holder=self.holder))

    def _with_store_retry(self, call: Callable[[], T]) -> T:
        """Repeats a store call after a sent mail until the store is back: the mail would be sent again otherwise.

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
                if stopped_at is not None and time.monotonic() - stopped_at > SHUTDOWN_GRACE_SECONDS:
                    raise
                time.sleep(pause)
                pause = min(pause * 2, max_pause)

    def _hits_of_deleted_stories(self, alert: str, missing: set[str]) -> dict[str, Hit]:
        """Returns the hits of stories that are no longer stored, by story id."""
        if not missing:
            return {}
        return {hit.story: hit for hit in self.store.hits(alert, limit=10_000) if hit.story in missing}


def _message_id(notifications: Sequence[Notification], sender: str) -> str:
    """Returns an id that depends only on the notifications and recipients."""
    text = "\n".join(
        [*sorted(f"{n.alert}\t{n.story}\t{n.version}" for n in notifications), *sorted(notifications[0].to)]
    )
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"
