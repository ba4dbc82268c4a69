"""The stories that the demo's newsroom publishes, from stories.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import yaml

from monitor.models import now

if TYPE_CHECKING:
    from datetime import datetime

# By the suffix of ``age`` in stories.yaml.
TIMEDELTA_ARGUMENT_BY_SUFFIX = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoStory:
    """A story before it is rendered as a page."""

    outlet: str  # key of the outlet that publishes the story
    slug: str
    title: str
    paragraphs: tuple[str, ...]
    published_at: datetime
    standfirst: str = ""
    author: str = ""
    section: str = "News"

    @property
    def text(self) -> str:
        return "\n\n".join(self.paragraphs)


@cache
def _story_records() -> tuple[dict[str, str], ...]:
    return tuple(yaml.safe_load(files(__package__).joinpath("stories.yaml").read_text(encoding="utf-8")))


def bundled_stories(*, opened_at: datetime | None = None) -> list[DemoStory]:
    """Returns the stories of stories.yaml, published at ``opened_at`` (default: now) minus their ``age``."""
    opened_at = (opened_at or now()).replace(second=0, microsecond=0)
    return [_demo_story(story, opened_at) for story in _story_records()]


def model_story() -> DemoStory:
    """Returns the bundled story that demo and acceptance tests check in detail; both instant alerts must match it."""
    return bundled_stories()[0]


def _demo_story(record: dict[str, str], opened_at: datetime) -> DemoStory:
    age = timedelta(**{TIMEDELTA_ARGUMENT_BY_SUFFIX[record["age"][-1]]: int(record["age"][:-1])})
    return DemoStory(
        outlet=record["outlet"],
        slug=record["slug"],
        title=record["title"],
        standfirst=record["standfirst"],
        author=record["author"],
        section=record["section"],
        paragraphs=tuple(paragraph.strip() for paragraph in record["text"].strip().split("\n\n")),
        published_at=opened_at - age,
    )
