"""Resolves links as browsers do."""

from __future__ import annotations

import re

import ada_url

MAX_LINK_CHARACTERS = 10_000  # servers reject longer URLs
# The scheme that asks a browser to open a feed reader: feed://host/path, feed:https://host/path.
_FEED_SCHEME_PATTERN = re.compile(r"feed:(?:(?=https?:)|(?=//))", re.IGNORECASE)
# Texts that programs write for a link that is missing.
_PLACEHOLDERS = frozenset({"n/a", "none", "null", "undefined", "#"})


def resolve_url(base: str, link: str | None) -> str | None:
    """Returns the absolute http or https URL of a link on the page ``base``, as the WHATWG URL standard resolves it.

    Returns None if the link is empty, a placeholder, malformed or of another scheme.  Accepts doubly escaped
    ampersands, a missing // before "www.", and the scheme feed.
    """
    link = (link or "").strip()
    if not link or len(link) > MAX_LINK_CHARACTERS or link.lower() in _PLACEHOLDERS:
        return None
    link = link.replace("&amp;", "&")  # some feeds escape & twice, or inside CDATA
    if link[:5].lower() == "feed:":
        link = _FEED_SCHEME_PATTERN.sub("", link)
    elif link[:4].lower() == "www.":
        link = f"//{link}"
    try:
        url = ada_url.join_url(base, link)
    except ValueError:  # malformed, such as "http://["
        return None
    return url if url.startswith(("http://", "https://")) else None
