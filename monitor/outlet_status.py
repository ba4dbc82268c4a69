"""The state of an outlet for people and as JSON: its health, schedule, delays, sources and push subscriptions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from monitor.crawl.polling_price import price_of_polls
from monitor.crawl.websub.state import StoredPushes
from monitor.delays import Delays
from monitor.models import OutletState, rfc3339
from monitor.plural import plural
from monitor.polling.publishing_rate import PublishingRate
from monitor.polling.schedule_text import schedule_summary
from monitor.time_text import relative_time, short_duration

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.config import Config, Outlet
    from monitor.crawl.websub.state import OutletPushes
    from monitor.models import SourceState
    from monitor.polling.schedule_text import ScheduleSummary
    from monitor.store import Store


def _schedule(outlet: Outlet | None, state: OutletState | None, price: float) -> ScheduleSummary | None:
    """Returns the schedule of an outlet; None if it is not configured or was never polled."""
    if outlet is None or state is None or state.last_poll_at is None:
        return None
    profile = PublishingRate.of_outlet(state).profile()
    return schedule_summary(profile, request_price=price, request_count=len(state.sources), every=outlet.every)


def _delay_text(delays: Delays) -> str:
    if delays.median is None or delays.p95 is None:
        return "-"
    median, p95 = short_duration(delays.median), short_duration(delays.p95)
    stories = plural(len(delays.seconds), "story", "stories")
    return f"median {median}, p95 {p95} from publication to stored (the last {stories})"


def _schedule_json(schedule: ScheduleSummary) -> dict[str, Any]:
    return {
        "stories_per_day": round(schedule.stories_per_day, 2),
        "busy_from_hour": schedule.busy_from,
        "busy_until_hour": schedule.busy_until,
        "busy_interval_seconds": round(schedule.busy_interval.total_seconds()),
        "quiet_interval_seconds": round(schedule.quiet_interval.total_seconds()),
    }


def _schedule_text(schedule: ScheduleSummary, state: OutletState) -> str:
    """Returns when the outlet publishes, how often it is polled, and why the next poll is when it is."""
    polled = f"polled every {short_duration(schedule.busy_interval)}"
    if schedule.busy_from is not None:
        polled += f" then, every {short_duration(schedule.quiet_interval)} at other hours"
    if state.failures:
        polled += f"; {plural(math.ceil(state.failures), 'failure lengthens', 'failures lengthen')} the interval"
    return f"{schedule.habit}; {polled}"


@dataclass(frozen=True, kw_only=True)
class OutletStatus:
    """The state of one outlet at the time ``at``, and what is computed from it; None for what is unknown.

    ``outlet`` is None if it is no longer configured, ``state`` if it was never polled.
    """

    name: str
    outlet: Outlet | None
    state: OutletState | None
    schedule: ScheduleSummary | None
    pushes: OutletPushes | None
    at: datetime

    @property
    def health(self) -> str:
        """One of ``removed`` (not configured), ``new`` (never polled), ``failing``, ``suspect`` and ``ok``.

        A suspect outlet is read, but stories may be missed: some source or page fails, or its habit has changed.
        """
        if self.outlet is None:
            return "removed"
        if self.state is None or self.state.last_poll_at is None:
            return "new"
        if self.state.failures:
            return "failing"
        return "suspect" if self.state.error or self.state.memory.suspicions else "ok"

    @property
    def is_failing(self) -> bool:
        return bool(self.state and self.state.failures)

    @property
    def holder(self) -> str | None:
        """The process that polls the outlet now."""
        state = self.state
        return state.holder_at(self.at) if state else None

    @property
    def delays(self) -> Delays:
        """The delays of the outlet's last stories, from publication to stored."""
        return Delays.from_json(self.state.memory.delays if self.state else None, now=self.at)

    @property
    def note(self) -> str:
        """What is wrong and which process polls the outlet, on one line."""
        if self.state is None:
            return ""
        polled_by = f"polled by {self.holder}" if self.holder else ""
        return "; ".join(filter(None, (self.state.error, *self.state.memory.suspicions.values(), polled_by)))

    @property
    def next_poll_text(self) -> str:
        state = self.state
        return "now" if state is None or state.next_poll_at <= self.at else relative_time(state.next_poll_at, self.at)

    @property
    def overdue(self) -> timedelta | None:
        """The time since the outlet should have been polled; None if it is not due, polled now or not configured."""
        state = self.state
        if self.outlet is None or state is None or self.holder is not None or state.next_poll_at >= self.at:
            return None
        return self.at - state.next_poll_at

    @property
    def detail_rows(self) -> list[tuple[str, str]]:
        """The outlet's details as (label, text)."""
        rows: list[tuple[str, str]] = [("status", self.health)]
        if self.outlet is not None:
            rows += [
                ("url", self.outlet.url),
                ("country", _country_text(self.outlet)),
                ("rendering", self.outlet.render),
            ]
        if self.state is not None:
            rows += self._state_rows(self.state)
        return rows

    def _state_rows(self, state: OutletState) -> list[tuple[str, str]]:
        rows = [
            ("last poll", _time_text(state.last_poll_at, self.at)),
            ("last success", _time_text(state.last_ok_at, self.at)),
            ("last story", _time_text(state.last_story_at, self.at)),
            ("next poll", _time_text(state.next_poll_at, self.at)),
            ("interval", short_duration(state.interval)),
            ("delay", _delay_text(self.delays)),
            ("schedule", _schedule_text(self.schedule, state) if self.schedule else "-"),
            ("failures", f"{state.failures:g}"),
            ("error", state.error or "-"),
        ]
        rows += [(f"suspicion {kind}", text) for kind, text in state.memory.suspicions.items()]
        if self.holder:
            rows.append(("polled by", f"{self.holder}, until {_time_text(state.lease_until, self.at)}"))
        rows += _push_rows(self.pushes, self.at) if self.pushes else []
        return rows + [
            (f"pages {disposition}", f"{count:,}") for disposition, count in sorted(state.dispositions.items())
        ]

    @property
    def source_rows(self) -> list[tuple[str, str, str]]:
        """The outlet's sources as (kind, URL, result of the last fetches)."""
        rows = []
        for url, source in (self.state.sources if self.state else {}).items():
            failures = f"{plural(source.failures, 'failure')}: " if source.failures else ""
            problem = f", {failures}{source.error}" if source.error else ""
            fetched = f"last full fetch {relative_time(source.fetched_at, self.at)}, {_entries_text(source)}"
            rows.append((source.kind, url, f"{fetched}{problem}"))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Returns the state as JSON, without secrets."""
        outlet, never_polled = self.outlet, self.state is None
        state = self.state or OutletState(name=self.name, next_poll_at=self.at, interval=timedelta(0))
        return {
            "name": self.name,
            "url": outlet.url if outlet else None,
            "configured": outlet is not None,
            "render": outlet.render if outlet else None,
            "language": outlet.language if outlet else None,
            "country": outlet.effective_country if outlet else None,
            "status": self.health,
            "last_poll_at": _rfc3339_or_none(state.last_poll_at),
            "last_ok_at": _rfc3339_or_none(state.last_ok_at),
            "last_story_at": _rfc3339_or_none(state.last_story_at),
            "next_poll_at": None if never_polled else _rfc3339_or_none(state.next_poll_at),
            "interval_seconds": None if never_polled else state.interval.total_seconds(),
            "delay": self.delays.summary_json(),
            "schedule": self.schedule and _schedule_json(self.schedule),
            "failures": state.failures,
            "error": state.error,
            "suspicions": state.memory.suspicions,
            "holder": self.holder,
            "lease_until": _rfc3339_or_none(state.lease_until) if self.holder else None,
            "counts": state.dispositions,
            "sources": {
                url: {
                    "kind": source.kind,
                    "fetched_at": _rfc3339_or_none(source.fetched_at),
                    "failures": source.failures,
                    "error": source.error,
                    "entries": source.entry_count,
                    "skipped": source.skipped,
                }
                for url, source in state.sources.items()
            },
            "engine": _rendering_engine(state),
            "pushes": _pushes_json(self.pushes, self.at) if self.pushes else None,
        }


def read_outlets(store: Store, config: Config, *, at: datetime) -> list[OutletStatus]:
    """Returns the state of each configured outlet, in the order of the file, then of those removed from it."""
    configured = {outlet.name: outlet for outlet in config.outlets}
    states = {state.name: state for state in store.outlets()}
    pushes = {each.outlet: each for each in StoredPushes(store).read_all()}
    price = price_of_polls(config, states)
    return [
        OutletStatus(
            name=name,
            outlet=configured.get(name),
            state=states.get(name),
            schedule=_schedule(configured.get(name), states.get(name), price),
            pushes=pushes.get(name),
            at=at,
        )
        for name in dict.fromkeys([*configured, *states])
    ]


def _pushes_json(pushes: OutletPushes, current_time: datetime) -> dict[str, Any]:
    """Returns the push subscriptions without their secrets: paths of callbacks and keys of signatures."""
    return {
        "proved": pushes.is_proved(current_time),
        "announced": pushes.announced,
        "missed": pushes.missed,
        "last_pushed_poll_at": _rfc3339_or_none(pushes.pushed_poll_at),
        "subscriptions": [
            {
                "source": each.source,
                "topic": each.topic,
                "hub": each.hub,
                "status": each.status(current_time),
                "lease_until": _rfc3339_or_none(each.lease_until),
                "next_request_at": _rfc3339_or_none(each.next_request_at),
                "attempts": each.attempts,
                "error": each.error,
                "last_push_at": _rfc3339_or_none(each.last_push_at),
                "pushes": each.push_count,
                "false_signatures": each.false_signature_count,
            }
            for each in pushes.subscriptions
        ],
    }


def _rendering_engine(state: OutletState) -> str | None:
    """Returns the engine that renders some of the outlet's pages, as learned; None if no page needs rendering."""
    patterns = state.memory.rendering or {}
    return next((pattern["engine"] for pattern in patterns.values() if pattern["engine"] != "hopeless"), None)


