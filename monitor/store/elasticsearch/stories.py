"""Stories, their versions, what alerts caught, and the filing that writes them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.models import CommitResult, Disposition, Hit, Outcome, Story, rfc3339
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import Write, WriteResult
from monitor.store.elasticsearch.cluster import Cluster, StoredDocument
from monitor.store.elasticsearch.documents import digest
from monitor.store.elasticsearch.signature_cache import MIN_LOOKUPS, SignatureCache, StorySignature
from monitor.store.protocol import SearchResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from elasticsearch import Elasticsearch

    from monitor.models import Json, PageCommit
    from monitor.query.syntax import Node

MAX_NEAR_DUPLICATES = 100  # those that share most bands: a wire report on hundreds of sites has one cluster anyway
VERSIONS_BATCH = 100  # versions of one answer: whole stories


class Stories(Cluster):
    """The part of the store that keeps stories and hits."""

    def __init__(self, client: Elasticsearch, prefix: str) -> None:
        super().__init__(client, prefix)
        self._mirror: SignatureCache | None = None
        self._likened = 0  # look-ups so far

    # ---- filing

    def commit(self, commits: Sequence[PageCommit]) -> list[CommitResult]:
        """See `Store.file`.  Three bulk requests in order, so that a kill between them loses nothing."""
        results = [CommitResult.CONFLICT] * len(commits)
        todo = list(range(len(commits)))
        while todo:  # one story twice in a batch: its second version is written after the first
            turn: dict[str, int] = {}
            for place in todo:
                story = commits[place].story
                turn.setdefault(story.id if story else f"visit {place}", place)
            for place, done in self._commit({place: commits[place] for place in turn.values()}).items():
                results[place] = done
            todo = [place for place in todo if place not in set(turn.values())]
        return results

    def _commit(self, commits: dict[int, PageCommit]) -> dict[int, CommitResult]:
        """Files what has no story in common."""
        stored = self._stored(commits.values())
        fit = {
            place: filing
            for place, filing in commits.items()
            if filing.story is None or _follows(filing.story, stored.get(filing.story.id))
        }
        before = [(place, write) for place, filing in fit.items() for write in _before(filing, stored)]
        results = self.write([write for _, write in before], keep=True)
        # A hit that was there already may be of somebody who loses the race for the story: the winner's is put over it.
        met = [
            (place, replace(write, op="index"))
            for (place, write), result in zip(before, results, strict=True)
            if result.conflict and write.kind == "hits"
        ]

        placed = {place: filing.story for place, filing in fit.items() if filing.story}
        written = self.write([_story(filing, stored) for filing in fit.values() if filing.story], keep=True)
        fates = dict(zip(placed, written, strict=True))
        if self._mirror:
            self._mirror.put(_story_signature(commits[place]) for place, fate in fates.items() if fate.done)
        fit = {place: filing for place, filing in fit.items() if place not in fates or not fates[place].conflict}

        rejected = {place: fate.reason for place, fate in fates.items() if fate.rejected}
        after = [write for place, write in met if place in fit]
        after += [write for place, filing in fit.items() for write in _after(filing, rejected.get(place))]
        storyless = [write for write in after if _is_storyless(write)]
        rest = [write for write in after if not _is_storyless(write)]
        self._settle(rest, self.write(rest, keep=True))
        self._put_storyless(storyless)
        return {
            place: CommitResult.CONFLICT
            if place not in fit
            else CommitResult.REJECTED
            if place in rejected
            else CommitResult.WRITTEN
            for place in commits
        }

    def _put_storyless(self, visits: Sequence[Write]) -> None:
        """Writes visits that came to no story, but for those of which another process has stored one meanwhile."""
        while visits:
            known = self.get("urls", [visit.id for visit in visits], fields=("story",))
            visits = [visit for visit in visits if visit.id not in known or not known[visit.id].document.get("story")]
            writes = [
                replace(visit, version=known[visit.id].version) if visit.id in known else replace(visit, op="create")
                for visit in visits
            ]
            results = self.write(writes, keep=True)
            visits = [visit for visit, result in zip(visits, results, strict=True) if result.conflict]

    def _settle(self, writes: Sequence[Write], results: Sequence[WriteResult]) -> None:
        """Another address that waits itself to be fetched for the first time need not be fetched any more."""
        met = {write.id: write for write, result in zip(writes, results, strict=True) if result.conflict}
        if met:
            waiting = self.get("urls", list(met), fields=("story",))
            settled = [
                Write(
                    kind="urls",
                    id=name,
                    document={"next_at": None, "story": met[name].document.get("story")},
                    op="update",
                    version=known.version,
                )
                for name, known in waiting.items()
                if known.document.get("story") is None
            ]
            self.write(settled)

    def _stored(self, filings: Iterable[PageCommit]) -> dict[str, StoredDocument]:
        """What is stored of the stories to be written.

        A new story without hits is not asked for: writing it tells whether it is known.
        """
        ids = [
            filing.story.id
            for filing in filings
            if filing.story and (filing.story.version > 1 or filing.hits or filing.notifications)
        ]
        return self.get("stories", ids)

    # ---- reading

    def stories(self, ids: Sequence[str]) -> dict[str, Story]:
        found = self.get("stories", list(dict.fromkeys(ids)))
        return {name: Story.from_json(stored.document) for name, stored in found.items()}

    def history(self, story: str) -> list[Story]:
        current = self.stories([story]).get(story)
        return [*self.earlier([current]).get(story, ()), current] if current else []

    def earlier(self, stories: Sequence[Story]) -> dict[str, list[Story]]:
        """The versions before these, by story, oldest first."""
        latest = {story.id: story.version for story in stories}
        earlier: dict[str, list[Story]] = {}
        if latest:
            order: list[Json] = [{"story": "asc"}, {"version": "asc"}]
            for stored in self.find("versions", {"terms": {"story": list(latest)}}, sort=order, page=VERSIONS_BATCH):
                if stored.document["version"] < latest[stored.document["story"]]:
                    version = Story.from_json(stored.document["body"])
                    earlier.setdefault(version.id, []).append(version)
        return earlier

    def search(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        limit: int = 20,
        offset: int = 0,
        relevance: bool = False,
    ) -> SearchResult:
        newest: list[Json] = [{"date": "desc"}, {"id": "asc"}]
        sort = [{"_score": "desc"}, *newest] if relevance else newest
        compiled = _compiled(query, now, since)
        found = self.find("stories", compiled, sort=sort, limit=offset + limit, without=documents.HIDDEN)
        stories = tuple(Story.from_json(stored.document) for place, stored in enumerate(found) if place >= offset)
        return SearchResult(stories=stories, total=self.count("stories", compiled))

    def scan(
        self,
        query: Node | None = None,
        *,
        now: datetime,
        since: datetime | None = None,
        after: str | None = None,
    ) -> Iterator[Story]:
        found = self.find(
            "stories",
            _compiled(query, now, since),
            sort=[{"id": "asc"}],
            after=[after] if after is not None else None,
            without=documents.HIDDEN,
        )
        for stored in found:
            yield Story.from_json(stored.document)

    def near_duplicates(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """See `Store.near_duplicates`; those that share most first, and no more than `MAX_NEAR_DUPLICATES`."""
        copy = self._signature_cache(since)
        found = copy.similar(signature, since=since) if copy else None
        return self._search_similar(signature, since) if found is None else found

    def _signature_cache(self, since: datetime) -> SignatureCache | None:
        """The copy of signatures beside this process, from when it has looked so often that one is worth making."""
        with self._lock:
            self._likened += 1
            if self._mirror is None and self._likened > MIN_LOOKUPS:
                self._mirror = SignatureCache(self, since=since)
            return self._mirror

    def _search_similar(self, signature: Sequence[int], since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        from monitor.similarity import bands

        shares = [{"constant_score": {"filter": {"term": {"bands": str(band)}}}} for band in bands(signature)]
        if not shares:
            return []
        recent = {"range": {"first_seen_at": {"gte": rfc3339(since)}}}
        found = self.find(
            "stories",
            {"bool": {"should": shares, "minimum_should_match": 1, "filter": [recent]}},
            sort=[{"_score": "desc"}, {"first_seen_at": "desc"}, {"id": "asc"}],
            limit=MAX_NEAR_DUPLICATES,
            fields=["cluster", "signature"],
        )
        return [(stored.id, stored.document["cluster"], tuple(stored.document["signature"])) for stored in found]

    def hits(self, alert: str | None = None, *, since: datetime | None = None, limit: int = 1000) -> list[Hit]:
        filters: list[Json] = []
        if alert is not None:
            filters.append({"term": {"alert": alert}})
        if since is not None:
            filters.append({"range": {"matched_at": {"gte": rfc3339(since)}}})
        order: list[Json] = [{"matched_at": "desc"}, {"story": "asc"}, {"alert": "asc"}, {"version": "desc"}]
        found = self.find("hits", {"bool": {"filter": filters}}, sort=order, limit=limit)
        return [documents.read_hit(stored.document) for stored in found]


def _follows(story: Story, stored: StoredDocument | None) -> bool:
    return story.version == (stored.document["version"] + 1 if stored else 1)


def _before(filing: PageCommit, stored: dict[str, StoredDocument]) -> Iterator[Write]:
    """What must be there before the story is: its hits, the mail of them, and the version it replaces."""
    for hit in filing.hits:
        name = digest(hit.alert, hit.story, hit.version)
        yield Write(kind="hits", id=name, document=documents.hit(hit), op="create")
    for notice in filing.notifications:
        yield Write(kind="outbox", id=digest(*notice.key), document=documents.notification(notice), op="create")
    if filing.story and (old := stored.get(filing.story.id)):
        yield written_version({name: value for name, value in old.document.items() if name not in documents.HIDDEN})


def _story(filing: PageCommit, stored: dict[str, StoredDocument]) -> Write:
    assert filing.story is not None
    document = documents.story(filing.story, filing.signature)
    old = stored.get(filing.story.id)
    if old is None:
        return Write(kind="stories", id=filing.story.id, document=document, op="create")
    return Write(kind="stories", id=filing.story.id, document=document, version=old.version)


def _story_signature(filing: PageCommit) -> StorySignature:
    story = filing.story
    assert story is not None
    return StorySignature(
        story=story.id, cluster=story.cluster, first_seen_at=story.first_seen_at, signature=tuple(filing.signature)
    )


def _is_storyless(write: Write) -> bool:
    return write.op == "index" and not write.document.get("story")


def _after(filing: PageCommit, rejected: str | None) -> Iterator[Write]:
    """The visit, as finished as the filing says; of a story that was set aside it tells so."""
    outcome = filing.outcome
    if rejected is not None:
        outcome = Outcome(disposition=Disposition.FAILED, kind="rejected", detail=rejected)
    yield Write(kind="urls", id=filing.entry.id, document=documents.frontier_entry(filing.entry, outcome))
    story = filing.story.id if filing.story else filing.entry.story
    for alias in filing.aliases:
        yield Write(kind="urls", id=alias, document=documents.alias(alias, filing.entry, story), op="create")


def written_version(body: Json) -> Write:
    """An earlier version of a story, kept for its history."""
    document = {"story": body["id"], "version": body["version"], "body": body}
    return Write(kind="versions", id=version_id(body["id"], body["version"]), document=document)


def version_id(story: str, version: int) -> str:
    return f"{story}-{version}"


def _compiled(query: Node | None, now: datetime, since: datetime | None) -> Json:
    if query is None:
        compiled: Json = {"match_all": {}}
    else:
        from monitor.store.elasticsearch import query_compiler

        compiled = query_compiler.compile(query, now)
    if since is None:
        return compiled
    return {"bool": {"must": [compiled], "filter": [{"range": {"date": {"gte": rfc3339(since)}}}]}}
