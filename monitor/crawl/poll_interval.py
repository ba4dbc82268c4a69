"""When an outlet is polled again.  Pure.

After Media Cloud's rss-fetcher: an interval that grows while two thirds of what is listed is known and shrinks while
less than a third is; failures count by kind and never disable an outlet.  Ours differs where freshness counts more
than requests: as long as a poll brings several new stories the interval does not grow, and ``every`` is its ceiling.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from monitor.models import now as clock

MIN_INTERVAL = timedelta(minutes=5)
MAX_INTERVAL = timedelta(hours=1)
MAX_FAILING_INTERVAL = timedelta(hours=6)  # of an outlet without ``every`` that keeps failing
MAX_RETRY_AFTER = timedelta(hours=24)  # however long a server asks us to stay away
INTERVAL_GROWTH, INTERVAL_SHRINKAGE = 1.5, 0.5
MANY_NEW_ENTRIES = 2

FAILURE_WEIGHTS = {  # what a failed poll counts; anything else 1
    "timeout": 0.25,
    "http-429": 0.25,
    "http-503": 0.25,
    "resting": 0.25,
    "connection": 0.5,
    "dns": 0.5,
    "tls": 0.5,
    "robots-unreachable": 0.5,
    "http-500": 0.5,
    "http-502": 0.5,
    "http-504": 0.5,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PollSummary:
    """What a poll met: ``listed`` candidates of which ``new`` were never met; hints of servers as durations."""

    listed: int = 0
    new: int = 0
    failure: str | None = None  # the kind, where no source could be read
    fresh_for: timedelta = timedelta(0)  # the longest a source says it stays as it is (ttl, Cache-Control)
    rest: timedelta = timedelta(0)  # Retry-After
    waiting: timedelta | None = None  # how soon a page is to be tried again, if one is
    unfinished: bool = False  # pages were left for the next poll


@dataclass(frozen=True, kw_only=True, slots=True)
class NextPoll:
    interval: timedelta
    failures: float
    pause: timedelta  # from now to the next poll


def next_poll(interval: timedelta, failures: float, seen: PollSummary, *, every: timedelta | None) -> NextPoll:
    """The next interval and pause of an outlet with this interval and these weighted failures so far."""
    ceiling = every or MAX_INTERVAL
    floor = min(MIN_INTERVAL, ceiling)
    if seen.failure is not None:
        failures += FAILURE_WEIGHTS.get(seen.failure, 1.0)
        backed_off = min(interval.total_seconds() * 2 ** min(failures, 16.0), MAX_FAILING_INTERVAL.total_seconds())
        pause = timedelta(seconds=min(backed_off, every.total_seconds()) if every else backed_off)
    else:
        failures = 0.0
        interval = min(max(_adapted(interval, seen), floor), ceiling)
        pause = min(max(interval, seen.fresh_for), ceiling)
        if seen.unfinished:
            pause = min(pause, MIN_INTERVAL / 5)
        if seen.waiting is not None:
            pause = min(pause, max(seen.waiting, floor))
    return NextPoll(interval=interval, failures=failures, pause=max(pause, min(seen.rest, MAX_RETRY_AFTER)))


def _adapted(interval: timedelta, seen: PollSummary) -> timedelta:
    known = (seen.listed - seen.new) / seen.listed if seen.listed else 1.0
    if known < 1 / 3:
        return interval * INTERVAL_SHRINKAGE
    if known > 2 / 3 and seen.new < MANY_NEW_ENTRIES:
        return interval * INTERVAL_GROWTH
    return interval


def retry_after(value: bytes | str | None, *, now: datetime | None = None) -> float | None:
    """Seconds a Retry-After header asks for (RFC 9110, 10.2.3: a number or a date), None where it asks for nothing."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(min(int(text[:9]), MAX_RETRY_AFTER.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - (now or clock())).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER.total_seconds())


def max_age(value: bytes | str | None) -> timedelta:
    """How long Cache-Control says an answer stays fresh; zero where it does not say or forbids keeping it."""
    text = (value.decode("latin-1") if isinstance(value, bytes) else value or "").lower()
    directives = dict(part.strip().partition("=")[::2] for part in text.split(","))
    if "no-cache" in directives or "no-store" in directives:
        return timedelta(0)
    seconds = directives.get("max-age", "").strip('" ')
    return (
        timedelta(seconds=min(int(seconds[:9]), 604800)) if seconds.isdecimal() and seconds.isascii() else timedelta(0)
    )
