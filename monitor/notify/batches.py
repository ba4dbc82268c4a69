"""Splits notifications into batches and messages: one message for each set of targets that receive the same.

A person is a target.  Notifications are in one batch if a chain of common targets connects them, so that each target
gets one message with all that is due for it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

from monitor.notify.channel import Batch, Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.models import Notification

_SPLIT_MARK = ".split@"  # in the id of a batch that began with several messages; none of them has the batch's id


def connected_groups(notifications: Sequence[Notification]) -> list[list[Notification]]:
    """Returns groups of notifications, in the order of their first ones; no two groups have a common target."""
    connected: dict[str, str] = {}  # target -> another target of its group, or itself

    def group_of(target: str) -> str:
        while (other := connected.setdefault(target, target)) != target:
            connected[target] = target = connected[other]
        return target

    for targets in {notification.targets for notification in notifications}:
        for target in targets[1:]:
            connected[group_of(target)] = group_of(targets[0])
    groups: dict[str, list[Notification]] = defaultdict(list)
    for notification in notifications:
        groups[group_of(notification.targets[0])].append(notification)
    return list(groups.values())


def new_messages(
    notifications: Sequence[Notification], *, domain: str, counted_alerts: tuple[str, ...] = ()
) -> list[Message]:
    """Returns the messages of notifications that were never attempted, which become one batch.

    The ids are the same for the same alerts, story versions, channel and targets.
    """
    targets = sorted({target for notification in notifications for target in notification.targets})
    code = _hash([*_keys(notifications), *targets])
    is_split = len(_notifications_by_targets(notifications)) > 1
    batch_id = f"<{code}{_SPLIT_MARK if is_split else '@'}{domain}>"
    return messages_of_batch(batch_id, notifications, counted_alerts=counted_alerts)


def messages_of_batch(
    batch_id: str, notifications: Sequence[Notification], *, counted_alerts: tuple[str, ...] = ()
) -> list[Message]:
    """Returns the messages of a batch with an id, for the targets that have not received theirs.

    A message with all notifications of the batch has the batch's id, unless the batch began with several messages.
    The id of any other depends on its notifications, so that a message with the same id has the same entries.
    """
    parts = _notifications_by_targets(notifications)
    batch = Batch(
        id=batch_id, notifications=tuple(notifications), message_count=len(parts), counted_alerts=counted_alerts
    )
    return [
        Message(id=_message_id(batch, part), notifications=part, targets=targets, batch=batch)
        for targets, part in parts.items()
    ]


def _notifications_by_targets(
    notifications: Sequence[Notification],
) -> dict[tuple[str, ...], tuple[Notification, ...]]:
    """Returns the notifications for each set of targets that receive the same ones."""
    by_target: dict[str, list[Notification]] = defaultdict(list)
    for notification in notifications:
        for target in dict.fromkeys(notification.targets):
            by_target[target].append(notification)
    targets_by_keys: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for target, part in by_target.items():
        targets_by_keys[tuple(_keys(part))].append(target)
    return {tuple(targets): tuple(by_target[targets[0]]) for targets in targets_by_keys.values()}


def _message_id(batch: Batch, part: Sequence[Notification]) -> str:
    if len(part) == len(batch.notifications) and _SPLIT_MARK not in batch.id:
        return batch.id
    domain = batch.id.rpartition("@")[2].rstrip(">")
    return f"<{_hash([batch.id, *_keys(part)])}@{domain}>"


def _keys(notifications: Iterable[Notification]) -> list[str]:
    return sorted("\t".join(map(str, notification.key)) for notification in notifications)


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
