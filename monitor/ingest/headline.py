"""Makes a story of title and summary where the page itself cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.ingest.identity import HEADLINE_FLAG
from monitor.models import Article
from monitor.retry_policy import is_listed_story

if TYPE_CHECKING:
    from monitor.models import Candidate, NotArticle

MAX_SUMMARY_CHARACTERS = 100_000  # a feed may hold the full text
MAX_REMEMBERED_WALLS = 10_000  # the oldest are forgotten


class RecentWalls:
    """The titles that the metadata of walls stated, to tell that of a story from one that all pages of a site have."""

    def __init__(self) -> None:
        self._entry_by_title: dict[tuple[str, str], str] = {}  # the oldest first

    def is_of_several_pages(self, outlet: str, entry_id: str, wall: NotArticle) -> bool:
        """Returns True if the wall of another page of the outlet stated the same title."""
        first = self._entry_by_title.setdefault((outlet, wall.title), entry_id)
        if len(self._entry_by_title) > MAX_REMEMBERED_WALLS:
            del self._entry_by_title[next(iter(self._entry_by_title))]
        return first != entry_id


def headline_article(candidate: Candidate, not_article: NotArticle | None) -> Article | None:
    """Returns the title and summary that the candidate's source or the wall's metadata states; None without a title.

    The title of a link on a section page is no headline, because menus and advertisements are linked as well.
    """
    title = candidate.title if is_listed_story(candidate) else ""
    summary = candidate.summary
    if not_article is not None:
        title, summary = title or not_article.title, summary or not_article.summary
    if not title.strip():
        return None
    return Article(
        title=title.strip(),
        text=summary.strip()[:MAX_SUMMARY_CHARACTERS],
        published_at=candidate.published_at,
        language=candidate.language,
        method=HEADLINE_FLAG,
        flags=(HEADLINE_FLAG,),
    )
