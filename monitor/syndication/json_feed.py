"""Renders a feed as JSON Feed 1.1."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import orjson

from monitor.models import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import Json
    from monitor.syndication.items import Feed, FeedItem

VERSION = "https://jsonfeed.org/version/1.1"
CONTENT_TYPE = "application/feed+json"


def json_feed(feed: Feed, items: Sequence[FeedItem]) -> bytes:
    """Returns the feed as a JSON document in UTF-8."""
    addresses = {"feed_url": feed.url, "home_page_url": feed.home}
    document: Json = {
        "version": VERSION,
        "title": feed.title,
        "description": feed.description,
        **{key: value for key, value in addresses.items() if value},
        "items": [_item_json(item) for item in items],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _item_json(item: FeedItem) -> Json:
    paragraphs = (item.outlet, *item.sentences)
    data: Json = {
        "id": item.id,
        "url": item.url,
        "title": item.title,
        "content_html": "".join(f"<p>{escape(line)}</p>" for line in paragraphs if line),
        "content_text": item.summary,
        "date_published": rfc3339(item.published_at),
        "date_modified": rfc3339(item.updated_at),
        "authors": [{"name": name} for name in item.authors or (item.outlet or "unknown",)],
    }
    if item.tags:
        data["tags"] = [*item.tags]
    if item.language:
        data["language"] = item.language
    return data
