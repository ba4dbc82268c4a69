"""Makes a story of title and summary where the page itself cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.ingest.identity import HEADLINE_FLAG
from monitor.models import Article
from monitor.retry_policy import is_listed_story

if TYPE_CHECKING:
    from monitor.models import Candidate, NotArticle

MAX_SUMMARY_CHARACTERS = 100_000  # a feed may hold the full text


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
