"""How often an outlet publishes: learned from the times at which its stories appeared, by time of day and weekday.

The stories of an outlet are modelled as a Poisson process whose rate is a product:

    rate(t) = mean * share of the ten minutes of the day * factor of the weekday * current factor

Each part is shrunk towards the coarser one while little is known (empirical Bayes with a gamma prior): ten minutes
towards their hour, an hour towards the mean, a weekday towards 1.  The ten minutes find the outlets that publish a
batch at a fixed time.  The current factor follows breaking news: stories of the last hours against their expected
number.  Older stories are forgotten with a half-life of two weeks, so that a change of habit or of daylight saving time
is learned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.models import Json, OutletState

SLOT_MINUTES = 10
SLOTS_PER_HOUR = 60 // SLOT_MINUTES
SLOTS_PER_DAY = 24 * SLOTS_PER_HOUR
MINUTES_PER_DAY = 1440.0
HALF_LIFE_DAYS = 14.0
# What is assumed before anything is known, with the weight of so many days: it is forgotten as old stories are.
PRIOR_STORIES_PER_DAY, PRIOR_DAYS = 24.0, 0.1
# Stories after which an hour, ten minutes or a weekday counts as much as the coarser rate.
HOUR_SHRINKAGE, SLOT_SHRINKAGE, WEEKDAY_SHRINKAGE = 12.0, 6.0, 8.0
CURRENT_FACTOR_SHRINKAGE = 2.0  # expected stories
CURRENT_FACTOR_HALF_LIFE_MINUTES = 60.0
MAX_CURRENT_FACTOR = 10.0
MAX_STORIES_PER_DAY = 2000.0  # more than any news agency: a flood of URLs does not raise the rate
FIRST_OBSERVATION = timedelta(days=7)  # of the first poll, the stories that appeared in this time count
LONG_PAUSE = timedelta(days=1)  # without a poll: the stories that are no longer listed are unknown


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishingRate:
    """Stories of one outlet by ten minutes of the day and by weekday (UTC), and the days that were observed.

    All counts are weighted: a story or day loses half its weight in HALF_LIFE_DAYS.
    """

    slots: tuple[float, ...] = (PRIOR_STORIES_PER_DAY * PRIOR_DAYS / SLOTS_PER_DAY,) * SLOTS_PER_DAY
    weekdays: tuple[float, ...] = (PRIOR_STORIES_PER_DAY * PRIOR_DAYS / 7,) * 7  # stories, Monday first
    days: tuple[float, ...] = (PRIOR_DAYS / 7,) * 7  # observed, Monday first
    recent_stories: float = 0.0  # with a half-life of CURRENT_FACTOR_HALF_LIFE_MINUTES
    recent_expected: float = 0.0
    observed_until: datetime | None = None  # None before the first observation

    def observed(self, stories: Sequence[datetime], *, since: datetime, until: datetime) -> PublishingRate:
        """Returns the rate after ``stories``, their times of appearance, were seen between ``since`` and ``until``.

        ``since`` may be before the time observed so far, but no time should be observed twice.
        """
        start, end = _minutes(since), _minutes(max(since, until))
        known_until = self.observed_until or since
        aged = self._aged(max(end - _minutes(known_until), 0.0))
        slots, weekdays, days = list(aged.slots), list(aged.weekdays), list(aged.days)
        for story in stories:
            minute = _minutes(story)
            slots[_slot(minute)] += 1.0
            weekdays[_weekday(minute)] += 1.0
        for part_start, part_end in _split_at_midnight(start, end):
            days[_weekday(part_start)] += (part_end - part_start) / MINUTES_PER_DAY
        return replace(
            aged,
            slots=tuple(slots),
            weekdays=tuple(weekdays),
            days=tuple(days),
            recent_stories=aged.recent_stories + len(stories) if self.observed_until else 0.0,
            recent_expected=(
                aged.recent_expected + self.profile().expected_stories(since, until) if self.observed_until else 0.0
            ),
            observed_until=max(since, until),
        )

    def _aged(self, minutes: float) -> PublishingRate:
        """Returns the rate with the weights of what was observed ``minutes`` later."""
        factor = 0.5 ** (minutes / MINUTES_PER_DAY / HALF_LIFE_DAYS)
        recent_factor = 0.5 ** (minutes / CURRENT_FACTOR_HALF_LIFE_MINUTES)
        return replace(
            self,
            slots=tuple(count * factor for count in self.slots),
            weekdays=tuple(count * factor for count in self.weekdays),
            days=tuple(count * factor for count in self.days),
            recent_stories=self.recent_stories * recent_factor,
            recent_expected=self.recent_expected * recent_factor,
        )

    @property
    def stories_per_day(self) -> float:
        """The mean number of stories a day over a whole week, each weekday counted alike."""
        return self.profile().mean_rate * MINUTES_PER_DAY

    def _weekday_factors(self) -> tuple[float, ...]:
        mean = sum(self.weekdays) / sum(self.days)
        return tuple(
            (stories + WEEKDAY_SHRINKAGE) / (mean * days + WEEKDAY_SHRINKAGE)
            for stories, days in zip(self.weekdays, self.days, strict=True)
        )

    def profile(self) -> RateProfile:
        """Returns the expected rate at each time of a week."""
        total = sum(self.slots)
        per_day = min(total / sum(self.days), MAX_STORIES_PER_DAY)
        rates: list[float] = []
        for hour in range(24):
            counts = self.slots[hour * SLOTS_PER_HOUR : (hour + 1) * SLOTS_PER_HOUR]
            in_hour = sum(counts)
            per_hour = per_day * (in_hour + HOUR_SHRINKAGE / 24) / (total + HOUR_SHRINKAGE)
            rates += (
                per_hour * (count + SLOT_SHRINKAGE / SLOTS_PER_HOUR) / (in_hour + SLOT_SHRINKAGE) / SLOT_MINUTES
                for count in counts
            )
        current = (self.recent_stories + CURRENT_FACTOR_SHRINKAGE) / (self.recent_expected + CURRENT_FACTOR_SHRINKAGE)
        return RateProfile(
            per_minute=tuple(rates),
            weekday_factors=self._weekday_factors(),
            current_factor=min(current, MAX_CURRENT_FACTOR),
            current_at=_minutes(self.observed_until) if self.observed_until else 0.0,
        )

    def to_json(self) -> Json:
        """Returns the rate as JSON, with numbers of three decimals; ``means`` is for `mean_rates`."""
        profile = self.profile()
        return {
            "means": [profile.mean_rate, profile.mean_root_of_rate],
            "slots": [round(count, 3) for count in self.slots],
            "weekdays": [round(count, 3) for count in self.weekdays],
            "days": [round(count, 4) for count in self.days],
            "recent": [round(self.recent_stories, 3), round(self.recent_expected, 3)],
            "until": self.observed_until and rfc3339(self.observed_until),
        }

    @classmethod
    def from_json(cls, data: Json) -> PublishingRate:
        """Reads what `to_json` returns.  Raises KeyError, TypeError or ValueError for anything else."""
        slots, weekdays, days = (tuple(map(float, data[name])) for name in ("slots", "weekdays", "days"))
        if (len(slots), len(weekdays), len(days)) != (SLOTS_PER_DAY, 7, 7) or sum(days) <= 0 or sum(slots) <= 0:
            raise ValueError("a publishing rate of another form")
        recent_stories, recent_expected = map(float, data["recent"])
        return cls(
            slots=slots,
            weekdays=weekdays,
            days=days,
            recent_stories=recent_stories,
            recent_expected=recent_expected,
            observed_until=from_rfc3339(data["until"]) if data["until"] else None,
        )

    @classmethod
    def of_outlet(cls, state: OutletState) -> PublishingRate:
        """Returns the rate in the outlet's state; the prior if there is none or another version stored it."""
        try:
            return cls.from_json(state.memory.publishing) if state.memory.publishing else cls()
        except (KeyError, TypeError, ValueError):
            return cls()


