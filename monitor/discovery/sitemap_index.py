"""Orders the sitemaps of a sitemap index so that those with the newest stories come first."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

from monitor.calendar import MONTH_NUMBER_BY_NAME
from monitor.discovery.parsed_source import ChildSitemap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    Numbers: TypeAlias = tuple[int, ...]

_NEWS_PATH_PATTERN = re.compile(r"news|latest|recent", re.IGNORECASE)
# Names of sitemaps that list no stories.
_OTHER_PATH_PATTERN = re.compile(
    r"categor|tags?\b|author|taxonom|image|video|static|\bpages?[-_]|product|profile|local_|users?\b", re.IGNORECASE
)
_NUMBER_PATTERN = re.compile(r"\d{1,12}")
_YEAR_PATTERN = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_WORD_PATTERN = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A sitemap in a sitemap index, with the time of its last change if the index states one."""

    url: str
    changed_at: datetime | None


def newest_first(entries: Iterable[IndexEntry], since: datetime) -> tuple[ChildSitemap, ...]:
    """Returns the sitemaps of an index: news sitemaps first, each group by latest change, those without one last.

    The dates and numbers in their URLs order the latter: sm-2026-11 before sm-2026-10, posts-12 before posts-11.  If
    URLs differ in more than numbers, as posts-1 and pages-1 do, the newest of each series come before the second ones,
    and series that list no stories, such as categories, come last.  Without numbers, the order of the index counts.
    """
    by_rank: list[tuple[bool, float, ChildSitemap]] = []
    undated: list[str] = []
    for entry in entries:
        if entry.changed_at is None:
            undated.append(entry.url)
            continue
        child = ChildSitemap(url=entry.url, is_fresh=entry.changed_at >= since)
        by_rank.append((_is_news(entry.url), entry.changed_at.timestamp(), child))
    by_rank += [(_is_news(url), 0.0, ChildSitemap(url=url, is_fresh=True)) for url in _by_numbers(undated)]
    by_rank.sort(key=itemgetter(0, 1), reverse=True)  # keeps the order of equal ranks
    return tuple(child for _, _, child in by_rank)


def _is_news(url: str) -> bool:
    return _NEWS_PATH_PATTERN.search(urlsplit(url).path) is not None


def _by_numbers(urls: Sequence[str]) -> list[str]:
    """Returns the URLs by the dates and numbers in them, the highest of each series first."""
    series: dict[str, list[tuple[Numbers, str]]] = defaultdict(list)
    for url in urls:
        parts = urlsplit(url)
        name = unquote(f"{parts.path}?{parts.query}").lower()
        series[_NUMBER_PATTERN.sub("", _without_months(name))].append((_date_and_numbers(name), url))
    ranked: list[tuple[bool, int, str]] = []
    for name, members in series.items():
        members.sort(key=itemgetter(0), reverse=True)
        is_other = _OTHER_PATH_PATTERN.search(name) is not None
        ranked += [(is_other, position, url) for position, (_, url) in enumerate(members)]
    ranked.sort(key=itemgetter(0, 1))
    return [url for _, _, url in ranked]


def _without_months(name: str) -> str:
    return _WORD_PATTERN.sub(lambda word: "" if word[0] in MONTH_NUMBER_BY_NAME else word[0], name)


def _date_and_numbers(name: str) -> Numbers:
    """Returns the numbers in a sitemap's name, beginning with the year and the month if it names them."""
    year = _YEAR_PATTERN.search(name)
    months = [MONTH_NUMBER_BY_NAME[word] for word in _WORD_PATTERN.findall(name) if word in MONTH_NUMBER_BY_NAME]
    rest = name if year is None else name[: year.start()] + " " + name[year.end() :]
    numbers = [int(number) for number in _NUMBER_PATTERN.findall(rest)]
    return (*([int(year[0])] if year else []), *months[:1], *numbers)
