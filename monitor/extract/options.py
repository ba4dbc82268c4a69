"""Options for extracting pages of one outlet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.config.schema import Outlet


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractionOptions:
    """Options for extracting one page of an outlet; the defaults suit a page of an unknown outlet."""

    article_selector: str | None = None  # CSS selector of the story's container
    remove_selectors: tuple[str, ...] = ()  # CSS selectors of elements that are not part of the story
    language: str | None = None  # ISO 639-1; used before the markup's language, see `language.detect_language`
    country: str | None = None  # ISO 3166; sets the order of day and month, and the time zone; None: guessed
    listed_at: datetime | None = None  # publication time in the feed that listed the page
    outlet_name: str = ""  # removed from titles and authors
    boilerplate: frozenset[str] = frozenset()  # block and container hashes, see `boilerplate.boilerplate_hashes`

    @classmethod
    def for_outlet(
        cls, outlet: Outlet, boilerplate: frozenset[str] = frozenset(), *, listed_at: datetime | None = None
    ) -> ExtractionOptions:
        """Returns the options for a page of a configured outlet."""
        return cls(
            article_selector=outlet.article,
            remove_selectors=outlet.remove,
            language=outlet.language,
            country=outlet.effective_country,
            listed_at=listed_at,
            outlet_name=outlet.name,
            boilerplate=boilerplate,
        )
