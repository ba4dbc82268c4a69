"""From a fetched page to the store; read this file first.

    page -> extract -> decide (new, duplicate, corrected, off-topic) -> commit (story, hits, notifications, entry)

`decision` holds the rules of story identity, `retry_policy` when a URL is fetched again, `commit_queue` the batched
writes.  Everything before the commit can be repeated; the commit is one transaction or, on a store without
transactions, safe to repeat.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor import models
from monitor.errors import ExtractionError
from monitor.extract import ExtractionOptions
from monitor.failures import FailureKind
from monitor.ingest.commit_queue import CommitQueue
from monitor.ingest.decision import Decider
from monitor.ingest.retry_policy import MAX_ATTEMPTS, is_first_404, recheck_at, retry_at
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

MAX_CONFLICT_RETRIES = 5  # writers that may commit the same story first before the page is postponed
WALL_KINDS = frozenset({"error", "consent", "script", "empty"})  # pages served with status 200 in place of a story


class Ingest:
    """Takes fetched pages to their disposition; safe to use from many tasks of one event loop."""

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
        self.commits = CommitQueue(store, call)
        self.decider = Decider(config=config, store=store, rules=rules, commits=self.commits, now=now)

    async def page(self, outlet: Outlet, entry: FrontierEntry, page: Page, boilerplate: Boilerplate) -> Outcome:
        """Ingests a fetched page and returns its outcome; ``boilerplate`` learns from the article."""
        try:
            options = ExtractionOptions.for_outlet(
                outlet, boilerplate.recurring(), listed_at=entry.candidate.published_at
            )
            article = await self.extractor.read(page, options)
        except ExtractionError as error:
            outcome = Outcome(disposition=Disposition.FAILED, kind=error.label, detail=str(error))
            return await self._postpone(entry, outcome)
        if isinstance(article, NotArticle):
            return await self._not_article(entry, article)
        boilerplate.learn(article)
        if entry.story is None and self._is_too_old(outlet, article, page):
            return await self._settle(entry, Outcome(disposition=Disposition.TOO_OLD))
        for _ in range(MAX_CONFLICT_RETRIES):
            page_commit = await self.call(self.decider.decide, outlet, entry, page, article)
            try:
                result = await self.commits.commit(page_commit)
            finally:
                if page_commit.story is not None:
                    self.decider.clusters.release(page_commit.story.id)
            if result is CommitResult.WRITTEN:
                return page_commit.outcome
            if result is CommitResult.REJECTED:
                detail = "the store rejected the story: `media-monitor replay --list` shows why"
                return Outcome(disposition=Disposition.FAILED, kind=FailureKind.REJECTED.label, detail=detail)
        return await self._postpone(entry, Outcome(disposition=Disposition.FAILED, kind=FailureKind.CONFLICT.label))

    async def not_modified(self, entry: FrontierEntry) -> Outcome:
        """Settles a recheck that the server answered with 304 Not Modified."""
        rechecked = replace(entry, rechecks=entry.rechecks + 1, attempts=0)
        outcome = Outcome(disposition=Disposition.UNCHANGED)
        return await self._settle(rechecked, outcome, next_at=recheck_at(rechecked, now=self.now()))

    async def failed(self, entry: FrontierEntry, error: FetchError) -> Outcome:
        """Settles a page that could not be fetched: it is retried later unless the failure is permanent."""
        outcome = Outcome(disposition=Disposition.FAILED, kind=error.label, detail=error.message)
        if error.kind.permanent and not is_first_404(error.kind, entry):
            return await self._settle(entry, outcome)
        return await self._postpone(entry, outcome, min_delay_seconds=error.retry_after or 0.0)

    async def _not_article(self, entry: FrontierEntry, page: NotArticle) -> Outcome:
        outcome = Outcome(disposition=Disposition.NOT_ARTICLE, kind=page.kind, detail=page.detail)
        if entry.story is not None:
            rechecked = replace(entry, rechecks=entry.rechecks + 1, attempts=0)
            return await self._settle(rechecked, outcome, next_at=recheck_at(rechecked, now=self.now()))
        # A dated entry of a feed is a story, so a wall in its place may be temporary.
        is_listed_story = entry.candidate.published_at is not None
        if page.kind in WALL_KINDS and is_listed_story and entry.attempts < MAX_ATTEMPTS:
            return await self._postpone(entry, outcome)
        return await self._settle(entry, outcome)

    def _is_too_old(self, outlet: Outlet, article: Article, page: Page) -> bool:
        oldest = page.fetched_at - (outlet.max_age or self.config.crawl.max_age)
        return article.published_at is not None and article.published_at < oldest

    async def _settle(self, entry: FrontierEntry, outcome: Outcome, *, next_at: datetime | None = None) -> Outcome:
        await self.commits.commit(PageCommit(entry=replace(entry, next_at=next_at), outcome=outcome))
        return outcome

    async def _postpone(self, entry: FrontierEntry, outcome: Outcome, *, min_delay_seconds: float = 0.0) -> Outcome:
        """Commits a failure: a stored story waits for its next recheck, any other page for its next retry."""
        failed = replace(entry, attempts=entry.attempts + 1, rechecks=entry.rechecks + (entry.story is not None))
        if entry.story is not None:
            next_at = recheck_at(failed, now=self.now())
        else:
            next_at = retry_at(failed, now=self.now(), min_delay_seconds=min_delay_seconds)
        return await self._settle(failed, outcome, next_at=next_at)
