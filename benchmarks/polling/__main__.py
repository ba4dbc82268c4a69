"""Prints how late each policy finds the stories of 200 outlets, and how many it misses, at the same number of requests.

    python -m benchmarks.polling [--seeds 7 8 9] [--days 30] [--requests 131000 187000] [--outlets 200]

The first three days are not counted.  A story is missed if no poll finds it while the feed lists it.  For each policy
one parameter is bisected until it makes the given number of requests; the last column is this parameter.
``known rate`` is the bound for constant intervals: it knows the true mean rate of each outlet.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from bisect import bisect_right
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.polling import policies
from benchmarks.polling.newsroom import MINUTES_PER_DAY, SimulatedOutlet, make_outlets
from benchmarks.polling.policies import PolicyMaker, PollResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WARM_UP_DAYS = 3
BISECTIONS = 11
REQUEST_TOLERANCE = 0.005


@dataclass(frozen=True, kw_only=True)
class SimulationResult:
    """The counted days of one simulation; delays in minutes."""

    requests: int
    delays: list[float]
    missed: int
    parameter: float


def simulate(
    outlets: Sequence[SimulatedOutlet], make_policy: PolicyMaker, *, days: int, parameter: float, seed: int
) -> SimulationResult:
    """Polls all outlets for ``days`` days."""
    rng = random.Random(seed)
    random.seed(seed)  # the program's own spread of polls
    counted_from = WARM_UP_DAYS * MINUTES_PER_DAY
    requests, missed = 0, 0
    delays: list[float] = []
    for outlet in outlets:
        policy, minute, seen = make_policy(outlet), rng.uniform(0, 15), -1
        while minute < days * MINUTES_PER_DAY:
            requests += minute >= counted_from
            published = bisect_right(outlet.stories, minute)
            oldest_listed = max(published - outlet.feed_size, 0)
            is_first, first_new = seen < 0, max(seen, oldest_listed)
            new = outlet.stories[first_new:published]
            if not is_first:
                missed += sum(story >= counted_from for story in outlet.stories[seen:first_new])
                delays += (minute - story for story in new if story >= counted_from)
            seen = published
            listed = outlet.stories[oldest_listed:published]
            minute += policy(PollResult(minute=minute, listed=listed, new=new, is_first=is_first))
    return SimulationResult(requests=requests, delays=delays, missed=missed, parameter=parameter)


def simulate_at_requests(
    outlets: Sequence[SimulatedOutlet],
    make: Callable[[float], PolicyMaker],
    *,
    low: float,
    high: float,
    requests: int,
    days: int,
    seed: int,
) -> SimulationResult:
    """Returns the result with the parameter between ``low`` and ``high`` that makes ``requests`` requests."""
    for _ in range(BISECTIONS):
        parameter = math.sqrt(low * high)
        result = simulate(outlets, make(parameter), days=days, parameter=parameter, seed=seed)
        if abs(result.requests - requests) <= REQUEST_TOLERANCE * requests:
            break
        low, high = (parameter, high) if result.requests > requests else (low, parameter)
    return result


@dataclass(frozen=True, kw_only=True)
class Row:
    """A policy of the table; ``requests`` is None if its parameter is given, in ``low``."""

    name: str
    make: Callable[[float], PolicyMaker]
    low: float
    high: float
    requests: int | None


def rows(requests: Sequence[int]) -> list[Row]:
    """Returns the rows of the table."""
    fitted = [
        ("fixed", policies.fixed, 1.0, 1440.0),
        ("Miniflux, entry frequency", policies.entry_frequency, 0.001, 1000.0),
        ("rss-fetcher", policies.duplicate_share, 0.001, 10.0),
        ("known rate: c / sqrt(rate)", policies.known_rate, 0.01, 1000.0),
        ("media-monitor: learned rate", policies.learned_rate, 0.01, 10000.0),
    ]
    return [
        Row(name="media-monitor until 2026-11", make=policies.share_of_known, low=1.0, high=1.0, requests=None),
        Row(name="halve and grow, up to 120", make=policies.halve_and_grow, low=120.0, high=120.0, requests=None),
        Row(name="halve and grow, up to 60", make=policies.halve_and_grow, low=60.0, high=60.0, requests=None),
        Row(name="fixed", make=policies.fixed, low=15.0, high=15.0, requests=None),
        *(
            Row(name=name, make=make, low=low, high=high, requests=number)
            for number in requests
            for name, make, low, high in fitted
        ),
    ]


def run_row(row: Row, seed: int, days: int, outlet_count: int) -> SimulationResult:
    """Simulates a row of the table with one seed, in a worker process."""
    outlets = make_outlets(seed, days)
    outlets = outlets[:: max(len(outlets) // outlet_count, 1)]
    if row.requests is None:
        return simulate(outlets, row.make(row.low), days=days, parameter=row.low, seed=seed)
    requests = round(row.requests * len(outlets) / 200 * (days - WARM_UP_DAYS) / 27)
    return simulate_at_requests(outlets, row.make, low=row.low, high=row.high, requests=requests, days=days, seed=seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--requests", type=int, nargs="*", default=[131_000, 187_000], help="of 200 outlets in 27 days")
    parser.add_argument("--outlets", type=int, default=200)
    parser.add_argument("--only", default="", help="only policies whose name contains this")
    options = parser.parse_args()
    print(f"{'policy':<28} {'requests':>8} {'median':>7} {'mean':>6} {'p95':>6} {'missed':>7} {'parameter':>10}")
    chosen = [row for row in rows(options.requests) if options.only in row.name]
    with ProcessPoolExecutor() as pool:
        jobs = [
            [pool.submit(run_row, row, seed, options.days, options.outlets) for seed in options.seeds] for row in chosen
        ]
        for row, row_jobs in zip(chosen, jobs, strict=True):
            results = [job.result() for job in row_jobs]
            delays = sorted(delay for result in results for delay in result.delays)
            missed = sum(result.missed for result in results)
            print(
                f"{row.name:<28} {sum(result.requests for result in results) // len(results):>8,} "
                f"{statistics.median(delays):>7.1f} {statistics.fmean(delays):>6.1f} "
                f"{delays[int(0.95 * len(delays))]:>6.1f} {missed / (missed + len(delays)):>7.2%} "
                f"{statistics.fmean(result.parameter for result in results):>10.3g}",
                flush=True,
            )


if __name__ == "__main__":
    main()
