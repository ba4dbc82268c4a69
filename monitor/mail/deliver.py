"""Sends what is due in the outbox: claim, group, stamp, send, mark.

A kill at any line leaves each notice unsent and unclaimed after a while.  One that was stamped goes out again in the
same mail under the same Message-ID, which is as near to "exactly once" as SMTP lets anybody come.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import uuid
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import LeaseLost, MailError, MailRefused, MailUnavailable
from monitor.mail import compose, schedule, server
from monitor.mail.smtp import Connection, Handover, Unsure
from monitor.models import now as clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import Hit, Notice, Story
    from monitor.store import Store

log = logging.getLogger(__name__)

CLAIM = timedelta(minutes=15)  # longer than any mail takes; the next process waits as long after a kill
CLAIMED_AT_ONCE = 1000
CLAIMED_AT_MOST = 10_000
BUNDLED_ABOVE = 5  # stories of an instant alert that are due together
LARGEST_MAIL = 100  # entries
LATER = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 240))  # after the nth try in vain
REFUSED = timedelta(days=1)  # a mailbox that is gone may be mended, but nobody likes to be asked often


@dataclass(kw_only=True, slots=True)
class Report:
    """What a delivery did, for people and exit codes."""

    mails: int = 0
    notices: int = 0
    queued: int = 0  # due, but there is no mail server to send them to
    postponed: int = 0
    refused: int = 0
    held: int = 0  # of snoozed alerts
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """Notices that go out together."""

    id: str  # Message-ID
    notices: tuple[Notice, ...]

    @property
    def alert(self) -> str:
        return self.notices[0].alert

    @property
    def to(self) -> tuple[str, ...]:
        return self.notices[0].to


def deliver_due(store: Store, config: Config, *, now: Callable[[], datetime] = clock) -> Report:
    """Sends all mail that is due.  Blocks; call it off the event loop.  Several processes may do so at once.

    Raises StoreError; what the mail server does is told in the report.
    """
    report = Report()
    if config.mail.url is None:
        report.queued = sum(notice.due_at <= now() for notice in store.outbox(limit=CLAIMED_AT_MOST))
        return report
    holder = f"mail@{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    claimed = _claim(store, holder, now(), report)
    if not claimed:
        return report
    address = server.parse(config.mail.url.get_secret_value())
    mails = _mails(store, config, claimed)
    with Connection(address, timeout=config.mail.timeout.total_seconds()) as connection:
        for i, mail in enumerate(mails):
            try:
                connection.open()
            except MailError as error:
                report.errors.append(str(error))
                for left in mails[i:]:
                    _postpone(store, left, error, report, now())
                return report
            _send(store, config, connection, mail, holder, report, now)
    return report


def _claim(store: Store, holder: str, at: datetime, report: Report) -> list[Notice]:
    claimed: list[Notice] = []
    while len(claimed) < CLAIMED_AT_MOST:
        more = store.claim(holder=holder, now=at, term=CLAIM, limit=CLAIMED_AT_ONCE)
        claimed += more
        if len(more) < CLAIMED_AT_ONCE:
            break
    snoozed = {alert: until for alert, until in store.snoozed().items() if until > at}
    held = [replace(notice, due_at=snoozed[notice.alert]) for notice in claimed if notice.alert in snoozed]
    if held:  # snoozed between put and claim
        store.postpone(held)
        report.held += len(held)
    return [notice for notice in claimed if notice.alert not in snoozed]


def _mails(store: Store, config: Config, notices: Sequence[Notice]) -> list[Mail]:
    """Which notices go out together: those once stamped together, else those of one alert to the same people."""
    deliver = {alert.name: alert.deliver for alert in config.alerts}
    stamped: dict[tuple[str, tuple[str, ...]], list[Notice]] = defaultdict(list)
    fresh: dict[tuple[str, tuple[str, ...]], list[Notice]] = defaultdict(list)
    for notice in sorted(notices, key=lambda notice: (notice.due_at, notice.created_at, notice.key)):
        if notice.batch:
            stamped[notice.batch, notice.to].append(notice)
        else:
            fresh[notice.alert, notice.to].append(notice)
    mails = [Mail(id=batch, notices=tuple(group)) for (batch, _), group in stamped.items()]
    for (alert, _), group in fresh.items():
        events = list(compose.events(group, store.stories([notice.story for notice in group])).values())
        every = schedule.parse(deliver.get(alert, "instant")).every
        bundles = [events] if every != "instant" or len(events) > BUNDLED_ABOVE else [[event] for event in events]
        for bundle in bundles:
            for start in range(0, len(bundle), LARGEST_MAIL):
                together = tuple(notice for event in bundle[start : start + LARGEST_MAIL] for notice in event)
                mails.append(Mail(id=_message_id(together, config.mail.sender), notices=together))
    return mails


def _send(
    store: Store,
    config: Config,
    connection: Connection,
    mail: Mail,
    holder: str,
    report: Report,
    now: Callable[[], datetime],
) -> None:
    stories = store.stories([notice.story for notice in mail.notices])
    hits = _hits(store, mail, missing=[n.story for n in mail.notices if n.story not in stories])
    message = compose.mail(config, mail.id, mail.notices, stories, hits, at=now())
    try:
        store.stamp({mail.id: mail.notices}, holder=holder)
    except LeaseLost:
        log.info("another process sends the mail of alert %s", mail.alert)
        return
    stamped = replace(mail, notices=tuple(replace(notice, batch=mail.id) for notice in mail.notices))
    try:
        handover = connection.send(message, sender=compose.box(config.mail.sender), to=mail.to)
    except Unsure as error:
        report.errors.append(f"alert {mail.alert}: {error}")
        _postpone(store, stamped, error, report, now())
    except MailUnavailable as error:
        report.errors.append(f"alert {mail.alert}: {error}")
        _postpone(store, mail, error, report, now())  # surely not sent: what comes meanwhile may join it
    except MailRefused as error:
        handover = Handover(never=dict.fromkeys(mail.to, str(error)))
        _settle(store, config, connection, stamped, handover, report, now())
    else:
        _settle(store, config, connection, stamped, handover, report, now())


def _settle(
    store: Store,
    config: Config,
    connection: Connection,
    mail: Mail,
    handover: Handover,
    report: Report,
    at: datetime,
) -> None:
    """Marks as sent what everybody got; keeps for the others what they did not."""
    refused = handover.later | handover.never
    if len(refused) < len(mail.to):
        report.mails += 1
        report.notices += len(mail.notices)
    if not refused:
        store.sent(mail.notices, now=at)
        return
    error = "; ".join(f"{address}: {why}" for address, why in refused.items())
    report.errors.append(f"alert {mail.alert}: {error}")
    if handover.never:
        report.refused += len(mail.notices)
        _tell(store, config, connection, mail, handover.never, report)
    else:
        report.postponed += len(mail.notices)
    wait = None if handover.later else REFUSED
    _put_back(store, mail, to=tuple(refused), error=error, wait=wait, at=at)


def _tell(
    store: Store, config: Config, connection: Connection, mail: Mail, reasons: dict[str, str], report: Report
) -> None:
    """Tells `mail.ops` of a refusal it does not know yet, before that is written down: a kill in between tells twice."""
    to = tuple(address for address in config.mail.ops if address not in reasons)
    known = all(why in notice.error for why in reasons.values() for notice in mail.notices)
    if not to or known:
        return
    stories = store.stories([notice.story for notice in mail.notices])
    message = compose.refusal(config, mail.id, mail.notices, stories, reasons)
    try:
        connection.open()
        handover = connection.send(message, sender=compose.box(config.mail.sender), to=to)
    except MailError as error:
        report.errors.append(f"mail.ops could not be told: {error}")
    else:
        for address, why in (handover.later | handover.never).items():
            report.errors.append(f"mail.ops could not be told: {address}: {why}")


def _postpone(store: Store, mail: Mail, error: MailError, report: Report, at: datetime) -> None:
    report.postponed += len(mail.notices)
    _put_back(store, mail, to=mail.to, error=str(error), wait=None, at=at)


def _put_back(
    store: Store, mail: Mail, *, to: tuple[str, ...], error: str, wait: timedelta | None, at: datetime
) -> None:
    store.postpone(
        [
            replace(
                notice,
                to=to,
                attempts=notice.attempts + 1,
                error=error[:1000],
                due_at=at + (wait or LATER[min(notice.attempts, len(LATER) - 1)]),
            )
            for notice in mail.notices
        ]
    )


def _hits(store: Store, mail: Mail, *, missing: Sequence[str]) -> dict[str, Hit]:
    """What is known of stories that are no longer stored."""
    if not missing:
        return {}
    return {hit.story: hit for hit in store.hits(mail.alert, limit=10_000) if hit.story in missing}


def _message_id(notices: Sequence[Notice], sender: str) -> str:
    """The same for the same notices and readers, whoever computes it and when."""
    text = "\n".join([*sorted(f"{n.alert}\t{n.story}\t{n.version}" for n in notices), *sorted(notices[0].to)])
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:32]}@{compose.box(sender).rpartition('@')[2]}>"
