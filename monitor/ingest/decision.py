"""Decides whether an article is a new story, another URL of a stored story, a correction of it, or off-topic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from monitor import similarity
from monitor.changes import added_sentences, has_changed_text, split_sentences
from monitor.ingest.clusters import CLUSTER_WINDOW, ClusterAssigner
from monitor.ingest.identity import (
    HEADLINE_FLAG,
    MIN_SAME_STORY_SIMILARITY,
    has_similar_summary,
    has_unique_guid,
    is_copy,
    is_same_story,
    tells_of_headline,
)
from monitor.ingest.story_of_article import story_from, valid_analysis
from monitor.models import Disposition, FrontierEntry, Hit, Outcome, Page, PageCommit, Story
from monitor.notify.delivery_times import next_delivery_time
from monitor.notify.new_notifications import new_notifications
from monitor.query.matcher import AnalysedStory
from monitor.query.rules import RuleMatches
from monitor.retry_policy import entry_after_incomplete_article, entry_after_recheck, next_recheck_at
from monitor.urls import canonical_url, former_story_ids, story_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from monitor.config import Config, Outlet
    from monitor.discovery.publishers import Publishers
    from monitor.ingest.article_reader import ReadArticle
    from monitor.ingest.commit_queue import CommitQueue
    from monitor.models import Article, ArticleAnalysis, Candidate, Notification
    from monitor.query.rules import RuleSet
    from monitor.store import Store

WALL_FLAGS = frozenset({"truncated", "paywall", "consent"})  # `Story.flags` of a page that shows only part of its story
MIN_WALLED_TEXT_SHARE = 0.6  # of the stored text; a shorter text from a walled page is not a correction
MAX_ENTRIES_WITH_GUID = 20  # frontier entries; a GUID that more have names no story
MIN_COMPLETE_STORY_WORDS = 100  # a shorter off-topic story may grow, so it is rechecked


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write for a page: ``commit``, which may be that of another URL of its story, and then ``after``.

    If the process ends between the two, the page is read again and both are decided again.
    """

    commit: PageCommit
    after: PageCommit | None = None
    predecessor: Story | None = None  # the stored story that only a GUID names as that of the page

    @property
    def outcome(self) -> Outcome:
        """The outcome of the page: that of the version that it adds to the story, else of its own entry."""
        return self._of_page.outcome

    @property
    def next_at(self) -> datetime | None:
        return self._of_page.entry.next_at

    @property
    def _of_page(self) -> PageCommit:
        return self.commit if self.after is None or self.commit.story is not None else self.after


@dataclass(frozen=True, slots=True)
class NearStory:
    """A stored story and the similarity of its text to that of another, see `monitor.similarity`."""

    story: Story
    similarity: float


def copied_story(story: Story, near: Iterable[NearStory]) -> Story | None:
    """Returns the stored story of which the new ``story`` is a copy; None if none is."""
    return next((other.story for other in near if is_copy(story, other.story, similarity=other.similarity)), None)


