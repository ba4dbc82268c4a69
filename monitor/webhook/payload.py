"""The JSON body of a webhook; schema.json describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from monitor.digests.digest import digest_of
from monitor.digests.entries import http_url_or_empty
from monitor.digests.headline import headline
from monitor.digests.text import one_line
from monitor.models import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from monitor.config import Config
    from monitor.digests.digest import Section
    from monitor.digests.entries import DigestEntry
    from monitor.models import Hit, Json, Story
    from monitor.notify.channel import Message

MAX_HEADLINE_CHARACTERS = 300
PAYLOAD_VERSION = 1  # greater when a field changes its meaning or is removed


def payload_bytes(
    config: Config, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
) -> bytes:
    """Returns the body for a message.  ``stories`` and ``hits`` are keyed by story id."""
    digest = digest_of(config, message, stories, hits, at=at)
    return orjson.dumps(
        {
            "id": webhook_id(message.id),
            "type": "alert",
            "version": PAYLOAD_VERSION,
            "timestamp": rfc3339(at.replace(microsecond=0)),
            "data": {
                "headline": headline(digest, at, max_characters=MAX_HEADLINE_CHARACTERS),
                "event_count": digest.event_count,
                "story_count": digest.story_count,
                "alerts": [_section_json(section) for section in digest.sections],
                "notes": [*map(one_line, message.notes)],
            },
        }
    )


def webhook_id(message_id: str) -> str:
    """Returns the id of a message as header values and the body have it: without angle brackets."""
    return message_id.strip("<>")


def _section_json(section: Section) -> Json:
    return {
        "name": section.name,
        "query": section.alert.rule_query if section.alert else None,
        "event_count": section.event_count,
        "story_count": section.story_count,
        "events": [_entry_json(entry) for entry in section.entries],
        "shown_under_other_alerts": [{"title": each.title, "alert": each.alert} for each in section.repeated],
        "hidden_event_count": section.rest.event_count if section.rest else 0,
    }


def _entry_json(entry: DigestEntry) -> Json:
    story = entry.story
    return {
        "title": one_line(entry.title.text),
        "url": http_url_or_empty(entry.url) or None,
        "details": [*map(one_line, entry.details)],
        "sentences": [one_line(context.text) for context in entry.contexts],
        "matched": [*entry.matched],
        "reported_before": bool(entry.further_outlets),
        "also_in": [{"outlet": each.outlet, "title": each.title or None, "url": each.url} for each in entry.others],
        "story": story and _story_json(story),
    }


def _story_json(story: Story) -> Json:
    return {
        "id": story.id,
        "cluster": story.cluster or story.id,
        "version": story.version,
        "outlet": story.outlet,
        "title": story.title,
        "url": story.url,
        "authors": [*story.authors],
        "published_at": story.published_at and rfc3339(story.published_at),
        "first_seen_at": rfc3339(story.first_seen_at),
        "language": story.language,
        "country": story.country,
        "topics": [*story.topics],
        "alerts": [*story.alerts],
        "flags": [*story.flags],
    }
