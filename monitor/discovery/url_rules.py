"""Rules on URLs: which outlet a URL belongs to, whether it looks like a story, which date its path contains."""

# ruff: noqa: SIM905  long word lists are easier to read as text

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from monitor.discovery.drop_reasons import DropReason
from monitor.urls import (
    handle_on_root,
    is_page_fragment,
    is_shared_root,
    publisher_key,
    registrable_domain,
    shared_domain_above,
)

if TYPE_CHECKING:
    from monitor.config.schema import Outlet

MIN_SLUG_WORDS = 5  # a last path segment with at least as many words counts as a story's headline
MIN_HEADLINE_WORDS = 5  # a link text with at least as many words counts as a headline, not as a menu entry
MIN_HEADLINE_IDEOGRAPHS = 8  # the same for Chinese, Japanese and Korean link texts, in characters
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NON_PAGE_FILE_PATTERN = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|ico|css|js|json|xml|rss|atom|pdf|docx?|xlsx?|pptx?|zip|gz|rar|mp3|m4a|mp4|m3u8|avi|mov|webm)$",
    re.IGNORECASE,
)
# Path segments (compared in full) of services: a page below such a folder is a story only if its source says so.
_SERVICE_SEGMENTS = frozenset(
    """
    login signin sign-in register account subscribe cart wp-admin wp-login.php wp-content amp-stories
    """.split()
)
# Path segments (compared in full) of pages that list stories or offer services, such as login and contact.
_NON_STORY_SEGMENTS = _SERVICE_SEGMENTS | frozenset(
    """
    tag tags author authors autor auteur about about-us contact contacts subscription subscriptions newsletter
    newsletters search rss feed feeds page privacy privacy-policy terms cookies cookie-policy advertise sitemap help faq
    imprint impressum datenschutz
    """.split()
)
# Path segments (compared in full): as the last segment they name a list page, before that a section with stories.
_SECTION_SEGMENTS = frozenset(
    """
    topic topics category categories people jobs careers shop store archive archives podcasts gallery galleries events
    calendar weather games crossword horoscopes obituaries comments
    """.split()
)
_LIST_PAGE_SEGMENTS = _NON_STORY_SEGMENTS | _SECTION_SEGMENTS  # as the last segment of a path
# A day as a full path segment, or at the start of the last one.  Elsewhere the date may be the subject of the story.
_DAY_IN_PATH_PATTERN = re.compile(
    r"/[a-z]?(20\d\d)[/_-]?(0[1-9]|1[0-2])[/_-]?(0[1-9]|[12]\d|3[01])(?=/|$|[^/\d][^/]*$)", re.IGNORECASE
)
_MONTH_IN_PATH_PATTERN = re.compile(r"/(20\d\d)/(0?[1-9]|1[0-2])/")
_LONG_NUMBER_PATTERN = re.compile(r"\d{4,}")
# A path segment with a story number: at least four digits, alone or at the end, that are not a year or year and month.
_STORY_NUMBER_PATTERN = re.compile(r"(?:.*[-_])?(?!(?:19|20)\d\d(?:\d\d)?(?:\.|$))\d{4,}(?:\.\w{2,5})?")
_WORD_PATTERN = re.compile(r"[^\W\d_]{2,}")
_IDEOGRAPH_PATTERN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@lru_cache(maxsize=1024)  # a request asks for its own some twenty times on its way
def host_and_port(url: str) -> tuple[str, int] | None:
    """Returns the URL's host and port, or None if the URL is malformed, has no host, or is not http or https."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.hostname.rstrip("."), port) if parts.hostname else None


class OutletScope:
    """The set of URLs that belong to an outlet; test with ``url in scope``.

    Contains the URLs with the registrable domain (example.co.uk) of the outlet's URL, its sections or its ``hosts``,
    subdomains included.  A host without a registrable domain (an IP address, a local name) must have the same port.

    An outlet on the root of a shared domain (medium.com/@alice) also has the blogs on that domain that its feeds and
    sitemaps are of, and the blog that its handle names.  Other pages on the root are neutral, unless they have another
    handle: the outlet may list them but does not own them.
    """

    def __init__(self, outlet: Outlet) -> None:
        self.outlet_name = outlet.name
        urls = [outlet.url, *outlet.sections, *(f"http://{host}/" for host in outlet.named_hosts)]
        self._roots = {registrable_domain(url) for url in urls if is_shared_root(url)}
        if is_shared_root(outlet.url):
            root = registrable_domain(outlet.url)
            sources = (*outlet.feeds, *outlet.sitemaps)
            urls += [url for url in sources if root in {registrable_domain(url), shared_domain_above(url)}]
        self._publishers = {publisher_key(url) for url in urls} - {""}

    def __contains__(self, url: str) -> bool:
        if host_and_port(url) is None:
            return False
        return self.owns(url) or (registrable_domain(url) in self._roots and not handle_on_root(url))

    def owns(self, url: str) -> bool:
        """Returns True if the URL is on the outlet's own sites, and not only on the root that it shares with others."""
        if host_and_port(url) is None:
            return False
        return not self._publishers.isdisjoint((publisher_key(url), registrable_domain(url)))