def _country_text(outlet: Outlet) -> str:
    """Returns the outlet's country and whether it was guessed."""
    if outlet.country:
        return outlet.country
    guessed = outlet.effective_country
    return f"{guessed} (by its domain or language; set country if it is another)" if guessed else "-"


def _push_rows(pushes: OutletPushes, current_time: datetime) -> list[tuple[str, str]]:
    """Returns labels and texts about the hubs of the outlet's feeds and their pushes."""
    stories = plural(pushes.announced, "story", "stories")
    rows = [
        ("announced", f"{stories} by pushes, {pushes.missed} missed; polls are {_poll_rarity(pushes, current_time)}")
    ]
    if pushes.pushed_poll_at is not None:
        rows.append(("pushed poll", _time_text(pushes.pushed_poll_at, current_time)))
    for each in pushes.subscriptions:
        parts = [
            each.status(current_time) + (f" until {each.lease_until:%Y-%m-%d %H:%M} UTC" if each.lease_until else ""),
            plural(each.push_count, "push", "pushes"),
            *([f"the last {relative_time(each.last_push_at, current_time)}"] if each.last_push_at else []),
            *([plural(each.false_signature_count, "false signature")] if each.false_signature_count else []),
            *([each.error] if each.error else []),
        ]
        rows.append(("hub", f"{each.hub} for {each.topic}: {', '.join(parts)}"))
    return rows


def _poll_rarity(pushes: OutletPushes, current_time: datetime) -> str:
    return "rare" if pushes.is_proved(current_time) else "as usual"


def _entries_text(source: SourceState) -> str:
    """Returns the number of entries in the last response with a body, and of those that were skipped, by reason."""
    skipped = ", ".join(f"{number:,} {reason}" for reason, number in source.skipped.items())
    return plural(source.entry_count, "entry", "entries") + (f" of which skipped: {skipped}" if skipped else "")


def _time_text(time: datetime | None, current_time: datetime) -> str:
    return "never" if time is None else f"{time:%Y-%m-%d %H:%M} UTC ({relative_time(time, current_time)})"


def _rfc3339_or_none(time: datetime | None) -> str | None:
    return None if time is None else rfc3339(time)
