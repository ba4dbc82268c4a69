"""What an address alone tells: whose it is, whether it looks like a story, and of which day."""

# ruff: noqa: SIM905  lists of words read best as words

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from monitor.urls import is_route, site

if TYPE_CHECKING:
    from monitor.config.schema import Outlet

MIN_SLUG_WORDS = 5  # words, from which on a path's last segment is a headline
_PORTS = {"http": 80, "https": 443}
_FILES = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|ico|css|js|json|xml|rss|atom|pdf|docx?|xlsx?|pptx?|zip|gz|rar|mp3|m4a|mp4|m3u8|avi|mov|webm)$",
    re.IGNORECASE,
)
# Path segments, whole ones, of pages that list, sell or serve.
_DOORS = frozenset(
    """
    login signin sign-in register account subscribe cart wp-admin wp-login.php wp-content amp-stories
    """.split()
)
_LISTS = _DOORS | frozenset(
    """
    tag tags author authors autor auteur about about-us contact contacts subscription subscriptions newsletter
    newsletters search rss feed feeds page privacy privacy-policy terms cookies cookie-policy advertise sitemap help faq
    imprint impressum datenschutz
    """.split()
)
# These are sections, too, with stories in them.
_SECTIONS = frozenset(
    """
    topic topics category categories people jobs careers shop store archive archives podcasts gallery galleries events
    calendar weather games crossword horoscopes obituaries comments
    """.split()
)
# Of a whole segment, or of the beginning of the last one: elsewhere it is a day that the story tells of.
_DAY = re.compile(r"/[a-z]?(20\d\d)[/_-]?(0[1-9]|1[0-2])[/_-]?(0[1-9]|[12]\d|3[01])(?=/|$|[^/\d][^/]*$)", re.IGNORECASE)
_MONTH = re.compile(r"/(20\d\d)/(0?[1-9]|1[0-2])/")
_NUMBER = re.compile(r"\d{4,}")
# A number that is no year or month, alone or at the end.
_KEY = re.compile(r"(?:.*[-_])?(?!(?:19|20)\d\d(?:\d\d)?(?:\.|$))\d{4,}(?:\.\w{2,5})?")
_WORD = re.compile(r"[^\W\d_]{2,}")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def host_of(url: str) -> tuple[str, int] | None:
    """Host and port, None where the address is no http or https one."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.hostname.rstrip("."), port) if parts.hostname else None


class OutletScope:
    """Whether an address belongs to an outlet: its site with all subdomains, its sections' and the hosts it names.

    Hosts without a registrable domain (addresses of numbers, names of a local network) must agree in the port as well.
    """

    def __init__(self, outlet: Outlet) -> None:
        hosts = (f"http://{host}/" for host in outlet.hosts)
        self._sites = {site(address) for address in (outlet.url, *outlet.sections, *hosts)} - {""}

    def __contains__(self, url: str) -> bool:
        return host_of(url) is not None and site(url) in self._sites


def never_article(url: str) -> bool:
    """The address is a home page, a file of another kind, or a page that lists, sells or serves."""
    if never_listed(url):
        return True
    *places, last = _segments(url) or [""]
    if not _LISTS.isdisjoint(places):
        return True
    story = _KEY.fullmatch(last) or len(_WORD.findall(last)) >= MIN_SLUG_WORDS
    return not story and not _SECTIONS.isdisjoint(places)


def never_listed(url: str) -> bool:
    """The same of an address that a feed lists as a story: the sections it stands in say nothing against it."""
    parts, segments = urlsplit(url), _segments(url)
    if not segments:
        return not parts.query
    if _FILES.search(parts.path) or not _DOORS.isdisjoint(segments):
        return True
    return segments[-1] in _LISTS | _SECTIONS


def _segments(url: str) -> list[str]:
    return [segment for segment in unquote(_path(url)).lower().split("/") if segment]


def _path(url: str) -> str:
    """The path, with that of a page written by JavaScript."""
    parts = urlsplit(url)
    return f"{parts.path}/{parts.fragment.lstrip('!/')}" if is_route(parts.fragment) else parts.path


def looks_like_article(url: str, title: str = "") -> bool:
    """The address, with the words of a link to it, is more likely a story than a list of stories."""
    if never_article(url):
        return False
    parts = urlsplit(url)
    path = unquote(_path(url))
    segments = [segment for segment in path.split("/") if segment]
    last = segments[-1] if segments else ""
    if day_in(url) or _NUMBER.search(last) or re.search(r"\d+\.\w?html?$", last):
        return True
    words = len(_WORD.findall(last))
    if words >= 4 or (words == 3 and len(segments) > 1) or len(_WIDE.findall(last)) >= 8:
        return True
    telling = _telling(title)
    if re.search(r"(?:^|&)(?:id|p|article|newsid|story)=\w*\d", parts.query, re.IGNORECASE):
        return telling
    return telling and (words == 3 or _NUMBER.search(path) is not None)


def day_in(url: str) -> datetime | None:
    """The day (or the first of the month) that the path names: stories of daily papers carry it."""
    path = urlsplit(url).path
    if match := _DAY.search(path) or _MONTH.search(path):
        year, month, day, *_ = (*(int(part) for part in match.groups()), 1)
        try:
            return datetime(year, month, day, tzinfo=UTC)
        except ValueError:
            return None
    return None


def _telling(title: str) -> bool:
    """A link of so many words is a headline, not a menu."""
    return len(_WORD.findall(title)) >= 5 or len(_WIDE.findall(title)) >= 8
