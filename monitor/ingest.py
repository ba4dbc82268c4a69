"""A fetched page's way into the store: read this file first.

    page -> extract -> identify -> find its like -> match -> file (story, hits, mail and visit as one)

Everything before the filing may be repeated; the filing is one transaction or, where there are none, safe to repeat.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from monitor import similarity
from monitor.changes import added_sentences, is_changed, sentences
from monitor.errors import ExtractionError
from monitor.extract import ExtractionOptions
from monitor.mail.delivery_times import due_at
from monitor.models import (
    Article,
    CommitResult,
    Disposition,
    FrontierEntry,
    Hit,
    NotArticle,
    Notification,
    Outcome,
    Page,
    PageCommit,
    Story,
    now,
)
from monitor.query.analysis import tokens
from monitor.urls import canonical, story_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from typing import Protocol, TypeVar

    from monitor.config import Config, Outlet
    from monitor.errors import FetchError
    from monitor.extract import Extractor
    from monitor.extract.boilerplate import Boilerplate
    from monitor.query.rules import RuleSet
    from monitor.store import Store

    T = TypeVar("T")

    class Call(Protocol):
        """Runs a blocking call of the store off the event loop, as `Service.call` does."""

        def __call__(self, work: Callable[..., T], *args: object, **kwargs: object) -> Awaitable[T]: ...


RETRY_DELAYS = tuple(timedelta(minutes=m) for m in (5, 30, 120, 360, 1440))  # after the nth failure in a row
RECHECK_AGES = tuple(timedelta(hours=h) for h in (1, 3, 9, 24, 48, 72))  # after first sight: corrections come early
CLUSTER_WINDOW = timedelta(days=14)  # reprints come within days; older likeness is a new event
MAX_COMMIT_BATCH = 200
WALL_FLAGS = frozenset({"truncated", "paywall", "consent"})  # flags of a page that shows less than its story
WALL_KINDS = frozenset(
    {"error", "consent", "script", "empty"}
)  # what may stand in a story's place, served with status 200
MIN_WALLED_TEXT_SHARE = 0.6  # of the stored text's length: a hindered reading below is no correction
STUB_WORDS = 100  # words; a breaking story begins with fewer
MAX_SETTLED_STORIES = 10_000  # stories whose filing is remembered
MAX_CONFLICT_RETRIES = 5  # how often another process may file the same story first before we come back later


class Ingest:
    """Turns pages into filed stories, many at a time."""

    def __init__(self, *, config: Config, store: Store, extractor: Extractor, rules: RuleSet, call: Call) -> None:
        self.config = config
        self.store = store
        self.extractor = extractor
        self.rules = rules
        self.call = call
        self._alerts = {alert.name: alert for alert in config.alerts}
        self._queue: list[tuple[PageCommit, asyncio.Future[CommitResult]]] = []
        self._writer: asyncio.Task[None] | None = None
        # Signature and cluster of each new story that is prepared and not yet filed: the store cannot find it so far,
        # and reprints of one event are often read within the same second.
        self._coming: dict[str, tuple[tuple[int, ...], str]] = {}
        self._looking = threading.Lock()
        self._settled: dict[str, None] = {}  # stories this process files or filed with their visits, the latest last

    async def page(self, outlet: Outlet, visit: FrontierEntry, page: Page, furniture: Boilerplate) -> Outcome:
        """Takes a fetched page to its end; the outcome says which.  ``boilerplate`` learns from it."""
        try:
            reading = ExtractionOptions.for_outlet(
                outlet, furniture.recurring(), listed_at=visit.candidate.published_at
            )
            article = await self.extractor.read(page, reading)
        except ExtractionError as error:
            return await self._postpone(
                visit, Outcome(disposition=Disposition.FAILED, kind=error.kind, detail=str(error))
            )
        if isinstance(article, NotArticle):
            outcome = Outcome(disposition=Disposition.NOT_ARTICLE, kind=article.kind, detail=article.detail)
            if visit.story is None:
                # What a feed lists is a story: a wall in its place is the server's mood, and the next visit may pass.
                if article.kind in WALL_KINDS and visit.candidate.published_at and visit.attempts < len(RETRY_DELAYS):
                    return await self._postpone(visit, outcome)
                return await self._settle(visit, outcome)
            checked = replace(visit, rechecks=visit.rechecks + 1, attempts=0)
            return await self._settle(checked, outcome, next_at=_recheck_at(checked))
        furniture.learn(article)
        if visit.story is None and self._too_old(outlet, article, page):
            return await self._settle(visit, Outcome(disposition=Disposition.TOO_OLD))
        for _ in range(MAX_CONFLICT_RETRIES):
            filing = await self.call(self._prepare, outlet, visit, page, article)
            try:
                filed = await self._commit(filing)
            finally:
                if filing.story is not None:
                    self._coming.pop(filing.story.id, None)
            if filed is CommitResult.WRITTEN:
                return filing.outcome
            if filed is CommitResult.REJECTED:
                detail = "the store will not take it: `media-monitor replay --list` shows why"
                return Outcome(disposition=Disposition.FAILED, kind="rejected", detail=detail)
        return await self._postpone(visit, Outcome(disposition=Disposition.FAILED, kind="conflict"))

    async def not_modified(self, visit: FrontierEntry) -> Outcome:
        """A stored story was asked for again and the server says it is the same."""
        checked = replace(visit, rechecks=visit.rechecks + 1, attempts=0)
        return await self._settle(checked, Outcome(disposition=Disposition.UNCHANGED), next_at=_recheck_at(checked))

    async def failed(self, visit: FrontierEntry, error: FetchError) -> Outcome:
        """The page could not be had: it is asked for again later, unless that is of no use."""
        outcome = Outcome(disposition=Disposition.FAILED, kind=error.kind, detail=error.message)
        if error.permanent:
            return await self._settle(visit, outcome)
        return await self._postpone(visit, outcome, at_least=error.retry_after or 0.0)

    # ---- from article to filing: blocking, off the loop, and repeated whole where the store was away

    def _prepare(self, outlet: Outlet, visit: FrontierEntry, page: Page, article: Article) -> PageCommit:
        """Finds out whether the article is new, known under another address, unchanged or corrected."""
        story = story_of(outlet, visit, page, article)
        landed = story_id(page.url)
        visit = replace(visit, etag=page.etag, last_modified=page.last_modified, attempts=0)

        names = [name for name in (visit.story, story.id, landed, visit.id) if name]
        stored = self.store.stories(names)
        known = next((stored[name] for name in names if name in stored), None)
        if visit.story is None and known is not None and landed != story.id and _claims_another(story, known):
            story, known = replace(story, id=landed, url=canonical(page.url)), stored.get(landed, stored.get(visit.id))
        others = {name for name, other in stored.items() if known is None or other.id != known.id}
        aliases = tuple({story.id, landed} - {visit.id} - others)
        if known is None:
            return self._new(visit, story, aliases)
        if visit.story is None and not self._is_interrupted_commit(visit, known):
            settled = replace(visit, story=known.id, next_at=None)
            outcome = Outcome(disposition=Disposition.DUPLICATE, detail=known.url)
            return PageCommit(entry=settled, outcome=outcome, aliases=aliases)

        checked = replace(visit, story=known.id, rechecks=visit.rechecks + (visit.story is not None))
        checked = replace(checked, next_at=_recheck_at(checked))
        if not _is_walled(known, story) and is_changed(known, story, boilerplate=article.boilerplate):
            return self._correction(checked, known, story, aliases)
        return PageCommit(entry=checked, outcome=Outcome(disposition=Disposition.UNCHANGED), aliases=aliases)

    def _is_interrupted_commit(self, visit: FrontierEntry, known: Story) -> bool:
        """Whether the visit was cut off after its story was written, and so meets it again.

        Addresses that were first seen together can be one story's: only the first to come back is taken for its visit.
        """
        own = (visit.candidate.outlet, visit.first_seen_at) == (known.outlet, known.first_seen_at)
        return own and (visit.id == known.id or known.id not in self._settled)

    def _new(self, visit: FrontierEntry, story: Story, aliases: Sequence[str]) -> PageCommit:
        matched = self.rules.match(story)
        if self.config.keep == "matching" and not matched.topics and not matched.alerts:
            again_at = _recheck_at(visit) if _may_grow(story) else None
            looked = replace(visit, rechecks=visit.rechecks + 1, next_at=again_at)
            disposition = Disposition.UNCHANGED if visit.rechecks else Disposition.OFF_TOPIC
            return PageCommit(entry=looked, outcome=Outcome(disposition=disposition), aliases=tuple(aliases))
        signature = similarity.signature(story.text)
        story = replace(story, topics=matched.topics, alerts=matched.alerts, cluster=self._cluster(story, signature))
        stored = replace(visit, story=story.id)
        return PageCommit(
            entry=replace(stored, next_at=_recheck_at(stored)),
            outcome=Outcome(disposition=Disposition.STORED),
            story=story,
            aliases=tuple(aliases),
            signature=signature,
            hits=tuple(self._hit(name, story) for name in matched.alerts),
            notifications=tuple(self._notification(name, story) for name in matched.alerts),
        )

    def _correction(self, visit: FrontierEntry, known: Story, read: Story, aliases: tuple[str, ...]) -> PageCommit:
        """A new version; an alert fires where it catches what was added, or the whole as it did not before."""
        story = replace(
            read,
            id=known.id,
            url=known.url,
            outlet=known.outlet,
            cluster=known.cluster,
            first_seen_at=known.first_seen_at,
            published_at=known.published_at or read.published_at,
            version=known.version + 1,
        )
        earlier = self.store.history(known.id) if known.version > 1 else []
        told = {sentence for version in earlier for sentence in sentences(version.text)}  # it may leave and come back
        news = replace(
            story,
            title=added_sentences(known.title, story.title),
            text="\n".join(line for line in added_sentences(known.text, story.text).splitlines() if line not in told),
        )
        matched, before = self.rules.match(story), self.rules.match(known)
        fresh = {name for name in matched.alerts if name not in {*before.alerts, *known.alerts}}
        # What an alert excludes may stand in the rest of the story.
        fired = sorted(fresh | {*matched.alerts}.intersection(self.rules.match(news).alerts))
        story = replace(story, topics=matched.topics, alerts=tuple(sorted({*known.alerts, *matched.alerts, *fired})))
        return PageCommit(
            entry=visit,
            outcome=Outcome(disposition=Disposition.UPDATED),
            story=story,
            aliases=aliases,
            signature=similarity.signature(story.text),
            hits=tuple(self._hit(name, story) for name in fired),
            notifications=tuple(self._notification(name, story) for name in fired),
        )

    def _cluster(self, story: Story, signature: tuple[int, ...]) -> str:
        """The cluster of the story most like this one, or a new one of its own."""
        with self._looking:  # one at a time: of two reprints read at once, the second must see the first's cluster
            coming = [(cluster, other) for key, (other, cluster) in list(self._coming.items()) if key != story.id]
            stored = self.store.near_duplicates(signature, since=now() - CLUSTER_WINDOW)
            recent = [(cluster, other) for _, cluster, other in stored]
            likest = max(
                ((similarity.similarity(signature, other), cluster) for cluster, other in (*recent, *coming)),
                default=(0.0, story.id),
            )
            cluster = likest[1] if likest[0] >= similarity.MIN_REPRINT_SIMILARITY else story.id
            self._coming[story.id] = signature, cluster
        return cluster

    def _hit(self, alert: str, story: Story) -> Hit:
        return Hit(
            alert=alert,
            story=story.id,
            version=story.version,
            outlet=story.outlet,
            title=story.title,
            url=story.url,
            matched_at=story.updated_at,
            published_at=story.published_at,
            language=story.language,
            context=self.rules.context(alert, story),
        )

    def _notification(self, alert: str, story: Story) -> Notification:
        rule, moment = self._alerts[alert], now()
        due = due_at(rule.deliver, rule.timezone, moment)
        return Notification(
            alert=alert, story=story.id, version=story.version, to=rule.to, due_at=due, created_at=moment
        )

    def _too_old(self, outlet: Outlet, article: Article, page: Page) -> bool:
        oldest = page.fetched_at - (outlet.max_age or self.config.crawl.max_age)
        return article.published_at is not None and article.published_at < oldest

    # ---- from filing to store

    async def _settle(self, visit: FrontierEntry, outcome: Outcome, *, next_at: datetime | None = None) -> Outcome:
        await self._commit(PageCommit(entry=replace(visit, next_at=next_at), outcome=outcome))
        return outcome

    async def _postpone(self, visit: FrontierEntry, outcome: Outcome, *, at_least: float = 0.0) -> Outcome:
        """Files a failure, to be tried again until `RETRY_DELAYS` are used up; a stored story waits for its recheck."""
        failed = replace(visit, attempts=visit.attempts + 1, rechecks=visit.rechecks + (visit.story is not None))
        if visit.story is not None:
            return await self._settle(failed, outcome, next_at=_recheck_at(failed))
        if visit.attempts >= len(RETRY_DELAYS):
            return await self._settle(failed, outcome)
        wait = max(RETRY_DELAYS[visit.attempts], timedelta(seconds=at_least))
        return await self._settle(failed, outcome, next_at=now() + wait)

    async def _commit(self, filing: PageCommit) -> CommitResult:
        """Writes the filing together with whatever else came while the last batch was being written."""
        written: asyncio.Future[CommitResult] = asyncio.get_running_loop().create_future()
        self._queue.append((filing, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await written

    async def _write(self) -> None:
        while self._queue:
            batch, self._queue = self._queue[:MAX_COMMIT_BATCH], self._queue[MAX_COMMIT_BATCH:]
            # Before the writing, not after: who finds such a story from now on meets ours, not one cut off by a kill.
            settling = {filing.entry.story for filing, _ in batch if filing.entry.story} - self._settled.keys()
            self._settled.update(dict.fromkeys(settling))
            try:
                results = await self.call(self.store.commit, [filing for filing, _ in batch])
            except BaseException as error:  # each who waits raises it where he filed, whatever it was
                self._unsettle(settling)
                stopped = not isinstance(error, Exception)
                if stopped:  # nobody writes what is left
                    batch, self._queue = batch + self._queue, []
                for _, written in batch:
                    if not written.done():
                        written.set_exception(error)
                if stopped:
                    raise
                continue
            settled = {
                filing.entry.story
                for (filing, _), got in zip(batch, results, strict=True)
                if got is CommitResult.WRITTEN
            }
            self._unsettle(settling - settled)
            for (_, written), result in zip(batch, results, strict=True):
                if not written.done():
                    written.set_result(result)

    def _unsettle(self, stories: Iterable[str]) -> None:
        """Forgets the stories that were not written, and of those that were the oldest beyond `MAX_SETTLED_STORIES`."""
        for story in (*stories, *islice(self._settled, max(0, len(self._settled) - MAX_SETTLED_STORIES))):
            self._settled.pop(story, None)


def story_of(outlet: Outlet, visit: FrontierEntry, page: Page, article: Article) -> Story:
    """The article as a story that matches nothing yet, under its canonical address."""
    url = canonical(article.canonical_url or page.url) or visit.candidate.url
    return Story(
        id=story_id(url),
        url=url,
        outlet=outlet.name,
        title=article.title or visit.candidate.title,
        text=article.text,
        authors=article.authors,
        published_at=article.published_at,
        modified_at=article.modified_at,
        first_seen_at=visit.first_seen_at,
        fetched_at=page.fetched_at,
        updated_at=page.fetched_at,
        language=article.language or visit.candidate.language or outlet.language,
        country=outlet.country,
        section=article.section,
        tags=article.tags,
        image=article.image,
        word_count=len(tokens(article.text)),
        method=article.method,
        flags=article.flags,
    ).normalized()


def _claims_another(read: Story, known: Story) -> bool:
    """Whether a page gives the address of another story of its outlet as its own: neither title nor text is like it."""
    if read.id != known.id or read.outlet != known.outlet or read.title.split() == known.title.split():
        return False
    one, other = similarity.signature(read.text), similarity.signature(known.text)
    return bool(one and other) and similarity.similarity(one, other) < similarity.MIN_REPRINT_SIMILARITY


def _is_walled(known: Story, read: Story) -> bool:
    """Whether a wall or a cut, which the stored reading did not meet, left too little of the page to compare."""
    met = WALL_FLAGS.intersection(read.flags).difference(known.flags)
    return bool(met) and len(read.text) < MIN_WALLED_TEXT_SHARE * len(known.text)


def _may_grow(story: Story) -> bool:
    """Whether what it does not say yet may still come: a live blog, or the first lines of a breaking story."""
    return "live" in story.flags or story.word_count < STUB_WORDS


def _recheck_at(visit: FrontierEntry) -> datetime | None:
    """When a story is asked for again; None once three days have passed."""
    ahead = (visit.first_seen_at + wait for wait in RECHECK_AGES[visit.rechecks :])
    return next((moment for moment in ahead if moment > now()), None)
