"""Everything out of a store and into another, record by record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from monitor.itertools_compat import batched
from monitor.models import FrontierEntry, Hit, OutletState, Story, rfc3339
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import Write
from monitor.store.elasticsearch.cluster import PAGE_DOCUMENTS
from monitor.store.elasticsearch.documents import digest
from monitor.store.elasticsearch.frontier import Frontier
from monitor.store.elasticsearch.outbox import SNOOZE, Outbox
from monitor.store.elasticsearch.outlets import Outlets
from monitor.store.elasticsearch.settings import SETTING, setting_write
from monitor.store.elasticsearch.stories import Stories, written_version
from monitor.store.protocol import Alias, History, OutboxRecord, Record, Setting, Snooze

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import StoredDocument

BY_KEY: list[Json] = [{"story": "asc"}, {"alert": "asc"}, {"version": "asc"}]
ALL: Json = {"match_all": {}}


class Dump(Stories, Frontier, Outlets, Outbox):
    """The part of the store that is copied from and into."""

    def dump(self) -> Iterator[Record]:
        yield from self._histories()
        for stored in self.find("hits", ALL, sort=BY_KEY):
            yield documents.read_hit(stored.document)
        for stored in self.find("outbox", ALL, sort=BY_KEY):
            sent_at = documents.read_time(stored.document.get("sent_at"))
            yield OutboxRecord(notification=documents.read_notification(stored.document), sent_at=sent_at)
        for stored in self.find("urls", ALL, sort=[{"id": "asc"}]):
            if stored.document.get("alias"):
                yield Alias(id=stored.id, story=stored.document.get("story"))
            else:
                yield documents.read_frontier_entry(stored.document)
        yield from (replace(state, holder=None, lease_until=None, fencing_token="") for state in self.outlets())
        yield from (Snooze(alert=alert, until=until) for alert, until in self.snoozes().items())
        yield from (Setting(key=key, value=value) for key, value in self.settings().items())

    def _histories(self) -> Iterator[History]:
        for page in batched(self.find("stories", ALL, sort=[{"id": "asc"}], without=documents.HIDDEN), PAGE_DOCUMENTS):
            stories = [Story.from_json(stored.document) for stored in page]
            earlier = self.earlier([story for story in stories if story.version > 1])
            for story in stories:
                yield History(versions=(*earlier.get(story.id, ()), story))

    def load(self, records: Sequence[Record]) -> int:
        """See `Store.load`.  Stories come first, as nothing else may be there without them."""
        new = 0
        told = [record.versions for record in records if isinstance(record, History)]
        while told:  # one story twice in a batch: the second is compared with what the first has left
            turn: dict[str, tuple[Story, ...]] = {}
            for versions in told:
                turn.setdefault(versions[-1].id, versions)
            new += self._load_stories(list(turn.values()))
            taken = set(map(id, turn.values()))
            told = [versions for versions in told if id(versions) not in taken]
        others = [record for record in records if not isinstance(record, History)]
        writes = [_created(record) for record in others]
        results = self.write(writes)
        known = [
            (record, write) for record, write, result in zip(others, writes, results, strict=True) if result.conflict
        ]
        return new + sum(result.done for result in results) + self._load_over(known)

    def _load_stories(self, told: Sequence[tuple[Story, ...]]) -> int:
        """Writes those that are newer than what is stored, which becomes history; no story comes twice."""
        from monitor.similarity import signature

        stored = self.get("stories", [versions[-1].id for versions in told], fields=("version",))
        newer = [versions for versions in told if versions[-1].version > _version(stored.get(versions[-1].id))]
        replaced = self.stories([versions[-1].id for versions in newer if versions[-1].id in stored]).values()
        self.write([written_version(old.to_json()) for old in replaced])
        self.write([written_version(old.to_json()) for *earlier, _ in newer for old in earlier])
        writes = []
        for *_, story in newer:
            known = stored.get(story.id)
            writes.append(
                Write(
                    kind="stories",
                    id=story.id,
                    document=documents.story(story, signature(story.text)),
                    op="index" if known else "create",
                    version=known.version if known else None,
                )
            )
        return sum(result.done for result in self.write(writes))

    def _load_over(self, taken: Sequence[tuple[Record, Write]]) -> int:
        """Of what is there already, mail is sent where its copy is, and an outlet polled later is as its copy."""
        changes = []
        for kind in ("outbox", "outlets"):
            given = {write.id: (record, write) for record, write in taken if write.kind == kind}
            for name, known in self.get(kind, list(given), fields=("sent_at", "holder", "last_poll_at")).items():
                record, write = given[name]
                match record:
                    case OutboxRecord() if record.sent_at and not known.document.get("sent_at"):
                        change: Json = {"sent_at": rfc3339(record.sent_at), "holder": None, "claimed_until": None}
                        changes.append(Write(kind=kind, id=name, document=change, op="update", version=known.version))
                    case OutletState() if _later(record, known):
                        changes.append(Write(kind=kind, id=name, document=write.document, version=known.version))
        return sum(result.done for result in self.write(changes))


def _later(record: OutletState, known: StoredDocument) -> bool:
    """Whether the outlet was polled later than is known, and nobody is at it."""
    if known.document.get("holder") is not None or record.last_poll_at is None:
        return False
    before = documents.read_time(known.document.get("last_poll_at"))
    return before is None or record.last_poll_at > before


def _version(stored: StoredDocument | None) -> int:
    return int(stored.document["version"]) if stored else 0


def _created(record: Hit | OutboxRecord | FrontierEntry | Alias | OutletState | Snooze | Setting) -> Write:
    match record:
        case Hit():
            kind, name, document = "hits", digest(record.alert, record.story, record.version), documents.hit(record)
        case OutboxRecord():
            kind, name, document = (
                "outbox",
                digest(*record.notification.key),
                documents.notification(record.notification),
            )
            if record.sent_at:
                document["sent_at"] = rfc3339(record.sent_at)
        case FrontierEntry():
            kind, name, document = "urls", record.id, documents.frontier_entry(record)
        case Alias():
            kind, name = "urls", record.id
            document = {"id": record.id, "alias": True, **({"story": record.story} if record.story else {})}
        case OutletState():
            kind, name = "outlets", digest(record.name)
            document = documents.outlet(replace(record, holder=None, lease_until=None))
        case Snooze():
            return setting_write(SNOOZE, record.alert, {"until": rfc3339(record.until)}, op="create")
        case Setting():
            return setting_write(SETTING, record.key, record.value, op="create")
        case _:
            assert_never(record)
    return Write(kind=kind, id=name, document=document, op="create")
