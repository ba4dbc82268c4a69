"""The part of ingest that runs in the worker that extracted an article: limits, signature, and matching of its text.

The worker gets the rules once, when it starts (`use_rules`).  The crawling process uses the results as long as the
story that it decides on is the one that the worker matched, and matches any other story itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor import similarity
from monitor.ingest.long_articles import LONG_ARTICLE_CHARACTERS
from monitor.ingest.text_limits import limited_article
from monitor.models import ArticleAnalysis
from monitor.query.matcher import AnalysedStory
from monitor.query.segmentation import words_of

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.ingest.story_of_article import StoryBasis
    from monitor.models import Article, Page, Story
    from monitor.query.rules import RuleSet

_rules_in_use: list[RuleSet] = []  # one, once `use_rules` was called


def use_rules(rules: RuleSet) -> None:
    """Sets the rules that this process matches; called in each worker when it starts."""
    _rules_in_use[:] = [rules]


@dataclass(frozen=True, slots=True)
class ArticleAnalyser:
    """Analyses the article of one page; sent to the worker with the page.

    ``oldest`` is the publication time below which the story will not be stored, so it is not analysed; None for no
    limit.
    """

    basis: StoryBasis
    oldest: datetime | None

    def __call__(self, page: Page, article: Article) -> Article:
        """Returns the article within `text_limits` and with its analysis.

        A long article is not matched: that may take longer than a worker has for a page, see `long_articles`.
        """
        if self.oldest is not None and article.published_at is not None and article.published_at < self.oldest:
            return article
        article = limited_article(article)
        counted = ArticleAnalysis(
            text=article.text,
            word_count=len(words_of(article.text)),
            signature=similarity.signature(article.text),
        )
        article = replace(article, analysis=counted)
        if not _rules_in_use or len(article.text) > LONG_ARTICLE_CHARACTERS:
            return article
        return replace(article, analysis=_matched(counted, self.basis.story_of(page, article), _rules_in_use[0]))


def _matched(analysis: ArticleAnalysis, story: Story, rules: RuleSet) -> ArticleAnalysis:
    """Returns the analysis with the topics and alerts that match the story."""
    analysed = AnalysedStory(story)
    matches = rules.match(analysed)
    analysed = analysed.with_story(replace(story, topics=matches.topics, alerts=matches.alerts))
    contexts = tuple(rules.best_context_line(alert, analysed) for alert in matches.alerts)
    return replace(analysis, matched=analysed.story, contexts=contexts)
