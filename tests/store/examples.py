"""Example stories, frontier entries and commits for tests of stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.models import Candidate, Disposition, FrontierEntry, Hit, Notification, Outcome, PageCommit, Story
from monitor.similarity import signature
from monitor.urls import story_id

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def story_url(name: str) -> str:
    return f"https://outlet.example/news/{name}"


def candidate(name: str = "first", outlet: str = "Outlet", **fields: Any) -> Candidate:
    return Candidate(url=story_url(name), outlet=outlet, **fields)


def frontier_entry(name: str = "first", **fields: Any) -> FrontierEntry:
    defaults = {"id": story_id(story_url(name)), "candidate": candidate(name), "first_seen_at": NOW, "next_at": None}
    return FrontierEntry(**{**defaults, **fields})


def story(name: str = "first", **fields: Any) -> Story:
    url = story_url(name)
    defaults: dict[str, Any] = {
        "id": story_id(url),
        "url": url,
        "outlet": "Outlet",
        "title": f"The title of {name}",
        "text": f"The text of {name} has a few words.",
        "first_seen_at": NOW,
        "fetched_at": NOW,
        "updated_at": NOW,
        "language": "en",
        "cluster": story_id(url),
    }
    return Story(**{**defaults, **fields})


def page_commit(example: Story, *, alerts: tuple[str, ...] = (), **fields: Any) -> PageCommit:
    """Returns a story's commit as ingest makes it: a finished entry, and a hit and a notification for each alert."""
    name = example.url.rpartition("/")[2]
    defaults: dict[str, Any] = {
        "entry": frontier_entry(name, story=example.id),
        "outcome": Outcome(disposition=Disposition.STORED),
        "story": example,
        "signature": signature(example.text),
        "hits": tuple(hit(alert, example) for alert in alerts),
        "notifications": tuple(notification(alert, example) for alert in alerts),
    }
    return PageCommit(**{**defaults, **fields})


def hit(alert: str, example: Story, **fields: Any) -> Hit:
    defaults: dict[str, Any] = {
        "alert": alert,
        "story": example.id,
        "version": example.version,
        "outlet": example.outlet,
        "title": example.title,
        "url": example.url,
        "matched_at": example.updated_at,
        "published_at": example.published_at,
        "language": example.language,
        "context": "the words around",
    }
    return Hit(**{**defaults, **fields})


def notification(alert: str, example: Story, **fields: Any) -> Notification:
    defaults: dict[str, Any] = {
        "alert": alert,
        "story": example.id,
        "version": example.version,
        "channel": "email",
        "targets": ("desk@example.org", "chief@example.org"),
        "due_at": NOW,
        "created_at": NOW,
    }
    return Notification(**{**defaults, **fields})
