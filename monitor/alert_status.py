"""The state of an alert for ``alerts list`` and ``alerts show``: its hits against its habit, and what waits and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from monitor.config.targets import target_name
from monitor.delivery_text import describe_target, has_only_mail
from monitor.models import Hit, Notification, rfc3339
from monitor.notify.alert_delays import AlertDelays
from monitor.notify.delivery_times import (
    is_in_rest,
    is_instant,
    local_time_text,
    next_digest_time,
    parse_schedule,
)
from monitor.notify.message_counts import MessageCounts
from monitor.notify.planned_snoozes import PlannedSnoozes
from monitor.notify.quiet_hours import end_of_quiet_hours
from monitor.plural import plural
from monitor.time_text import relative_time, short_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.config import Alert
    from monitor.delays import Delays
    from monitor.models import Json
    from monitor.notify.planned_snoozes import PlannedSnooze
    from monitor.store import Store

T = TypeVar("T", Hit, Notification)

RECENT_DAYS = 7
HABIT_WEEKS = 4  # before the recent days
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MAX_HITS = MAX_WAITING = 100_000  # that are counted, of all alerts
SHOWN_SETTINGS = {
    *("name", "query", "deliver", "timezone", "digest", "max_entries", "repeat", "rest"),
    *("when_empty", "max_per_hour", "quiet_hours", "late_after", "outlets", "languages", "countries", "topics"),
    *("type", "window", "min_strength"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertStatus:
    """The state of one alert at the time ``at``; ``hits`` are those of the recent days and of its habit."""

    alert: Alert
    hits: tuple[Hit, ...]
    waiting: tuple[Notification, ...]
    snoozed_until: datetime | None
    delays: Delays | None
    at: datetime
    planned_snooze: PlannedSnooze | None = None
    messages_in_hour: int = 0  # instant ones, of the channel with most of them

    @property
    def recent_hits(self) -> list[Hit]:
        """The hits of the last `RECENT_DAYS`."""
        return [hit for hit in self.hits if hit.matched_at > self.at - timedelta(days=RECENT_DAYS)]

    @property
    def usual_hits(self) -> float | None:
        """The mean number of hits in as many days before, over `HABIT_WEEKS`; None without any."""
        earlier = len(self.hits) - len(self.recent_hits)
        return earlier / HABIT_WEEKS if earlier else None

    @property
    def last_hit(self) -> Hit | None:
        return max(self.hits, key=lambda hit: hit.matched_at, default=None)

    @property
    def median_delay(self) -> timedelta | None:
        """The median time of its last stories from publication to the acceptance of their messages."""
        return self.delays.median if self.delays else None

    @property
    def next_digest_at(self) -> datetime:
        """The next time of its digest that no snooze holds back; of an instant alert, of its ``rest``."""
        due_at = next_digest_time(self.alert, self.snoozed_until or self.at)
        planned = self.planned_snooze
        is_held = planned is not None and planned.begin <= due_at < planned.end
        return next_digest_time(self.alert, planned.end) if planned and is_held else due_at

    @property
    def is_throttled(self) -> bool:
        """True if it has sent its ``max_per_hour``, so that further events wait for the digest."""
        limit = self.alert.max_per_hour
        return limit is not None and is_instant(self.alert) and self.messages_in_hour >= limit

    @property
    def deliver_text(self) -> str:
        """The schedule with its time zone, the end of a snooze in this zone, or that its limit is reached."""
        if self.snoozed_until:
            local = self.snoozed_until.astimezone(ZoneInfo(self.alert.timezone))
            return f"snoozed until {local:%a %H:%M %Z}"
        if self.is_throttled:
            return f"throttled, {self.alert.max_per_hour} an hour"
        has_time = parse_schedule(self.alert.deliver).frequency in {"daily", "weekly"}
        return f"{self.alert.deliver} {self.alert.timezone}" if has_time else self.alert.deliver

    @property
    def daily_counts(self) -> list[tuple[str, int]]:
        """The number of hits on each of the last 14 days, the first one first."""
        counts = Counter(f"{hit.matched_at:%Y-%m-%d}" for hit in self.hits)
        days = [f"{self.at - timedelta(days=back):%Y-%m-%d}" for back in range(2 * RECENT_DAYS - 1, -1, -1)]
        return [(day, counts[day]) for day in days]

    @property
    def waiting_reasons(self) -> dict[str, int]:
        """The number of waiting notifications by the reason for which they wait."""
        return dict(Counter(map(self._waiting_reason, self.waiting)))

    def _waiting_reason(self, notification: Notification) -> str:
        alert, due_at = self.alert, notification.due_at
        due_text = local_time_text(due_at, alert.timezone)
        if self.snoozed_until:
            return "the alert is snoozed"
        if notification.error:
            attempts = f"tried {plural(notification.attempts, 'time')}, again {relative_time(due_at, self.at)}"
            return f"{notification.error} ({attempts})"
        if due_at <= self.at:
            return "due now"
        if not is_instant(alert) or is_in_rest(alert, notification):
            return f"for the digest of {due_text}"
        if alert.quiet_hours and end_of_quiet_hours(alert.quiet_hours, alert.timezone, self.at):
            return f"quiet hours until {due_text}"
        return f"due {due_text}"

    def to_json(self) -> Json:
        """Returns the state as JSON.  Lists the settings by name, because the targets of a channel may be secret."""
        return {
            **self.alert.model_dump(mode="json", include=SHOWN_SETTINGS),
            "to": [*map(target_name, self.alert.to)],
            "targets": described_targets(self.alert.targets_by_channel),
            "hits_7d": len(self.recent_hits),
            "usual_hits_7d": self.usual_hits,
            "last_hit_at": rfc3339(self.last_hit.matched_at) if self.last_hit else None,
            "next_digest_at": rfc3339(self.next_digest_at),
            "waiting": len(self.waiting),
            "waiting_reasons": self.waiting_reasons,
            "errors": sorted({notification.error for notification in self.waiting if notification.error}),
            "messages_last_hour": self.messages_in_hour,
            "throttled": self.is_throttled,
            "planned_snooze": self.planned_snooze
            and {"from": rfc3339(self.planned_snooze.begin), "to": rfc3339(self.planned_snooze.end)},
            "snoozed_until": rfc3339(self.snoozed_until) if self.snoozed_until else None,
            "delay": self.delays.summary_json() if self.delays else None,
        }


def read_statuses(store: Store, alerts: Sequence[Alert], *, at: datetime) -> list[AlertStatus]:
    """Returns the state of each alert, in the same order."""
    hits = _by_alert(store.hits(since=at - timedelta(days=RECENT_DAYS * (HABIT_WEEKS + 1)), limit=MAX_HITS))
    waiting = _by_alert(store.outbox(limit=MAX_WAITING))
    snoozes = {name: until for name, until in store.snoozes().items() if until > at}
    delays = AlertDelays(store).by_alert(now=at)
    planned, counts = PlannedSnoozes(store).by_alert(), MessageCounts(store)
    return [
        AlertStatus(
            alert=alert,
            hits=tuple(hits[alert.name]),
            waiting=tuple(waiting[alert.name]),
            snoozed_until=snoozes.get(alert.name),
            planned_snooze=planned.get(alert.name),
            messages_in_hour=_messages_in_hour(counts, alert, at),
            delays=delays.get(alert.name),
            at=at,
        )
        for alert in alerts
    ]


def _messages_in_hour(counts: MessageCounts, alert: Alert, at: datetime) -> int:
    """Returns how many instant messages of an alert with a limit the channel with most of them sent."""
    if alert.max_per_hour is None:
        return 0
    return max((counts.count(alert.name, channel=channel, now=at) for channel in alert.targets_by_channel), default=0)


def _by_alert(records: Sequence[T]) -> dict[str, list[T]]:
    grouped: dict[str, list[T]] = defaultdict(list)
    for record in records:
        grouped[record.alert].append(record)
    return grouped


def detail_lines(status: AlertStatus) -> list[tuple[str, str]]:
    """Returns the lines of ``alerts show`` before its chart, as (label, text)."""
    alert, zone = status.alert, status.alert.timezone
    last, recent, usual = status.last_hit, len(status.recent_hits), status.usual_hits
    lines = [
        *(
            [("type", f"{alert.type} of {plural(alert.window_hours, 'hour')}")]
            if alert.type in {"spike", "flatline"}
            else ()
        ),
        ("query", alert.rule_query),
        ("to", targets_text(alert.targets_by_channel)),
        ("deliver", _schedule_text(alert)),
        ("next digest", local_time_text(status.next_digest_at, zone)),
        ("hits", f"{recent:,} in {RECENT_DAYS} days; usual: {'-' if usual is None else f'{usual:.1f}'}"),
        ("last hit", f"{relative_time(last.matched_at, status.at)}: {last.title} ({last.outlet})" if last else "-"),
    ]
    if status.delays and status.delays.median is not None and status.delays.p95 is not None:
        text = f"median {short_duration(status.delays.median)}, p95 {short_duration(status.delays.p95)}"
        lines.append(("delay", f"{text} from publication to the accepted mail"))
    if status.snoozed_until:
        lines.append(("snoozed", f"until {local_time_text(status.snoozed_until, zone)}"))
    if snooze := status.planned_snooze:
        lines.append(("snoozed", f"from {local_time_text(snooze.begin, zone)} to {local_time_text(snooze.end, zone)}"))
    if alert.max_per_hour and status.messages_in_hour:
        reached = "; further events wait for the digest" if status.is_throttled else ""
        sent = plural(status.messages_in_hour, _unit(alert))
        lines.append(("throttle", f"{sent} in the last hour, at most {alert.max_per_hour}{reached}"))
    lines += [("waiting", f"{count:,}: {reason}") for reason, count in status.waiting_reasons.items()]
    return lines if status.waiting else [*lines, ("waiting", "-")]


def restriction_lines(alert: Alert) -> list[tuple[str, str]]:
    """Returns what a story must have beside a match of the query, as (label, text); empty without restrictions."""
    filters = (
        ("outlets", alert.outlets),
        ("languages", alert.languages),
        ("countries", alert.countries),
        ("topics", alert.topics),
    )
    lines = [(label, " or ".join(values)) for label, values in filters if values]
    return [*lines, ("strength", f"at least {alert.min_strength:g}")] if alert.min_strength else lines


def delivery_lines(alert: Alert) -> list[tuple[str, str]]:
    """Returns the delivery settings of an alert in words, as (label, text)."""
    lines = [("to", targets_text(alert.targets_by_channel))]
    if is_instant(alert):
        repeats = "at once" if alert.repeat == "outlet" else "in the digest"
        lines += [
            ("when", "each event at once"),
            ("digest", f"{_schedule_words(alert.rest, alert.timezone)}, of what was not sent at once"),
            ("further outlets", f"of a reported event: {repeats}"),
        ]
    else:
        lines.append(("when", f"a digest {_schedule_words(alert.deliver, alert.timezone)}"))
        lines.append(("no match", "no digest" if alert.when_empty == "silent" else "a digest that says so"))
    if alert.max_per_hour and is_instant(alert):
        lines.append(
            ("limit", f"{plural(alert.max_per_hour, _unit(alert))} an hour; further events wait for the digest")
        )
    if alert.quiet_hours and parse_schedule(alert.deliver).frequency in {"instant", "hourly"}:
        lines.append(("quiet hours", f"nothing in {alert.quiet_hours} ({alert.timezone})"))
    if alert.digest == "separate":
        lines.append(("combined", "no: each digest has this alert only"))
    else:
        lines.append(
            ("combined", f"with other alerts; {plural(alert.max_entries, 'event')} of this one, the rest counted")
        )
    if alert.late_after:
        lines.append(("late", f"a story that is found more than {short_duration(alert.late_after)} after publication"))
    return lines


def _schedule_words(deliver: str, timezone: str) -> str:
    schedule = parse_schedule(deliver)
    if schedule.frequency == "hourly":
        return "each hour"
    day = "day" if schedule.frequency == "daily" else WEEKDAYS[schedule.weekday]
    return f"each {day} at {schedule.hour:02}:{schedule.minute:02} ({timezone})"


def deletion_lines(status: AlertStatus, others: Sequence[Alert]) -> list[str]:
    """Returns what becomes of waiting notifications if the alert is deleted and the ``others`` stay, as sentences.

    Mail goes to the addresses that it was queued for.  The addresses of other channels are those of configured alerts.
    """
    kept = {(channel, each) for alert in others for channel, to in alert.targets_by_channel.items() for each in to}
    stuck = [
        each
        for each in status.waiting
        if not has_only_mail([each.channel]) and not {(each.channel, target) for target in each.targets} <= kept
    ]
    lines = []
    if sent := len(status.waiting) - len(stuck):
        lines.append(f"{plural(sent, 'notification')} in the outbox: still sent when due, to the queued addresses.")
    if stuck:
        reason = "no other alert has the address of its webhook or chat service"
        lines.append(f"{plural(len(stuck), 'notification')} in the outbox: not sent but kept there, as {reason}.")
    if status.waiting and status.snoozed_until:
        lines.append(f"Nothing is sent before {local_time_text(status.snoozed_until, status.alert.timezone)}: snoozed.")
    return lines or ["No notification of it waits in the outbox."]


def _unit(alert: Alert) -> str:
    return "mail" if has_only_mail(alert.targets_by_channel) else "message"


def _schedule_text(alert: Alert) -> str:
    parts = [
        alert.deliver,
        *([f"the rest {alert.rest}"] if is_instant(alert) else ()),
        *(
            [f"at most {plural(alert.max_per_hour, _unit(alert))} an hour"]
            if alert.max_per_hour and is_instant(alert)
            else ()
        ),
        *([f"not {alert.quiet_hours}"] if alert.quiet_hours else ()),
    ]
    return f"{', '.join(parts)} ({alert.timezone})"


def targets_text(targets_by_channel: Mapping[str, Sequence[str]]) -> str:
    """Returns the targets without their secrets; those of another channel than email follow the channel's name."""
    return ", ".join(
        f"{'' if has_only_mail([channel]) else f'{channel}: '}{target}"
        for channel, targets in described_targets(targets_by_channel).items()
        for target in targets
    )


def described_targets(targets_by_channel: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Returns the targets of each channel as lists may show them."""
    return {
        channel: [describe_target(channel, target) for target in targets]
        for channel, targets in targets_by_channel.items()
    }
