"""What an outlet usually publishes, from the counts of its last days, and how its latest polls differ.  No I/O.

A poll that succeeds may still miss stories: a feed that stays the same, pages that became teasers, a new layout in
which no article is found.  `find_suspicions` compares today and yesterday with the days before, once the habit is
known.  Only a feed that overflows and pages without any story are suspicious from the first day.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from monitor.crawl.report import FIRST_FETCH_DISPOSITIONS
from monitor.ingest.identity import HEADLINE_FLAG
from monitor.models import Disposition, from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.crawl.report import PollReport
    from monitor.models import Json, OutletState

REMEMBERED_DAYS = 28
MIN_USUAL_DAYS = 5  # with polls; before that, nothing is compared
MIN_PAGES_WITHOUT_STORY = 3  # recent ones, if there is no other page
MIN_PAGES = 5  # recent ones, of which a share is taken
MIN_USUAL_URLS = 10  # new ones in all usual days, before silence is noticed
MIN_SILENCE = timedelta(days=1)
SILENCE_FACTOR = 2  # of the longest time without new URLs so far
MIN_USUAL_ENTRIES = 8  # of a poll; fewer vary too much
COLLAPSED_SHARE = 0.25  # of the usual number of entries
SHORT_SHARE = 0.4  # of the usual length of an article
HIGH_SHARE, LOW_SHARE = 0.6, 0.2  # of pages: at least now, at most usually
MIN_OVERFLOW_URLS = 3  # in a poll whose entries are all new
MIN_OVERFLOWS = 2  # in the recent days; one follows any pause of the monitor


@dataclass(frozen=True, kw_only=True, slots=True)
class DayCounts:
    """The counts of one day's polls (UTC)."""

    day: date
    full_polls: int = 0  # that read every source in full
    entries: int = 0  # that the full polls listed
    overflows: int = 0  # full polls in which every entry was new, although earlier polls had read the sources
    new_urls: int = 0
    new_dropped_urls: int = 0  # that are recorded and not fetched
    ignored_urls: int = 0  # beyond the number that the frontier takes on one day
    articles: int = 0  # pages with an article, fetched for the first time
    dated_articles: int = 0
    article_characters: int = 0
    pages_without_article: int = 0  # when they were first fetched: a retry is no further page
    failed_pages: int = 0  # so too
    headlines: int = 0  # stories of which only title and summary could be read
    longest_silence: int = 0  # seconds without a new URL until one came on this day

    def __add__(self, other: DayCounts) -> DayCounts:
        sums = {name: getattr(self, name) + getattr(other, name) for name in _SUMMED_FIELDS}
        return replace(self, **sums, longest_silence=max(self.longest_silence, other.longest_silence))


