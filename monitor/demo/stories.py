"""The stories a newsroom publishes, as its desk wrote them."""

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

UNITS = {"m": "minutes", "h": "hours", "d": "days"}  # of the ages in stories.yaml


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoStory:
    """One story before it becomes a page."""

    outlet: str  # key of the house that publishes it
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
def _bundled() -> tuple[dict[str, str], ...]:
    return tuple(yaml.safe_load(files(__package__).joinpath("stories.yaml").read_text(encoding="utf-8")))


def bundled(*, opened_at: datetime | None = None) -> list[DemoStory]:
    """The stories that come with the demo, their ages counted back from ``opened_at`` (now), to the minute."""
    opened_at = (opened_at or now()).replace(second=0, microsecond=0)
    return [_dispatch(story, opened_at) for story in _bundled()]


def model_story() -> DemoStory:
    """The story the project is measured by: both alerts of the demo must catch it, and nothing of its page's tail."""
    return bundled()[0]


def _dispatch(story: dict[str, str], opened_at: datetime) -> DemoStory:
    age = timedelta(**{UNITS[story["age"][-1]]: int(story["age"][:-1])})
    return DemoStory(
        outlet=story["outlet"],
        slug=story["slug"],
        title=story["title"],
        standfirst=story["standfirst"],
        author=story["author"],
        section=story["section"],
        paragraphs=tuple(paragraph.strip() for paragraph in story["text"].strip().split("\n\n")),
        published_at=opened_at - age,
    )
