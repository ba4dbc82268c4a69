"""Makes a story of an article."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.ingest.text_limits import limited_article
from monitor.models import Candidate, FrontierEntry, Story
from monitor.query.segmentation import words_of
from monitor.urls import canonical_url, story_id

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.config import Outlet
    from monitor.models import Article, ArticleAnalysis, Page


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryBasis:
    """The facts about a story that are known before its page is read."""

    outlet: str  # name
    language: str | None  # of a text whose language is not detected
    country: str | None
    title: str  # of an article without one
    url: str  # of a page without a valid one
    first_seen_at: datetime

    @classmethod
    def of(cls, outlet: Outlet, entry: FrontierEntry) -> StoryBasis:
        candidate = entry.candidate
        return cls(
            outlet=outlet.name,
            language=candidate.language or outlet.language,
            country=outlet.effective_country,
            title=candidate.title,
            url=candidate.url,
            first_seen_at=entry.first_seen_at,
        )

    def story_of(self, page: Page, article: Article) -> Story:
        """Returns the article as a story, see `story_from`; its text and metadata must be within `text_limits`."""
        url = canonical_url(article.canonical_url or page.url) or self.url
        analysis = valid_analysis(article)
        return Story(
            id=story_id(url),
            url=url,
            outlet=self.outlet,
            title=article.title or self.title,
            text=article.text,
            authors=article.authors,
            published_at=article.published_at,
            modified_at=article.modified_at,
            first_seen_at=self.first_seen_at,
            fetched_at=page.fetched_at,
            updated_at=page.fetched_at,
            language=article.language or self.language,
            country=self.country,
            section=article.section,
            tags=article.tags,
            image=article.image,
            word_count=analysis.word_count if analysis else len(words_of(article.text)),
            method=article.method,
            flags=article.flags,
        ).normalized()


def story_from(outlet: Outlet, entry: FrontierEntry, page: Page, article: Article) -> Story:
    """Returns the article as a story under its canonical URL, with no topics, alerts or cluster set.

    The text and metadata are cut to the bounds of `text_limits`, unless the worker has done that.
    """
    limited = article if valid_analysis(article) else limited_article(article)
    return StoryBasis.of(outlet, entry).story_of(page, limited)


def story_of_page(outlet: Outlet, page: Page, article: Article) -> Story:
    """Returns the article of a page that no source has listed as a story, see `story_from`."""
    candidate = Candidate(url=page.url, outlet=outlet.name)
    entry = FrontierEntry(id=story_id(page.url), candidate=candidate, first_seen_at=page.fetched_at, next_at=None)
    return story_from(outlet, entry, page, article)


def valid_analysis(article: Article) -> ArticleAnalysis | None:
    """Returns the article's analysis if it has one that is of its present text."""
    analysis = article.analysis
    return analysis if analysis is not None and analysis.text == article.text else None
