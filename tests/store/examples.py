"""Stories, visits and filings for tests of stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.models import Candidate, Disposition, FrontierEntry, Hit, Notification, Outcome, PageCommit, Story
from monitor.similarity import signature
from monitor.urls import story_id

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def address(name: str) -> str:
    return f"https://outlet.example/news/{name}"


def candidate(name: str = "first", outlet: str = "Outlet", **more: Any) -> Candidate:
    return Candidate(url=address(name), outlet=outlet, **more)


def visit(name: str = "first", **more: Any) -> FrontierEntry:
    given = {"id": story_id(address(name)), "candidate": candidate(name), "first_seen_at": NOW, "next_at": None}
    return FrontierEntry(**{**given, **more})


def story(name: str = "first", **more: Any) -> Story:
    url = address(name)
    given: dict[str, Any] = {
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
    return Story(**{**given, **more})


def filing(told: Story, *, alerts: tuple[str, ...] = (), **more: Any) -> PageCommit:
    """A story as ingest files it: with its finished visit, and a hit and a notice for each alert."""
    name = told.url.rpartition("/")[2]
    given: dict[str, Any] = {
        "entry": visit(name, story=told.id),
        "outcome": Outcome(disposition=Disposition.STORED),
        "story": told,
        "signature": signature(told.text),
        "hits": tuple(hit(alert, told) for alert in alerts),
        "notifications": tuple(notice(alert, told) for alert in alerts),
    }
    return PageCommit(**{**given, **more})


def hit(alert: str, told: Story, **more: Any) -> Hit:
    given: dict[str, Any] = {
        "alert": alert,
        "story": told.id,
        "version": told.version,
        "outlet": told.outlet,
        "title": told.title,
        "url": told.url,
        "matched_at": told.updated_at,
        "published_at": told.published_at,
        "language": told.language,
        "context": "the words around",
    }
    return Hit(**{**given, **more})


def notice(alert: str, told: Story, **more: Any) -> Notification:
    given: dict[str, Any] = {
        "alert": alert,
        "story": told.id,
        "version": told.version,
        "to": ("desk@example.org", "chief@example.org"),
        "due_at": NOW,
        "created_at": NOW,
    }
    return Notification(**{**given, **more})
