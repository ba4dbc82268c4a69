"""What an outlet's configuration and history say about reading its pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.config.schema import Outlet


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractionOptions:
    """How the pages of one outlet are to be read; ``boilerplate`` is what `furniture.known` found in its memory."""

    article_selector: str | None = None  # CSS selector of the story's container
    remove_selectors: tuple[str, ...] = ()  # CSS selectors of what is not the story
    language: str | None = None  # believed only where the text is too short to tell
    country: str | None = None
    listed_at: datetime | None = None  # when the page came out, as the feed says that led to it
    outlet_name: str = ""  # its name, which is no author's and no part of a title
    boilerplate: frozenset[str] = frozenset()

    @classmethod
    def for_outlet(
        cls, outlet: Outlet, boilerplate: frozenset[str] = frozenset(), *, listed_at: datetime | None = None
    ) -> ExtractionOptions:
        return cls(
            article=outlet.article,
            remove=outlet.remove,
            language=outlet.language,
            country=outlet.country,
            listed_at=listed_at,
            outlet=outlet.name,
            boilerplate=boilerplate,
        )
