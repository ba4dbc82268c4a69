"""Decides whether an article is a new story, another URL of a stored story, a correction of it, or off-topic."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor import similarity
from monitor.changes import added_sentences, has_changed_text, split_sentences
from monitor.models import Disposition, Hit, Notification, Outcome, PageCommit, Story
from monitor.notify.delivery_times import next_delivery_time
from monitor.query.analysis import analysed_tokens
from monitor.retry_policy import next_recheck_at
from monitor.urls import canonical_url, former_story_id, story_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from monitor.config import Config, Outlet
    from monitor.ingest.commit_queue import CommitQueue
    from monitor.models import Article, FrontierEntry, Page
    from monitor.query.rules import RuleSet
    from monitor.store import Store

CLUSTER_WINDOW = timedelta(days=14)  # age up to which a similar story joins a cluster; reprints appear within days
WALL_FLAGS = frozenset({"truncated", "paywall", "consent"})  # `Story.flags` of a page that shows only part of its story
MIN_WALLED_TEXT_SHARE = 0.6  # of the stored text; a shorter text from a walled page is not a correction
MIN_COMPLETE_STORY_WORDS = 100  # a shorter off-topic story may grow, so it is rechecked


class ClusterAssigner:
    """Assigns stories to clusters of near-duplicates; safe to use from several threads."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        # Stories with a cluster but not committed: the store does not find them, and a reprint may follow at once.
        self._pending_stories: dict[str, tuple[tuple[int, ...], str]] = {}
        self._lock = threading.Lock()

    def assign_cluster(self, story: Story, signature: tuple[int, ...]) -> str:
        """Returns the cluster of the most similar recent story, or the story's id as a new cluster if none is similar.

        Later calls compare their story with this one; after its commit, `release_story` must be called.
        """
        with self._lock:  # two reprints assigned at the same time must get the same cluster
            # A copy: `release_story` changes the dict without the lock, as the event loop must not wait for it.
            pending = [
                (cluster, other) for key, (other, cluster) in list(self._pending_stories.items()) if key != story.id
            ]
            stored = self._store.near_duplicates(signature, since=self._now() - CLUSTER_WINDOW)
            best, cluster = max(
                (
                    (similarity.similarity(signature, other), cluster)
                    for cluster, other in (*((cluster, other) for _, cluster, other in stored), *pending)
                ),
                default=(0.0, story.id),
            )
            if best < similarity.MIN_REPRINT_SIMILARITY:
                cluster = story.id
            self._pending_stories[story.id] = signature, cluster
        return cluster

    def release_story(self, story: str) -> None:
        """Stops comparing later stories with this one; called after its commit, when the store can return it."""
        self._pending_stories.pop(story, None)


