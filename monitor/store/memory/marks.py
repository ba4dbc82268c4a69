"""The marks and saved searches of a store in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.store.records import Mark, MarkKind, SavedSearch, TagCount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.store.memory.state import MemoryState

PERSONAL_KINDS = (MarkKind.STAR, MarkKind.READ)


class Marks:
    """Implements `monitor.store.protocol.Marks` on data in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def put_marks(self, marks: Sequence[Mark]) -> int:
        with self._state.lock:
            stored = [mark for mark in marks if mark.story in self._state.story_versions]
            self._state.marks.update({mark.identity: mark for mark in stored})
        return len(stored)

    def delete_mark(self, kind: MarkKind, story: str, key: str) -> bool:
        with self._state.lock:
            return self._state.marks.pop((kind.value, story, key), None) is not None

    def marks(self, stories: Sequence[str], *, user: str) -> list[Mark]:
        with self._state.lock:
            found = [
                mark
                for mark in self._state.marks.values()
                if mark.story in stories and (mark.kind not in PERSONAL_KINDS or mark.key == user)
            ]
        return sorted(found, key=lambda mark: (mark.made_at, mark.identity))

    def marked_stories(self, kind: MarkKind, key: str, *, limit: int) -> list[str]:
        with self._state.lock:
            found = [mark for mark in self._state.marks.values() if (mark.kind, mark.key) == (kind, key)]
        found.sort(key=lambda mark: (mark.made_at, mark.story), reverse=True)
        return [mark.story for mark in found[:limit]]

    def tag_counts(self, *, limit: int) -> list[TagCount]:
        by_key: dict[str, list[Mark]] = {}
        with self._state.lock:
            for mark in self._state.marks.values():
                if mark.kind is MarkKind.TAG:
                    by_key.setdefault(mark.key, []).append(mark)
        counts = [
            TagCount(key=key, name=max(marks, key=lambda mark: mark.made_at).text, count=len(marks))
            for key, marks in by_key.items()
        ]
        return sorted(counts, key=lambda count: (-count.count, count.key))[:limit]

    def count_marks(self) -> int:
        with self._state.lock:
            return len(self._state.marks)


class SavedSearches:
    """Implements `monitor.store.protocol.SavedSearches` on data in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def saved_searches(self) -> list[SavedSearch]:
        with self._state.lock:
            return sorted(self._state.saved_searches.values(), key=lambda search: search.name_key)

    def put_search(self, search: SavedSearch) -> bool:
        with self._state.lock:
            others = [other for other in self._state.saved_searches.values() if other.id != search.id]
            if any(other.name_key == search.name_key for other in others):
                return False
            self._state.saved_searches[search.id] = search
            return True

    def delete_search(self, identifier: str) -> bool:
        with self._state.lock:
            return self._state.saved_searches.pop(identifier, None) is not None