@dataclass(frozen=True, kw_only=True)
class RateProfile:
    """The expected number of stories a minute at each time; ``current_factor`` fades from ``current_at`` on."""

    per_minute: tuple[float, ...]  # by ten minutes of the day
    weekday_factors: tuple[float, ...]  # Monday first
    current_factor: float = 1.0
    current_at: float = 0.0  # minutes since 1970

    def pieces(self, start: datetime, longest: timedelta) -> Iterator[tuple[float, float]]:
        """Yields (minutes, stories a minute) of consecutive pieces of constant rate, from ``start`` on."""
        minute = _minutes(start)
        end = minute + longest.total_seconds() / 60
        while minute < end:
            next_minute = min((math.floor(minute / SLOT_MINUTES) + 1) * SLOT_MINUTES, end)
            rate = self.per_minute[_slot(minute)] * self.weekday_factors[_weekday(minute)]
            if self.current_factor != 1.0:
                faded = 0.5 ** (max(minute - self.current_at, 0.0) / CURRENT_FACTOR_HALF_LIFE_MINUTES)
                rate *= 1.0 + (self.current_factor - 1.0) * faded
            yield next_minute - minute, rate
            minute = next_minute

    def expected_stories(self, since: datetime, until: datetime) -> float:
        """Returns the expected number of stories between two times; 0 if ``until`` is not after ``since``."""
        return sum(minutes * rate for minutes, rate in self.pieces(since, until - since))

    @cached_property
    def mean_rate(self) -> float:
        """Stories a minute, averaged over a week without the current factor."""
        return _mean(self.per_minute) * _mean(self.weekday_factors)

    @cached_property
    def mean_root_of_rate(self) -> float:
        """The square root of the rate, averaged over a week without the current factor."""
        return _mean([math.sqrt(rate) for rate in self.per_minute]) * _mean(
            [math.sqrt(factor) for factor in self.weekday_factors]
        )


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def _minutes(time: datetime) -> float:
    """Returns minutes since 1970 in UTC."""
    return time.timestamp() / 60


