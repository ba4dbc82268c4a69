"""Turns fetched pages into stored stories.  Read this file first.

    page -> extract -> decide (new, duplicate, corrected, off-topic) -> commit (story, hits, notifications, entry)

`decision` has the rules of story identity, `commit_queue` writes in batches, `monitor.retry_policy` computes when a
URL is fetched again.  All steps before the commit can be repeated.  The commit is one transaction or, on a store
without transactions, can be repeated too.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from monitor import models, retry_policy
from monitor.discovery.publishers import Publishers, publisher_of
from monitor.errors import ExtractionError, FetchError
from monitor.extract import ExtractionOptions
from monitor.failures import FailureKind
from monitor.ingest.article_analysis import ArticleAnalyser
from monitor.ingest.article_reader import ArticleReader, ReadArticle, is_page_of
from monitor.ingest.commit_queue import CommitQueue
from monitor.ingest.decision import CommitDecider, Decision, copied_story
from monitor.ingest.headline import RecentWalls, headline_article
from monitor.ingest.identity import HEADLINE_FLAG, is_moved_story, is_same_story
from monitor.ingest.long_articles import LongArticles
from monitor.ingest.story_of_article import StoryBasis, story_from, valid_analysis
from monitor.models import Article, CommitResult, Disposition, FrontierEntry, NotArticle, Outcome, Page, PageCommit
from monitor.urls import is_front_page_url, publisher_key, story_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from monitor.config import Config, Outlet
    from monitor.extract import Extractor
    from monitor.extract.boilerplate import Boilerplate
    from monitor.ingest.article_reader import FetchLinkedPage
    from monitor.ingest.commit_queue import StoreCall
    from monitor.ingest.decision import NearStory
    from monitor.models import Candidate, Story
    from monitor.query.rules import RuleSet
    from monitor.store import Store

MAX_CANONICAL_HOPS = 4  # canonical URLs followed from page to page
MAX_COMMIT_ATTEMPTS = 5  # per page, while other processes change its story; then the page is retried later


class Ingest:
    """Extracts and stores fetched pages and schedules their next fetch.  Tasks of one event loop may share it.

    ``call`` runs store calls in threads; ``call_matching`` those that also match an article, which may take long.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        extractor: Extractor,
        rules: RuleSet,
        call: StoreCall,
        call_matching: StoreCall | None = None,
        now: Callable[[], datetime] = models.now,
    ) -> None:
        self.config = config
        self.publishers = Publishers(config.outlets)
        self.store = store
        self.extractor = extractor
        self.call = call
        self.call_matching = call_matching or call
        self.now = now
        self._outlets = {outlet.name: outlet for outlet in config.outlets}
        self._has_aggregator = any(outlet.is_aggregator for outlet in config.outlets)
        self._walls = RecentWalls()
        self.commits = CommitQueue(store, call, now)
        self._title_locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._long_articles = LongArticles()
        self.decider = CommitDecider(
            config=config, publishers=self.publishers, store=store, rules=rules, commits=self.commits, now=now
        )

    async def ingest_page(
        self,
        outlet: Outlet,
        entry: FrontierEntry,
        page: Page,
        boilerplate: Boilerplate,
        fetch_linked: FetchLinkedPage,
        *,
        release_body: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Extracts a fetched page, stores its story or frontier entry, and returns the outcome.

        ``boilerplate`` learns the repeated text of the outlet's articles, of an aggregator that of each site.
        ``fetch_linked`` fetches further pages of the article.  ``release_body`` is called when the body of a page is no
        longer needed.

        Extraction errors, conflicts with other processes and a rejected story become an outcome FAILED.
        Raises StoreError when the store cannot be used.
        """
        publisher = self._publisher_of(outlet, page.url)

        def site_of(page: Page) -> str:
            return publisher_key(page.url) if outlet.is_aggregator else ""

        async def extract(page: Page) -> Article | NotArticle:
            options = ExtractionOptions.for_outlet(
                publisher, boilerplate.hashes(site=site_of(page)), listed_at=entry.candidate.published_at
            )
            try:
                return await self.extractor.extract_article(page, options, outlet=outlet.name, analyse=analyse)
            finally:
                release_body()

        oldest = self._oldest(outlet, page) if entry.story is None else None
        analyse = ArticleAnalyser(StoryBasis.of(publisher, entry), oldest)
        reader = ArticleReader(fetch_linked, extract)
        try:
            article = await extract(page)
            page = page.without_body()
            if is_front_page_url(page.url) and not is_front_page_url(entry.candidate.url):
                article = NotArticle(kind="index", detail="the address leads to the front page")
            if isinstance(article, NotArticle):
                return await self._settle_page_without_article(outlet, publisher, entry, article)
            boilerplate.learn(article, site=site_of(page))
            if entry.story is None and self._is_too_old(outlet, article, page):
                return await self._settle_without_story(
                    retry_policy.finished_entry(entry), Outcome(disposition=Disposition.TOO_OLD)
                )
            if known := await self._find_first_page_story(entry, page, article):
                duplicate = Outcome(disposition=Disposition.DUPLICATE, detail=known.url)
                return await self._settle_without_story(
                    retry_policy.finished_entry(replace(entry, story=known.id)), duplicate
                )
            read = await self._read_article(publisher, entry, page, article, reader)
        except ExtractionError as error:
            return await self._settle_failure(outlet, entry, error.kind, label=error.label, detail=str(error))
        except FetchError as error:
            return await self.settle_fetch_failure(outlet, entry, error)
        publisher = self._publisher_of(outlet, read.page.url, read.article.publisher)
        return await self._commit_article(publisher, entry, read, reader)

    async def _find_first_page_story(self, entry: FrontierEntry, page: Page, article: Article) -> Story | None:
        """Returns the stored story of a new URL that is a later page of its article; None if there is none."""
        if entry.story is not None or article.first_page is None:
            return None
        stories = await self.call(self.decider.stories_at, [article.first_page])
        stored = stories.get(story_id(article.first_page))
        if stored is None or HEADLINE_FLAG in stored.flags:
            return None
        return stored if is_page_of(page.url, article, article.first_page, stored.title) else None

    async def _read_article(
        self, outlet: Outlet, entry: FrontierEntry, page: Page, article: Article, reader: ArticleReader
    ) -> ReadArticle:
        """Returns the article with all its pages, beginning with its first page, at its canonical URL.

        Raises FetchError if the first page cannot be read now.
        """
        first_page, first = await reader.read_from_first_page(page, article)
        canonical_page, canonical, claiming = await self._read_canonical(outlet, entry, first_page, first, reader)
        read = await reader.read_all_pages(canonical_page, canonical)
        own_ids = {story_id(url) for url in (page.url, *claiming)}
        if canonical_page.url != page.url:
            own_ids.add(entry.id)  # of a redirect to ``page``: the story is rechecked at its canonical URL
        return replace(read, further_ids=tuple({*read.further_ids, *own_ids} - {story_id(canonical_page.url)}))

    async def _read_canonical(
        self, outlet: Outlet, entry: FrontierEntry, page: Page, article: Article, reader: ArticleReader
    ) -> tuple[Page, Article, list[str]]:
        """Returns the page at the URL that ``page`` claims as canonical if it shows the same article, else ``page``.

        Also returns the URLs of the pages whose claims were followed.  A claim is not believed unread, because
        templates and caches give pages the URL of another story.  A claim on a stored story is kept for
        `CommitDecider.decide`, which compares both.
        """
        followed = [(page, article)]
        for _ in range(MAX_CANONICAL_HOPS):
            page, article = followed[-1]
            claimed = article.canonical_url
            ids = [story_id(each.url) for each, _ in followed]
            if claimed is None or story_id(claimed) == ids[-1]:
                break
            if story_id(claimed) in ids:
                followed.append(_chosen_of_circle(followed[ids.index(story_id(claimed)) :]))
                break
            if entry.story is not None or self.publishers.is_of_another(outlet, claimed):
                followed[-1] = page, replace(article, canonical_url=None)
                break
            if await self.call(self.decider.stories_at, [claimed]):
                break
            canonical = await self._read_claimed(outlet, entry, page, article, reader)
            if canonical is None:
                followed[-1] = page, replace(article, canonical_url=None)
                break
            if (landed_id := story_id(canonical[0].url)) in ids:  # through a redirect
                followed.append(_chosen_of_circle(followed[ids.index(landed_id) :]))
                break
            followed.append(canonical)
        page, article = followed[-1]
        return page, article, [each.url for each, _ in followed]

    async def _read_claimed(
        self, outlet: Outlet, entry: FrontierEntry, page: Page, article: Article, reader: ArticleReader
    ) -> tuple[Page, Article] | None:
        """Returns page and article at the URL that ``page`` claims, if they are a further copy of the same story.

        Raises FetchError if that URL fails for a moment: if it were stored later, the story would be stored twice.
        """
        try:
            claimed = await reader.fetch_article(article.canonical_url or page.url)
        except FetchError as error:
            if retry_policy.is_canonical_page_awaited(entry, error.kind):
                raise
            return None
        if claimed is None or story_id(claimed[0].url) == story_id(page.url):
            return None
        if self.publishers.is_of_another(outlet, claimed[0].url):
            return None
        story, other = [await _story_from(outlet, entry, *each) for each in ((page, article), claimed)]
        return claimed if await asyncio.to_thread(is_same_story, story, other) else None

    async def _commit_article(
        self, outlet: Outlet, entry: FrontierEntry, read: ReadArticle, reader: ArticleReader
    ) -> Outcome:
        """Stores the article's story or frontier entry, again after each conflict, and returns the outcome."""
        title = " ".join(read.article.title.casefold().split())
        # One of the outlet's pages with this title after the other, so that two copies at a time are recognised.
        async with self._title_locks.setdefault((outlet.name, title), asyncio.Lock()):
            return await self._commit_locked(outlet, entry, read, reader)

    async def _commit_locked(
        self, outlet: Outlet, entry: FrontierEntry, read: ReadArticle, reader: ArticleReader
    ) -> Outcome:
        moved_story: Story | None = None
        other_story: Story | None = None
        is_move_checked = is_guid_checked = False
        for _ in range(MAX_COMMIT_ATTEMPTS):
            async with self._long_articles.matching(entry.candidate.outlet, read.article):
                decision = await self.call_matching(
                    self.decider.decide, outlet, entry, read, moved_story=moved_story, other_story=other_story
                )
            if decision.predecessor is not None and not is_guid_checked:
                is_guid_checked = True
                if await self._has_other_story(decision.predecessor, outlet, entry, read, reader):
                    other_story = decision.predecessor
                    continue
            commit = decision.commit
            try:
                if not is_move_checked and (new_story := _new_near_duplicate(commit)):
                    is_move_checked = True
                    near = await self.call(self.decider.near_stories_of_publisher, new_story, commit.signature)
                    moved_story = await self._find_moved_story(outlet, entry, read, reader, near)
                    if moved_story is not None:
                        continue
                    if copied := copied_story(new_story, near):
                        duplicate = Outcome(disposition=Disposition.DUPLICATE, detail=copied.url)
                        settled = retry_policy.finished_entry(replace(entry, story=copied.id))
                        return await self._settle_without_story(settled, duplicate)
                async with self._long_articles.writing(entry.candidate.outlet, read.article):
                    result = await self.commits.commit(commit)
                if result is CommitResult.WRITTEN and decision.after is not None:
                    await self.commits.commit(decision.after)
            finally:
                if commit.story is not None:
                    self.decider.clusters.release_story(commit.story.id)
            if result is CommitResult.WRITTEN:
                return replace(
                    decision.outcome,
                    next_at=decision.next_at,
                    article_characters=len(read.article.text),
                    published_at=read.article.published_at,
                )
            if result is CommitResult.REJECTED:
                detail = "the store rejected the story: `media-monitor replay --list` shows why"
                return Outcome(disposition=Disposition.FAILED, kind=FailureKind.REJECTED.label, detail=detail)
        return await self._settle_failure(outlet, entry, FailureKind.CONFLICT, label=FailureKind.CONFLICT.label)

    async def _find_moved_story(
        self, outlet: Outlet, entry: FrontierEntry, read: ReadArticle, reader: ArticleReader, near: Sequence[NearStory]
    ) -> Story | None:
        """Returns the outlet's stored story whose address is gone, or leads to this page; None if there is none.

        ``near`` are the outlet's stored stories with a similar text.
        """
        story = await _story_from(outlet, entry, read.page, read.article)
        candidates = (other.story for other in near if other.story.id != story.id)
        earlier = next((other for other in candidates if other.first_seen_at < story.first_seen_at), None)
        if earlier is None or story_id(earlier.url) == story.id:  # its move is stored, but not yet this entry's end
            return earlier
        landed_url = await reader.landed_url(earlier.url)
        if landed_url is None:
            return earlier if await asyncio.to_thread(is_moved_story, story, earlier) else None
        return earlier if story_id(landed_url) == story.id != story_id(earlier.url) else None

    async def _has_other_story(
        self, earlier: Story, outlet: Outlet, entry: FrontierEntry, read: ReadArticle, reader: ArticleReader
    ) -> bool:
        """Returns True if the address of ``earlier`` still shows another story than the page that has its GUID.

        Some sources give one GUID to all their entries.
        """
        story = await _story_from(outlet, entry, read.page, read.article)
        if HEADLINE_FLAG in earlier.flags or story_id(earlier.url) == story.id:
            return False
        shown = await reader.read_article(earlier.url)
        if shown is None or story_id(shown[0].url) == story_id(read.page.url):
            return False
        shown_story = await _story_from(outlet, entry, *shown)
        return not await asyncio.to_thread(is_moved_story, story, shown_story)

    async def settle_not_modified(self, entry: FrontierEntry) -> Outcome:
        """Stores the frontier entry of a story after 304 Not Modified; returns the outcome UNCHANGED."""
        rechecked = retry_policy.entry_after_recheck(entry, now=self.now())
        return await self._settle_without_story(rechecked, Outcome(disposition=Disposition.UNCHANGED))

    async def settle_fetch_failure(self, outlet: Outlet, entry: FrontierEntry, error: FetchError) -> Outcome:
        """Stores the frontier entry of a page that could not be fetched; returns the outcome.

        It is FAILED, unless title and summary of the page are stored in its place, see `headline`.
        """
        return await self._settle_failure(
            outlet,
            entry,
            error.kind,
            label=error.label,
            detail=error.message,
            retry_after=timedelta(seconds=error.retry_after or 0.0),
        )

    async def store_headline_unread(self, outlet: Outlet, entry: FrontierEntry) -> Outcome | None:
        """Stores title and summary of a new page that was not requested because its host turns programs away.

        The page stays due.  Returns the outcome, or None if nothing is stored: the source states no title, or the story
        is off-topic.
        """
        headline = headline_article(entry.candidate, None) if entry.story is None and not entry.attempts else None
        if headline is None:
            return None
        refused = Outcome(
            disposition=Disposition.FAILED, kind=FailureKind.HTTP_403.label, detail="the host answers 403"
        )
        decision = await self.call_matching(self.decider.decide_headline, outlet, entry, headline, entry, refused)
        if decision.commit.outcome == refused:
            return None
        return await self._commit_headline(decision, entry, refused)

    async def take_over(self, outlet: Outlet, candidates: Iterable[Candidate]) -> None:
        """Gives the outlet those of its URLs that an aggregator listed before and that could not be read yet.

        Their headline stories become the outlet's, with the title and summary of its own source.
        """
        is_needed = self._has_aggregator and not outlet.is_aggregator
        headlines = {
            story_id(candidate.url): (candidate, article)
            for candidate in (candidates if is_needed else ())
            if (article := headline_article(candidate, None)) is not None
        }
        if not headlines:
            return
        entries = await self.call(self.store.entries, list(headlines))
        for entry in entries.values():
            if not isinstance(entry, FrontierEntry):
                continue
            lister = self._outlets.get(entry.candidate.outlet)
            if lister is None or not lister.is_aggregator:
                continue
            commit = await self.call(self.decider.decide_takeover, outlet, entry, *headlines[entry.id])
            if commit is not None:
                await self.commits.commit(commit)  # after a conflict the next listing takes it over

    def _publisher_of(self, outlet: Outlet, url: str, site_name: str = "") -> Outlet:
        """Returns the outlet to which a page belongs: for an aggregator the publisher of the page, else ``outlet``."""
        return publisher_of(outlet, url, site_name, self.publishers) if outlet.is_aggregator else outlet

    def _is_too_old(self, outlet: Outlet, article: Article, page: Page) -> bool:
        """Returns True if the article was published more than ``max_age`` before the fetch; False without a date."""
        return article.published_at is not None and article.published_at < self._oldest(outlet, page)

    def _oldest(self, outlet: Outlet, page: Page) -> datetime:
        """Returns the publication time of the oldest story that is stored of a page fetched now."""
        return page.fetched_at - (outlet.max_age or self.config.crawl.max_age)

    async def _settle_failure(
        self,
        outlet: Outlet,
        entry: FrontierEntry,
        kind: FailureKind,
        *,
        label: str,
        detail: str = "",
        retry_after: timedelta = timedelta(0),
    ) -> Outcome:
        """Stores the frontier entry of a failed page with its next retry, and its headline; returns the outcome.

        The headline is stored as one of the outlet whose source states it, also if the page is on another's site.
        """
        unread = await self._without_headline_story(entry)
        failed = retry_policy.entry_after_failure(unread, kind, now=self.now(), retry_after=retry_after)
        outcome = Outcome(disposition=Disposition.FAILED, kind=label, detail=detail)
        headline = headline_article(entry.candidate, None) if retry_policy.is_headline_due(kind, failed) else None
        lister = self._outlets.get(entry.candidate.outlet, outlet)
        return await self._settle_unread_page(lister, entry, replace(failed, story=entry.story), outcome, headline)

    async def _settle_page_without_article(
        self, outlet: Outlet, publisher: Outlet, entry: FrontierEntry, wall: NotArticle
    ) -> Outcome:
        """Stores the frontier entry of a page without an article, and the headline that a wall hides.

        The headline that only the page states is its publisher's; that of a source is the ``outlet``'s.
        """
        unread = await self._without_headline_story(entry)
        settled = retry_policy.entry_after_page_without_article(unread, wall.kind, now=self.now())
        outcome = Outcome(disposition=Disposition.NOT_ARTICLE, kind=wall.kind, detail=wall.detail)
        is_due = retry_policy.is_headline_due_at_wall(wall.kind, settled)
        headline = headline_article(entry.candidate, wall) if is_due else None
        if headline is not None and self._walls.is_of_several_pages(publisher.name, entry.id, wall):
            headline = headline_article(entry.candidate, None)
        elif headline is not None and publisher is not outlet and not headline_article(entry.candidate, None):
            outlet, headline = publisher, headline_article(replace(entry.candidate, summary=""), wall)
        return await self._settle_unread_page(outlet, entry, replace(settled, story=entry.story), outcome, headline)

    async def _without_headline_story(self, entry: FrontierEntry) -> FrontierEntry:
        """Returns the entry as that of a page that was never read if only a headline is stored for it."""
        if entry.story is None:
            return entry
        stored = (await self.call(self.store.stories, [entry.story])).get(entry.story)
        return replace(entry, story=None) if stored is not None and HEADLINE_FLAG in stored.flags else entry

    async def _settle_unread_page(
        self,
        outlet: Outlet,
        entry: FrontierEntry,
        settled: FrontierEntry,
        outcome: Outcome,
        headline: Article | None,
    ) -> Outcome:
        """Stores the frontier entry of a page that could not be read, and the story of its headline if there is one."""
        if headline is None:
            return await self._settle_without_story(settled, outcome)
        decision = await self.call_matching(self.decider.decide_headline, outlet, entry, headline, settled, outcome)
        return await self._commit_headline(decision, settled, outcome)

    async def _commit_headline(self, decision: Decision, settled: FrontierEntry, outcome: Outcome) -> Outcome:
        """Writes a headline story, or only the frontier entry ``settled`` if the store does not take it."""
        commit = decision.commit
        try:
            result = await self.commits.commit(commit)
            if decision.after is not None:
                await self.commits.commit(decision.after)
        finally:
            if commit.story is not None:
                self.decider.clusters.release_story(commit.story.id)
        if result is not CommitResult.WRITTEN:  # the page is fetched again, and the headline stored then
            return await self._settle_without_story(settled, outcome)
        return replace(decision.outcome, next_at=decision.next_at)

    async def _settle_without_story(self, entry: FrontierEntry, outcome: Outcome) -> Outcome:
        """Stores a frontier entry but no story; returns ``outcome`` with the time of the next fetch."""
        await self.commits.commit(PageCommit(entry=entry, outcome=outcome))
        return replace(outcome, next_at=entry.next_at)


async def _story_from(outlet: Outlet, entry: FrontierEntry, page: Page, article: Article) -> Story:
    """Returns the article as a story; in a thread unless the worker has analysed it, as a long text takes seconds."""
    if valid_analysis(article):
        return story_from(outlet, entry, page, article)
    return await asyncio.to_thread(story_from, outlet, entry, page, article)


def _chosen_of_circle(claiming: list[tuple[Page, Article]]) -> tuple[Page, Article]:
    """Returns one of the pages that claim each other, without its claim; wherever the circle begins, the same one."""
    page, article = min(claiming, key=lambda each: each[0].url)
    return page, replace(article, canonical_url=None)


def _new_near_duplicate(commit: PageCommit) -> Story | None:
    """Returns the story of the commit if it is new and in the cluster of another; else None."""
    story = commit.story if commit.outcome.disposition is Disposition.STORED else None
    return story if story is not None and story.cluster != story.id else None