class StoryScope(OutletScope):
    """The set of URLs that may be stories of an outlet: on its own sites or, for an aggregator, on any site."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__(outlet)
        self._has_all_sites = outlet.is_aggregator

    def __contains__(self, url: str) -> bool:
        return (self._has_all_sites and host_and_port(url) is not None) or super().__contains__(url)


def cannot_be_article(url: str) -> bool:
    """Returns True if the URL counts as no story: a home page, a file such as a picture, a list or a service page.

    Stricter than `feed_entry_drop_reason`: a folder such as /tag/ in the path excludes the URL, and a folder such as
    /events/ excludes it unless the last path segment looks like a headline or has a story number.
    """
    if feed_entry_drop_reason(url, is_dated=False, title=""):
        return True
    *folders, last = _path_segments(url) or [""]
    if not _NON_STORY_SEGMENTS.isdisjoint(folders):
        return True
    names_story = _STORY_NUMBER_PATTERN.fullmatch(last) or len(_WORD_PATTERN.findall(last)) >= MIN_SLUG_WORDS
    return not names_story and not _SECTION_SEGMENTS.isdisjoint(folders)


def feed_entry_drop_reason(url: str, *, is_dated: bool, title: str) -> DropReason | None:
    """Returns why an entry of a feed or news sitemap is no story: HOME_PAGE, FILE or SERVICE_PAGE; else None.

    A service page, such as a login or a list of stories, is recognized by a word in its path.  The word does not count
    if the entry has a date (``is_dated``) or its title is a headline, because a story may have the same word there.
    """
    parts, segments = urlsplit(url), _path_segments(url)
    if not segments:
        return None if parts.query else DropReason.HOME_PAGE
    if _NON_PAGE_FILE_PATTERN.search(parts.path):
        return DropReason.FILE
    if is_dated or _is_headline_length(title):
        return None
    has_service_word = not _SERVICE_SEGMENTS.isdisjoint(segments) or segments[-1] in _LIST_PAGE_SEGMENTS
    return DropReason.SERVICE_PAGE if has_service_word else None


def _path_segments(url: str) -> list[str]:
    return [segment for segment in unquote(_path_and_route(url)).lower().split("/") if segment]


def _path_and_route(url: str) -> str:
    """Returns the URL's path, with the fragment appended if the fragment is a route of a single-page application."""
    parts = urlsplit(url)
    return f"{parts.path}/{parts.fragment.lstrip('!/')}" if is_page_fragment(parts.fragment) else parts.path


def looks_like_article(url: str, title: str = "") -> bool:
    """Returns True if the URL is probably a story, not a list of stories.  ``title`` is the text of a link to it."""
    if cannot_be_article(url):
        return False
    parts = urlsplit(url)
    path = unquote(_path_and_route(url))
    segments = [segment for segment in path.split("/") if segment]
    last = segments[-1] if segments else ""
    if date_in_path(url) or _LONG_NUMBER_PATTERN.search(last) or re.search(r"\d+\.\w?html?$", last):
        return True
    words = len(_WORD_PATTERN.findall(last))
    if words >= 4 or (words == 3 and len(segments) > 1) or len(_IDEOGRAPH_PATTERN.findall(last)) >= 8:
        return True
    has_headline = _is_headline_length(title)
    if re.search(r"(?:^|&)(?:id|p|article|newsid|story)=\w*\d", parts.query, re.IGNORECASE):
        return has_headline
    return has_headline and (words == 3 or _LONG_NUMBER_PATTERN.search(path) is not None)


def date_in_path(url: str) -> datetime | None:
    """Returns the date in the URL's path (the first day if it is only a month), or None if there is no valid date."""
    path = urlsplit(url).path
    if match := _DAY_IN_PATH_PATTERN.search(path) or _MONTH_IN_PATH_PATTERN.search(path):
        year, month, day, *_ = (*(int(part) for part in match.groups()), 1)
        try:
            return datetime(year, month, day, tzinfo=UTC)
        except ValueError:
            return None
    return None


def _is_headline_length(title: str) -> bool:
    """Returns True if a link text has enough words or ideographs for a headline; a menu entry has fewer."""
    return (
        len(_WORD_PATTERN.findall(title)) >= MIN_HEADLINE_WORDS
        or len(_IDEOGRAPH_PATTERN.findall(title)) >= MIN_HEADLINE_IDEOGRAPHS
    )
