"""Orders counted values and days as `monitor.store.protocol.Search` returns them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from monitor.store.records import DayCount

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date


def most_frequent(counts: Mapping[str, int], limit: int) -> tuple[tuple[str, int], ...]:
    """Returns the ``limit`` most frequent values with their counts, equal counts in the order of the values."""
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit])


def day_counts(counts: Mapping[tuple[date, str], int], *, limit: int) -> list[DayCount]:
    """Returns the counts of the ``limit`` values that are the most frequent on all days, in the order of days."""
    totals: Counter[str] = Counter()
    for (_, value), count in counts.items():
        totals[value] += count
    kept = {value for value, _ in most_frequent(totals, limit)}
    return [
        DayCount(day=day, value=value, count=count) for (day, value), count in sorted(counts.items()) if value in kept
    ]
