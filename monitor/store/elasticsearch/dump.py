"""Exports all records of a store in Elasticsearch, and imports records into it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from monitor.itertools_compat import batched
from monitor.models import FrontierEntry, Hit, OutletState, Story, rfc3339
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.cluster import PAGE_DOCUMENTS
from monitor.store.elasticsearch.documents import document_id
from monitor.store.elasticsearch.marks import MARK_SORT, mark_write, search_write
from monitor.store.elasticsearch.outbox import NOTIFICATION_KEY_SORT, SNOOZE_KIND
from monitor.store.elasticsearch.settings import SETTING_KIND, setting_write
from monitor.store.elasticsearch.stories import version_write
from monitor.store.records import (
    Mark,
    OtherRecord,
    OutboxRecord,
    Record,
    SavedSearch,
    Setting,
    Snooze,
    StoryHistory,
    UrlAlias,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster, StoredDocument
    from monitor.store.elasticsearch.stories import Stories
    from monitor.store.protocol import Leases, Outbox, SavedSearches, Settings

HIT_KEY_SORT: list[Json] = [{"story": "asc"}, {"alert": "asc"}, {"version": "asc"}]
MATCH_ALL_QUERY: Json = {"match_all": {}}


class Dump:
    """Exports and imports all records; implements `monitor.store.protocol.Dump`."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        stories: Stories,
        leases: Leases,
        outbox: Outbox,
        settings: Settings,
        saved_searches: SavedSearches,
    ) -> None:
        self._cluster = cluster
        self._stories = stories
        self._leases = leases
        self._outbox = outbox
        self._settings = settings
        self._saved_searches = saved_searches

    def dump(self) -> Iterator[Record]:
        yield from self._story_histories()
        for stored in self._cluster.find("hits", MATCH_ALL_QUERY, sort=HIT_KEY_SORT):
            yield documents.read_hit(stored.document)
        for stored in self._cluster.find("outbox", MATCH_ALL_QUERY, sort=NOTIFICATION_KEY_SORT):
            yield documents.read_outbox_record(stored.document)
        for stored in self._cluster.scan("urls", MATCH_ALL_QUERY):
            yield documents.read_url_record(stored.id, stored.document)
        yield from (replace(state, holder=None, lease_until=None, fencing_token="") for state in self._leases.outlets())
        yield from (Snooze(alert=alert, until=until) for alert, until in self._outbox.snoozes().items())
        yield from (Setting(key=key, value=value) for key, value in self._settings.settings().items())
        for stored in self._cluster.find("marks", MATCH_ALL_QUERY, sort=MARK_SORT):
            yield documents.read_mark(stored.document)
        yield from self._saved_searches.saved_searches()

    def _story_histories(self) -> Iterator[StoryHistory]:
        """Yields every story with its earlier versions, in order of id."""
        stored_stories = self._cluster.find(
            "stories", MATCH_ALL_QUERY, sort=[{"id": "asc"}], without=documents.INDEX_ONLY_FIELDS
        )
        for page in batched(stored_stories, PAGE_DOCUMENTS):
            stories = [Story.from_json(stored.document) for stored in page]
            earlier = self._stories.earlier_versions([story for story in stories if story.version > 1])
            for story in stories:
                yield StoryHistory(versions=(*earlier.get(story.id, ()), story))

    def load(self, records: Sequence[Record]) -> int:
        """See `Store.load`.  Writes the stories first, because other records refer to them."""
        changed = 0
        histories = [record.versions for record in records if isinstance(record, StoryHistory)]
        while histories:  # a second history of a story is compared with the result of storing the first
            first_of_story: dict[str, tuple[Story, ...]] = {}
            for versions in histories:
                first_of_story.setdefault(versions[-1].id, versions)
            changed += self._load_story_histories(list(first_of_story.values()))
            loaded = set(map(id, first_of_story.values()))
            histories = [versions for versions in histories if id(versions) not in loaded]
        others = self._without_stored_searches([record for record in records if not isinstance(record, StoryHistory)])
        writes = [_create_write(record) for record in others]
        results = self._cluster.write_documents(writes)
        existing = [
            (record, write) for record, write, result in zip(others, writes, results, strict=True) if result.is_conflict
        ]
        return changed + sum(result.is_done for result in results) + self._update_existing_documents(existing)

    def _without_stored_searches(self, records: Sequence[OtherRecord]) -> list[OtherRecord]:
        """Leaves out saved searches whose id is stored, maybe under another name, which is the document's id."""
        if not any(isinstance(record, SavedSearch) for record in records):
            return [*records]
        stored = {search.id for search in self._saved_searches.saved_searches()}
        return [record for record in records if not isinstance(record, SavedSearch) or record.id not in stored]

    def _load_story_histories(self, histories: Sequence[tuple[Story, ...]]) -> int:
        """Writes the stories that are not stored or newer than the stored ones; returns how many were written.

        A replaced story becomes an earlier version.  The histories must be of different stories.
        """
        from monitor.similarity import signature

        stored = self._cluster.get_documents(
            "stories", [versions[-1].id for versions in histories], fields=("version",)
        )
        newer = [
            versions
            for versions in histories
            if versions[-1].version > _stored_version_number(stored.get(versions[-1].id))
        ]
        replaced = self._stories.stories([versions[-1].id for versions in newer if versions[-1].id in stored]).values()
        self._cluster.write_documents([version_write(old.to_json()) for old in replaced])
        self._cluster.write_documents([version_write(old.to_json()) for *earlier, _ in newer for old in earlier])
        writes = []
        for *_, story in newer:
            current = stored.get(story.id)
            writes.append(
                DocumentWrite(
                    kind="stories",
                    id=story.id,
                    document=documents.story_document(story, signature(story.text)),
                    op="index" if current else "create",
                    revision=current.revision if current else None,
                )
            )
        return sum(result.is_done for result in self._cluster.write_documents(writes))

    def _update_existing_documents(self, existing: Sequence[tuple[Record, DocumentWrite]]) -> int:
        """Updates stored documents for records whose ids exist; returns how many documents changed.

        Marks a notification as sent if its record is sent, and replaces an outlet if its record was polled later.
        """
        changes = []
        for kind in ("outbox", "outlets"):
            by_id = {write.id: (record, write) for record, write in existing if write.kind == kind}
            for name, stored in self._cluster.get_documents(
                kind, list(by_id), fields=("sent_at", "holder", "last_poll_at")
            ).items():
                record, write = by_id[name]
                match record:
                    case OutboxRecord() if record.sent_at and not stored.document.get("sent_at"):
                        sent: Json = {"sent_at": rfc3339(record.sent_at), "holder": None, "claimed_until": None}
                        changes.append(
                            DocumentWrite(kind=kind, id=name, document=sent, op="update", revision=stored.revision)
                        )
                    case OutletState() if _is_polled_later(record, stored):
                        changes.append(
                            DocumentWrite(kind=kind, id=name, document=write.document, revision=stored.revision)
                        )
        return sum(result.is_done for result in self._cluster.write_documents(changes))


