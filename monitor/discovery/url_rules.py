"""Rules that need only a URL: which outlet it belongs to, whether it looks like a story, and which day it names."""

# ruff: noqa: SIM905  long word lists are easier to read as text

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from monitor.urls import is_page_fragment, registrable_domain

if TYPE_CHECKING:
    from monitor.config.schema import Outlet

MIN_SLUG_WORDS = 5  # a last path segment with as many words is a headline
MIN_HEADLINE_WORDS = 5  # a link text with as many words is a headline, not a menu entry
MIN_HEADLINE_IDEOGRAPHS = 8  # the same for scripts that do not separate words
_DEFAULT_PORTS = {"http": 80, "https": 443}
_FILE_ENDING = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|ico|css|js|json|xml|rss|atom|pdf|docx?|xlsx?|pptx?|zip|gz|rar|mp3|m4a|mp4|m3u8|avi|mov|webm)$",
    re.IGNORECASE,
)
# Full path segments: no page below one of these is a story.
_SERVICE_SEGMENTS = frozenset(
    """
    login signin sign-in register account subscribe cart wp-admin wp-login.php wp-content amp-stories
    """.split()
)
# Full path segments of pages that list stories or serve readers.
_NON_STORY_SEGMENTS = _SERVICE_SEGMENTS | frozenset(
    """
    tag tags author authors autor auteur about about-us contact contacts subscription subscriptions newsletter
    newsletters search rss feed feeds page privacy privacy-policy terms cookies cookie-policy advertise sitemap help faq
    imprint impressum datenschutz
    """.split()
)
# Full path segments that name a list when they end the path, and a section with stories in it otherwise.
_SECTION_SEGMENTS = frozenset(
    """
    topic topics category categories people jobs careers shop store archive archives podcasts gallery galleries events
    calendar weather games crossword horoscopes obituaries comments
    """.split()
)
# A full segment, or the start of the last one.  Elsewhere the date may be the subject of the story.
_DAY_PATH = re.compile(
    r"/[a-z]?(20\d\d)[/_-]?(0[1-9]|1[0-2])[/_-]?(0[1-9]|[12]\d|3[01])(?=/|$|[^/\d][^/]*$)", re.IGNORECASE
)
_MONTH_PATH = re.compile(r"/(20\d\d)/(0?[1-9]|1[0-2])/")
_LONG_NUMBER = re.compile(r"\d{4,}")
# A story number: at least four digits, alone or at the end of the segment, that are no year or month.
_STORY_NUMBER = re.compile(r"(?:.*[-_])?(?!(?:19|20)\d\d(?:\d\d)?(?:\.|$))\d{4,}(?:\.\w{2,5})?")
_WORD = re.compile(r"[^\W\d_]{2,}")
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def host_of(url: str) -> tuple[str, int] | None:
    """Returns host and port, or None when the URL is not an http or https one."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.hostname.rstrip("."), port) if parts.hostname else None


class OutletScope:
    """The URLs that belong to an outlet: those on its site and its sections' sites, subdomains included, and ``hosts``.

    Hosts without a registrable domain (IP addresses, names of a local network) must have the same port, too.
    """

    def __init__(self, outlet: Outlet) -> None:
        hosts = (f"http://{host}/" for host in outlet.hosts)
        self._sites = {registrable_domain(url) for url in (outlet.url, *outlet.sections, *hosts)} - {""}

    def __contains__(self, url: str) -> bool:
        return host_of(url) is not None and registrable_domain(url) in self._sites


def cannot_be_article(url: str) -> bool:
    """Returns True for a home page, a file that is not a page, and a page that lists, sells or serves."""
    if cannot_be_feed_story(url):
        return True
    *folders, last = _segments(url) or [""]
    if not _NON_STORY_SEGMENTS.isdisjoint(folders):
        return True
    names_story = _STORY_NUMBER.fullmatch(last) or len(_WORD.findall(last)) >= MIN_SLUG_WORDS
    return not names_story and not _SECTION_SEGMENTS.isdisjoint(folders)


def cannot_be_feed_story(url: str) -> bool:
    """Like `cannot_be_article`, for a URL from a feed: the sections in its path do not count against it."""
    parts, segments = urlsplit(url), _segments(url)
    if not segments:
        return not parts.query
    if _FILE_ENDING.search(parts.path) or not _SERVICE_SEGMENTS.isdisjoint(segments):
        return True
    return segments[-1] in _NON_STORY_SEGMENTS | _SECTION_SEGMENTS


def _segments(url: str) -> list[str]:
    return [segment for segment in unquote(_path(url)).lower().split("/") if segment]


def _path(url: str) -> str:
    """Returns the path, followed by the fragment when that is the route of a single-page application."""
    parts = urlsplit(url)
    return f"{parts.path}/{parts.fragment.lstrip('!/')}" if is_page_fragment(parts.fragment) else parts.path


def looks_like_article(url: str, title: str = "") -> bool:
    """Returns True when the URL, with the text of a link to it, is more likely a story than a list of stories."""
    if cannot_be_article(url):
        return False
    parts = urlsplit(url)
    path = unquote(_path(url))
    segments = [segment for segment in path.split("/") if segment]
    last = segments[-1] if segments else ""
    if date_in_path(url) or _LONG_NUMBER.search(last) or re.search(r"\d+\.\w?html?$", last):
        return True
    words = len(_WORD.findall(last))
    if words >= 4 or (words == 3 and len(segments) > 1) or len(_IDEOGRAPH.findall(last)) >= 8:
        return True
    has_headline = _is_headline(title)
    if re.search(r"(?:^|&)(?:id|p|article|newsid|story)=\w*\d", parts.query, re.IGNORECASE):
        return has_headline
    return has_headline and (words == 3 or _LONG_NUMBER.search(path) is not None)


def date_in_path(url: str) -> datetime | None:
    """Returns the day that the path names, or the first of the month when it names only a month."""
    path = urlsplit(url).path
    if match := _DAY_PATH.search(path) or _MONTH_PATH.search(path):
        year, month, day, *_ = (*(int(part) for part in match.groups()), 1)
        try:
            return datetime(year, month, day, tzinfo=UTC)
        except ValueError:
            return None
    return None


def _is_headline(title: str) -> bool:
    """Returns True when a link text is long enough for a headline; a menu entry is shorter."""
    return len(_WORD.findall(title)) >= MIN_HEADLINE_WORDS or len(_IDEOGRAPH.findall(title)) >= MIN_HEADLINE_IDEOGRAPHS
