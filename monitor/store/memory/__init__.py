"""A store in memory, for tests: has all required roles, needs no file or server, and is lost when the process ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.plural import plural
from monitor.store.composed import ComposedStore
from monitor.store.memory.dump import Dump
from monitor.store.memory.frontier import Frontier
from monitor.store.memory.leases import Leases
from monitor.store.memory.marks import Marks, SavedSearches
from monitor.store.memory.outbox import Outbox
from monitor.store.memory.retention import Retention
from monitor.store.memory.search import Search
from monitor.store.memory.settings import Settings
from monitor.store.memory.state import MemoryState
from monitor.store.memory.stories import Stories
from monitor.store.protocol import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.store.protocol import Store


class MemoryStore(ComposedStore):
    """Implements `monitor.store.protocol.Store` on data in memory.

    With ``shared``, the state of another `MemoryStore`, both objects access the same data, like two processes that use
    one store.
    """

    capabilities = Capabilities()

    def __init__(self, *, shared: MemoryState | None = None) -> None:
        self.state = MemoryState() if shared is None else shared
        super().__init__(
            frontier=Frontier(self.state),
            stories=Stories(self.state),
            search=Search(self.state),
            leases=Leases(self.state),
            outbox=Outbox(self.state),
            settings=Settings(self.state),
            marks=Marks(self.state),
            saved_searches=SavedSearches(self.state),
            retention=Retention(self.state),
            dump=Dump(self.state),
        )

    def setup(self) -> None:
        """Does nothing: a store in memory needs no tables."""

    def require_exists(self) -> None:
        """Does nothing: a store in memory always exists."""

    def ping(self) -> str:
        with self.state.lock:
            return f"memory: {plural(len(self.state.story_versions), 'story', 'stories')}"

    def write_faults(self) -> list[str]:
        return []

    def close(self) -> None:
        """Does nothing: other `MemoryStore` objects may share the state."""


if TYPE_CHECKING:
    _: Callable[..., Store] = MemoryStore  # mypy verifies that it has all roles
