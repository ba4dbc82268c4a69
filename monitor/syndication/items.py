"""What a feed is, and what it shows of each story."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.digests.entries import http_url_or_empty
from monitor.digests.text import one_line
from monitor.query.matcher import AnalysedStory
from monitor.query.snippets import snippets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.models import Story
    from monitor.query import Node

MAX_SENTENCES = 3  # of a story
_NOT_XML_PATTERN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EMPTY_FEED_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # always the same, so that an empty feed does not change


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """A feed without its items.  ``url`` is its own address and ``home`` that of a page about it, None if unknown."""

    id: str
    title: str
    description: str
    url: str | None = None
    home: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedItem:
    """A story in a feed; all texts are in one line."""

    id: str
    url: str
    title: str
    sentences: tuple[str, ...]
    outlet: str
    authors: tuple[str, ...]
    published_at: datetime
    updated_at: datetime
    language: str | None
    tags: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The outlet, and the sentences around the matching words."""
        return "\n".join((self.outlet, *self.sentences))


def feed_id(installation: uuid.UUID, kind: str, name: str) -> str:
    """Returns the id of a feed, such as (``alert``, ``sberbank``); ``installation`` tells two monitors apart."""
    return uuid.uuid5(installation, f"{kind}/{name}").urn


def feed_items(stories: Iterable[Story], node: Node | None) -> list[FeedItem]:
    """Returns the items of stories in their order; the sentences are those that match the query ``node``.

    A story keeps its id when it is corrected, so that readers show it once.
    """
    return [_item(story, node) for story in stories if http_url_or_empty(story.url)]


def updated_at(items: Sequence[FeedItem]) -> datetime:
    """Returns the time of the last change of a feed."""
    return max((item.updated_at for item in items), default=_EMPTY_FEED_TIME)


def clean(text: str) -> str:
    """Returns the text in one line, without characters that XML cannot have."""
    return one_line(_NOT_XML_PATTERN.sub("", text))


def _item(story: Story, node: Node | None) -> FeedItem:
    found = snippets(node, AnalysedStory(story), limit=MAX_SENTENCES + 1) if node else []
    sentences = [clean(each.text) for each in found if each.field != "title"][:MAX_SENTENCES]
    url = http_url_or_empty(story.url)
    return FeedItem(
        id=uuid.uuid5(uuid.NAMESPACE_URL, story.id).urn,
        url=url,
        title=clean(story.title) or url,
        sentences=tuple(sentences),
        outlet=clean(story.outlet),
        authors=tuple(filter(None, map(clean, story.authors))),
        published_at=story.time,
        updated_at=story.updated_at,
        language=story.language,
        tags=tuple(filter(None, map(clean, story.topics))),
    )
