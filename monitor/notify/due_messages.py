"""From the outbox to messages: claims due notifications, gives them their current targets and groups them."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from monitor.itertools_compat import batched
from monitor.notify.batches import connected_groups, messages_of_batch, new_messages
from monitor.notify.claims import CLAIM_TERM, is_abandoned_claim
from monitor.notify.deferral import Deferral
from monitor.notify.earlier_events import EarlierEvents
from monitor.notify.findings import is_finding
from monitor.notify.grouping import group_by_cluster
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import Notification, NotificationKey, Story
    from monitor.notify.channel import Message
    from monitor.notify.receipts import Receipts
    from monitor.notify.report import DeliveryReport
    from monitor.store import Store

log = logging.getLogger(__name__)

MAX_NOTIFICATIONS_PER_CLAIM = 1000  # that one call of Store.claim returns
MAX_NOTIFICATIONS_PER_BATCH = 10_000  # that are claimed before the first is sent
MAX_SEPARATE_MESSAGES = 5  # of the same instant alerts, one per cluster; if more are due, they share messages
MAX_CLUSTERS_PER_MESSAGE = 100  # of instant alerts and ``digest: separate``, whose messages show all of them
MAX_CLUSTERS_PER_DIGEST = 1000  # of combined digests, which show `max_entries` of an alert and count the others
# How long a notification waits for its story.  The Elasticsearch store writes notifications before the story; if the
# process is killed in between, another process commits the page again within this time.
STORY_COMMIT_GRACE = timedelta(minutes=30)
UNCOMMITTED_STORY_DELAY = timedelta(minutes=1)  # until a notification whose story is not yet stored is tried again
INCOMPLETE_MESSAGE_DELAY = timedelta(minutes=1)  # until a message whose parts two processes claimed is tried again
NO_TARGET_DELAY = timedelta(days=1)  # until a notification without any target is tried again


class DueMessages:
    """Takes messages from the outbox for one delivery, which holds its claims as ``holder``.

    Adds notifications that it postpones to ``report``.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        channels: Sequence[str],
        *,
        holder: str,
        receipts: Receipts,
        report: DeliveryReport,
        now: Callable[[], datetime],
        stop: Callable[[], bool],
    ) -> None:
        self._store = store
        self._channels = channels
        self._holder = holder
        self._receipts = receipts
        self._report = report
        self._now = now
        self._stop = stop
        self._configured_targets = configured_targets(config)
        self._events = EarlierEvents(store)
        self._alerts = {alert.name: alert for alert in config.alerts}
        self._deferral = Deferral(store, self._alerts, self._events, now=now)
        self._message_id_domain = config.mail.sender.rpartition("@")[2].rstrip("> ")

    def claim(self) -> list[Message]:
        """Claims up to `MAX_NOTIFICATIONS_PER_BATCH` due notifications and groups them into messages.

        Postpones those of snoozed alerts, those without any target, and those whose story is not stored yet.
        """
        return self._group_into_messages(self._with_current_targets(self._claim_due_notifications()))

    def _claim_due_notifications(self) -> list[Notification]:
        """Claims due notifications and returns those to send; postpones those of snoozed alerts."""
        claimed: list[Notification] = []
        at = self._now()
        if freed := self._store.release_claims(is_abandoned_claim):
            log.info("%s taken over from a process that died or an interrupted delivery", plural(freed, "notification"))
        while len(claimed) < MAX_NOTIFICATIONS_PER_BATCH and not self._stop():
            more = self._store.claim(
                self._channels, holder=self._holder, now=at, term=CLAIM_TERM, limit=MAX_NOTIFICATIONS_PER_CLAIM
            )
            claimed += more
            if len(more) < MAX_NOTIFICATIONS_PER_CLAIM:
                break
        snoozed = {alert: until for alert, until in self._store.snoozes().items() if until > at}
        held = [replace(each, due_at=snoozed[each.alert]) for each in claimed if each.alert in snoozed]
        if held:  # their alerts were snoozed after they were queued
            self._store.postpone(held, holder=self._holder)
            for channel, count in Counter(notification.channel for notification in held).items():
                self._report.of(channel).held += count
        return [each for each in claimed if each.alert not in snoozed]

    def _with_current_targets(self, notifications: Sequence[Notification]) -> list[Notification]:
        """Returns the notifications with the currently configured targets that have not yet received them.

        Leaves out notifications without such a target: marks them as sent if all targets have received them, and
        postpones them with an error if there is no target at all.
        """
        is_repeated = any(notification.message_id for notification in notifications)
        received = self._receipts.by_message() if is_repeated else {}
        addressed, delivered, without_target = [], [], []
        for notification in notifications:
            done = received.get(notification.message_id or "", ())
            targets = current_targets(notification, self._configured_targets)
            missing = tuple(target for target in targets if target not in done)
            if missing:
                addressed.append(replace(notification, targets=missing))
            elif targets:  # the configuration no longer names the targets that have not received it
                delivered.append(notification)
            else:
                without_target.append(notification)
        if delivered:
            self._store.mark_sent(delivered, now=self._now())
            self._delete_receipts({notification.message_id for notification in delivered if notification.message_id})
        if without_target:
            self._postpone_without_target(without_target)
        return addressed

    def _delete_receipts(self, message_ids: set[str]) -> None:
        """Deletes the receipts of the batches of which no notification waits."""
        unsent = self._store.outbox(limit=MAX_NOTIFICATIONS_PER_BATCH)
        for message_id in message_ids.difference(each.message_id or "" for each in unsent):
            self._receipts.delete(message_id)

    def _postpone_without_target(self, notifications: Sequence[Notification]) -> None:
        error, due_at = "the alert has no target", self._now() + NO_TARGET_DELAY
        postponed = [
            replace(notification, attempts=notification.attempts + 1, error=error, due_at=due_at)
            for notification in notifications
        ]
        self._store.postpone(postponed, holder=self._holder)
        for notification in postponed:
            report = self._report.of(notification.channel)
            report.postponed += 1
            report.errors.append(f"alert {notification.alert}: {error}")

    def _group_into_messages(self, notifications: Sequence[Notification]) -> list[Message]:
        """Groups notifications into messages: those with a message id as before, the others anew."""
        attempted: dict[str, list[Notification]] = defaultdict(list)
        fresh = []
        for notification in sorted(notifications, key=lambda each: (each.due_at, each.created_at, each.key)):
            if notification.message_id:
                attempted[notification.message_id].append(notification)
            else:
                fresh.append(notification)
        messages = [
            message
            for message_id, group in attempted.items()
            if not self._postpone_incomplete(message_id, group, claimed=notifications)
            for message in messages_of_batch(message_id, group)
        ]
        fresh = self._without_postponed(fresh, self._deferral.quiet(fresh))
        for group in self._fresh_groups(fresh):
            messages += self._messages_of_group(group)
        return self._with_late_joiners(messages)

    def _fresh_groups(self, notifications: Sequence[Notification]) -> Iterator[list[Notification]]:
        """Yields groups whose notifications may share messages.

        Instant mail and digests are not mixed, nor alerts with ``digest: separate`` with others.
        """
        grouped: dict[tuple[str, bool, str], list[Notification]] = defaultdict(list)
        for notification in notifications:
            alert = self._alerts.get(notification.alert)
            is_combined = alert is not None and alert.digest == "combined"
            separate = "" if is_combined else notification.alert
            grouped[notification.channel, self._deferral.is_instant(notification), separate].append(notification)
        for group in grouped.values():
            yield from connected_groups(group)

    def _messages_of_group(self, notifications: Sequence[Notification]) -> Iterator[Message]:
        """Yields the messages of a group: of instant alerts one for each event, unless many are due at once."""
        stories = self._store.stories([notification.story for notification in notifications])
        ready = self._postpone_uncommitted(notifications, stories)
        ready = self._without_postponed(ready, self._deferral.late_joiners(ready, stories))
        clusters = group_by_cluster(ready, stories)
        if not clusters:
            return
        alert = self._alerts.get(notifications[0].alert)
        max_clusters = MAX_CLUSTERS_PER_DIGEST if alert and alert.digest == "combined" else MAX_CLUSTERS_PER_MESSAGE
        if not self._deferral.is_instant(notifications[0]):
            for batch in batched(clusters, max_clusters):
                yield from new_messages(list(chain.from_iterable(batch)), domain=self._message_id_domain)
            return
        for matching in _by_alerts(clusters):
            is_single = len(matching) <= MAX_SEPARATE_MESSAGES
            for batch in batched(matching, 1 if is_single else MAX_CLUSTERS_PER_MESSAGE):
                yield from self._instant_messages(list(chain.from_iterable(batch)))

    def _instant_messages(self, notifications: Sequence[Notification]) -> Iterator[Message]:
        """Yields the messages of a batch of instant notifications; postpones those above the limits of their alerts."""
        ready = self._without_postponed(notifications, self._deferral.above_limit(notifications))
        if not ready:
            return
        counted_alerts, notes = self._deferral.count_message(ready)
        for message in new_messages(ready, domain=self._message_id_domain, counted_alerts=counted_alerts):
            yield replace(message, notes=notes)

    def _without_postponed(
        self, notifications: Sequence[Notification], postponed: Sequence[Notification]
    ) -> list[Notification]:
        """Stores the new due times of the notifications ``postponed``, and returns the others."""
        if postponed:
            self._store.postpone(postponed, holder=self._holder)
        keys = {notification.key for notification in postponed}
        return [notification for notification in notifications if notification.key not in keys]

    def _with_late_joiners(self, messages: Sequence[Message]) -> list[Message]:
        """Returns the messages with the keys of their notifications whose events were reported before."""
        repeated = [
            [each for each in message.notifications if self._deferral.repeats_briefly(each)] for message in messages
        ]
        stories = self._store.stories([notification.story for notification in chain.from_iterable(repeated)])
        return [
            replace(message, late_joiners=self._late_joiners(message, candidates, stories))
            for message, candidates in zip(messages, repeated, strict=True)
        ]

    def _late_joiners(
        self, message: Message, candidates: Sequence[Notification], stories: Mapping[str, Story]
    ) -> frozenset[NotificationKey]:
        together = frozenset(notification.key for notification in message.notifications)
        return frozenset(
            notification.key
            for notification in candidates
            if self._events.is_late_joiner(notification, stories.get(notification.story), together=together)
        )

    def _postpone_incomplete(
        self, message_id: str, group: Sequence[Notification], *, claimed: Sequence[Notification]
    ) -> bool:
        """Postpones a message to be repeated of which another process has claimed a part; returns True if it does.

        Mail programs show one of two mails with the same id, so both must have the same entries.  ``claimed`` are all
        notifications that this delivery has claimed.
        """
        unsent = self._store.outbox(limit=MAX_NOTIFICATIONS_PER_BATCH)
        siblings = {each.key for each in unsent if each.message_id == message_id}
        missing = siblings - {each.key for each in claimed}
        snoozed = {alert for alert, until in self._store.snoozes().items() if until > self._now()}
        if all(alert in snoozed for alert, *_ in missing):
            return False  # the alert of the missing part may be snoozed for long; the other part gets another id
        due_at = self._now() + INCOMPLETE_MESSAGE_DELAY
        self._store.postpone([replace(each, due_at=due_at) for each in group], holder=self._holder)
        return True

    def _postpone_uncommitted(
        self, notifications: Sequence[Notification], stories: Mapping[str, Story]
    ) -> list[Notification]:
        """Postpones notifications younger than `STORY_COMMIT_GRACE` whose story is not stored; returns the others."""
        at = self._now()

        def awaits_story_commit(notification: Notification) -> bool:
            story = stories.get(notification.story)
            is_missing = story is None or story.version < notification.version
            return is_missing and not is_finding(notification) and at - notification.created_at < STORY_COMMIT_GRACE

        early = [
            replace(each, due_at=at + UNCOMMITTED_STORY_DELAY) for each in notifications if awaits_story_commit(each)
        ]
        if early:
            self._store.postpone(early, holder=self._holder)
        return [notification for notification in notifications if not awaits_story_commit(notification)]


