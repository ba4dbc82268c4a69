"""Stories in Elasticsearch with their versions, hits and near-duplicates: commits and reads them."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.failures import FailureKind
from monitor.models import CommitResult, Disposition, Hit, Outcome, Story, from_rfc3339, rfc3339
from monitor.store.elasticsearch import documents, facets
from monitor.store.elasticsearch.bulk import DocumentWrite, WriteResult
from monitor.store.elasticsearch.documents import document_id
from monitor.store.elasticsearch.signature_cache import MIN_LOOKUPS, SignatureCache, StorySignature
from monitor.store.listed_urls import alias_disposition
from monitor.store.records import SearchResult
from monitor.store.signature_index import MAX_NEAR_DUPLICATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from monitor.models import Json, PageCommit
    from monitor.query.syntax import Node
    from monitor.store.elasticsearch.cluster import Cluster, StoredDocument
    from monitor.store.records import DayCount, Facets, StorySelection

VERSIONS_PER_RESPONSE = 100  # maximum number of versions in one response; each is a complete story


class Stories:
    """Keeps stories, their versions and hits; implements `Stories` and `Search` of `monitor.store.protocol`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._signature_cache: SignatureCache | None = None
        self._near_duplicate_lookups = 0  # number of lookups of near-duplicates so far

    def close(self, timeout: float) -> None:
        """Closes the signature cache, if there is one; waits up to ``timeout`` seconds for its running request."""
        if self._signature_cache:
            self._signature_cache.close(timeout)

    # ---- committing pages

    def commit(self, commits: Sequence[PageCommit]) -> list[CommitResult]:
        """See `Store.commit`.  Sends three bulk writes in order, so that nothing is lost if the process is killed."""
        results = [CommitResult.CONFLICT] * len(commits)
        pending = list(range(len(commits)))
        while pending:  # a second commit of a story is written after the first
            first_of_story: dict[str, int] = {}
            for number in pending:
                story = commits[number].story
                first_of_story.setdefault(story.id if story else f"commit {number}", number)
            for number, result in self._commit_distinct_stories(
                {number: commits[number] for number in first_of_story.values()}
            ).items():
                results[number] = result
            pending = [number for number in pending if number not in set(first_of_story.values())]
        return results

    def _commit_distinct_stories(self, commits: dict[int, PageCommit]) -> dict[int, CommitResult]:
        """Commits pages with different stories; returns the results under the numbers of the commits."""
        stored = self._get_stored_stories(commits.values())
        valid = {
            number: commit
            for number, commit in commits.items()
            if commit.story is None or _is_next_version(commit.story, stored.get(commit.story.id))
        }
        before_story = [
            (number, write) for number, commit in valid.items() for write in _writes_before_story(commit, stored)
        ]
        results = self._cluster.write_documents([write for _, write in before_story], keep_rejected=True)
        # An existing hit may come from a process that tries to write the same version of the story.  The process that
        # succeeds in writing the story replaces the hit.
        existing_hits = [
            (number, replace(write, op="index"))
            for (number, write), result in zip(before_story, results, strict=True)
            if result.is_conflict and write.kind == "hits"
        ]

        with_story = [number for number, commit in valid.items() if commit.story]
        story_writes = [_story_write(valid[number], stored) for number in with_story]
        story_results = dict(
            zip(with_story, self._cluster.write_documents(story_writes, keep_rejected=True), strict=True)
        )
        if self._signature_cache:
            self._signature_cache.put(
                _story_signature(commits[number]) for number, result in story_results.items() if result.is_done
            )
        valid = {
            number: commit
            for number, commit in valid.items()
            if number not in story_results or not story_results[number].is_conflict
        }

        rejected = {number: result.reason for number, result in story_results.items() if result.is_rejected}
        after_story = [write for number, write in existing_hits if number in valid]
        after_story += [
            write for number, commit in valid.items() for write in _writes_after_story(commit, rejected.get(number))
        ]
        storyless = [write for write in after_story if _is_entry_without_story(write)]
        others = [write for write in after_story if not _is_entry_without_story(write)]
        self._finish_alias_entries(others, self._cluster.write_documents(others, keep_rejected=True))
        self._put_entries_without_story(storyless)
        return {
            number: CommitResult.CONFLICT
            if number not in valid
            else CommitResult.REJECTED
            if number in rejected
            else CommitResult.WRITTEN
            for number in commits
        }

    def _put_entries_without_story(self, entries: Sequence[DocumentWrite]) -> None:
        """Writes frontier entries without a story, except where a stored entry has a story."""
        while entries:
            stored = self._cluster.get_documents("urls", [entry.id for entry in entries], fields=("story",))
            entries = [
                entry for entry in entries if entry.id not in stored or not stored[entry.id].document.get("story")
            ]
            writes = [
                replace(entry, revision=stored[entry.id].revision)
                if entry.id in stored
                else replace(entry, op="create")
                for entry in entries
            ]
            results = self._cluster.write_documents(writes, keep_rejected=True)
            entries = [entry for entry, result in zip(entries, results, strict=True) if result.is_conflict]

    def _finish_alias_entries(self, writes: Sequence[DocumentWrite], results: Sequence[WriteResult]) -> None:
        """Finishes the frontier entries of alias URLs, so that the URLs are not fetched.

        ``results`` are the results of creating the aliases: a conflict means that the URL has an entry.  Entries with a
        story stay unchanged.
        """
        existing = {write.id: write for write, result in zip(writes, results, strict=True) if result.is_conflict}
        if existing:
            entries = self._cluster.get_documents("urls", list(existing), fields=("story",))
            finished = [
                DocumentWrite(
                    kind="urls",
                    id=name,
                    document={
                        "next_at": None,
                        "story": existing[name].document.get("story"),
                        "disposition": alias_disposition(existing[name].document.get("story")),
                        "kind": None,
                        "detail": None,
                    },
                    op="update",
                    revision=entry.revision,
                )
                for name, entry in entries.items()
                if entry.document.get("story") is None
            ]
            self._cluster.write_documents(finished)

    def _get_stored_stories(self, commits: Iterable[PageCommit]) -> dict[str, StoredDocument]:
        """Returns the stored documents of the stories in the commits, by story id.

        Does not look for new stories without hits and notifications: creating the story conflicts if it exists.
        """
        ids = [
            commit.story.id
            for commit in commits
            if commit.story and (commit.story.version > 1 or commit.hits or commit.notifications)
        ]
        return self._cluster.get_documents("stories", ids)

    # ---- reading

    def stories(self, ids: Sequence[str]) -> dict[str, Story]:
        stored_stories = self._cluster.get_documents("stories", list(dict.fromkeys(ids)))
        return {name: Story.from_json(stored.document) for name, stored in stored_stories.items()}

    def history(self, story: str) -> list[Story]:
        current = self.stories([story]).get(story)
        return [*self.earlier_versions([current]).get(story, ()), current] if current else []

    def earlier_versions(self, stories: Sequence[Story]) -> dict[str, list[Story]]:
        """Returns the stored versions that precede the given stories, in lists by story id, oldest first."""
        latest = {story.id: story.version for story in stories}
        earlier: dict[str, list[Story]] = {}
        if latest:
            order: list[Json] = [{"story": "asc"}, {"version": "asc"}]
            for stored in self._cluster.find(
                "versions", {"terms": {"story": list(latest)}}, sort=order, page=VERSIONS_PER_RESPONSE
            ):
                if stored.document["version"] < latest[stored.document["story"]]:
                    version = Story.from_json(stored.document["body"])
                    earlier.setdefault(version.id, []).append(version)
        return earlier

    def cluster_members(self, clusters: Sequence[str], *, limit: int = 20) -> dict[str, list[Story]]:
        members: dict[str, list[Story]] = {}
        for stored in self._cluster.find(
            "stories",
            {"terms": {"cluster": list(dict.fromkeys(clusters))}},
            sort=[{"date": "asc"}, {"id": "asc"}],
            limit=limit * len(clusters),
            without=documents.INDEX_ONLY_FIELDS,
        ):
            story = Story.from_json(stored.document)
            members.setdefault(story.cluster, []).append(story)
        return members

    def search(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 20,
        offset: int = 0,
        relevance: bool = False,
        selection: StorySelection | None = None,
    ) -> SearchResult:
        newest: list[Json] = [{"date": "desc"}, {"id": "asc"}]
        sort = [{"_score": "desc"}, *newest] if relevance else newest
        compiled = _compile_search_query(query, now, since, before, selection)
        matches = self._cluster.find(
            "stories", compiled, sort=sort, limit=offset + limit, without=documents.INDEX_ONLY_FIELDS,
            max_seconds=facets.MAX_SEARCH_SECONDS,
            # Each index of stories has its own numbers of words, by which the scores of two would not compare.
            search_type="dfs_query_then_fetch" if relevance else None,
        )  # fmt: skip
        stories = tuple(Story.from_json(stored.document) for rank, stored in enumerate(matches) if rank >= offset)
        total, _ = self._cluster.aggregate("stories", compiled, {}, max_seconds=facets.MAX_SEARCH_SECONDS)
        return SearchResult(stories=stories, total=total)

    def scan(
        self,
        query: Node | None = None,
        *,
        now: datetime,
        since: datetime | None = None,
        after: str | None = None,
    ) -> Iterator[Story]:
        matches = self._cluster.find(
            "stories",
            _compile_search_query(query, now, since),
            sort=[{"id": "asc"}],
            after=[after] if after is not None else None,
            without=documents.INDEX_ONLY_FIELDS,
        )
        for stored in matches:
            yield Story.from_json(stored.document)

    def facets(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 10,
        selection: StorySelection | None = None,
    ) -> Facets:
        compiled = _compile_search_query(query, now, since, before, selection)
        return facets.count_values(self._cluster, compiled, limit=limit)

    def daily_counts(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        field: str | None = None,
        limit: int = 10,
        selection: StorySelection | None = None,
    ) -> list[DayCount]:
        compiled = _compile_search_query(query, now, since, before, selection)
        return facets.count_by_day(self._cluster, compiled, field=field, limit=limit)

    def first_seen_at(self) -> datetime | None:
        order = [{"first_seen_at": "asc"}]
        found = self._cluster.find("stories", {"match_all": {}}, sort=order, limit=1, fields=["first_seen_at"])
        return next((from_rfc3339(each.document["first_seen_at"]) for each in found), None)

    def near_duplicates(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """See `Store.near_duplicates`.  Returns up to `MAX_NEAR_DUPLICATES`, those that share more bands first."""
        cache = self._get_signature_cache(since)
        near_duplicates = cache.find(signature, since=since) if cache else None
        return self._search_near_duplicates(signature, since) if near_duplicates is None else near_duplicates

    def _get_signature_cache(self, since: datetime) -> SignatureCache | None:
        """Returns the signature cache of this process, or None for the first `MIN_LOOKUPS` lookups."""
        with self._lock:
            self._near_duplicate_lookups += 1
            if self._signature_cache is None and self._near_duplicate_lookups > MIN_LOOKUPS:
                self._signature_cache = SignatureCache(self._cluster, since=since)
            return self._signature_cache

    def _search_near_duplicates(
        self, signature: Sequence[int], since: datetime
    ) -> list[tuple[str, str, tuple[int, ...]]]:
        from monitor.similarity import bands

        own_bands = set(bands(signature))
        terms = sorted(map(documents.band_term, own_bands))
        shared_bands = [{"constant_score": {"filter": {"term": {"bands": term}}}} for term in terms]
        if not shared_bands:
            return []
        recent = {"range": {"first_seen_at": {"gte": rfc3339(since)}}}
        matches = self._cluster.find(
            "stories",
            {"bool": {"should": shared_bands, "minimum_should_match": 1, "filter": [recent]}},
            sort=[{"_score": "desc"}, {"first_seen_at": "desc"}, {"id": "asc"}],
            limit=MAX_NEAR_DUPLICATES,
            fields=["cluster", "signature"],
        )
        found = [
            (stored.id, stored.document["cluster"], documents.unpack_signature(stored.document["signature"]))
            for stored in matches
        ]
        return [each for each in found if not own_bands.isdisjoint(bands(each[2]))]

    def hits(self, alert: str | None = None, *, since: datetime | None = None, limit: int = 1000) -> list[Hit]:
        filters: list[Json] = []
        if alert is not None:
            filters.append({"term": {"alert": alert}})
        if since is not None:
            filters.append({"range": {"matched_at": {"gte": rfc3339(since)}}})
        order: list[Json] = [{"matched_at": "desc"}, {"story": "asc"}, {"alert": "asc"}, {"version": "desc"}]
        matches = self._cluster.find("hits", {"bool": {"filter": filters}}, sort=order, limit=limit)
        return [documents.read_hit(stored.document) for stored in matches]


def _is_next_version(story: Story, stored: StoredDocument | None) -> bool:
    """Returns True if the story's version is the stored version plus one, or 1 if the story is not stored."""
    return story.version == (stored.document["version"] + 1 if stored else 1)


def _writes_before_story(commit: PageCommit, stored: dict[str, StoredDocument]) -> Iterator[DocumentWrite]:
    """Yields the writes to be done before a commit's story: hits, notifications and the replaced version."""
    for hit in commit.hits:
        name = document_id(hit.alert, hit.story, hit.version)
        yield DocumentWrite(kind="hits", id=name, document=documents.hit_document(hit), op="create")
    for notification in commit.notifications:
        document = documents.notification_document(notification)
        yield DocumentWrite(kind="outbox", id=document_id(*notification.key), document=document, op="create")
    if commit.story and (old := stored.get(commit.story.id)):
        yield version_write(
            {name: value for name, value in old.document.items() if name not in documents.INDEX_ONLY_FIELDS}
        )


def _story_write(commit: PageCommit, stored: dict[str, StoredDocument]) -> DocumentWrite:
    """Returns the write of a commit's story, which conflicts if another process has written the story since."""
    assert commit.story is not None
    document = documents.story_document(commit.story, commit.signature)
    old = stored.get(commit.story.id)
    if old is None:
        return DocumentWrite(kind="stories", id=commit.story.id, document=document, op="create")
    return DocumentWrite(kind="stories", id=commit.story.id, document=document, revision=old.revision)


def _story_signature(commit: PageCommit) -> StorySignature:
    story = commit.story
    assert story is not None
    return StorySignature(
        story=story.id, cluster=story.cluster, first_seen_at=story.first_seen_at, signature=tuple(commit.signature)
    )


def _is_entry_without_story(write: DocumentWrite) -> bool:
    """Returns True for the write of a frontier entry without a story; False for other writes."""
    return write.op == "index" and not write.document.get("story")


def _writes_after_story(commit: PageCommit, rejected: str | None) -> Iterator[DocumentWrite]:
    """Yields the writes to be done after a commit's story: its frontier entry and its aliases.

    ``rejected`` is the reason why Elasticsearch rejected the story, if it did; the disposition is then FAILED.
    """
    entry = commit.entry
    if rejected is not None:
        failed = Outcome(disposition=Disposition.FAILED, kind=FailureKind.REJECTED.label, detail=rejected)
        entry = replace(entry, outcome=failed)
    yield DocumentWrite(kind="urls", id=entry.id, document=documents.frontier_entry_document(entry))
    story = commit.story.id if commit.story else commit.entry.story
    for alias in commit.aliases:
        yield DocumentWrite(kind="urls", id=alias, document=documents.alias_document(commit.entry, story), op="create")


def version_write(story: Json) -> DocumentWrite:
    """Returns the write that stores a story's document as an earlier version."""
    document = {"story": story["id"], "version": story["version"], "body": story}
    return DocumentWrite(kind="versions", id=version_document_id(story["id"], story["version"]), document=document)


def version_document_id(story: str, version: int) -> str:
    return f"{story}-{version}"


def _compile_search_query(
    query: Node | None,
    now: datetime,
    since: datetime | None,
    before: datetime | None = None,
    selection: StorySelection | None = None,
) -> Json:
    """Returns the Elasticsearch query for the selected stories between two times that match ``query`` (None: all)."""
    if query is None:
        compiled: Json = {"match_all": {}}
    else:
        from monitor.store.elasticsearch import query_compiler

        compiled = query_compiler.compile(query, now)
    bounds = {name: rfc3339(bound) for name, bound in (("gte", since), ("lt", before)) if bound is not None}
    filters: list[Json] = [{"range": {"date": bounds}}] if bounds else []
    if selection is not None and selection.only is not None:
        filters.append(_with_ids(selection.only))
    excluded = [_with_ids(selection.without)] if selection is not None and selection.without else []
    if not filters and not excluded:
        return compiled
    return {"bool": {"must": [compiled], "filter": filters, "must_not": excluded}}


def _with_ids(ids: Iterable[str]) -> Json:
    return {"ids": {"values": sorted(ids)}}
