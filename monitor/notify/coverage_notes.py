"""What stands behind a digest: how much was read since the last one, alerts without a match, outlets that fail.

A digest that says nothing about an alert may mean that nothing matched or that nothing was read; these notes tell the
difference.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from monitor.models import Disposition, from_rfc3339, rfc3339
from monitor.notify.delivery_times import is_instant, local_time_text, next_delivery_time, parse_schedule
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.config import Alert, Config
    from monitor.models import Json, Notification, OutletState
    from monitor.notify.channel import Message
    from monitor.store import Store

MIN_FAILING_TIME = timedelta(days=1)  # since an outlet's last successful poll, before a digest names it
MAX_NAMED_OUTLETS = 5
_KEY_PREFIX = (
    "digest-coverage/"  # + alert -> {"at": time of its last digest, "stories": {outlet: stories read by then}}
)
_READ: Final = (Disposition.STORED, Disposition.OFF_TOPIC)  # each new story has one of them
_PERIODS: Final = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(days=7)}


class CoverageNotes:
    """Writes the notes of digests, and remembers how much had been read at the last digest of each alert."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._alerts = {alert.name: alert for alert in config.alerts}
        self._outlets = {outlet.name for outlet in config.outlets}
        # The records before this delivery, so that the messages to several persons count from the same time.
        self._last_records: dict[str, Json | None] = {}

    def notes(self, message: Message, *, at: datetime) -> tuple[str, ...]:
        """Returns the notes of a message, a line each; none unless all its alerts are configured with a digest."""
        alerts = [self._alerts.get(name) for name in message.alerts]
        digests = [alert for alert in alerts if alert and not is_instant(alert)]
        if len(digests) < len(alerts):
            return ()
        states = self._states()
        timezone = digests[0].timezone
        lines = (
            self._coverage_line(digests, states, timezone),
            self._quiet_alerts_line(message),
            _failing_outlets_line(states, timezone, at),
        )
        return tuple(line for line in lines if line)

    def record(self, message: Message, *, at: datetime) -> None:
        """Remembers what had been read at the message, from which the next digests of its alerts count."""
        digests = [name for name in message.alerts if name in self._alerts and not is_instant(self._alerts[name])]
        if not digests:
            return
        stories = {state.name: _stories_read(state) for state in self._states()}
        for name in digests:
            self._store.put_setting(_KEY_PREFIX + name, {"at": rfc3339(at), "stories": stories})

    def _states(self) -> list[OutletState]:
        return [state for state in self._store.outlets() if state.name in self._outlets]

    def _coverage_line(self, alerts: Sequence[Alert], states: Sequence[OutletState], timezone: str) -> str:
        """Returns how many stories of how many outlets were read since the last digest; empty after no digest."""
        records = [record for alert in alerts if (record := self._last_record(alert.name))]
        if not records:
            return ""
        last = min(records, key=lambda record: from_rfc3339(record["at"]))
        counts = [max(_stories_read(state) - last["stories"].get(state.name, 0), 0) for state in states]
        outlets = plural(sum(count > 0 for count in counts), "outlet")
        since = local_time_text(from_rfc3339(last["at"]), timezone)
        return f"Read since {since}: {plural(sum(counts), 'story', 'stories')} of {outlets}."

    def _last_record(self, alert: str) -> Json | None:
        if alert not in self._last_records:
            self._last_records[alert] = self._store.setting(_KEY_PREFIX + alert)
        return self._last_records[alert]

    def _quiet_alerts_line(self, message: Message) -> str:
        quiet = [alert.name for alert in self._quiet_alerts(message)]
        return f"No match for {', '.join(quiet)}." if quiet else ""

    def _quiet_alerts(self, message: Message) -> Iterator[Alert]:
        """Yields the alerts of the message's targets that were due at the same time and have no hit in their period."""
        due_at = max(map(self._scheduled_at, message.notifications))
        snoozed = {name for name, until in self._store.snoozes().items() if until > due_at}
        for alert in self._alerts.values():
            targets = alert.targets_by_channel.get(message.channel, ())
            if alert.name in {*message.alerts, *snoozed} or not {*message.targets} <= {*targets}:
                continue
            if alert.type != "match":
                continue
            if alert.digest == "combined" and not is_instant(alert) and _is_delivery_time(alert, due_at):
                period = _PERIODS[parse_schedule(alert.deliver).frequency]
                if not self._store.hits(alert.name, since=due_at - period, limit=1):
                    yield alert

    def _scheduled_at(self, notification: Notification) -> datetime:
        alert = self._alerts[notification.alert]
        return next_delivery_time(alert.deliver, alert.timezone, notification.created_at)


def _is_delivery_time(alert: Alert, time: datetime) -> bool:
    return next_delivery_time(alert.deliver, alert.timezone, time - timedelta(microseconds=1)) == time


def _stories_read(state: OutletState) -> int:
    return sum(state.dispositions.get(disposition, 0) for disposition in _READ)


def _failing_outlets_line(states: Sequence[OutletState], timezone: str, at: datetime) -> str:
    """Returns the outlets that have not been read for `MIN_FAILING_TIME`, with the time of the last success."""
    failing = [
        state
        for state in states
        if state.failures > 0 and (state.last_ok_at is None or state.last_ok_at <= at - MIN_FAILING_TIME)
    ]
    if not failing:
        return ""
    failing.sort(key=lambda state: (state.last_ok_at or datetime.min.replace(tzinfo=at.tzinfo), state.name))
    named = [
        f"{state.name} since {local_time_text(state.last_ok_at, timezone)}"
        if state.last_ok_at
        else f"{state.name} so far"
        for state in failing[:MAX_NAMED_OUTLETS]
    ]
    more = [f"and {len(failing) - MAX_NAMED_OUTLETS} more"] if len(failing) > MAX_NAMED_OUTLETS else []
    return f"{plural(len(failing), 'outlet')} unreadable: {'; '.join([*named, *more])}."
