"""What a message tells: for each alert its events, the strongest first, and where to find those not shown."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from monitor.digests.entries import DigestEntry, digest_entry
from monitor.digests.events import Event, events_of
from monitor.digests.text import one_line
from monitor.notify.delivery_times import is_in_rest, is_instant
from monitor.notify.empty_digests import is_placeholder
from monitor.plural import plural
from monitor.query import parse
from monitor.query.syntax import Value

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from monitor.config import Alert, Config
    from monitor.models import Hit, Notification, Story
    from monitor.notify.channel import Message

MAX_REPEATED_TITLES = 20  # of a section; titles of events that a section above shows


@dataclass(frozen=True, kw_only=True, slots=True)
class RepeatedEvent:
    """An event that the section of another alert shows."""

    title: str
    alert: str  # name of the other alert


@dataclass(frozen=True, kw_only=True, slots=True)
class Rest:
    """The events of a section that the message does not show, and the command that lists the alert's stories."""

    event_count: int
    story_count: int
    command: str

    @property
    def text(self) -> str:
        events = plural(self.event_count, "more event")
        stories = plural(self.story_count, "story", "stories")
        return f"And {events} ({stories}). To list them:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """The part of a message about one alert."""

    name: str
    alert: Alert | None  # None if it is no longer configured
    entries: tuple[DigestEntry, ...]
    repeated: tuple[RepeatedEvent, ...]
    event_count: int
    story_count: int
    repeated_count: int  # events of which only further outlets are new
    rest: Rest | None
    waited_count: int  # events that an instant alert did not mail at once for another reason than a further outlet

    @property
    def counts(self) -> str:
        """The number of events and, if it differs, of stories."""
        return counts_text(self.event_count, self.story_count)

    @property
    def note(self) -> str:
        """What the table of contents says beside the counts."""
        above = f"{len(self.repeated):,} of them above" if self.repeated else ""
        before = f"{self.repeated_count:,} reported before" if self.repeated_count else ""
        return ", ".join(filter(None, (above, before)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """The content of a message.  An event of several alerts counts once."""

    sections: tuple[Section, ...]
    event_count: int
    story_count: int
    strongest: DigestEntry | None  # None without any event

    @property
    def counts(self) -> str:
        return counts_text(self.event_count, self.story_count)

    @property
    def summary(self) -> str:
        """The counts as the beginning of a sentence, with the note of the only section."""
        note = self.sections[0].note if len(self.sections) == 1 else ""
        text = ", ".join(filter(None, (self.counts, note)))
        return text[0].upper() + text[1:]

    @property
    def is_single_event(self) -> bool:
        """True if all alerts are about the same event, so that the message needs no table of contents and headings."""
        return self.event_count == 1 and all(section.event_count for section in self.sections)


def digest_of(
    config: Config, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
) -> Digest:
    """Returns the content of a message; ``stories`` and ``hits`` are keyed by story id.

    The alerts have the order of the configuration; those that it no longer has come last.  An event of several alerts
    is shown for the first of them.
    """
    alerts = {alert.name: alert for alert in config.alerts}
    outlets = frozenset(outlet.name for outlet in config.outlets)
    names = sorted(message.alerts, key=[*alerts, *message.alerts].index)
    sections, shown, all_events = [], dict[str, str](), dict[str, Event]()
    strongest: tuple[Event, DigestEntry] | None = None
    for name in names:
        notifications = [each for each in message.notifications if each.alert == name and not is_placeholder(each)]
        alert = alerts.get(name)
        node = parse(alert.query, fragments=config.fragments) if alert else None
        events = events_of(notifications, stories, hits, node, late_joiners=message.late_joiners, at=at)
        fresh = [event for event in events if event.key not in shown]
        visible = fresh[: _max_entries(alert, notifications)]
        entries = [digest_entry(event, alert, node, outlets=outlets) for event in visible]
        if visible and (strongest is None or visible[0].order < strongest[0].order):
            strongest = visible[0], entries[0]
        sections.append(
            Section(
                name=name,
                alert=alert,
                entries=tuple(entries),
                repeated=tuple(_repeated_events(events, shown)),
                event_count=len(events),
                story_count=_story_count(events),
                repeated_count=sum(event.is_repeated for event in events),
                waited_count=sum(_has_waited(event, alert) for event in events),
                rest=_rest(name, alert, fresh[len(visible) :], _story_count(events)),
            )
        )
        shown.update((event.key, name) for event in visible)
        all_events.update((event.key, event) for event in events)
    return Digest(
        sections=tuple(sections),
        event_count=len(all_events),
        story_count=len({each.story for each in message.notifications if not is_placeholder(each)}),
        strongest=strongest[1] if strongest else None,
    )


def _has_waited(event: Event, alert: Alert | None) -> bool:
    return not event.is_repeated and alert is not None and all(is_in_rest(alert, each) for each in event.notifications)


def counts_text(event_count: int, story_count: int) -> str:
    """Returns the number of events and, if it differs, of stories."""
    if not event_count:
        return "no match"
    events = plural(event_count, "event")
    return events if story_count == event_count else f"{events}, {plural(story_count, 'story', 'stories')}"


def _max_entries(alert: Alert | None, notifications: Sequence[Notification]) -> int:
    """Returns how many events a section shows: all in instant mail and in the mails of ``digest: separate``."""
    if alert is None or alert.digest == "separate":
        return len(notifications)
    is_digest = not is_instant(alert) or all(is_in_rest(alert, notification) for notification in notifications)
    return alert.max_entries if is_digest else len(notifications)


def _repeated_events(events: Sequence[Event], shown: Mapping[str, str]) -> list[RepeatedEvent]:
    return [RepeatedEvent(title=_event_title(event), alert=shown[event.key]) for event in events if event.key in shown]


def _event_title(event: Event) -> str:
    if event.document:
        return one_line(event.document.story.title or event.document.story.url)
    return one_line(event.hit.title or event.hit.url) if event.hit else f"story {event.notifications[0].story}"


def _story_count(events: Collection[Event]) -> int:
    return len({notification.story for event in events for notification in event.notifications})


def _rest(name: str, alert: Alert | None, hidden: Sequence[Event], story_count: int) -> Rest | None:
    """Returns what to say about the events that a section hides; None if there are none."""
    if not hidden:
        return None
    since = min(event.earliest_time for event in hidden).astimezone(UTC)
    query = _search_query(name, alert, hidden)
    command = (
        f"media-monitor search {shlex.quote(one_line(query))} --since {since:%Y-%m-%dT%H:%M} --limit {story_count}"
    )
    return Rest(event_count=len(hidden), story_count=_story_count(hidden), command=command)


def _search_query(name: str, alert: Alert | None, hidden: Sequence[Event]) -> str:
    """Returns a query that finds the stories of events: the alert's own if they were queued without being its hits."""
    stories = [event.document.story for event in hidden if event.document]
    is_backfilled = any(name not in story.alerts for story in stories)
    return alert.rule_query if alert and is_backfilled else str(Value("alert", name))