class CommitDecider:
    """Decides which story, hits and frontier entry to write for an article.  The calls block on the store."""

    def __init__(
        self, *, config: Config, store: Store, rules: RuleSet, commits: CommitQueue, now: Callable[[], datetime]
    ) -> None:
        self.clusters = ClusterAssigner(store, now)
        self._keep = config.keep
        self._alerts = {alert.name: alert for alert in config.alerts}
        self._store = store
        self._rules = rules
        self._commits = commits
        self._now = now

    def decide(self, outlet: Outlet, entry: FrontierEntry, page: Page, article: Article) -> PageCommit:
        """Returns the writes for an article: a new story, a new version, or only the frontier entry.

        Only the entry is written for a new URL of a stored story, an unchanged story and an off-topic one.
        """
        story = story_from(outlet, entry, page, article)
        landed_id = story_id(page.url)
        entry = replace(entry, etag=page.etag, last_modified=page.last_modified, attempts=0)

        ids = [story_id for story_id in (entry.story, story.id, landed_id, entry.id) if story_id]
        stored_by_id = self._stored_stories(ids, urls=(story.url, page.url, entry.candidate.url))
        stored = next((stored_by_id[story_id] for story_id in ids if story_id in stored_by_id), None)
        is_new_url = entry.story is None
        if is_new_url and stored is not None and landed_id != story.id and _claims_other_story(story, stored):
            story = replace(story, id=landed_id, url=canonical_url(page.url))
            stored = stored_by_id.get(landed_id, stored_by_id.get(entry.id))
        of_other_stories = {key for key, other in stored_by_id.items() if stored is None or other.id != stored.id}
        aliases = tuple({story.id, landed_id} - {entry.id} - of_other_stories)
        if stored is None:
            return self._commit_new_story(entry, story, aliases)
        if is_new_url and not self._is_interrupted_commit(entry, stored):
            settled = replace(entry, story=stored.id, next_at=None)
            outcome = Outcome(disposition=Disposition.DUPLICATE, detail=stored.url)
            return PageCommit(entry=settled, outcome=outcome, aliases=aliases)

        rechecked = replace(entry, story=stored.id, rechecks=entry.rechecks + (not is_new_url))
        rechecked = replace(rechecked, next_at=next_recheck_at(rechecked, now=self._now()))
        if not _is_walled(stored, story) and has_changed_text(stored, story, boilerplate=article.boilerplate):
            return self._commit_correction(rechecked, stored, story, aliases)
        return PageCommit(entry=rechecked, outcome=Outcome(disposition=Disposition.UNCHANGED), aliases=aliases)

    def _stored_stories(self, ids: Sequence[str], *, urls: Sequence[str]) -> dict[str, Story]:
        """Returns the stored stories with these ids, and by their ids of today those of ``urls`` with former ids."""
        former_ids = [former for url in urls if (former := former_story_id(url))]
        stored_by_id = self._store.stories([*ids, *former_ids])
        for former_id in former_ids:
            if stored := stored_by_id.get(former_id):
                stored_by_id.setdefault(story_id(stored.url), stored)
        return stored_by_id

    def _is_interrupted_commit(self, entry: FrontierEntry, stored: Story) -> bool:
        """Returns True if a crash happened after the story was stored but before this URL was marked done.

        If several URLs of the story were first seen at the same time, only the first one that is fetched again counts.
        """
        first_seen = (entry.candidate.outlet, entry.first_seen_at)
        if first_seen != (stored.outlet, stored.first_seen_at):
            return False
        return entry.id == stored.id or not self._commits.has_settled(stored.id)

    def _commit_new_story(self, entry: FrontierEntry, story: Story, aliases: Sequence[str]) -> PageCommit:
        """Returns the writes for a story that is not stored; no story if it is off-topic and only matches are kept."""
        matches = self._rules.match(story)
        if self._keep == "matching" and not matches.topics and not matches.alerts:
            next_at = next_recheck_at(entry, now=self._now()) if _may_story_grow(story) else None
            rechecked = replace(entry, rechecks=entry.rechecks + 1, next_at=next_at)
            disposition = Disposition.UNCHANGED if entry.rechecks else Disposition.OFF_TOPIC
            return PageCommit(entry=rechecked, outcome=Outcome(disposition=disposition), aliases=tuple(aliases))
        signature = similarity.signature(story.text)
        cluster = self.clusters.assign_cluster(story, signature)
        story = replace(story, topics=matches.topics, alerts=matches.alerts, cluster=cluster)
        entry = replace(entry, story=story.id)
        return PageCommit(
            entry=replace(entry, next_at=next_recheck_at(entry, now=self._now())),
            outcome=Outcome(disposition=Disposition.STORED),
            story=story,
            aliases=tuple(aliases),
            signature=signature,
            hits=tuple(self._new_hit(alert, story) for alert in matches.alerts),
            notifications=tuple(self._new_notifications(matches.alerts, story)),
        )

    def _commit_correction(
        self, entry: FrontierEntry, stored: Story, corrected: Story, aliases: tuple[str, ...]
    ) -> PageCommit:
        """Returns the writes for a new version of ``stored`` with the title and text of ``corrected``.

        An alert that matches the new version fires if it matches the added text too, or matched no version before.
        """
        story = replace(
            corrected,
            id=stored.id,
            url=stored.url,
            outlet=stored.outlet,
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
        matches, matches_before = self._rules.match(story), self._rules.match(stored)
        newly_matching = {*matches.alerts}.difference(matches_before.alerts, stored.alerts)
        # The new version must match too: the unchanged text may contain words that the alert excludes.
        matching_additions = {*matches.alerts}.intersection(self._rules.match(additions).alerts)
        fired = sorted(newly_matching | matching_additions)
        alerts = tuple(sorted({*stored.alerts, *matches.alerts, *fired}))
        story = replace(story, topics=matches.topics, alerts=alerts)
        return PageCommit(
            entry=entry,
            outcome=Outcome(disposition=Disposition.UPDATED),
            story=story,
            aliases=aliases,
            signature=similarity.signature(story.text),
            hits=tuple(self._new_hit(alert, story) for alert in fired),
            notifications=tuple(self._new_notifications(fired, story)),
        )

    def _new_hit(self, alert: str, story: Story) -> Hit:
        """Returns the hit of this alert on this version of the story."""
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
            context=self._rules.best_context_line(alert, story),
        )

    def _new_notifications(self, alerts: Iterable[str], story: Story) -> Iterator[Notification]:
        """Yields a notification for each alert and channel of the alert, due at the alert's delivery time."""
        for alert in alerts:
            settings, created_at = self._alerts[alert], self._now()
            due_at = next_delivery_time(settings.deliver, settings.timezone, created_at)
            for channel, targets in settings.targets_by_channel.items():
                yield Notification(
                    alert=alert,
                    story=story.id,
                    version=story.version,
                    channel=channel,
                    targets=targets,
                    due_at=due_at,
                    created_at=created_at,
                )


def story_from(outlet: Outlet, entry: FrontierEntry, page: Page, article: Article) -> Story:
    """Returns the article as a story under its canonical URL, with no topics, alerts or cluster set."""
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
        country=outlet.country,
        section=article.section,
        tags=article.tags,
        image=article.image,
        word_count=len(analysed_tokens(article.text)),
        method=article.method,
        flags=article.flags,
    ).normalized()


def _claims_other_story(story: Story, stored: Story) -> bool:
    """Returns True if the page gives the URL of another story as canonical.

    ``stored`` is the outlet's story at the canonical URL; the page is another story if title and text both differ.
    """
    if story.id != stored.id or story.outlet != stored.outlet or story.title.split() == stored.title.split():
        return False
    new_signature, stored_signature = similarity.signature(story.text), similarity.signature(stored.text)
    if not new_signature or not stored_signature:
        return False
    return similarity.similarity(new_signature, stored_signature) < similarity.MIN_REPRINT_SIMILARITY


def _is_walled(stored: Story, story: Story) -> bool:
    """Returns True if ``story`` has a wall or truncation flag that ``stored`` lacks, and too little of its text.

    Too little is less than `MIN_WALLED_TEXT_SHARE` of the stored text.
    """
    new_walls = WALL_FLAGS.intersection(story.flags).difference(stored.flags)
    return bool(new_walls) and len(story.text) < MIN_WALLED_TEXT_SHARE * len(stored.text)


def _may_story_grow(story: Story) -> bool:
    """Returns True if the story is a live blog or has fewer than MIN_COMPLETE_STORY_WORDS words."""
    return "live" in story.flags or story.word_count < MIN_COMPLETE_STORY_WORDS
