"""A store in memory, for tests: has all required roles, needs no file or server, and is lost when the process ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.plural import plural
from monitor.store.memory.dump import Dump
from monitor.store.memory.frontier import Frontier
from monitor.store.memory.leases import Leases
from monitor.store.memory.outbox import Outbox
from monitor.store.memory.search import Search
from monitor.store.memory.settings import Settings
from monitor.store.memory.state import MemoryState
from monitor.store.memory.stories import Stories
from monitor.store.protocol import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.store.protocol import Store


class MemoryStore:
    """Implements `monitor.store.protocol.Store` with one object per role.

    With ``shared``, the state of another `MemoryStore`, both objects access the same data, like two processes that use
    one store.
    """

    capabilities = Capabilities()

    def __init__(self, *, shared: MemoryState | None = None) -> None:
        self.state = MemoryState() if shared is None else shared

        frontier = Frontier(self.state)
        self.enqueue = frontier.enqueue
        self.due_entries = frontier.due_entries
        self.record_dropped = frontier.record_dropped
        self.entries = frontier.entries
        self.recent_entries = frontier.recent_entries
        self.coverage = frontier.coverage
        self.source_coverage = frontier.source_coverage

        stories = Stories(self.state)
        self.commit = stories.commit
        self.stories = stories.stories
        self.history = stories.history
        self.near_duplicates = stories.near_duplicates
        self.hits = stories.hits

        search = Search(self.state)
        self.search = search.search
        self.scan = search.scan

        leases = Leases(self.state)
        self.lease = leases.lease
        self.renew = leases.renew
        self.release = leases.release
        self.outlets = leases.outlets

        outbox = Outbox(self.state)
        self.claim = outbox.claim
        self.count_due = outbox.count_due
        self.release_claims = outbox.release_claims
        self.assign_message_ids = outbox.assign_message_ids
        self.mark_sent = outbox.mark_sent
        self.postpone = outbox.postpone
        self.outbox = outbox.outbox
        self.story_notifications = outbox.story_notifications
        self.snooze = outbox.snooze
        self.snoozes = outbox.snoozes

        settings = Settings(self.state)
        self.put_setting = settings.put_setting
        self.compare_and_set = settings.compare_and_set
        self.settings = settings.settings

        dump = Dump(self.state)
        self.dump = dump.dump
        self.load = dump.load

    def setup(self) -> None:
        """Does nothing: a store in memory needs no tables."""

    def require_exists(self) -> None:
        """Does nothing: a store in memory always exists."""

    def ping(self) -> str:
        with self.state.lock:
            return f"memory: {plural(len(self.state.story_versions), 'story', 'stories')}"

    def close(self) -> None:
        """Does nothing: other `MemoryStore` objects may share the state."""


if TYPE_CHECKING:
    _: Callable[[], Store] = MemoryStore  # mypy verifies that it has all roles
