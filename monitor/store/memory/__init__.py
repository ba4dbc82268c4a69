"""A store in memory, for tests: all roles, without files or a server.  The data end with the process."""

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
    """Implements `monitor.store.protocol.Store` by one object per role.

    ``shared`` is the state of another `MemoryStore`: both are then one store, as two processes see it.
    """

    capabilities = Capabilities()

    def __init__(self, *, shared: MemoryState | None = None) -> None:
        self.state = MemoryState() if shared is None else shared

        frontier = Frontier(self.state)
        self.enqueue = frontier.enqueue
        self.due_entries = frontier.due_entries

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
        self.release_claims = outbox.release_claims
        self.assign_message_ids = outbox.assign_message_ids
        self.mark_sent = outbox.mark_sent
        self.postpone = outbox.postpone
        self.outbox = outbox.outbox
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
        """See `monitor.store.protocol.Lifecycle.setup`: there is nothing to create."""

    def require_exists(self) -> None:
        """See `monitor.store.protocol.Lifecycle.require_exists`.  Never raises."""

    def ping(self) -> str:
        with self.state.lock:
            return f"memory: {plural(len(self.state.story_versions), 'story', 'stories')}"

    def close(self) -> None:
        """See `monitor.store.protocol.Lifecycle.close`: the state stays, for stores that share it."""


if TYPE_CHECKING:
    _: Callable[[], Store] = MemoryStore  # mypy verifies that it has all roles
