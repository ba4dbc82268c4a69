"""Sends what is due in the outbox: claim, group, stamp, send, mark.

A kill at any line leaves each notice unsent; a delivery that could see its holder's process (holder.py) sees that it
died, any other waits for the claim to run out.  One that was stamped goes out again in the same mail under the same
Message-ID, which is as near to "exactly once" as SMTP lets anybody come.
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

CLAIM_TERM = timedelta(minutes=15)  # longer than any mail takes; other machines wait as long after a kill
MAX_BATCH_TIME = CLAIM_TERM / 2  # then what is left is claimed anew: nobody else may take a mail under way
CLAIM_BATCH = 1000
MAX_CLAIMED = 10_000
MAX_SINGLE_MAILS = 5  # stories of an instant alert that are due together
MAX_ENTRIES_PER_MAIL = 100  # entries
RETRY_DELAYS = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 240))  # after the nth try in vain
COMMIT_GRACE = timedelta(
    minutes=30
)  # a killed process's page is filed again within; on Elasticsearch mail comes before story
SHORT_RETRY_DELAY = timedelta(minutes=1)
REFUSED_RETRY_DELAY = timedelta(days=1)  # a mailbox that is gone may be mended, but nobody likes to be asked often
_GOT = "mail/got/"  # and a Message-ID: who got a mail that others have still to get
STORE_RETRY_PAUSES_SECONDS = (0.5, 10.0)  # seconds between two tries of a store that is away, at first and at last
SHUTDOWN_GRACE_SECONDS = 20.0  # seconds that such a store has to come back in when the process is told to stop


@dataclass(kw_only=True, slots=True)
class DeliveryReport:
    """What a delivery did, for people and exit codes."""

    mails: int = 0
    notifications: int = 0
    queued: int = 0  # due, but there is no mail server to send them to
    postponed: int = 0
    refused: int = 0
    held: int = 0  # of snoozed alerts
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """Notices that go out together."""

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
    """Sends all mail that is due.  Blocks; call it off the event loop.  Several processes may do so at once.

    Once ``stop`` says so it ends after the mail under way, and what it had claimed is free for others.
    While the store is away it waits with a mail that was sent until that is written down: it would go out twice.
    Raises StoreError; what the mail server does is told in the report.
    """
    if config.mail.url is None:
        due = sum(notice.due_at <= now() for notice in store.outbox(limit=MAX_CLAIMED))
        return DeliveryReport(queued=due)
    return _Delivery(store, config, mail_url.parse(config.mail.url.get_secret_value()), now, stop).run()


def release_dead_claims(store: Store, config: Config, *, now: Callable[[], datetime] = clock) -> None:
    """Makes due what was refused to readers whose alert names others by now: for the start of a process.

    Raises StoreError.
    """
    readers = {alert.name: {*alert.to} for alert in config.alerts}
    at = now()
    wrong = [
        replace(notice, due_at=at)
        for notice in store.outbox(limit=MAX_CLAIMED)
        if notice.error and notice.due_at > at and not readers.get(notice.alert, {*notice.to}).issuperset(notice.to)
    ]
    if wrong:
        store.postpone(wrong, holder="")


_deliveries_running: set[str] = set()  # holders of this process's rounds


def _is_over(holder: str) -> bool:
    """Whether nobody works on this holder's claims: its process died, or its round in this one broke off."""
    process = holder.partition("/")[0]
    return is_dead(process) or (process == this_process() and holder not in _deliveries_running)


