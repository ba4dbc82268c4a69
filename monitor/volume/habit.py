"""How many stories of a query are usual in a window of hours, and how unlikely another number is.

The expected number of a window of W hours is a mean of the same hours of the last `HABIT_WEEKS` weeks, and of the same
hours of the days of the last four weeks with the weight of `PRIOR_WEEKS`, which steadies the few numbers of the first.
A number is compared with a negative binomial distribution of this mean.  Its variance has the dispersion of earlier
windows about their own expected numbers, because news comes in clusters: a Poisson distribution would find a spike each
week.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOURS_A_DAY, HOURS_A_WEEK = 24, 168
HABIT_WEEKS = 8
LEARNING_WEEKS = 2  # without findings
PRIOR_WEEKS = 2.0
PRIOR_DAYS = 28
MAX_SQUARED_RESIDUAL = 25.0  # of one earlier window: a spike in the past must not hide the next one
MIN_DISPERSION = 1.2
MIN_MEAN = 0.05  # of a window whose hours never had a story
HISTORY_HOURS = (HABIT_WEEKS + 1) * HOURS_A_WEEK


@dataclass(frozen=True, slots=True)
class Usual:
    """The distribution of the number of stories in a window."""

    mean: float
    dispersion: float  # variance divided by mean

    def probability_of_at_least(self, count: int) -> float:
        """Returns the probability of ``count`` stories or more."""
        if count <= self.mean:
            return 1.0 - self._sum_below(count)
        total, number = 0.0, count
        while (part := self._probability(number)) > 1e-18 or number < self.mean:
            total += part
            number += 1
        return total

    def probability_of_at_most(self, count: int) -> float:
        """Returns the probability of ``count`` stories or fewer."""
        return self._sum_below(count + 1)

    def _sum_below(self, count: int) -> float:
        return math.fsum(map(self._probability, range(count)))

    def _probability(self, count: int) -> float:
        """Returns the probability of exactly this number in the negative binomial distribution."""
        size = self.mean / (self.dispersion - 1)
        log_probability = (
            math.lgamma(count + size)
            - math.lgamma(size)
            - math.lgamma(count + 1)
            - size * math.log(self.dispersion)
            + count * math.log1p(-1 / self.dispersion)
        )
        return math.exp(log_probability)


def usual_count(hourly: NDArray[np.int64], *, window: int) -> Usual | None:
    """Returns the usual number of stories in the last ``window`` hours of ``hourly``, judged by the hours before.

    ``hourly`` has the number of stories of each hour, the last one last; only `HISTORY_HOURS` of them count.  None
    while there are fewer than `LEARNING_WEEKS` before the window.
    """
    hourly = hourly[-HISTORY_HOURS:]
    if len(hourly) < LEARNING_WEEKS * HOURS_A_WEEK + window:
        return None
    sums = np.convolve(hourly, np.ones(window, dtype=np.int64), mode="valid")  # sums[i]: the window that begins at i
    expected, weeks = _expected(sums)
    last = len(sums) - 1
    starts = np.arange(last - window, HOURS_A_WEEK - 1, -window)  # windows that do not overlap, nor the last one
    squared = (sums[starts] - expected[starts]) ** 2 / np.maximum(expected[starts], 0.5)
    dispersion = max(float(np.mean(np.minimum(squared, MAX_SQUARED_RESIDUAL))), MIN_DISPERSION)
    of_mean = 1 + 1 / (float(weeks[last]) + PRIOR_WEEKS)  # the mean is an estimate itself
    return Usual(mean=max(float(expected[last]), MIN_MEAN), dispersion=dispersion * of_mean)


def _expected(sums: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the expected number of each window from the windows before it, and from how many weeks it is."""
    of_weeks, weeks = _sums_before(sums, step=HOURS_A_WEEK, times=HABIT_WEEKS)
    of_days, days = _sums_before(sums, step=HOURS_A_DAY, times=PRIOR_DAYS)
    prior = of_days / np.maximum(days, 1)
    return (of_weeks + PRIOR_WEEKS * prior) / (weeks + PRIOR_WEEKS), weeks


def _sums_before(sums: NDArray[np.int64], *, step: int, times: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns for each window the sum of up to ``times`` earlier ones, ``step`` hours apart, and their number."""
    totals, counts = np.zeros(len(sums)), np.zeros(len(sums))
    for hours in range(step, min(step * times, len(sums) - 1) + 1, step):
        totals[hours:] += sums[:-hours]
        counts[hours:] += 1
    return totals, counts
