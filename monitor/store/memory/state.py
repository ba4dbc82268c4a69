"""The data of a store in memory, which the objects for the store's roles share."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from monitor.models import OutletMemory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.models import FrontierEntry, Hit, Notification, NotificationKey, OutletState, Story
    from monitor.store.records import Mark, SavedSearch

HitKey: TypeAlias = tuple[str, str, int]  # alert, story id, version


@dataclass(slots=True)
class QueuedNotification:
    """A notification of the outbox, when it was sent, and which process claims it until when."""

    notification: Notification
    sent_at: datetime | None = None
    holder: str | None = None
    claimed_until: datetime | None = None

    def release_claim(self) -> None:
        self.holder = self.claimed_until = None

    @property
    def sort_key(self) -> tuple[datetime, datetime, NotificationKey]:
        return self.notification.due_at, self.notification.created_at, self.notification.key


@dataclass(slots=True)
class MemoryState:
    """All data of a store in memory.  Hold `lock` during every access."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    frontier_entries: dict[str, FrontierEntry] = field(default_factory=dict)  # by URL id
    aliases: dict[str, str | None] = field(default_factory=dict)  # story id by the id of another URL of that story
    story_versions: dict[str, dict[int, Story]] = field(default_factory=dict)  # by story id, then version number
    signatures: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of latest versions, by story id
    hits: dict[HitKey, Hit] = field(default_factory=dict)
    outlets: dict[str, OutletState] = field(default_factory=dict)
    outbox: dict[NotificationKey, QueuedNotification] = field(default_factory=dict)
    snoozes: dict[str, datetime] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)  # JSON text by key, which no caller can change
    marks: dict[tuple[str, str, str], Mark] = field(default_factory=dict)  # by Mark.identity
    saved_searches: dict[str, SavedSearch] = field(default_factory=dict)  # by id

    def latest_version_number(self, story: str) -> int:
        """Returns the number of a story's latest version, or 0 if the story is not stored."""
        return max(self.story_versions.get(story, ()), default=0)

    def latest_version(self, story: str) -> Story:
        return self.story_versions[story][self.latest_version_number(story)]

    def put_latest_version(self, story: Story, signature: Sequence[int]) -> None:
        """Stores a new latest version of a story and its signature; earlier versions stay stored."""
        self.story_versions.setdefault(story.id, {})[story.version] = story
        self.signatures[story.id] = tuple(signature)


def copy_outlet_state(state: OutletState) -> OutletState:
    """Returns a copy with copied dictionaries, so that changing the copy does not change the stored state."""
    return replace(
        state,
        sources=dict(state.sources),
        dispositions=dict(state.dispositions),
        memory=OutletMemory.from_json(json.loads(json.dumps(state.memory.to_json()))),
    )
