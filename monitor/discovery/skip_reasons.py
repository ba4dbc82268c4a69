"""The reasons for which an entry of a source is no candidate."""

from __future__ import annotations

import enum
from typing import Self


class SkipReason(enum.StrEnum):
    """Why an entry of a source is no candidate; ``meaning`` tells a person what it means and what to do."""

    meaning: str
    is_loss: bool  # True if stories may be missed for this reason, so that each poll notes it

    def __new__(cls, value: str, meaning: str, is_loss: bool) -> Self:
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.meaning = meaning
        reason.is_loss = is_loss
        return reason

    NO_ADDRESS = "no-address", "the entry has no link, GUID or id that is an http or https address", True
    CUT = "cut", "the document ends inside the entry, before its address: the next poll reads it again", True
    TOO_MANY = "too-many", "the source has more entries than are read: the newest 5,000 of it are", True
    UNDATED = (
        "undated",
        "a long sitemap's entry has no date: name a news sitemap, a feed or sections instead",
        True,
    )
    TOO_OLD = "too-old", "the sitemap dates the entry before `max_age`", False
    NO_STORY = "no-story", "the section page links it, and it does not look like a story", False
    SITEMAP_NOT_READ = (
        "sitemap-not-read",
        "the sitemap index dates the sitemap before `max_age`, or newer ones are read",
        False,
    )
