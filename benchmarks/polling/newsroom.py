"""Outlets of five habits and the minutes in which they publish, for a month."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import Enum

MINUTES_PER_DAY = 1440.0
LEARNING_DAYS = 7  # before the first poll: what a feed lists at the first poll
ZONES = (-8.0, -5.0, -3.0, 0.0, 1.0, 2.0, 3.0, 5.5, 8.0)  # hours east of UTC
# Relative rate by local hour: low at night, high from 8 to 18.
DAILY_CURVE = (2, 2, 2, 2, 2, 4, 7, 11, 15, 16, 16, 16, 15, 15, 16, 16, 15, 14, 12, 10, 8, 7, 5, 3)
BREAKING_NEWS_PROBABILITY, BREAKING_NEWS_FACTOR = 0.015, 5.0  # of an hour
FEED_SIZES = (20, 25, 30, 50)


class Hint(Enum):
    """What a feed says about its freshness: the key and minutes, with the share of the outlets (assumed)."""

    SYNDICATION_HOURLY = ("sy", 60.0, 0.40)
    TTL_HOUR = ("ttl", 60.0, 0.10)
    TTL_QUARTER = ("ttl", 15.0, 0.10)
    MAX_AGE_FIVE = ("max-age", 5.0, 0.20)
    MAX_AGE_HOUR = ("max-age", 60.0, 0.05)
    NONE = ("", 0.0, 0.15)


@dataclass(frozen=True, kw_only=True)
class Habit:
    """How one kind of outlet publishes; the number of stories a working day is log-uniform between two limits."""

    name: str
    outlets: int
    fewest: float
    most: float
    weekend_factor: float
    has_breaking_news: bool
    batch_share: float  # of the outlets that publish many stories at a fixed time of day


HABITS = (
    Habit(name="wire", outlets=10, fewest=150, most=400, weekend_factor=0.7, has_breaking_news=True, batch_share=0),
    Habit(
        name="national", outlets=40, fewest=50, most=150, weekend_factor=0.65, has_breaking_news=True, batch_share=0.3
    ),
    Habit(name="regional", outlets=60, fewest=12, most=50, weekend_factor=0.5, has_breaking_news=True, batch_share=0.3),
    Habit(name="trade", outlets=60, fewest=2, most=12, weekend_factor=0.1, has_breaking_news=False, batch_share=0.3),
    Habit(name="slow", outlets=30, fewest=0.2, most=2, weekend_factor=0.5, has_breaking_news=False, batch_share=0.1),
)


@dataclass(frozen=True, kw_only=True)
class SimulatedOutlet:
    """An outlet whose feed lists its last ``feed_size`` stories; ``stories`` are minutes since the first Monday."""

    habit: Habit
    stories: tuple[float, ...]  # sorted; from LEARNING_DAYS before the first day on
    feed_size: int
    hint: Hint


def make_outlets(seed: int, days: int) -> list[SimulatedOutlet]:
    """Returns the outlets of all habits with their stories of ``days`` days, from a Monday on."""
    rng = random.Random(seed)
    hints = list(Hint)
    return [
        SimulatedOutlet(
            habit=habit,
            stories=_stories(habit, rng, days, has_batches=index % 10 < round(10 * habit.batch_share)),
            feed_size=rng.choice(FEED_SIZES),
            hint=rng.choices(hints, weights=[hint.value[2] for hint in hints])[0],
        )
        for habit in HABITS
        for index in range(habit.outlets)
    ]


def _stories(habit: Habit, rng: random.Random, days: int, *, has_batches: bool) -> tuple[float, ...]:
    per_day = math.exp(rng.uniform(math.log(habit.fewest), math.log(habit.most)))
    zone = 60 * rng.choice(ZONES)
    batch_share = rng.uniform(0.3, 0.8) if has_batches else 0.0
    batch_minute = 60 * rng.randrange(5, 20)
    stories: list[float] = []
    for day in range(-LEARNING_DAYS, days):
        midnight = day * MINUTES_PER_DAY - zone
        day_rate = per_day * (habit.weekend_factor if day % 7 >= 5 else 1.0)
        for hour, weight in enumerate(DAILY_CURVE):
            rate = day_rate * (1 - batch_share) * weight / sum(DAILY_CURVE)
            if habit.has_breaking_news and rng.random() < BREAKING_NEWS_PROBABILITY:
                rate *= BREAKING_NEWS_FACTOR
            stories += (midnight + 60 * (hour + rng.random()) for _ in range(_poisson(rng, rate)))
        batch = _poisson(rng, day_rate * batch_share)
        stories += (midnight + batch_minute + rng.uniform(0, 2) for _ in range(batch))
    return tuple(sorted(story for story in stories if story < days * MINUTES_PER_DAY))


def _poisson(rng: random.Random, mean: float) -> int:
    """Returns a Poisson number: how many exponential times of mean 1 fit into ``mean``."""
    number, elapsed = 0, rng.expovariate(1.0)
    while elapsed < mean:
        number += 1
        elapsed += rng.expovariate(1.0)
    return number
