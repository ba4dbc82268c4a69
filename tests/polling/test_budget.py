"""The price of a request, at which the polls of all outlets fit the budget."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.polling.budget import MAX_REQUEST_PRICE, PollBudget, PollDemand, request_price
from monitor.polling.publishing_rate import SLOTS_PER_DAY, RateProfile


def demand(stories_per_hour: float, *, request_count: int = 1, every: timedelta | None = None) -> PollDemand:
    rate = RateProfile(per_minute=(stories_per_hour / 60,) * SLOTS_PER_DAY, weekday_factors=(1.0,) * 7)
    return PollDemand.of_means(rate.mean_rate, rate.mean_root_of_rate, request_count=request_count, every=every)


def requests_per_hour(demands: list[PollDemand], price: float) -> float:
    return 60 * sum(each.request_count * each.polls_per_minute(price) for each in demands)


def mean_delay(demands: list[PollDemand], price: float) -> float:
    """In minutes."""
    return sum(each.delay_per_minute(price) for each in demands) / sum(each.mean_rate for each in demands)


def test_a_number_of_requests_is_used_up() -> None:
    demands = [demand(1), demand(4), demand(25, request_count=3)]
    price = request_price(PollBudget(requests_per_hour=20), demands)
    assert requests_per_hour(demands, price) == pytest.approx(20)


def test_a_mean_delay_is_reached() -> None:
    demands = [demand(1), demand(6), demand(25, request_count=3)]
    price = request_price(PollBudget(mean_delay=timedelta(minutes=10)), demands)
    assert mean_delay(demands, price) == pytest.approx(10)


def test_a_flooding_outlet_does_not_hide_how_long_the_others_wait() -> None:
    """The stories of ten honest outlets wait about as long as without it."""
    honest, flooding = [demand(0.5) for _ in range(10)], demand(5000 / 24)
    price = request_price(PollBudget(mean_delay=timedelta(minutes=10)), [*honest, flooding])
    assert mean_delay(honest, price) == pytest.approx(12.3, abs=0.1)


def test_a_flooding_outlet_beside_a_single_other_does_not_set_the_price() -> None:
    honest, flooding = demand(2), demand(5000 / 24)
    price = request_price(PollBudget(mean_delay=timedelta(minutes=10)), [honest, flooding])
    assert mean_delay([honest], price) < 20


def test_one_outlet_is_polled_at_twice_the_mean_delay() -> None:
    price = request_price(PollBudget(mean_delay=timedelta(minutes=10)), [demand(3)])
    assert 1 / demand(3).polls_per_minute(price) == pytest.approx(20)


def test_a_busy_outlet_gets_more_polls_than_a_quiet_one() -> None:
    busy, quiet = demand(25), demand(1)
    price = request_price(PollBudget(requests_per_hour=12), [busy, quiet])
    assert busy.polls_per_minute(price) == pytest.approx(5 * quiet.polls_per_minute(price))


def test_a_budget_below_what_every_asks_for_gives_the_highest_price() -> None:
    demands = [demand(5, every=timedelta(minutes=5))]
    assert request_price(PollBudget(requests_per_hour=1), demands) == pytest.approx(MAX_REQUEST_PRICE)


def test_the_price_without_outlets_is_defined() -> None:
    assert request_price(PollBudget(requests_per_hour=1), []) > 0


@given(st.lists(st.floats(0.01, 60), min_size=1, max_size=20), st.floats(1, 500), st.floats(1.1, 5))
def test_a_larger_budget_never_costs_delay(rates: list[float], allowed: float, factor: float) -> None:
    demands = [demand(rate) for rate in rates]
    small = request_price(PollBudget(requests_per_hour=allowed), demands)
    large = request_price(PollBudget(requests_per_hour=allowed * factor), demands)
    assert large <= small
    assert mean_delay(demands, large) <= mean_delay(demands, small) + 1e-9


@pytest.mark.parametrize(
    ("budget", "text"),
    [(PollBudget(requests_per_hour=500), "500/h"), (PollBudget(mean_delay=timedelta(minutes=10)), "10m")],
)
def test_a_budget_prints_as_it_is_written(budget: PollBudget, text: str) -> None:
    assert str(budget) == text