class CommitDecider:
    """Decides which story, hits and frontier entry to write for an article.  The calls block on the store."""

    def __init__(
        self,
        *,
        config: Config,
        publishers: Publishers,
        store: Store,
        rules: RuleSet,
        commits: CommitQueue,
        now: Callable[[], datetime],
    ) -> None:
        self.clusters = ClusterAssigner(store, now)
        self._publishers = publishers
        self._keep = config.keep
        self._alerts = {alert.name: alert for alert in config.alerts}
        self._store = store
        self._rules = rules
        self._commits = commits
        self._now = now

    def decide(
        self,
        outlet: Outlet,
        entry: FrontierEntry,
        read: ReadArticle,
        *,
        moved_story: Story | None = None,
        other_story: Story | None = None,
    ) -> Decision:
        """Returns the writes for an article: a new story, a new version, or only the frontier entry.

        Only the entry is written for a new URL of a stored story, an unchanged story and an off-topic one.
        ``moved_story`` is the stored story whose old address leads to this page; ``other_story`` is one that has the
        GUID of this page and is not its story.
        """
        page, article = read.page, read.article
        story, landed_id = story_from(outlet, entry, page, article), story_id(page.url)
        attempts = entry.attempts
        read_entry = replace(entry, etag=page.etag, last_modified=page.last_modified, attempts=0)
        if page.is_moved or entry.id in read.further_ids:
            read_entry = replace(read_entry, fetch_url=page.url)
        own_ids = (entry.story or entry.id, landed_id, entry.id, story_id(entry.candidate.url))
        stored_by_url = self.stories_at((page.url, entry.candidate.url, story.url), ids=own_ids)
        at_own_urls = [stored_by_url[name] for name in own_ids if name in stored_by_url]
        stored = min(at_own_urls, key=lambda other: HEADLINE_FLAG in other.flags, default=None)
        claimed = stored_by_url.get(story.id) if story.id != landed_id else None
        if stored is None and claimed is not None and self._publishers.is_same_publisher(story, claimed):
            stored = claimed if is_same_story(story, claimed) else None
        if story.id != landed_id and stored is not claimed:
            story = replace(story, id=landed_id, url=canonical_url(page.url))
        of_other_stories = {key for key, other in stored_by_url.items() if stored is None or other.id != stored.id}
        aliases = tuple({story.id, landed_id, *read.further_ids} - {entry.id} - of_other_stories)

        if stored is not None and entry.story == stored.id and _leads_elsewhere(entry, stored, story, landed_id):
            unchanged = entry_after_recheck(entry, now=self._now())
            return Decision(PageCommit(entry=unchanged, outcome=Outcome(disposition=Disposition.UNCHANGED)))
        if stored is None and moved_story is not None:
            return self._decide_successor(read_entry, moved_story, story, aliases)
        if stored is None and other_story is None and (earlier := self._find_story_by_guid(read_entry, story)):
            return replace(self._decide_successor(read_entry, earlier, story, aliases), predecessor=earlier)
        if stored is None:
            commit = self._commit_new_story(read_entry, story, aliases, valid_analysis(article))
        elif self._is_duplicate(entry, stored):
            settled = replace(read_entry, story=stored.id, next_at=None)
            outcome = Outcome(disposition=Disposition.DUPLICATE, detail=stored.url)
            return Decision(PageCommit(entry=settled, outcome=outcome, aliases=aliases))
        else:
            commit = self._commit_stored_story(read_entry, stored, story, aliases, read)
        if read.is_incomplete:
            retried = entry_after_incomplete_article(commit.entry, attempts=attempts, now=self._now())
            commit = replace(commit, entry=retried)
        return Decision(commit)

    def stories_at(self, urls: Sequence[str], *, ids: Sequence[str] = ()) -> dict[str, Story]:
        """Returns the stored stories at these URLs and at URLs with these ids, by the id of the URL.

        A URL may be an alias of the story's own, and the story may be stored under its former id.
        """
        names = list(dict.fromkeys((*ids, *map(story_id, urls))))
        records = self._store.entries(names)
        story_ids = {name: (records[name].story if name in records else None) or name for name in names}
        former_ids = [former for url in urls for former in former_story_ids(url)]
        stored = self._store.stories(list(dict.fromkeys((*story_ids.values(), *former_ids))))
        at_urls = {name: stored[story] for name, story in story_ids.items() if story in stored}
        for former in filter(stored.__contains__, former_ids):
            at_urls.setdefault(story_id(stored[former].url), stored[former])
        return at_urls

    def decide_headline(
        self, outlet: Outlet, entry: FrontierEntry, article: Article, failed: FrontierEntry, outcome: Outcome
    ) -> Decision:
        """Returns the writes for title and summary of a page that cannot be had, where no story is stored for it.

        ``failed`` is the entry after the failure; ``outcome`` is that of a page whose headline is not stored.
        """
        candidate = entry.candidate
        page = Page(url=candidate.url, body=b"", fetched_at=self._now())
        story = story_from(outlet, entry, page, article)
        headline = Outcome(disposition=Disposition.STORED, kind=HEADLINE_FLAG, detail=outcome.detail or outcome.kind)
        stored = next(iter(self.stories_at([candidate.url], ids=(entry.story or entry.id,)).values()), None)
        if stored is not None:
            if HEADLINE_FLAG in stored.flags:
                outcome = replace(headline, disposition=Disposition.UNCHANGED)
                failed = replace(failed, story=stored.id)
            return Decision(PageCommit(entry=failed, outcome=outcome))
        if earlier := self._find_story_by_guid(failed, story):
            return self._decide_successor(failed, earlier, story, ())
        commit = self._commit_new_story(failed, story, ())
        if commit.story is None:
            return Decision(PageCommit(entry=failed, outcome=outcome))
        return Decision(replace(commit, entry=replace(failed, story=commit.story.id), outcome=headline))

    def decide_takeover(
        self, outlet: Outlet, entry: FrontierEntry, candidate: Candidate, article: Article
    ) -> PageCommit | None:
        """Returns the writes by which an outlet takes its own URL over from the aggregator that listed it first.

        The entry gets the outlet's ``candidate``, and its headline story the outlet's name and ``article``, the
        headline that the outlet's own source states.  Returns None if the page is read already, or never will be.
        """
        sources = dict.fromkeys((*entry.other_sources, entry.candidate.source))
        sources.pop(candidate.source, None)
        taken = replace(entry, candidate=candidate, other_sources=tuple(sources))
        if entry.story is None:
            is_pending = entry.outcome is not None and entry.next_at is not None
            return PageCommit(entry=taken, outcome=entry.outcome) if is_pending and entry.outcome else None
        stored = self._store.stories([entry.story]).get(entry.story)
        if stored is None or HEADLINE_FLAG not in stored.flags:
            return None
        page = Page(url=candidate.url, body=b"", fetched_at=self._now())
        story = story_from(outlet, taken, page, article)
        if (story.outlet, story.title, story.text) == (stored.outlet, stored.title, stored.text):
            return PageCommit(entry=taken, outcome=Outcome(disposition=Disposition.UNCHANGED))
        commit = self._commit_correction(taken, stored, story, (), is_takeover=True)
        return replace(commit, outcome=Outcome(disposition=Disposition.UPDATED, kind=HEADLINE_FLAG))

    def near_stories_of_publisher(self, story: Story, signature: Sequence[int]) -> list[NearStory]:
        """Returns the stored stories of the same publisher whose text is like that of ``story``, with its signature.

        The most similar comes first, of equally similar ones the newest.  If the address of one is gone or leads to
        that of ``story``, it is the same story.
        """
        near = self._store.near_duplicates(signature, since=self._now() - CLUSTER_WINDOW)
        similarities = {name: similarity.similarity(signature, other) for name, _, other in near if name != story.id}
        similar = [name for name, share in similarities.items() if share >= MIN_SAME_STORY_SIMILARITY]
        stored = self._store.stories(similar).values()
        of_publisher = [
            NearStory(other, similarities[other.id])
            for other in stored
            if self._publishers.is_same_publisher(other, story)
        ]
        return sorted(of_publisher, key=lambda near: (near.similarity, near.story.first_seen_at), reverse=True)

    def _find_story_by_guid(self, entry: FrontierEntry, story: Story) -> Story | None:
        """Returns the stored story that the source listed earlier with the same GUID, if it is like ``story``.

        It must be of the same publisher, because an aggregator's source may pass on GUIDs that its publishers choose.
        """
        candidate = entry.candidate
        listed = self._store.entries_with_guid(
            candidate.outlet, candidate.source, candidate.guid, limit=MAX_ENTRIES_WITH_GUID
        )
        others = [other for other in listed if other.id != entry.id]
        if len(listed) >= MAX_ENTRIES_WITH_GUID or not has_unique_guid([entry, *others]):
            return None
        newest_first = [other.story for other in reversed(others) if other.story]
        stored_by_id = self._store.stories(newest_first)
        stories = [stored_by_id[name] for name in newest_first if name in stored_by_id]
        of_publisher = filter(partial(self._publishers.is_same_publisher, story), stories)
        return next((earlier for earlier in of_publisher if _is_successor(story, earlier)), None)

    def _decide_successor(
        self, entry: FrontierEntry, stored: Story, story: Story, aliases: tuple[str, ...]
    ) -> Decision:
        """Returns the writes for the URL to which a stored story has moved: a new version if title or text changed.

        The frontier entry of the old URL, under which the story is rechecked, gets the new one, and ``entry`` ends.  If
        the old URL has no entry, ``entry`` is rechecked instead.
        """
        duplicate = Outcome(disposition=Disposition.DUPLICATE, detail=stored.url)
        is_changed = (
            HEADLINE_FLAG not in story.flags and not _is_walled(stored, story) and has_changed_text(stored, story)
        )
        old = self._store.entries([stored.id]).get(stored.id)
        if not isinstance(old, FrontierEntry) or old.story != stored.id or old.id == entry.id:
            rechecked = replace(entry, story=stored.id, next_at=next_recheck_at(entry, now=self._now()))
            if not is_changed:
                return Decision(PageCommit(entry=rechecked, outcome=duplicate, aliases=aliases))
            return Decision(self._commit_correction(rechecked, stored, story, aliases, is_new_address=True))
        moved = replace(
            old,
            fetch_url=entry.fetch_url or entry.candidate.url,
            next_at=old.next_at or next_recheck_at(old, now=self._now()),
            etag=entry.etag,
            last_modified=entry.last_modified,
        )
        settled = PageCommit(entry=replace(entry, story=stored.id, next_at=None), outcome=duplicate, aliases=aliases)
        if is_changed:
            return Decision(self._commit_correction(moved, stored, story, (), is_new_address=True), after=settled)
        return Decision(PageCommit(entry=moved, outcome=Outcome(disposition=Disposition.UNCHANGED)), after=settled)

    def _is_duplicate(self, entry: FrontierEntry, stored: Story) -> bool:
        """Returns True if the URL leads to a story that is stored with its text and rechecked under another URL."""
        is_known_text = HEADLINE_FLAG not in stored.flags
        return entry.story != stored.id and is_known_text and not self._is_interrupted_commit(entry, stored)

    def _commit_stored_story(
        self, entry: FrontierEntry, stored: Story, story: Story, aliases: tuple[str, ...], read: ReadArticle
    ) -> PageCommit:
        """Returns the writes for a stored story that was read again: a new version if its title or text changed."""
        is_recheck = entry.story is not None
        rechecked = replace(entry, story=stored.id, rechecks=entry.rechecks + is_recheck)
        rechecked = replace(rechecked, next_at=next_recheck_at(rechecked, now=self._now()))
        is_shortened = read.is_incomplete and len(story.text) < len(stored.text)
        if not (_is_walled(stored, story) or is_shortened) and has_changed_text(
            stored, story, boilerplate=read.article.boilerplate
        ):
            is_moved = read.page.is_moved
            return self._commit_correction(rechecked, stored, story, aliases, is_new_address=is_moved)
        return PageCommit(entry=rechecked, outcome=Outcome(disposition=Disposition.UNCHANGED), aliases=aliases)

    def _is_interrupted_commit(self, entry: FrontierEntry, stored: Story) -> bool:
        """Returns True if a crash happened after the story was stored but before this URL was marked done.

        If several URLs of the story were first seen at the same time, only the first one that is fetched again counts.
        """
        first_seen = (entry.candidate.outlet, entry.first_seen_at)
        if first_seen != (stored.outlet, stored.first_seen_at):
            return False
        return entry.id == stored.id or not self._commits.has_settled(stored.id)

    def _commit_new_story(
        self,
        entry: FrontierEntry,
        story: Story,
        aliases: Sequence[str],
        analysis: ArticleAnalysis | None = None,
    ) -> PageCommit:
        """Returns the writes for a story that is not stored; no story if it is off-topic and only matches are kept.

        ``analysis`` is that of the story's text.
        """
        matches, context_of = self._matches_and_contexts(story, analysis)
        if self._keep == "matching" and not matches.topics and not matches.alerts:
            next_at = next_recheck_at(entry, now=self._now()) if _may_story_grow(story) else None
            rechecked = replace(entry, rechecks=entry.rechecks + 1, next_at=next_at)
            disposition = Disposition.UNCHANGED if entry.rechecks else Disposition.OFF_TOPIC
            return PageCommit(entry=rechecked, outcome=Outcome(disposition=disposition), aliases=tuple(aliases))
        signature = similarity.signature(story.text) if analysis is None else analysis.signature
        cluster = self.clusters.assign_cluster(story, signature)
        story = replace(story, topics=matches.topics, alerts=matches.alerts, cluster=cluster)
        entry = replace(entry, story=story.id)
        return PageCommit(
            entry=replace(entry, next_at=next_recheck_at(entry, now=self._now())),
            outcome=Outcome(disposition=Disposition.STORED),
            story=story,
            aliases=tuple(aliases),
            signature=signature,
            hits=tuple(_hit(alert, story, context_of(alert)) for alert in matches.alerts),
            notifications=tuple(self._new_notifications(matches.alerts, story)),
        )

    def _commit_correction(
        self,
        entry: FrontierEntry,
        stored: Story,
        corrected: Story,
        aliases: tuple[str, ...],
        *,
        is_new_address: bool = False,
        is_takeover: bool = False,
    ) -> PageCommit:
        """Returns the writes for a new version of ``stored`` with the title and text of ``corrected``.

        With ``is_new_address``, the story gets the URL of ``corrected`` and keeps its id.

        An alert that matches the new version fires if it matches the added text too, or matched no version before.
        The text that replaces a headline is no addition: it tells the same story at length.  With ``is_takeover``, the
        headline of another source is replaced, which the outlet's own may contradict.
        """
        is_first_text = HEADLINE_FLAG in stored.flags
        story = replace(
            corrected,
            id=stored.id,
            url=corrected.url if is_new_address or is_first_text else stored.url,
            outlet=corrected.outlet if is_first_text else stored.outlet,
            cluster=stored.cluster,
            first_seen_at=stored.first_seen_at,
            published_at=stored.published_at or corrected.published_at,
            version=stored.version + 1,
        )
        earlier = self._store.history(stored.id) if stored.version > 1 else []
        earlier_sentences = {sentence for version in earlier for sentence in split_sentences(version.text)}
        new_lines = added_sentences(stored.text, story.text).splitlines()
        additions = replace(
            story,
            title=added_sentences(stored.title, story.title),
            # A sentence that an earlier version had, and that comes back, is not an addition.
            text="\n".join(line for line in new_lines if line not in earlier_sentences),
        )
        analysed = AnalysedStory(story)
        matches, matches_before = self._rules.match(analysed), self._rules.match(stored)
        newly_matching = {*matches.alerts}.difference(matches_before.alerts, stored.alerts)
        # The new version must match too: the unchanged text may contain words that the alert excludes.
        # Filters by topic are about the story, which may have its topics without the additions.
        matching_additions = {*matches.alerts}.intersection(self._rules.match(additions, apply_filters=False).alerts)
        if is_first_text and not is_takeover:
            matching_additions.difference_update(stored.alerts)
        fired = sorted(newly_matching | matching_additions)
        alerts = tuple(sorted({*stored.alerts, *matches.alerts, *fired}))
        story = replace(story, topics=matches.topics, alerts=alerts)
        return PageCommit(
            entry=entry,
            outcome=Outcome(disposition=Disposition.UPDATED),
            story=story,
            aliases=aliases,
            signature=similarity.signature(story.text),
            hits=tuple(
                _hit(alert, story, self._rules.best_context_line(alert, analysed.with_story(story))) for alert in fired
            ),
            notifications=tuple(self._new_notifications(fired, story)),
        )

    def _matches_and_contexts(
        self, story: Story, analysis: ArticleAnalysis | None
    ) -> tuple[RuleMatches, Callable[[str], str]]:
        """Returns the rules that match a story, and a function that returns the context line of an alert.

        Takes them from the worker's analysis if it matched the same story.  The worker does not know under which of its
        addresses the story is stored, which matters only to rules that read it.
        """
        matched = analysis.matched if analysis is not None else None
        if analysis is not None and matched is not None and self._is_same_to_rules(matched, story):
            contexts = dict(zip(matched.alerts, analysis.contexts, strict=True))
            return RuleMatches(matched.topics, matched.alerts), contexts.__getitem__
        analysed = AnalysedStory(story)
        matches = self._rules.match(analysed)
        analysed = analysed.with_story(replace(story, topics=matches.topics, alerts=matches.alerts))
        return matches, lambda alert: self._rules.best_context_line(alert, analysed)

    def _is_same_to_rules(self, matched: Story, story: Story) -> bool:
        """Returns True if the stories are equal but for their topics and alerts and, if no rule reads it, the URL."""
        same = replace(matched, topics=story.topics, alerts=story.alerts)
        return story == (same if self._rules.reads_addresses else replace(same, id=story.id, url=story.url))

    def _new_notifications(self, alerts: Iterable[str], story: Story) -> Iterator[Notification]:
        """Yields a notification for each alert and channel of the alert, due at the alert's delivery time."""
        for name in alerts:
            alert, created_at = self._alerts[name], self._now()
            if alert.type != "match":  # it counts its stories and tells of them together
                continue
            due_at = next_delivery_time(alert.deliver, alert.timezone, created_at)
            yield from new_notifications(
                alert, story=story.id, version=story.version, due_at=due_at, created_at=created_at
            )


