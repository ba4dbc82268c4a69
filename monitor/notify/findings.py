"""Findings: notifications about a number of stories or a new name, not about one story of the store.

A finding is stored as a hit, whose title says what was found and whose context has a line for each detail, and as
notifications with the same id in place of a story's.  So it goes through the outbox, through exports and into Kibana
as any other hit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.models import Hit
from monitor.notify.delivery_times import next_delivery_time
from monitor.notify.new_notifications import new_notifications

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from monitor.config import Alert
    from monitor.models import Notification, Story

_ID_PREFIX = "finding-"  # in place of a story's id, which has only hexadecimal digits


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryLink:
    """A story behind a finding."""

    outlet: str
    title: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that an alert tells about several stories; ``key`` is the same if it is found again."""

    alert: str
    key: str
    title: str
    lines: tuple[str, ...]
    stories: tuple[Story, ...]  # those that a message names
    found_at: datetime

    @property
    def id(self) -> str:
        """The finding's id in hits and notifications."""
        return f"{_ID_PREFIX}{self.key}"

    def hit(self) -> Hit:
        """Returns the hit by which the finding is stored."""
        links = ("\t".join((_plain(story.outlet), _plain(story.title), story.url)) for story in self.stories)
        first = self.stories[0] if self.stories else None
        return Hit(
            alert=self.alert,
            story=self.id,
            version=1,
            outlet=first.outlet if first and len(self.stories) == 1 else "",
            title=self.title,
            url=first.url if first and len(self.stories) == 1 else "",
            matched_at=self.found_at,
            context="\n".join((*map(_plain, self.lines), *links)),
        )

    def notifications(self, alert: Alert) -> Iterator[Notification]:
        """Yields a notification for each channel of the alert."""
        due_at = next_delivery_time(alert.deliver, alert.timezone, self.found_at)
        yield from new_notifications(alert, story=self.id, version=1, due_at=due_at, created_at=self.found_at)


def is_finding(record: Hit | Notification) -> bool:
    """Returns True if a hit or notification is about a finding."""
    return record.story.startswith(_ID_PREFIX)


def finding_lines(hit: Hit) -> list[str]:
    """Returns the lines of a finding without its stories."""
    return [line for line in hit.context.split("\n") if line and "\t" not in line]


def finding_stories(hit: Hit) -> list[StoryLink]:
    """Returns the stories that a finding names."""
    parts = [line.split("\t") for line in hit.context.split("\n")]
    return [StoryLink(outlet=each[0], title=each[1], url=each[2]) for each in parts if len(each) == 3]


def _plain(text: str) -> str:
    return " ".join(text.split())
