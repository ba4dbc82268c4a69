"""How late stories come: the last delays of an outlet or alert, and their median and 95th percentile.  No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.models import Json

MAX_DELAYS = 100


def delay_of_story(published_at: datetime | None, reached_at: datetime) -> timedelta | None:
    """Returns the time from a story's publication until a step of the monitor.

    Returns None without a date, with a date of no time of day (midnight UTC), and with a date in the future.
    """
    if published_at is None or published_at > reached_at or published_at.time() == datetime.min.time():
        return None
    return reached_at - published_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Delays:
    """The last MAX_DELAYS delays in seconds, the newest last, of stories published at or after ``since``."""

    since: datetime
    seconds: tuple[int, ...] = ()

    def with_stories(self, stories: Iterable[tuple[datetime | None, datetime]]) -> Delays:
        """Returns the delays with those of further stories, each given as (published at, reached at).

        A story does not count without a `delay_of_story`, and if it was published before ``since``: it had to wait for
        the monitor's start.
        """
        counted = [
            int(delay.total_seconds())
            for published, reached in stories
            if (delay := delay_of_story(published, reached)) is not None and reached - delay >= self.since
        ]
        return replace(self, seconds=(*self.seconds, *counted)[-MAX_DELAYS:])

    @property
    def median(self) -> timedelta | None:
        """None without any delay."""
        return timedelta(seconds=median(self.seconds)) if self.seconds else None

    @property
    def p95(self) -> timedelta | None:
        """The delay that 95 % of the stories do not exceed; None without any delay."""
        if not self.seconds:
            return None
        ordered = sorted(self.seconds)
        return timedelta(seconds=ordered[-(-95 * len(ordered) // 100) - 1])

    def summary_json(self) -> Json | None:
        """Returns median, p95 and the number of stories for ``--json``; None without any delay."""
        if self.median is None or self.p95 is None:
            return None
        return {
            "median_seconds": round(self.median.total_seconds()),
            "p95_seconds": round(self.p95.total_seconds()),
            "stories": len(self.seconds),
        }

    def to_json(self) -> Json:
        return {"since": rfc3339(self.since), "seconds": list(self.seconds)}

    @classmethod
    def from_json(cls, data: Json | None, *, now: datetime) -> Delays:
        """Reads what `to_json` returns; begins ``now`` if there is nothing or another version wrote something else."""
        try:
            if data:
                return cls(since=from_rfc3339(data["since"]), seconds=tuple(map(int, data["seconds"])))
        except (KeyError, TypeError, ValueError):
            pass
        return cls(since=now)
