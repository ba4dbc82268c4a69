"""Tells feeds from sitemaps by their beginning, because outlets are configured with one in the place of the other."""

from __future__ import annotations

import re
from typing import Literal

from monitor.discovery.feed import FEED_ROOTS
from monitor.discovery.json_feed import is_json
from monitor.discovery.sitemap import SITEMAP_ROOTS, is_text_sitemap

MAX_HEAD_BYTES = 20_000  # of a document in which its root element is looked for
_COMMENT_PATTERN = re.compile(rb"(?s)<!--.{0,5000}?-->")
_ROOT_PATTERN = re.compile(
    rf"<(?:!doctype\s+)?(?:[\w-]{{1,20}}:)?(html|{'|'.join((*FEED_ROOTS, *SITEMAP_ROOTS))})\b".encode(), re.IGNORECASE
)


def document_kind(body: bytes) -> Literal["feed", "sitemap"] | None:
    """Returns the kind of an uncompressed document; None if its beginning does not show that it is either."""
    if is_json(body):
        return "feed"
    if is_text_sitemap(body):
        return "sitemap"
    head = _COMMENT_PATTERN.sub(b"", body[:MAX_HEAD_BYTES].replace(b"\x00", b""))  # NUL bytes are those of UTF-16
    match = _ROOT_PATTERN.search(head)
    root = match.group(1).decode().lower() if match else ""
    if root in FEED_ROOTS:
        return "feed"
    return "sitemap" if root in SITEMAP_ROOTS else None
