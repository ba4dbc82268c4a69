"""Compares a query with stories that people have labelled as wanted or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.query.matcher import analysed_story, matches

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import Story
    from monitor.query.syntax import Node


@dataclass
class Evaluation:
    """The labelled stories that a query finds or misses; relative times in the query count from ``now``."""

    node: Node
    now: datetime
    right: int = 0  # stories that are wanted and found
    rightly_left: int = 0  # stories that are neither
    missed: list[Story] = field(default_factory=list)
    wrongly_found: list[Story] = field(default_factory=list)

    def add(self, story: Story, is_wanted: bool) -> None:
        """Matches a story and counts the result."""
        is_found = matches(self.node, analysed_story(story), self.now)
        if is_found and is_wanted:
            self.right += 1
        elif is_found:
            self.wrongly_found.append(story)
        elif is_wanted:
            self.missed.append(story)
        else:
            self.rightly_left += 1

    @property
    def wanted(self) -> int:
        """The number of wanted stories."""
        return self.right + len(self.missed)

    @property
    def found(self) -> int:
        """The number of stories that the query finds."""
        return self.right + len(self.wrongly_found)

    @property
    def total(self) -> int:
        """The number of labelled stories."""
        return self.wanted + len(self.wrongly_found) + self.rightly_left

    @property
    def recall(self) -> float:
        """The fraction of the wanted stories that the query finds.  Raises ZeroDivisionError if none is wanted."""
        return self.right / self.wanted

    @property
    def precision(self) -> float:
        """The fraction of the found stories that are wanted.  Raises ZeroDivisionError if none is found."""
        return self.right / self.found
