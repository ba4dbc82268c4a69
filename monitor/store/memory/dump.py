"""Exports all records of a store in memory, and imports records into it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, assert_never

from monitor.models import FrontierEntry, Hit, OutletState
from monitor.similarity import signature
from monitor.store.memory.state import QueuedNotification, copy_outlet_state
from monitor.store.records import Mark, OutboxRecord, SavedSearch, Setting, Snooze, StoryHistory, UrlAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.models import Story
    from monitor.store.memory.state import MemoryState
    from monitor.store.records import Record

K = TypeVar("K")
V = TypeVar("V")


class Dump:
    """Exports all records of the store (`dump`) and imports records (`load`), as `monitor.store.protocol.Dump` says."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def dump(self) -> Iterator[Record]:
        """Yields all records as they were stored when iteration began, without claims and leases."""
        state = self._state
        with state.lock:
            records: list[Record] = [
                *(
                    StoryHistory(versions=tuple(versions[number] for number in sorted(versions)))
                    for _, versions in sorted(state.story_versions.items())
                ),
                *state.hits.values(),
                *(OutboxRecord(notification=q.notification, sent_at=q.sent_at) for q in state.outbox.values()),
                *state.frontier_entries.values(),
                *(UrlAlias(id=alias, story=story) for alias, story in state.aliases.items()),
                *(
                    replace(copy_outlet_state(outlet), holder=None, lease_until=None, fencing_token="")
                    for outlet in state.outlets.values()
                ),
                *(Snooze(alert=alert, until=until) for alert, until in state.snoozes.items()),
                *(Setting(key=key, value=json.loads(value)) for key, value in state.settings.items()),
                *state.marks.values(),
                *state.saved_searches.values(),
            ]
        yield from records

    def load(self, records: Sequence[Record]) -> int:
        with self._state.lock:
            return sum(self._load_record(record) for record in records)

    def _load_record(self, record: Record) -> bool:  # noqa: PLR0912  one case for each kind of record
        """Stores a record if it is new or newer than the stored one.  Returns True if it was stored."""
        state = self._state
        match record:
            case StoryHistory(versions=versions):
                return self._load_history(versions)
            case Hit():
                return _add_if_absent(state.hits, (record.alert, record.story, record.version), record)
            case OutboxRecord(notification=notification, sent_at=sent_at):
                queued = state.outbox.get(notification.key)
                if queued is None:
                    state.outbox[notification.key] = QueuedNotification(notification, sent_at)
                    return True
                if queued.sent_at is None and sent_at is not None:
                    queued.sent_at = sent_at
                    return True
                return False
            case FrontierEntry():
                return _add_if_absent(state.frontier_entries, record.id, record)
            case UrlAlias():
                return _add_if_absent(state.aliases, record.id, record.story)
            case OutletState():
                return self._load_outlet(record)
            case Snooze():
                return _add_if_absent(state.snoozes, record.alert, record.until)
            case Setting():
                return _add_if_absent(state.settings, record.key, json.dumps(record.value))
            case Mark():
                return _add_if_absent(state.marks, record.identity, record)
            case SavedSearch():
                names = {search.name_key for search in state.saved_searches.values()}
                return record.name_key not in names and _add_if_absent(state.saved_searches, record.id, record)
            case _:
                assert_never(record)

    def _load_history(self, versions: Sequence[Story]) -> bool:
        *earlier, latest = versions
        if latest.version <= self._state.latest_version_number(latest.id):
            return False
        self._state.put_latest_version(latest, signature(latest.text))
        self._state.story_versions[latest.id].update({version.version: version for version in earlier})
        return True

    def _load_outlet(self, outlet: OutletState) -> bool:
        stored = self._state.outlets.get(outlet.name)
        if stored is not None:
            polled_later = outlet.last_poll_at is not None and (
                stored.last_poll_at is None or outlet.last_poll_at > stored.last_poll_at
            )
            if stored.holder is not None or not polled_later:
                return False
        fencing_token = stored.fencing_token if stored is not None else ""
        self._state.outlets[outlet.name] = replace(
            copy_outlet_state(outlet), holder=None, lease_until=None, fencing_token=fencing_token
        )
        return True


def _add_if_absent(values: dict[K, V], key: K, value: V) -> bool:
    """Stores the value if the mapping lacks the key.  Returns True if the value was stored."""
    if key in values:
        return False
    values[key] = value
    return True