class _Delivery:
    """One process's turn at the outbox."""

    def __init__(
        self,
        store: Store,
        config: Config,
        address: MailServer,
        now: Callable[[], datetime],
        stopping: Callable[[], bool],
    ) -> None:
        self.store = store
        self.config = config
        self.now = now
        self.stopping = stopping
        self.sender = compose.box(config.mail.sender)
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
        """Sends what it can claim; whether it ended before that because it took long."""
        until = self.now() + MAX_BATCH_TIME
        away = ""
        for mail in self._mails(self._claim()):
            if self.stopping() or self.now() > until:
                break
            away = away or self._away()
            if away:
                self._postpone(mail, away)
            else:
                self._send(mail)
        else:
            if not away and not self.stopping():
                self._report_failing_outlets()
            return False
        self.store.release_claims(lambda holder: holder == self.holder)
        return not self.stopping()

    def _report_failing_outlets(self) -> None:
        if problem := report_failing_outlets(self.store, self.config, self.connection, now=self.now()):
            self.report.errors.append(problem)

    def _away(self) -> str:
        """Why no mail can be handed over now; empty where one can."""
        try:
            self.connection.open()
        except MailError as error:
            self.report.errors.append(str(error))
            return str(error) or repr(error)
        return ""

    def _claim(self) -> list[Notification]:
        claimed: list[Notification] = []
        at = self.now()
        if freed := self.store.release_claims(_is_over):
            log.info("%s taken over from a process that died or a store that went away", plural(freed, "notice"))
        while len(claimed) < MAX_CLAIMED and not self.stopping():
            more = self.store.claim(holder=self.holder, now=at, term=CLAIM_TERM, limit=CLAIM_BATCH)
            claimed += more
            if len(more) < CLAIM_BATCH:
                break
        snoozed = {alert: until for alert, until in self.store.snoozes().items() if until > at}
        held = [replace(notice, due_at=snoozed[notice.alert]) for notice in claimed if notice.alert in snoozed]
        if held:  # snoozed a moment ago
            self.store.postpone(held, holder=self.holder)
            self.report.held += len(held)
        return self._addressed([notice for notice in claimed if notice.alert not in snoozed])

    def _addressed(self, notifications: Sequence[Notification]) -> list[Notification]:
        """The notices for those the configuration names now, but for who got them already."""
        readers = {alert.name: alert.to for alert in self.config.alerts}
        got: dict[str, Json] = {}
        if any(notice.message_id for notice in notifications):
            got = {key.removeprefix(_GOT): value["to"] for key, value in self.store.settings(_GOT).items()}
        addressed = []
        for notice in notifications:
            wanted = readers.get(notice.alert, notice.to)
            addressed.append(
                replace(notice, to=tuple(each for each in wanted if each not in got.get(notice.message_id or "", ())))
            )
        over = [notice for notice in addressed if not notice.to]
        if over:  # who had still to get them reads the alert no more
            self.store.mark_sent(over, now=self.now())
            for batch in {notice.message_id for notice in over}:
                self.store.put_setting(f"{_GOT}{batch}", None)
        return [notice for notice in addressed if notice.to]

    def _mails(self, notifications: Sequence[Notification]) -> list[Mail]:
        """Which notices go out together: those once stamped together, else those of one alert to the same people."""
        deliver = {alert.name: alert.deliver for alert in self.config.alerts}
        stamped: dict[tuple[str, tuple[str, ...]], list[Notification]] = defaultdict(list)
        fresh: dict[tuple[str, tuple[str, ...]], list[Notification]] = defaultdict(list)
        for notice in sorted(notifications, key=lambda notice: (notice.due_at, notice.created_at, notice.key)):
            if notice.message_id:
                stamped[notice.message_id, notice.to].append(notice)
            else:
                fresh[notice.alert, notice.to].append(notice)
        mails = [Mail(id=batch, notifications=tuple(group)) for (batch, _), group in stamped.items()]
        for (alert, _), due in fresh.items():
            stories = self.store.stories([notice.story for notice in due])
            group = self._is_committed(due, stories)
            events = compose.events(group, stories)
            every = delivery_times.parse(deliver.get(alert, "instant")).every
            apart = every == "instant" and len(events) <= MAX_SINGLE_MAILS
            size = 1 if apart else MAX_ENTRIES_PER_MAIL
            for some in batched(events, size):
                together = tuple(notice for event in some for notice in event)
                mails.append(Mail(id=_message_id(together, self.sender), notifications=together))
        return mails

    def _is_committed(self, notifications: Sequence[Notification], stories: Mapping[str, Story]) -> list[Notification]:
        """Those whose story is stored; the others, unless they have waited for long, go back for a moment."""
        at = self.now()

        def is_early(notice: Notification) -> bool:
            story = stories.get(notice.story)
            return (story is None or story.version < notice.version) and at - notice.created_at < COMMIT_GRACE

        early = [replace(notice, due_at=at + SHORT_RETRY_DELAY) for notice in notifications if is_early(notice)]
        if early:
            self.store.postpone(early, holder=self.holder)
        return [notice for notice in notifications if not is_early(notice)]

    def _send(self, mail: Mail) -> None:
        stories = self.store.stories([notice.story for notice in mail.notifications])
        hits = self._hits(mail.alert, {notice.story for notice in mail.notifications} - stories.keys())
        message = compose.alert_mail(self.config, mail.id, mail.notifications, stories, hits, at=self.now())
        try:
            self.store.assign_message_ids({mail.id: mail.notifications}, holder=self.holder)
        except LeaseLost:
            log.info("another process sends the mail of alert %s", mail.alert)
            return
        stamped = replace(
            mail, notifications=tuple(replace(notice, message_id=mail.id) for notice in mail.notifications)
        )
        try:
            handover = self.connection.send(message, sender=self.sender, to=mail.to)
        except DeliveryUnknown as error:
            self._fail(stamped, error)
        except MailUnavailable as error:
            self._fail(mail, error)  # surely not sent: what comes meanwhile may join it
        except MailRefused as error:
            self._settle(stamped, RefusedRecipients(never=dict.fromkeys(mail.to, str(error))))
        else:
            self._settle(stamped, handover)

    def _settle(self, mail: Mail, refused: RefusedRecipients) -> None:
        """Marks as sent what everybody got; keeps for the others what they did not."""
        left = refused.later | refused.never
        if len(left) < len(mail.to):
            self.report.mails += 1
            self.report.notifications += len(mail.notifications)
        note = _GOT + mail.id
        if not left:
            at = self.now()
            self._with_store_retry(lambda: self.store.mark_sent(mail.notifications, now=at))
            if any(notice.attempts for notice in mail.notifications):
                self._with_store_retry(lambda: self.store.put_setting(note, None))
            return
        if got := [each for each in mail.to if each not in left]:
            known = self._with_store_retry(lambda: self.store.settings(note)).get(note, {"to": []})
            self._with_store_retry(lambda: self.store.put_setting(note, {"to": [*known["to"], *got]}))
        error = "; ".join(f"{address}: {why}" for address, why in left.items())
        self.report.errors.append(f"alert {mail.alert}: {error}")
        if refused.never:
            self.report.refused += len(mail.notifications)
            self._report_refusal(mail, refused.never)
        else:
            self.report.postponed += len(mail.notifications)
        self._put_back(mail, to=tuple(left), error=error, wait=None if refused.later else REFUSED_RETRY_DELAY)

    def _report_refusal(self, mail: Mail, reasons: dict[str, str]) -> None:
        """Tells `mail.ops` of a refusal not yet told, before it is written down: a kill in between tells twice."""
        to = tuple(address for address in self.config.mail.ops if address not in reasons)
        known = all(why in notice.error for why in reasons.values() for notice in mail.notifications)
        if not to or known:
            return
        stories = self._with_store_retry(lambda: self.store.stories([notice.story for notice in mail.notifications]))
        message = compose.refused_recipients_mail(self.config, mail.notifications, stories, reasons, at=self.now())
        try:
            self.connection.open()
            handover = self.connection.send(message, sender=self.sender, to=to)
        except MailError as error:
            self.report.errors.append(f"mail.ops could not be told: {error}")
        else:
            for address, why in (handover.later | handover.never).items():
                self.report.errors.append(f"mail.ops could not be told: {address}: {why}")

    def _fail(self, mail: Mail, error: MailError) -> None:
        self.report.errors.append(f"alert {mail.alert}: {error}")
        self._postpone(mail, str(error))

    def _postpone(self, mail: Mail, error: str) -> None:
        self.report.postponed += len(mail.notifications)
        self._put_back(mail, to=mail.to, error=error, wait=None)

    def _put_back(self, mail: Mail, *, to: tuple[str, ...], error: str, wait: timedelta | None) -> None:
        at = self.now()
        back = [
            replace(
                notice,
                to=to,
                attempts=notice.attempts + 1,
                error=error[:1000],
                due_at=at + (wait or RETRY_DELAYS[min(notice.attempts, len(RETRY_DELAYS) - 1)]),
            )
            for notice in mail.notifications
        ]
        self._with_store_retry(lambda: self.store.postpone(back, holder=self.holder))

    def _with_store_retry(self, call: Callable[[], T]) -> T:
        """What comes between a mail and its mark: repeated until the store is back, as another round would send the
        mail again.  Raises StoreUnavailable where the process is to stop before that."""
        pause, longest = STORE_RETRY_PAUSES_SECONDS
        stopped: float | None = None
        while True:
            try:
                return call()
            except StoreUnavailable as error:
                if pause == STORE_RETRY_PAUSES_SECONDS[0]:
                    log.warning("a mail is not marked until the store is back: %s", error)
                if stopped is None and self.stopping():
                    stopped = time.monotonic()
                if stopped is not None and time.monotonic() - stopped > SHUTDOWN_GRACE_SECONDS:
                    raise
                time.sleep(pause)
                pause = min(pause * 2, longest)

    def _hits(self, alert: str, missing: set[str]) -> dict[str, Hit]:
        """What is still known of stories that are no longer stored."""
        if not missing:
            return {}
        return {hit.story: hit for hit in self.store.hits(alert, limit=10_000) if hit.story in missing}


def _message_id(notifications: Sequence[Notification], sender: str) -> str:
    """The same for the same notices and readers, whoever computes it and when."""
    text = "\n".join(
        [*sorted(f"{n.alert}\t{n.story}\t{n.version}" for n in notifications), *sorted(notifications[0].to)]
    )
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"
