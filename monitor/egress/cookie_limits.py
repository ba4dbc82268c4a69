"""Limits on the cookies of a jar, as browsers have them: a site cannot make the requests of an outlet slow or large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from monitor.urls import registrable_domain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.cookiejar import Cookie

MAX_COOKIE_BYTES = 4096  # name and value
MAX_SITE_COOKIES = 180  # of one registrable domain, and of one response
MAX_SITE_COOKIE_BYTES = 64_000  # of one registrable domain: servers refuse longer Cookie headers
MAX_JAR_COOKIES = 3000


class Jar(Protocol):
    """The part of a cookie jar, Scrapy's or that of the standard library, that is used here."""

    def __iter__(self) -> Iterator[Cookie]: ...
    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None: ...


def cookie_bytes(cookie: Cookie) -> int:
    """Returns the length of name and value, which are text of one byte per character."""
    return len(cookie.name) + len(cookie.value or "")


def limit_cookies(jar: Jar, *, number_of: Callable[[Cookie], int | None]) -> None:
    """Removes the oldest cookies above the limits, and those that are too long.

    ``number_of`` returns a number that is higher for a later cookie; None for one that is never removed, because the
    configuration states it.
    """
    numbered = [(number, cookie) for cookie in jar if (number := number_of(cookie)) is not None]
    if not numbered:
        return
    counts: dict[str, int] = {}
    lengths: dict[str, int] = {}
    kept = 0
    for _, cookie in sorted(numbered, key=lambda item: item[0], reverse=True):
        site, length = registrable_domain(f"http://{cookie.domain.lstrip('.')}/"), cookie_bytes(cookie)
        is_kept = (
            length <= MAX_COOKIE_BYTES
            and counts.get(site, 0) < MAX_SITE_COOKIES
            and lengths.get(site, 0) + length <= MAX_SITE_COOKIE_BYTES
            and kept < MAX_JAR_COOKIES
        )
        if is_kept:
            counts[site], lengths[site], kept = counts.get(site, 0) + 1, lengths.get(site, 0) + length, kept + 1
        else:
            jar.clear(cookie.domain, cookie.path, cookie.name)
