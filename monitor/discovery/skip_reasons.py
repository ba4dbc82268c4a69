"""The reasons for which an entry of a source is no candidate."""

from __future__ import annotations

from monitor.discovery.explained_reason import ExplainedReason


class SkipReason(ExplainedReason):
    """Why an entry of a source is no candidate."""

    NO_ADDRESS = "no-address", "the entry has no link, GUID or id that is an http or https address"
    CUT = "cut", "the document ends inside the entry, before its address: the next poll reads it again"
    TOO_MANY = "too-many", "the source has more entries than are read: the newest 5,000 of it are"
    UNDATED = (
        "undated",
        "a long sitemap's entry has no date: name a news sitemap, a feed or sections instead",
    )
    TOO_OLD = "too-old", "the sitemap dates the entry before `max_age`"
    NO_STORY = "no-story", "the section page links it, and it does not look like a story"
    SITEMAP_NOT_READ = (
        "sitemap-not-read",
        "the sitemap index dates the sitemap before `max_age`, or newer ones are read",
    )

    @property
    def is_loss(self) -> bool:
        """True if stories may be missed for this reason, so that each poll notes it."""
        return self in _LOSSES


_LOSSES = frozenset({SkipReason.NO_ADDRESS, SkipReason.CUT, SkipReason.TOO_MANY, SkipReason.UNDATED})
