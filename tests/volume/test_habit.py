"""Numbers of stories are compared with those of the same hours, and chance alone hardly ever makes an alert."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.volume_alerts import alarms, made_up_counts, made_up_rates
from monitor.volume.detection import MAX_PROBABILITY, measure
from monitor.volume.habit import HISTORY_HOURS, HOURS_A_WEEK, Usual, usual_count

WEEK = np.array([5 if 8 <= hour % 24 < 18 and hour < 120 else 1 for hour in range(HOURS_A_WEEK)])


def test_the_usual_number_is_that_of_the_same_hours_of_earlier_weeks() -> None:
    history = np.tile(WEEK, 9)
    for end in range(len(history) - HOURS_A_WEEK, len(history) + 1, 5):
        usual = usual_count(history[:end], window=6)
        assert usual is not None
        same_hours = history[end - 6 : end].sum()
        same_hours_of_all_days = np.mean([history[end - 6 - 24 * day : end - 24 * day].sum() for day in range(1, 29)])
        weeks = min(8, (end - 6) // HOURS_A_WEEK)
        assert usual.mean == pytest.approx((weeks * same_hours + 2 * same_hours_of_all_days) / (weeks + 2))


def test_there_is_no_usual_number_in_the_first_two_weeks() -> None:
    history = np.tile(WEEK, 3)
    assert usual_count(history[: 2 * HOURS_A_WEEK + 5], window=6) is None
    assert usual_count(history[: 2 * HOURS_A_WEEK + 6], window=6) is not None


def test_the_probabilities_of_all_numbers_add_up_to_one() -> None:
    usual = Usual(mean=7.5, dispersion=2.5)
    for count in (0, 1, 5, 7, 8, 20, 60):
        below = usual.probability_of_at_most(count - 1) if count else 0.0
        assert below + usual.probability_of_at_least(count) == pytest.approx(1.0, abs=1e-9)


def test_a_spike_of_last_month_hides_no_new_one() -> None:
    history = np.tile(WEEK, 9)
    history[HISTORY_HOURS - 4 * HOURS_A_WEEK : HISTORY_HOURS - 4 * HOURS_A_WEEK + 6] += 100
    history[-6:] += 40
    measurement = measure(history, kind="spike", window=6)
    assert measurement is not None
    assert measurement.probability < MAX_PROBABILITY


@pytest.mark.parametrize(("kind", "window"), [("spike", 6), ("flatline", 24)])
def test_a_quarter_of_made_up_counts_has_one_false_alarm_at_most(kind: str, window: int) -> None:
    """The figures for whole years are those of benchmarks/volume_alerts.py."""
    random = np.random.default_rng(7)
    counts = made_up_counts(made_up_rates(30, random, HISTORY_HOURS + 90 * 24), random)
    assert len(alarms(counts, kind, window)) <= 1  # type: ignore[arg-type]  # parametrized with the two kinds


def test_ten_times_the_usual_stories_are_a_spike_and_none_a_flatline() -> None:
    random = np.random.default_rng(7)
    rates = made_up_rates(60, random, HISTORY_HOURS)
    counts = made_up_counts(rates, random)
    counts[-6:] += random.poisson(9 * rates[-6:])
    spike = measure(counts, kind="spike", window=6)
    assert spike is not None
    assert spike.is_unusual("spike")
    counts[-24:] = 0
    flatline = measure(counts, kind="flatline", window=24)
    assert flatline is not None
    assert flatline.is_unusual("flatline")
