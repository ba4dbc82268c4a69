"""Matches URLs against an outlet's ``include`` and ``exclude`` patterns within a time limit.

A pattern with nested repetitions, such as ``(\\w|\\w\\w)+``, takes exponential time on a URL that is made for it.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_SECONDS_PER_URL = 0.05  # a search takes some microseconds
MAX_SECONDS_PER_SOURCE = 2.0  # for all URLs of one source


class PatternTooSlow(Exception):
    """The patterns were not decided for a URL within the time limit."""


class UrlPatterns:
    """Patterns of an outlet, for the URLs of one source."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [regex.compile(pattern) for pattern in patterns]
        self._seconds_left = MAX_SECONDS_PER_SOURCE

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match_any(self, url: str) -> bool:
        """Returns True if a pattern matches anywhere in the URL.

        Raises PatternTooSlow after MAX_SECONDS_PER_URL, and for every URL once MAX_SECONDS_PER_SOURCE are used up.
        """
        started_at = monotonic()
        limit = min(MAX_SECONDS_PER_URL, self._seconds_left)
        if limit <= 0:
            raise PatternTooSlow
        try:
            return any(pattern.search(url, timeout=limit) for pattern in self._patterns)
        except TimeoutError:
            raise PatternTooSlow from None
        finally:
            self._seconds_left -= monotonic() - started_at


def slow_pattern_example(pattern: str, url: str) -> str:
    """Returns a URL below ``url`` on which the pattern takes too long; empty if none of a few probes does."""
    patterns = UrlPatterns([pattern])
    for piece in ("a", "1", "a-", "a/", "a1", "aA"):
        probe = f"{url.rstrip('/')}/{piece * 100}!"
        try:
            for ending in ("", ".html"):
                patterns.match_any(probe + ending)
        except PatternTooSlow:
            return probe
    return ""
