"""The price of a request, in story minutes: how much delay of stories the monitor accepts to save one request.  No I/O.

All outlets are polled at one price, so the budget is spent where a request saves the most delay.  The price is computed
from the learned rates of all outlets, in every process alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import median_low
from typing import TYPE_CHECKING

from monitor.polling.next_poll import MAX_POLL_INTERVAL, MIN_POLL_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MIN_REQUEST_PRICE, MAX_REQUEST_PRICE = 1e-3, 1e6  # story minutes
# A mean delay counts the stories of an outlet up to this many times those of the median outlet, or up to this rate in
# stories a minute: one that floods its feed, all of whose polls come quickly, must not hide how long the others wait.
MAX_RATE_TO_MEDIAN = 5.0
MIN_COUNTED_RATE = 50 / 1440
_BISECTIONS = 40  # of nine powers of ten: the price is exact to a millionth


@dataclass(frozen=True, kw_only=True, slots=True)
class PollBudget:
    """What polling may cost or should reach; exactly one of the two is set."""

    requests_per_hour: float | None = None  # for the sources of all outlets together
    mean_delay: timedelta | None = None  # of a story, from its publication to the poll that finds it

    def __str__(self) -> str:
        if self.requests_per_hour is not None:
            return f"{self.requests_per_hour:g}/h"
        return f"{(self.mean_delay or timedelta(0)).total_seconds() / 60:g}m"


DEFAULT_POLL_BUDGET = PollBudget(mean_delay=timedelta(minutes=10))


@dataclass(frozen=True, kw_only=True, slots=True)
class PollDemand:
    """What the polls of one outlet cost and save, averaged over a week."""

    mean_rate: float  # stories a minute
    mean_root_of_rate: float
    request_count: int  # of one poll
    longest: float  # minutes between two polls

    @classmethod
    def of_means(
        cls, mean_rate: float, mean_root_of_rate: float, *, request_count: int, every: timedelta | None
    ) -> PollDemand:
        """Returns the demand of an outlet with these means of its rate; ``every`` is its configured upper bound."""
        return cls(
            mean_rate=mean_rate,
            mean_root_of_rate=mean_root_of_rate,
            request_count=max(request_count, 1),
            longest=(every or MAX_POLL_INTERVAL).total_seconds() / 60,
        )

    def with_rate_up_to(self, limit: float) -> PollDemand:
        """Returns the demand of an outlet with the same habit and at most ``limit`` stories a minute."""
        factor = min(1.0, limit / self.mean_rate) if self.mean_rate else 1.0
        return replace(
            self, mean_rate=self.mean_rate * factor, mean_root_of_rate=self.mean_root_of_rate * math.sqrt(factor)
        )

    def polls_per_minute(self, price: float) -> float:
        """Returns the mean number of polls a minute at a price in story minutes."""
        polls = self.mean_root_of_rate / math.sqrt(2 * price * self.request_count)
        shortest = min(MIN_POLL_INTERVAL.total_seconds() / 60, self.longest)
        return min(max(polls, 1 / self.longest), 1 / shortest)

    def delay_per_minute(self, price: float) -> float:
        """Returns the story minutes of delay that the stories of a minute have at a price, in the mean."""
        delay = self.mean_root_of_rate * math.sqrt(price * self.request_count / 2)
        return min(delay, self.mean_rate * self.longest / 2)


def request_price(budget: PollBudget, demands: Sequence[PollDemand]) -> float:
    """Returns the price, in story minutes, at which the polls of all outlets fit the budget.

    Returns MAX_REQUEST_PRICE if the budget is too small for the outlets' ``every``.
    """
    if budget.requests_per_hour is not None:
        allowed = budget.requests_per_hour / 60

        def is_too_low(price: float) -> bool:
            return sum(demand.request_count * demand.polls_per_minute(price) for demand in demands) > allowed

    else:
        counted = _without_floods(demands)
        stories = sum(demand.mean_rate for demand in counted)
        accepted = (budget.mean_delay or timedelta(0)).total_seconds() / 60 * stories

        def is_too_low(price: float) -> bool:
            return sum(demand.delay_per_minute(price) for demand in counted) < accepted

    return _lowest_price(is_too_low)


def _without_floods(demands: Sequence[PollDemand]) -> list[PollDemand]:
    """Returns the demands with rates of up to MAX_RATE_TO_MEDIAN times the median one."""
    if not demands:
        return []
    median = median_low(demand.mean_rate for demand in demands)
    limit = max(MAX_RATE_TO_MEDIAN * median, MIN_COUNTED_RATE)
    return [demand.with_rate_up_to(limit) for demand in demands]


def _lowest_price(is_too_low: Callable[[float], bool]) -> float:
    """Returns the lowest price that is not too low, by bisection of its logarithm."""
    low, high = math.log(MIN_REQUEST_PRICE), math.log(MAX_REQUEST_PRICE)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if is_too_low(math.exp(middle)):
            low = middle
        else:
            high = middle
    return math.exp(high)
