"""Turns fetched pages into stored stories.  Read this file first.

    page -> extract -> decide (new, duplicate, corrected, off-topic) -> commit (story, hits, notifications, entry)

`decision` has the rules of story identity, `commit_queue` writes in batches, `monitor.retry_policy` computes when a
URL is fetched again.  All steps before the commit can be repeated.  The commit is one transaction or, on a store
without transactions, can be repeated too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor import models, retry_policy
from monitor.errors import ExtractionError
from monitor.extract import ExtractionOptions
from monitor.failures import FailureKind
from monitor.ingest.commit_queue import CommitQueue
from monitor.ingest.decision import CommitDecider
from monitor.models import Article, CommitResult, Disposition, FrontierEntry, NotArticle, Outcome, Page, PageCommit

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitor.config import Config, Outlet
    from monitor.errors import FetchError
    from monitor.extract import Extractor
    from monitor.extract.boilerplate import Boilerplate
    from monitor.ingest.commit_queue import StoreCall
    from monitor.query.rules import RuleSet
    from monitor.store import Store

MAX_COMMIT_ATTEMPTS = 5  # per page, while other processes change its story; then the page is retried later


class Ingest:
    """Extracts and stores fetched pages and schedules their next fetch.  Tasks of one event loop may share it."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        extractor: Extractor,
        rules: RuleSet,
        call: StoreCall,
        now: Callable[[], datetime] = models.now,
    ) -> None:
        self.config = config
        self.extractor = extractor
        self.call = call
        self.now = now
        self.commits = CommitQueue(store, call, now)
        self.decider = CommitDecider(config=config, store=store, rules=rules, commits=self.commits, now=now)

    async def ingest_page(self, outlet: Outlet, entry: FrontierEntry, page: Page, boilerplate: Boilerplate) -> Outcome:
        """Extracts a fetched page, stores its story or frontier entry, and returns the outcome.

        ``boilerplate`` learns the repeated text of the outlet's articles.  Extraction errors, conflicts with other
        processes and a rejected story become an outcome FAILED.  Raises StoreError when the store cannot be used.
        """
        try:
            options = ExtractionOptions.for_outlet(outlet, boilerplate.hashes(), listed_at=entry.candidate.published_at)
            article = await self.extractor.extract_article(page, options)
        except ExtractionError as error:
            return await self._settle_failure(entry, error.kind, label=error.label, detail=str(error))
        if isinstance(article, NotArticle):
            outcome = Outcome(disposition=Disposition.NOT_ARTICLE, kind=article.kind, detail=article.detail)
            settled = retry_policy.entry_after_page_without_article(entry, article.kind, now=self.now())
            return await self._settle_without_story(settled, outcome)
        boilerplate.learn(article)
        if entry.story is None and self._is_too_old(outlet, article, page):
            return await self._settle_without_story(
                retry_policy.finished_entry(entry), Outcome(disposition=Disposition.TOO_OLD)
            )
        for _ in range(MAX_COMMIT_ATTEMPTS):
            page_commit = await self.call(self.decider.decide, outlet, entry, page, article)
            try:
                result = await self.commits.commit(page_commit)
            finally:
                if page_commit.story is not None:
                    self.decider.clusters.release_story(page_commit.story.id)
            if result is CommitResult.WRITTEN:
                return replace(
                    page_commit.outcome,
                    next_at=page_commit.entry.next_at,
                    article_characters=len(article.text),
                    is_dated=article.published_at is not None,
                )
            if result is CommitResult.REJECTED:
                detail = "the store rejected the story: `media-monitor replay --list` shows why"
                return Outcome(disposition=Disposition.FAILED, kind=FailureKind.REJECTED.label, detail=detail)
        return await self._settle_failure(entry, FailureKind.CONFLICT, label=FailureKind.CONFLICT.label)

    async def settle_not_modified(self, entry: FrontierEntry) -> Outcome:
        """Stores the frontier entry of a story after 304 Not Modified; returns the outcome UNCHANGED."""
        rechecked = retry_policy.entry_after_recheck(entry, now=self.now())
        return await self._settle_without_story(rechecked, Outcome(disposition=Disposition.UNCHANGED))

    async def settle_fetch_failure(self, entry: FrontierEntry, error: FetchError) -> Outcome:
        """Stores the frontier entry of a page that could not be fetched; returns the outcome FAILED."""
        retry_after = timedelta(seconds=error.retry_after or 0.0)
        return await self._settle_failure(
            entry, error.kind, label=error.label, detail=error.message, retry_after=retry_after
        )

    def _is_too_old(self, outlet: Outlet, article: Article, page: Page) -> bool:
        """Returns True if the article was published more than ``max_age`` before the fetch; False without a date."""
        oldest = page.fetched_at - (outlet.max_age or self.config.crawl.max_age)
        return article.published_at is not None and article.published_at < oldest

    async def _settle_failure(
        self,
        entry: FrontierEntry,
        kind: FailureKind,
        *,
        label: str,
        detail: str = "",
        retry_after: timedelta = timedelta(0),
    ) -> Outcome:
        """Stores the frontier entry of a failed page with its next retry; returns the outcome FAILED."""
        failed = retry_policy.entry_after_failure(entry, kind, now=self.now(), retry_after=retry_after)
        return await self._settle_without_story(
            failed, Outcome(disposition=Disposition.FAILED, kind=label, detail=detail)
        )

    async def _settle_without_story(self, entry: FrontierEntry, outcome: Outcome) -> Outcome:
        """Stores a frontier entry but no story; returns ``outcome`` with the time of the next fetch."""
        await self.commits.commit(PageCommit(entry=entry, outcome=outcome))
        return replace(outcome, next_at=entry.next_at)
