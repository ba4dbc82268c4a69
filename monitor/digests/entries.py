"""The entries of a message: what it shows of each event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.digests.direction import Direction, direction_of
from monitor.digests.languages import language_name
from monitor.digests.text import one_line, truncated
from monitor.notify.delivery_times import local_time_text
from monitor.notify.findings import finding_lines, finding_stories, is_finding
from monitor.plural import plural
from monitor.query.match_strength import positive_clause_count
from monitor.query.snippets import Snippet, highlighted_field, snippets
from monitor.urls import publisher_key

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import timedelta

    from monitor.config import Alert
    from monitor.digests.events import Event
    from monitor.models import Hit, Story
    from monitor.query import Node

MAX_OTHER_TITLE_CHARACTERS = 200  # of a near-duplicate, below the story that is shown


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherStory:
    """A near-duplicate of the story that a message shows; ``title`` is empty if it is the same."""

    outlet: str
    title: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestEntry:
    """The part of a message about one event: one story, and links to its near-duplicates at other outlets."""

    title: Snippet
    url: str
    details: tuple[str, ...]  # texts for the line below the title: outlet, time, language, authors, flags
    contexts: tuple[Snippet, ...]  # excerpts with the matching words marked
    others: tuple[OtherStory, ...]  # the near-duplicates at other outlets
    matched: tuple[str, ...] = ()  # the clauses of the query that match, if the query has several
    further_outlets: str = ""  # of an event that was reported before: ``now also at 2 more outlets``
    language: str | None = None  # ISO 639, of title and excerpts
    story: Story | None = None  # None if it is no longer stored

    @property
    def direction(self) -> Direction:
        """The writing direction of title and excerpts."""
        return direction_of(" ".join((self.title.text, *(each.text for each in self.contexts))), self.language)


def digest_entry(event: Event, alert: Alert | None, node: Node | None, *, outlets: Collection[str]) -> DigestEntry:
    """Returns the entry of an event for an alert with the query ``node``; both None if it is no longer configured.

    ``outlets`` are the names of the configured outlets.
    """
    timezone = alert.timezone if alert else "UTC"
    if event.document is None:
        return _entry_of_deleted_story(event, timezone, outlets)
    document, story = event.document, event.document.story
    if event.is_repeated:
        return _entry_of_repeated_event(event, story, outlets)
    version = max((each.version for each in event.notifications if each.story == story.id), default=1)
    contexts = snippets(node, document, limit=4) if node else []
    has_several_clauses = node is not None and positive_clause_count(node) > 1
    return DigestEntry(
        title=highlighted_field(node, document, "title")
        if node and story.title
        else _snippet_without_marks(story.title or story.url),
        url=story.url,
        details=(_publisher_name(story, outlets), *_entry_details(story, alert, corrected=version > 1)),
        contexts=tuple(each for each in contexts if each.field != "title")[:3],
        others=_other_stories(event, story, outlets),
        matched=tuple(one_line(str(clause)) for clause in event.match.clauses) if has_several_clauses else (),
        language=story.language,
        story=story,
    )


def _entry_of_repeated_event(event: Event, story: Story, outlets: Collection[str]) -> DigestEntry:
    """Returns the short entry of an event that was reported before: the further outlets, with links."""
    further_outlets = f"now also at {plural(event.outlet_count, 'more outlet')}"
    return DigestEntry(
        title=_snippet_without_marks(story.title or story.url),
        url=story.url,
        details=(_publisher_name(story, outlets), f"reported before, {further_outlets}"),
        contexts=(),
        others=_other_stories(event, story, outlets),
        further_outlets=further_outlets,
        language=story.language,
        story=story,
    )


def _other_stories(event: Event, shown: Story, outlets: Collection[str]) -> tuple[OtherStory, ...]:
    """Returns the links to the near-duplicates of the shown story."""
    return tuple(
        OtherStory(outlet=_publisher_name(other, outlets), title=_title_beside(other, shown), url=other.url)
        for other in event.others
    )


def _title_beside(other: Story, shown: Story) -> str:
    """Returns the title of a near-duplicate in one line; empty if it is that of the shown story."""
    title = one_line(other.title)
    is_same = title.casefold() == one_line(shown.title).casefold()
    return "" if is_same else truncated(title, MAX_OTHER_TITLE_CHARACTERS)


def _entry_details(story: Story, alert: Alert | None, *, corrected: bool) -> list[str]:
    timezone = alert.timezone if alert else "UTC"
    details = [local_time_text(story.time, timezone)]
    if story.published_at is None:
        details[0] = f"first seen {details[0]}"
    if story.published_at and alert and alert.late_after is not None:
        delay = story.first_seen_at - story.published_at
        if delay > alert.late_after:
            details.append(f"late: found {_delay_text(delay)} after its publication")
    if story.language:
        details.append(language_name(story.language))
    if story.authors:
        details.append("by " + ", ".join(story.authors[:3]))
    if corrected:
        details.append("newly matches since the outlet changed it")
    return details + [_FLAG_TEXTS.get(flag, flag) for flag in story.flags]


def _delay_text(delay: timedelta) -> str:
    hours = int(delay.total_seconds() // 3600)
    if hours >= 48:
        return plural(hours // 24, "day")
    return plural(hours, "hour") if hours else plural(int(delay.total_seconds() // 60), "minute")


_FLAG_TEXTS = {"headline": "only title and summary could be read"}


def _publisher_name(story: Story | Hit, outlets: Collection[str]) -> str:
    """Returns the name of the story's outlet, with the site of its URL unless ``outlets`` has the name.

    An outlet that is not configured is named as its pages name their site, and several may state the same name.
    """
    name, site = one_line(story.outlet), publisher_key(http_url_or_empty(story.url))
    is_plain = story.outlet in outlets or not site or f".{name}".endswith(f".{site}")
    return name if is_plain else f"{name} ({one_line(site)})"


def _entry_of_deleted_story(event: Event, timezone: str, outlets: Collection[str]) -> DigestEntry:
    """Returns the entry of a story that was removed from the store, made from its hit, or from its id without a hit."""
    hit = event.hit
    if hit is not None and is_finding(hit):
        return _entry_of_finding(hit, timezone)
    if hit is None:
        title = _snippet_without_marks(f"story {event.notifications[0].story}")
        return DigestEntry(title=title, url="", details=("no longer stored",), contexts=(), others=())
    details = (
        _publisher_name(hit, outlets),
        local_time_text(hit.published_at or hit.matched_at, timezone),
        "no longer stored",
    )
    contexts = (_snippet_without_marks(hit.context),) if hit.context else ()
    return DigestEntry(
        title=_snippet_without_marks(hit.title or hit.url),
        url=hit.url,
        details=details,
        contexts=contexts,
        others=(),
        language=hit.language,
    )


def _entry_of_finding(hit: Hit, timezone: str) -> DigestEntry:
    """Returns the entry of a spike, a flatline or a new name, with links to some of its stories."""
    return DigestEntry(
        title=_snippet_without_marks(hit.title),
        url=hit.url,
        details=(*([one_line(hit.outlet)] if hit.outlet else ()), local_time_text(hit.matched_at, timezone)),
        contexts=tuple(map(_snippet_without_marks, finding_lines(hit))),
        others=tuple(
            OtherStory(outlet=one_line(each.outlet), title=one_line(each.title), url=each.url)
            for each in finding_stories(hit)
        ),
    )


def _snippet_without_marks(text: str) -> Snippet:
    return Snippet("", text, ())


def http_url_or_empty(url: str) -> str:
    """Returns the URL, cleaned for one line, if its scheme is http or https, else an empty string."""
    address = one_line(url).replace(" ", "%20")
    return address if address.startswith(("https://", "http://")) else ""
