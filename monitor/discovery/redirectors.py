"""Unwraps links through a redirector that names its target in the query, as those of Google Alerts do."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

MAX_NESTED_REDIRECTORS = 3
# Hosts with the path of their redirector, and the parameters that may hold the target.
_REDIRECTORS = (
    (re.compile(r"(?:www\.)?google\.[a-z.]{2,6}/url"), ("url", "q")),
    (re.compile(r"(?:(?:news|www)\.)?bing\.com/(?:news/)?apiclick\.aspx"), ("url",)),
    (re.compile(r"(?:lm?|www)\.facebook\.com/l\.php"), ("u",)),
    (re.compile(r"l\.instagram\.com/"), ("u",)),
    (re.compile(r"(?:www\.)?duckduckgo\.com/l/"), ("uddg",)),
    (re.compile(r"(?:www\.)?youtube\.com/redirect"), ("q",)),
    (re.compile(r"(?:www\.)?vk\.com/away\.php"), ("to",)),
    (re.compile(r"out\.reddit\.com/.*"), ("url",)),
    (re.compile(r"(?:www\.)?linkedin\.com/(?:safety/go|redir/redirect)"), ("url",)),
    (re.compile(r"[\w-]+\.safelinks\.protection\.outlook\.com/"), ("url",)),
)


def unwrapped_url(url: str) -> str:
    """Returns the target of a known redirector's URL; any other URL unchanged."""
    for _ in range(MAX_NESTED_REDIRECTORS):
        target = _redirect_target(url)
        if target is None:
            break
        url = target
    return url


def _redirect_target(url: str) -> str | None:
    """Returns the web URL in the query of a redirector's URL; None if the URL is no redirector's or names none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    names = next((names for pattern, names in _REDIRECTORS if pattern.fullmatch(f"{host}{parts.path}")), ())
    if not names:
        return None
    values = dict(reversed(parse_qsl(parts.query)))
    return next((values[name] for name in names if values.get(name, "").startswith(("http://", "https://"))), None)
