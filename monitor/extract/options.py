"""Per-outlet options for extraction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.config.schema import Outlet


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractionOptions:
    """How the pages of one outlet are read; by default, nothing about the outlet is known."""

    article_selector: str | None = None  # CSS selector of the story's container
    remove_selectors: tuple[str, ...] = ()  # CSS selectors of elements that are not part of the story
    language: str | None = None  # used only when the text is too short for detection
    country: str | None = None  # ISO 3166 code; sets the order of day and month, and the default time zone
    listed_at: datetime | None = None  # publication time in the feed that listed the page
    outlet_name: str = ""  # removed from titles and from authors
    boilerplate: frozenset[str] = frozenset()  # blocks and element paths to drop, as learned per outlet

    @classmethod
    def for_outlet(
        cls, outlet: Outlet, boilerplate: frozenset[str] = frozenset(), *, listed_at: datetime | None = None
    ) -> ExtractionOptions:
        return cls(
            article_selector=outlet.article,
            remove_selectors=outlet.remove,
            language=outlet.language,
            country=outlet.country,
            listed_at=listed_at,
            outlet_name=outlet.name,
            boilerplate=boilerplate,
        )
