"""``explain URL``: tells whether a URL was listed, fetched, stored, matched and mailed, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor import coverage
from monitor.delivery_text import has_only_mail
from monitor.models import FrontierEntry, now, rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.cli.context import CommandContext
    from monitor.models import Json, Story
    from monitor.store import Store
    from monitor.store.records import OutboxRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlHistory:
    """All that a store knows of one URL."""

    url: str
    entry: FrontierEntry | None  # None if no source has listed the URL
    story: Story | None  # the story at the URL, or the one that the URL leads to
    notifications: tuple[OutboxRecord, ...]


def read_url_history(store: Store, url: str) -> UrlHistory:
    """Returns what the store knows of a URL, also under the id that earlier versions gave to it."""
    from monitor.urls import former_story_ids, story_id

    url_id, former_ids = story_id(url), former_story_ids(url)
    records = store.entries([url_id, *former_ids])
    of_former_ids = [record for key in former_ids if isinstance(record := records.get(key), FrontierEntry)]
    former = next((entry for entry in of_former_ids if story_id(entry.candidate.url) == url_id), None)
    record = records.get(url_id) or former
    story_ids = [record.story, url_id] if record and record.story else [url_id]
    stories = store.stories(story_ids)
    story = next((stories[key] for key in story_ids if key in stories), None)
    return UrlHistory(
        url=url,
        entry=record if isinstance(record, FrontierEntry) else None,
        story=story,
        notifications=tuple(store.story_notifications(story.id)) if story else (),
    )


def history_json(history: UrlHistory) -> Json:
    """Returns a URL's history as one JSON object."""
    story = history.story
    return {
        "url": history.url,
        "listed": coverage.entry_json(history.entry) if history.entry and history.entry.candidate.source else None,
        "story": None
        if story is None
        else {
            "id": story.id,
            "url": story.url,
            "outlet": story.outlet,
            "title": story.title,
            "first_seen_at": rfc3339(story.first_seen_at),
            "version": story.version,
            "topics": list(story.topics),
            "alerts": list(story.alerts),
        },
        "notifications": [
            {
                "alert": record.notification.alert,
                "version": record.notification.version,
                "channel": record.notification.channel,
                "sent_at": rfc3339(record.sent_at) if record.sent_at else None,
                "due_at": rfc3339(record.notification.due_at),
                "error": record.notification.error,
            }
            for record in history.notifications
        ],
    }


def print_history(context: CommandContext, history: UrlHistory) -> None:
    """Prints a line for each step of the URL's way: listed, fetched, stored, matched, mailed."""
    from monitor.cli.formatting import plain_line

    for label, text in _lines(history):
        context.out.print(plain_line(text, prefix=f"{label:<10}"))


def _lines(history: UrlHistory) -> list[tuple[str, str]]:
    """Returns what is known of each step of the URL's way, up to the one where it ended."""
    entry, story = history.entry, history.story
    is_listed = entry is not None and entry.candidate.source != ""
    if not is_listed and story is None:
        return [
            ("listed", "never: no source of an outlet has listed this URL (`outlets NAME --coverage` compares them)")
        ]
    lines = []
    if entry is not None and is_listed:
        sources = ", ".join((entry.candidate.source, *entry.other_sources))
        lines.append(("listed", f"{_time(entry.first_seen_at)} by {entry.candidate.outlet}: {sources}"))
        lines.append(("outcome", _outcome_text(entry)))
    elif story is not None:
        lines.append(("listed", "not under this URL; it leads to a stored story"))
    if story is None:
        return lines
    versions = f", version {story.version} of {_time(story.updated_at)}" if story.version > 1 else ""
    lines.append(("stored", f"{_time(story.first_seen_at)}{versions}: {story.title}"))
    if story.url != history.url:
        lines.append(("", f"under {story.url}"))
    matched = [*(f"topic {topic}" for topic in story.topics), *(f"alert {alert}" for alert in story.alerts)]
    lines.append(("matched", ", ".join(matched) or "no topic and no alert; `explain QUERY URL` shows why"))
    lines += [(_notification_label(record), _notification_text(record)) for record in history.notifications]
    if story.alerts and not history.notifications:
        lines.append(("mailed", "never: no notification is stored, as for an imported story"))
    return lines


def _outcome_text(entry: FrontierEntry) -> str:
    from monitor.time_text import relative_time

    outcome = entry.outcome
    again = f"; to be fetched again {relative_time(entry.next_at, now())}" if entry.next_at and outcome else ""
    if outcome is None:
        waiting = f"waits for its first fetch, due {relative_time(entry.next_at, now())}" if entry.next_at else ""
        return waiting or coverage.meaning_of_entry(entry)
    label = " ".join(filter(None, (outcome.disposition.value, outcome.kind)))
    when = f" {_time(entry.settled_at)}" if entry.settled_at else ""
    meaning = coverage.meaning_of(outcome.disposition, outcome.kind)
    detail = f" ({outcome.detail})" if outcome.detail and outcome.detail != meaning else ""
    return f"{label}{when}: {meaning}{detail}{again}"


def _notification_label(record: OutboxRecord) -> str:
    sent, unsent = ("mailed", "to mail") if has_only_mail([record.notification.channel]) else ("delivered", "to send")
    return sent if record.sent_at else unsent


def _notification_text(record: OutboxRecord) -> str:
    notification = record.notification
    name = f"alert {notification.alert}, version {notification.version}, by {notification.channel}"
    if record.sent_at:
        return f"{_time(record.sent_at)}: {name}"
    problem = f"; {notification.error}" if notification.error else ""
    return f"due {_time(notification.due_at)}: {name}{problem}"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
