"""The WebSub hub of a feed and the feed's own URL, under which the hub knows it."""

from __future__ import annotations

import re

from monitor.discovery.links import resolve_url

_ABSOLUTE_URL_PATTERN = re.compile(r"https?://[^\s/?#]+[^\s#]*", re.IGNORECASE)


def topic_url(base: str, link: str | None) -> str:
    """Returns the absolute URL of a feed's link to itself; an empty string if it is no http or https URL.

    An absolute link stays as it is written, because hubs compare it letter by letter.
    """
    link = (link or "").strip()
    resolved = resolve_url(base, link)
    return link if resolved and _ABSOLUTE_URL_PATTERN.fullmatch(link) else resolved or ""