def _slot(minute: float) -> int:
    return int(minute % MINUTES_PER_DAY // SLOT_MINUTES)


def _weekday(minute: float) -> int:
    """Returns 0 for a minute on a Monday; 1970 began on a Thursday."""
    return (int(minute // MINUTES_PER_DAY) + 3) % 7


def _split_at_midnight(start: float, end: float) -> Iterator[tuple[float, float]]:
    while start < end:
        part_end = min((math.floor(start / MINUTES_PER_DAY) + 1) * MINUTES_PER_DAY, end)
        yield start, part_end
        start = part_end


def mean_rates(data: Json | None) -> tuple[float, float]:
    """Returns the mean rate and the mean root of the rate in the JSON of a `PublishingRate`, without reading all of it.

    Returns those of the prior if there are none.
    """
    try:
        if data:
            rate, root = map(float, data["means"])
            return rate, root
    except (KeyError, TypeError, ValueError):
        pass
    prior = _PRIOR_PROFILE
    return prior.mean_rate, prior.mean_root_of_rate


def rate_after_poll(
    rate: PublishingRate, *, listed: Sequence[datetime | None], new: Sequence[datetime | None], now: datetime
) -> PublishingRate:
    """Returns the rate after a poll at ``now`` that read a source in full.

    ``listed`` are the dates of all entries, ``new`` those of the entries that no earlier poll saw; None without date.
    At the first poll all entries are new, and those with a date of the last days tell the rate at once.
    """
    if rate.observed_until is None:
        start = first_observation_start(listed, until=now)
        dated = [time for time in listed if time is not None and start <= time <= now]
        return rate.observed(dated, since=start, until=now)
    since = min(rate.observed_until, now)  # later if the clock was ahead
    dated = [time for time in listed if time is not None and since < time <= now]
    if now - since > LONG_PAUSE and dated and len(new) == len(listed):
        since = min(dated)
    return rate.observed(appearance_times(new, since=since, until=now), since=since, until=now)


def first_observation_start(published: Sequence[datetime | None], *, until: datetime) -> datetime:
    """Returns since when a source's entries are complete at its first poll at ``until``, at most FIRST_OBSERVATION ago.

    ``published`` are the entries' dates.  A source lists its newest entries, so older than the oldest they are unknown.
    Returns ``until`` if no entry has a date of that time.
    """
    start = until - FIRST_OBSERVATION
    dated = [time for time in published if time is not None and time <= until]
    return max(min(dated), start) if dated else until


def appearance_times(published: Sequence[datetime | None], *, since: datetime, until: datetime) -> tuple[datetime, ...]:
    """Returns when the new entries of a poll appeared, between the last poll at ``since`` and this one at ``until``.

    An entry with a date in this time appeared then.  The others (no date, a date at midnight, a feed that lists
    stories late) are spread evenly over the time.
    """
    dated = [time for time in published if time is not None and since < time <= until]
    spread = len(published) - len(dated)
    step = (until - since) / (spread + 1)
    return (*dated, *((since + step * (index + 1)).astimezone(UTC) for index in range(spread)))


_PRIOR_PROFILE = PublishingRate().profile()