_SUMMED_FIELDS = tuple(counted.name for counted in fields(DayCounts) if counted.name not in {"day", "longest_silence"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """The counts of an outlet's last `REMEMBERED_DAYS` days, the oldest first, and when it last listed a new URL.

    ``last_read_at`` is the time of the last poll that read a source, ``read_gap`` the seconds since the one before.
    """

    days: tuple[DayCounts, ...] = ()
    last_new_at: datetime | None = None
    last_read_at: datetime | None = None
    read_gap: int = 0

    def with_poll(self, report: PollReport, *, now: datetime) -> Habits:
        """Returns the habits with the counts of a poll that ended at ``now``.

        A time in which the monitor did not run, or no source could be read, is no silence of the outlet.
        """
        known = self._until(now)
        counts = _counts_of_poll(report, None if _is_after_pause(known, now) else known.last_new_at, now)
        *earlier, last = known.days or (DayCounts(day=now.date()),)
        days = [*earlier, last + counts] if last.day == counts.day else [*earlier, last, counts]
        read = known if report.has_failed else _read_at(known, now)
        return replace(
            read, days=tuple(days[-REMEMBERED_DAYS:]), last_new_at=now if counts.new_urls else known.last_new_at
        )

    def _until(self, now: datetime) -> Habits:
        """Returns the habits without what a clock that was ahead has recorded after ``now``."""
        return replace(
            self,
            days=tuple(day for day in self.days if day.day <= now.date()),
            last_new_at=self.last_new_at and min(self.last_new_at, now),
            last_read_at=self.last_read_at and min(self.last_read_at, now),
        )

    def new_urls_on(self, day: date) -> int:
        """Returns the number of URLs that the outlet's polls added to the frontier on a day."""
        return sum(counts.new_urls + counts.new_dropped_urls for counts in self.days if counts.day == day)

    def to_json(self) -> Json:
        """Returns the habits as JSON, without counts that are zero."""
        days = [
            {name: value for name, value in asdict(day).items() if value} | {"day": day.day.isoformat()}
            for day in self.days
        ]
        return {
            "days": days,
            "last_new_at": self.last_new_at and rfc3339(self.last_new_at),
            "last_read_at": self.last_read_at and rfc3339(self.last_read_at),
            "read_gap": self.read_gap,
        }

    @classmethod
    def of_outlet(cls, state: OutletState) -> Habits:
        """Returns the habits in the outlet's state; none if another version stored them in another form."""
        try:
            return cls.from_json(state.memory.habits) if state.memory.habits else cls()
        except (KeyError, TypeError, ValueError):
            return cls()

    @classmethod
    def from_json(cls, data: Json) -> Habits:
        """Reads what `to_json` returns.  Raises KeyError, TypeError or ValueError for anything else."""
        days = (DayCounts(**{**day, "day": date.fromisoformat(day["day"])}) for day in data["days"])
        last_new_at, last_read_at = (
            from_rfc3339(text) if text else None for text in (data["last_new_at"], data.get("last_read_at"))
        )
        return cls(
            days=tuple(days), last_new_at=last_new_at, last_read_at=last_read_at, read_gap=data.get("read_gap", 0)
        )


def _is_after_pause(habits: Habits, now: datetime) -> bool:
    """Returns True if no source was read for much longer before ``now`` than between the two polls before."""
    if habits.last_read_at is None or not habits.read_gap:
        return False
    return now - habits.last_read_at > max(MIN_SILENCE, SILENCE_FACTOR * timedelta(seconds=habits.read_gap))


def _read_at(habits: Habits, now: datetime) -> Habits:
    """Returns the habits after a poll at ``now`` that read a source."""
    gap = now - habits.last_read_at if habits.last_read_at else timedelta(0)
    return replace(habits, last_read_at=now, read_gap=int(gap.total_seconds()))


def _counts_of_poll(report: PollReport, last_new_at: datetime | None, now: datetime) -> DayCounts:
    is_full = not report.has_failed and not report.unchanged_source_count and not report.failures
    new = report.new_candidate_count
    headlines = report.outcomes[Disposition.STORED, HEADLINE_FLAG]
    return DayCounts(
        day=now.date(),
        full_polls=int(is_full),
        entries=report.listed_entry_count if is_full else 0,
        overflows=int(
            is_full and last_new_at is not None and new >= MIN_OVERFLOW_URLS and new == report.candidate_count
        ),
        new_urls=new,
        new_dropped_urls=report.new_dropped_count,
        ignored_urls=report.ignored_url_count,
        articles=sum(report.count_pages(disposition) for disposition in FIRST_FETCH_DISPOSITIONS) - headlines,
        dated_articles=report.dated_article_count,
        article_characters=report.article_characters,
        pages_without_article=report.first_outcomes[Disposition.NOT_ARTICLE],
        failed_pages=report.first_outcomes[Disposition.FAILED],
        headlines=headlines,
        longest_silence=int((now - last_new_at).total_seconds()) if new and last_new_at else 0,
    )


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A sign that stories of an outlet may be missed: ``kind`` is one word, ``text`` tells a person what was seen."""

    kind: str
    text: str


def find_suspicions(habits: Habits, *, now: datetime) -> list[Suspicion]:
    """Returns how today's and yesterday's polls differ from those of the days before; empty if they do not."""
    yesterday = now.date() - timedelta(days=1)
    usual_days = [day for day in habits.days if day.day < yesterday]
    usual, recent = (_sum(days) for days in (usual_days, [day for day in habits.days if day.day >= yesterday]))
    found = [_no_stories(recent), _overflow(recent), _flood(recent)]
    if len(usual_days) >= MIN_USUAL_DAYS:
        found += _changes_of_habit(habits, usual, recent, now)
    return [suspicion for suspicion in found if suspicion]


def _changes_of_habit(habits: Habits, usual: DayCounts, recent: DayCounts, now: datetime) -> list[Suspicion | None]:
    return [
        _silence(habits, usual, now),
        _collapsed_entries(usual, recent),
        _failing_pages(usual, recent),
        _missing_articles(usual, recent),
        _short_articles(usual, recent),
        _missing_dates(usual, recent),
    ]


def _sum(days: Sequence[DayCounts]) -> DayCounts:
    return sum(days, DayCounts(day=date.min))


def _silence(habits: Habits, usual: DayCounts, now: datetime) -> Suspicion | None:
    if habits.last_new_at is None or usual.new_urls < MIN_USUAL_URLS:
        return None
    longest = timedelta(seconds=max(day.longest_silence for day in habits.days))
    silence = now - habits.last_new_at
    if silence <= max(MIN_SILENCE, SILENCE_FACTOR * longest):
        return None
    return Suspicion(
        "silent", f"no new story is listed for {_hours(silence)}; so far never for more than {_hours(longest)}"
    )


def _hours(duration: timedelta) -> str:
    hours = duration.total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 72 else f"{hours:.0f} hours"


def _collapsed_entries(usual: DayCounts, recent: DayCounts) -> Suspicion | None:
    if not usual.full_polls or not recent.full_polls:
        return None
    before, now = usual.entries / usual.full_polls, recent.entries / recent.full_polls
    if before < MIN_USUAL_ENTRIES or now > COLLAPSED_SHARE * before:
        return None
    return Suspicion("few-entries", f"the sources list {now:.0f} entries, usually {before:.0f}")


def _no_stories(recent: DayCounts) -> Suspicion | None:
    failed, without_article, headlines = recent.failed_pages, recent.pages_without_article, recent.headlines
    pages = failed + without_article + headlines
    if recent.articles or pages < MIN_PAGES_WITHOUT_STORY:
        return None
    counts = {"failed": failed, "have no article": without_article, "gave only title and summary": headlines}
    parts = ", ".join(f"{number} {text}" for text, number in counts.items() if number)
    return Suspicion("no-stories", f"no page of {pages} gave a whole story: {parts}")


def _overflow(recent: DayCounts) -> Suspicion | None:
    if recent.overflows < MIN_OVERFLOWS:
        return None
    return Suspicion(
        "overflow",
        f"every entry was new in {recent.overflows} polls: stories between two polls may be missed; "
        "name a sitemap, or set a shorter `every`",
    )


def _failing_pages(usual: DayCounts, recent: DayCounts) -> Suspicion | None:
    now, before = (counts.articles + counts.pages_without_article + counts.failed_pages for counts in (recent, usual))
    if now < MIN_PAGES or recent.failed_pages < HIGH_SHARE * now or usual.failed_pages > LOW_SHARE * before:
        return None
    return Suspicion(
        "pages-fail", f"{recent.failed_pages} of {now} pages fail, usually {usual.failed_pages} of {before}"
    )


def _flood(recent: DayCounts) -> Suspicion | None:
    if not recent.ignored_urls:
        return None
    return Suspicion("flood", f"{recent.ignored_urls:,} listed URLs were ignored: there are too many new ones on a day")


def _missing_articles(usual: DayCounts, recent: DayCounts) -> Suspicion | None:
    now, before = (counts.articles + counts.pages_without_article for counts in (recent, usual))
    if now < MIN_PAGES or before < MIN_PAGES:
        return None
    if recent.pages_without_article < HIGH_SHARE * now or usual.pages_without_article > LOW_SHARE * before:
        return None
    return Suspicion(
        "no-article",
        f"no article is found in {recent.pages_without_article} of {now} pages, "
        f"usually in {usual.pages_without_article} of {before}",
    )


def _short_articles(usual: DayCounts, recent: DayCounts) -> Suspicion | None:
    if recent.articles < MIN_PAGES or usual.articles < MIN_PAGES:
        return None
    now, before = recent.article_characters / recent.articles, usual.article_characters / usual.articles
    if now >= SHORT_SHARE * before:
        return None
    return Suspicion("short", f"articles have {now:,.0f} characters on average, usually {before:,.0f}")


def _missing_dates(usual: DayCounts, recent: DayCounts) -> Suspicion | None:
    if recent.articles < MIN_PAGES or usual.articles < MIN_PAGES or recent.dated_articles:
        return None
    if usual.dated_articles < (1 - LOW_SHARE) * usual.articles:
        return None
    return Suspicion(
        "undated",
        f"none of {recent.articles} articles has a date, usually {usual.dated_articles} of {usual.articles} have",
    )