def _hit(alert: str, story: Story, context: str) -> Hit:
    """Returns the hit of this alert on this version of the story."""
    return Hit.of_story(alert, story, matched_at=story.updated_at, context=context)


def _is_successor(story: Story, stored: Story) -> bool:
    """Returns True if ``story`` may be ``stored`` at a new address; of two headlines the summary must be alike too."""
    if not is_same_story(stored, story):
        return False
    are_headlines = HEADLINE_FLAG in stored.flags and HEADLINE_FLAG in story.flags
    return not are_headlines or has_similar_summary(stored, story)


def _leads_elsewhere(entry: FrontierEntry, stored: Story, story: Story, landed_id: str) -> bool:
    """Returns True if the address of a stored story now redirects to another story."""
    if landed_id in {entry.id, stored.id, story_id(entry.fetch_url or entry.candidate.url)}:
        return False
    has_its_words = HEADLINE_FLAG in stored.flags and tells_of_headline(story, stored)
    return not has_its_words and not is_same_story(story, stored)


def _is_walled(stored: Story, story: Story) -> bool:
    """Returns True if ``story`` has a wall or truncation flag that ``stored`` lacks, and too little of its text.

    Too little is less than `MIN_WALLED_TEXT_SHARE` of the stored text.
    """
    new_walls = WALL_FLAGS.intersection(story.flags).difference(stored.flags)
    return bool(new_walls) and len(story.text) < MIN_WALLED_TEXT_SHARE * len(stored.text)


def _may_story_grow(story: Story) -> bool:
    """Returns True if the story is a live blog or has fewer than MIN_COMPLETE_STORY_WORDS words."""
    return "live" in story.flags or story.word_count < MIN_COMPLETE_STORY_WORDS
