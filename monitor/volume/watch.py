"""Looks for findings of volume alerts and puts them into the outbox.

Any process that delivers may look.  A finding has an id of its alert and hour or story, and is queued before the look
is remembered: after a kill, or in two processes at once, the same finding is queued again under the same id, which has
no effect.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.models import now as clock
from monitor.query import parse
from monitor.store.records import OutboxRecord
from monitor.volume.first_seen import FirstSeen
from monitor.volume.habit import HISTORY_HOURS
from monitor.volume.spikes import volume_finding
from monitor.volume.state import KEY_PREFIX, VolumeState
from monitor.volume.story_counts import HOUR, countable_hits, hour_of, hourly_counts, stored_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from monitor.config import Alert, Config
    from monitor.notify.findings import Finding
    from monitor.store import Store

LOOK_INTERVAL = timedelta(minutes=1)  # of one process for new names
READ_SHARE = 0.5  # of the outlets must have been read lately, else a flatline may be a fault of the monitor
READ_WITHIN = 4  # lately is the last quarter of the window


class VolumeWatch:
    """The volume alerts of a configuration."""

    def __init__(self, store: Store, config: Config, *, now: Callable[[], datetime] = clock) -> None:
        self._store = store
        self._config = config
        self._alerts = [alert for alert in config.alerts if alert.type != "match"]
        self._now = now
        self._next_look: dict[str, datetime] = {}

    def queue_findings(self) -> None:
        """Puts the findings of each alert into the outbox whose time to look has come.  Raises StoreError."""
        for alert in self._alerts:
            at = self._now()
            if at < self._next_look.get(alert.name, at):
                continue
            is_hourly = alert.type != "first_seen"
            self._next_look[alert.name] = hour_of(at) + HOUR if is_hourly else at + LOOK_INTERVAL
            self._look(alert, hour_of(at) if is_hourly else at, at)

    def _look(self, alert: Alert, until: datetime, at: datetime) -> None:
        key = KEY_PREFIX + alert.name
        stored = self._store.setting(key)
        state = VolumeState.from_json(stored) if stored else None
        if state is None or state.query != alert.rule_query:
            state = self._first_state(alert, until, at)
        elif state.looked_until >= until:
            return
        else:
            findings, state = self._findings(alert, state, until)
            self._queue(alert, findings)
        self._store.compare_and_set(key, stored, state.to_json())  # else another process has looked

    def _first_state(self, alert: Alert, until: datetime, at: datetime) -> VolumeState:
        """Returns the state of an alert that is new or has a new query: stories before it are its habit."""
        begin = hour_of(until) - HISTORY_HOURS * HOUR
        seed = stored_counts(self._store, alert, fragments=self._config.fragments, since=begin, now=at)
        return VolumeState(
            query=alert.rule_query,
            since=until,
            seed={hour: count for hour, count in seed.items() if hour < until},
            seed_since=min(seed, default=None),
            looked_until=until,
        )

    def _findings(self, alert: Alert, state: VolumeState, until: datetime) -> tuple[list[Finding], VolumeState]:
        """Returns what is found in the time until ``until``, and the state after it."""
        if alert.type == "first_seen":
            names = FirstSeen(self._store, alert, self._config.fragments)
            return names.look(state, until, is_learning=state.is_learning(until))
        if alert.type == "flatline" and not self._is_read(alert.volume_window, until):
            return [], state
        begin = state.seed_since or state.since
        hits = countable_hits(self._store, alert.name, since=max(state.since, until - HISTORY_HOURS * HOUR))
        hourly = hourly_counts(hits, state.seed, begin=begin, end=until)
        node = parse(alert.rule_query, positive=True, fragments=self._config.fragments)
        return volume_finding(self._store, alert, node, state, hourly=hourly, hits=hits, until=until)

    def _is_read(self, window: timedelta, until: datetime) -> bool:
        """Returns True if most outlets were read in the last part of the window."""
        configured = {outlet.name for outlet in self._config.outlets}
        outlets = [state for state in self._store.outlets() if state.name in configured]
        read = [
            state
            for state in outlets
            if state.last_ok_at is not None and state.last_ok_at >= until - window / READ_WITHIN
        ]
        return len(read) >= READ_SHARE * len(outlets)

    def _queue(self, alert: Alert, findings: Iterable[Finding]) -> None:
        for finding in findings:
            records = [OutboxRecord(notification=each, sent_at=None) for each in finding.notifications(alert)]
            self._store.load([finding.hit(), *records])
