"""Makes a story of an article."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.ingest.text_limits import limited_article
from monitor.models import Story
from monitor.query.segmentation import words_of
from monitor.urls import canonical_url, story_id

if TYPE_CHECKING:
    from monitor.config import Outlet
    from monitor.models import Article, FrontierEntry, Page


def story_from(outlet: Outlet, entry: FrontierEntry, page: Page, article: Article) -> Story:
    """Returns the article as a story under its canonical URL, with no topics, alerts or cluster set.

    The text and metadata are cut to the bounds of `text_limits`.
    """
    article = limited_article(article)
    url = canonical_url(article.canonical_url or page.url) or entry.candidate.url
    return Story(
        id=story_id(url),
        url=url,
        outlet=outlet.name,
        title=article.title or entry.candidate.title,
        text=article.text,
        authors=article.authors,
        published_at=article.published_at,
        modified_at=article.modified_at,
        first_seen_at=entry.first_seen_at,
        fetched_at=page.fetched_at,
        updated_at=page.fetched_at,
        language=article.language or entry.candidate.language or outlet.language,
        country=outlet.effective_country,
        section=article.section,
        tags=article.tags,
        image=article.image,
        word_count=len(words_of(article.text)),
        method=article.method,
        flags=article.flags,
    ).normalized()
