"""The entries of an alert mail: what it shows of each cluster of stories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.mail.direction import Direction, direction_of
from monitor.mail.mime import one_line, truncated
from monitor.query.snippets import Snippet, highlighted_field, snippets
from monitor.urls import publisher_key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from monitor.models import Hit, Notification, Story
    from monitor.query import Node

MAX_OTHER_TITLE_CHARACTERS = 200  # of a near-duplicate, below the story that is shown


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherStory:
    """A near-duplicate of the story that an alert mail shows; ``title`` is empty if it is the same."""

    outlet: str
    title: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MailEntry:
    """The part of an alert mail about one cluster: one story, and links to its near-duplicates at other outlets."""

    title: Snippet
    url: str
    details: tuple[str, ...]  # texts for the line below the title: outlet, time, authors, flags
    contexts: tuple[Snippet, ...]  # excerpts with the matching words marked
    others: tuple[OtherStory, ...]  # the near-duplicates at other outlets
    language: str | None = None  # ISO 639, of title and excerpts

    @property
    def direction(self) -> Direction:
        """The writing direction of title and excerpts."""
        return direction_of(" ".join((self.title.text, *(each.text for each in self.contexts))), self.language)


def mail_entry(
    cluster: Sequence[Notification],
    stories: Mapping[str, Story],
    hits: Mapping[str, Hit],
    node: Node | None,
    zone: ZoneInfo,
    *,
    outlets: Collection[str],
) -> MailEntry:
    """Returns the entry of a cluster; ``outlets`` are the names of the configured outlets."""
    available = [stories[notification.story] for notification in cluster if notification.story in stories]
    if not available:
        return _entry_of_deleted_story(cluster[0], hits.get(cluster[0].story), zone, outlets)
    story = next((story for story in available if story.cluster == story.id), available[0])
    others = {
        other.id: OtherStory(outlet=_publisher_name(other, outlets), title=_title_beside(other, story), url=other.url)
        for other in available
        if other.id != story.id
    }
    version = max(notification.version for notification in cluster if notification.story == story.id)
    return MailEntry(
        title=highlighted_field(node, story, "title")
        if node and story.title
        else _snippet_without_marks(story.title or story.url),
        url=story.url,
        details=(_publisher_name(story, outlets), *_entry_details(story, zone, corrected=version > 1)),
        contexts=tuple(each for each in snippets(node, story, limit=4) if each.field != "title")[:3] if node else (),
        others=tuple(others.values()),
        language=story.language,
    )


def _title_beside(other: Story, shown: Story) -> str:
    """Returns the title of a near-duplicate in one line; empty if it is that of the shown story."""
    title = one_line(other.title)
    is_same = title.casefold() == one_line(shown.title).casefold()
    return "" if is_same else truncated(title, MAX_OTHER_TITLE_CHARACTERS)


def _entry_details(story: Story, zone: ZoneInfo, *, corrected: bool) -> list[str]:
    details = [local_time_text(story.published_at or story.first_seen_at, zone)]
    if story.published_at is None:
        details[0] = f"first seen {details[0]}"
    if story.authors:
        details.append("by " + ", ".join(story.authors[:3]))
    if corrected:
        details.append("newly matches since the outlet changed it")
    return details + [_FLAG_TEXTS.get(flag, flag) for flag in story.flags]


_FLAG_TEXTS = {"headline": "only title and summary could be read"}


def _publisher_name(story: Story | Hit, outlets: Collection[str]) -> str:
    """Returns the name of the story's outlet, with the site of its URL unless ``outlets`` has the name.

    An outlet that is not configured is named as its pages name their site, and several may state the same name.
    """
    name, site = one_line(story.outlet), publisher_key(http_url_or_empty(story.url))
    is_plain = story.outlet in outlets or not site or f".{name}".endswith(f".{site}")
    return name if is_plain else f"{name} ({one_line(site)})"


def _entry_of_deleted_story(
    notification: Notification, hit: Hit | None, zone: ZoneInfo, outlets: Collection[str]
) -> MailEntry:
    """Returns the entry of a story that was removed from the store, made from its hit, or from its id without a hit."""
    if hit is None:
        title = _snippet_without_marks(f"story {notification.story}")
        return MailEntry(title=title, url="", details=("no longer stored",), contexts=(), others=())
    details = (
        _publisher_name(hit, outlets),
        local_time_text(hit.published_at or hit.matched_at, zone),
        "no longer stored",
    )
    contexts = (_snippet_without_marks(hit.context),) if hit.context else ()
    return MailEntry(
        title=_snippet_without_marks(hit.title or hit.url),
        url=hit.url,
        details=details,
        contexts=contexts,
        others=(),
        language=hit.language,
    )


def _snippet_without_marks(text: str) -> Snippet:
    return Snippet("", text, ())


def local_time_text(time: datetime, zone: ZoneInfo) -> str:
    local = time.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def http_url_or_empty(url: str) -> str:
    """Returns the URL, cleaned for one line, if its scheme is http or https, else an empty string."""
    address = one_line(url).replace(" ", "%20")
    return address if address.startswith(("https://", "http://")) else ""