def _by_alerts(clusters: Sequence[list[Notification]]) -> list[list[list[Notification]]]:
    """Returns the clusters that the same alerts match in one list each, so that an instant mail is about its alerts."""
    grouped: dict[frozenset[str], list[list[Notification]]] = defaultdict(list)
    for cluster in clusters:
        grouped[frozenset(notification.alert for notification in cluster)].append(cluster)
    return list(grouped.values())


def requeue_corrected_targets(store: Store, config: Config, *, at: datetime) -> None:
    """Makes postponed notifications due at ``at`` whose targets in the configuration were corrected.

    A target is corrected if the configuration no longer names it, or if there was no target and now there is one.
    The other notifications of the same batch become due too, as their messages are repeated together.
    """
    configured = configured_targets(config)
    waiting = [
        notification
        for notification in store.outbox(limit=MAX_NOTIFICATIONS_PER_BATCH)
        if notification.error and notification.due_at > at
    ]
    corrected = {notification.key for notification in waiting if _is_corrected(notification, configured)}
    batches = {each.message_id for each in waiting if each.key in corrected and each.message_id}
    due = [replace(each, due_at=at) for each in waiting if each.key in corrected or each.message_id in batches]
    if due:
        store.postpone(due, holder="")


def requeue_failed(store: Store, channels: Sequence[str], *, at: datetime) -> None:
    """Makes the notifications of ``channels`` due at ``at`` whose last attempt failed."""
    failed = [
        replace(notification, due_at=at)
        for notification in store.outbox(limit=MAX_NOTIFICATIONS_PER_BATCH)
        if notification.error and notification.due_at > at and notification.channel in channels
    ]
    if failed:
        store.postpone(failed, holder="")


def _is_corrected(notification: Notification, configured: Mapping[tuple[str, str], tuple[str, ...]]) -> bool:
    current = {*current_targets(notification, configured)}
    return not current.issuperset(notification.targets) or (bool(current) and not notification.targets)


def configured_targets(config: Config) -> dict[tuple[str, str], tuple[str, ...]]:
    """Returns the targets of all alerts, by (alert, channel)."""
    return {
        (alert.name, channel): targets
        for alert in config.alerts
        for channel, targets in alert.targets_by_channel.items()
    }


def current_targets(
    notification: Notification, configured: Mapping[tuple[str, str], tuple[str, ...]]
) -> tuple[str, ...]:
    """Returns the configured targets of a notification's alert and channel.

    If the alert is removed or no longer uses the channel, returns the targets that the notification was queued with.
    """
    return configured.get((notification.alert, notification.channel), notification.targets)
