"""How often alerts of the types spike and flatline are false in a year of made-up counts, and what they find.

    python -m benchmarks.volume_alerts [YEARS]

The counts have a time of day, weekends, a level that drifts by 2 % a day, days that differ by 40 % for no reason, and
events that bring several stories within hours; nothing in them is a spike or an outage.  For the second figure, one
window in each fortnight gets four times its expected stories, or none.  Prints false alarms for each alert and year,
and the share of the inserted spikes and outages that is found.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from monitor.volume.detection import VolumeKind, measure
from monitor.volume.habit import HISTORY_HOURS

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOURS_A_YEAR = 365 * 24
FORTNIGHT = 14 * 24
STORIES_PER_EVENT = 1.6
DAILY_LEVEL = np.array([3, 2, 2, 2, 3, 5, 8, 12, 15, 17, 17, 16, 15, 15, 16, 16, 15, 14, 12, 10, 8, 7, 5, 4]) / 10
WEEKLY_LEVEL = np.array([1.1, 1.15, 1.15, 1.1, 1.05, 0.7, 0.75])
STORIES_A_DAY = (0.5, 2, 10, 50, 200)
CASES: tuple[tuple[VolumeKind, int], ...] = (("spike", 6), ("spike", 24), ("flatline", 24), ("flatline", 72))


def made_up_rates(stories_a_day: float, random: np.random.Generator, hours: int) -> NDArray[np.float64]:
    """Returns the expected number of stories of each hour."""
    hour = np.arange(hours)
    days = hours // 24 + 1
    drift = np.exp(np.cumsum(random.normal(0, 0.02, days)))
    whim = random.gamma(1 / 0.15, 0.15, days)
    level = DAILY_LEVEL[hour % 24] / DAILY_LEVEL.mean() * WEEKLY_LEVEL[hour // 24 % 7] / WEEKLY_LEVEL.mean()
    rates: NDArray[np.float64] = stories_a_day / 24 * level * (drift / drift.mean() * whim)[hour // 24]
    return rates


def made_up_counts(rates: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.int64]:
    """Returns the number of stories of each hour: events, each with reprints in the hours after it."""
    counts = np.zeros(len(rates) + 100, dtype=np.int64)
    for hour, events in enumerate(random.poisson(rates / STORIES_PER_EVENT).tolist()):
        for size in random.geometric(1 / STORIES_PER_EVENT, events).tolist():
            counts[hour] += 1
            np.add.at(counts, hour + np.minimum(random.exponential(4, size - 1).astype(int), 99), 1)
    return counts[: len(rates)]


def alarms(counts: NDArray[np.int64], kind: VolumeKind, window: int) -> list[int]:
    """Returns the hours after `HISTORY_HOURS` at which an alert would fire."""
    hours, is_active = [], False
    for hour in range(HISTORY_HOURS, len(counts) + 1):
        measurement = measure(counts[hour - HISTORY_HOURS : hour], kind=kind, window=window)
        assert measurement is not None
        if is_active:
            is_active = not measurement.is_usual
        elif measurement.is_unusual(kind):
            is_active = True
            hours.append(hour)
    return hours


def of_one_year(kind: VolumeKind, window: int, stories_a_day: float, seed: int) -> tuple[int, int, int]:
    """Returns the false alarms of a year, and how many of how many inserted spikes or outages are found."""
    random = np.random.default_rng(seed)
    rates = made_up_rates(stories_a_day, random, HISTORY_HOURS + HOURS_A_YEAR)
    counts = made_up_counts(rates, random)
    false = len(alarms(counts, kind, window))
    found, starts = 0, range(HISTORY_HOURS + 8, len(counts) - window, FORTNIGHT)
    for start in starts:
        changed = counts[: start + window].copy()
        extra = random.poisson(3 * rates[start : start + window])
        changed[start:] = changed[start:] + extra if kind == "spike" else 0
        found += bool(alarms(changed[-HISTORY_HOURS - window :], kind, window))
    return false, found, len(starts)


def main() -> None:
    years = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with ProcessPoolExecutor() as pool:
        for (kind, window), stories_a_day in product(CASES, STORIES_A_DAY):
            jobs = [pool.submit(of_one_year, kind, window, stories_a_day, seed) for seed in range(years)]
            results = np.array([job.result() for job in jobs])
            false, found, inserted = results.sum(axis=0).tolist()
            print(
                f"{kind}, window {window} h, {stories_a_day:g} stories a day: "
                f"{false / years:.2f} false alarms a year, {found / inserted:.0%} found",
                flush=True,
            )


if __name__ == "__main__":
    main()