def _is_polled_later(record: OutletState, stored: StoredDocument) -> bool:
    """Returns True if no process has leased the stored outlet and the record was polled later."""
    if stored.document.get("holder") is not None or record.last_poll_at is None:
        return False
    stored_poll_at = documents.read_optional_time(stored.document.get("last_poll_at"))
    return stored_poll_at is None or record.last_poll_at > stored_poll_at


def _stored_version_number(stored: StoredDocument | None) -> int:
    """Returns the version number of a stored story, or 0 if it is not stored."""
    return int(stored.document["version"]) if stored else 0


def _create_write(record: OtherRecord) -> DocumentWrite:
    """Returns the write that stores a record unless its id exists."""
    match record:
        case Hit():
            kind, name, document = (
                "hits",
                document_id(record.alert, record.story, record.version),
                documents.hit_document(record),
            )
        case OutboxRecord():
            kind, name = "outbox", document_id(*record.notification.key)
            document = documents.notification_document(record.notification)
            if record.sent_at:
                document["sent_at"] = rfc3339(record.sent_at)
        case FrontierEntry():
            kind, name, document = "urls", record.id, documents.frontier_entry_document(record)
        case UrlAlias():
            kind, name = "urls", record.id
            document = {"alias": True, **({"story": record.story} if record.story else {})}
        case OutletState():
            kind, name = "outlets", document_id(record.name)
            document = documents.outlet_document(replace(record, holder=None, lease_until=None))
        case Snooze():
            return setting_write(SNOOZE_KIND, record.alert, {"until": rfc3339(record.until)}, op="create")
        case Setting():
            return setting_write(SETTING_KIND, record.key, record.value, op="create")
        case Mark():
            return replace(mark_write(record), op="create")
        case SavedSearch():
            return search_write(record)
        case _:
            assert_never(record)
    return DocumentWrite(kind=kind, id=name, document=document, op="create")
