"""Keeps idle HTTP connections for later requests, few enough that the process does not run out of file descriptors."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

from twisted.web.client import HTTPConnectionPool

if TYPE_CHECKING:
    from collections.abc import Hashable

WANTED_DESCRIPTORS = 4096  # to which the soft limit is raised if the hard limit allows it
RESERVED_DESCRIPTORS = 250  # for the store, worker processes, mail, log files, name resolution and rendering
DESCRIPTORS_PER_REQUEST = 2  # a connection, and another one while a redirect is followed
MAX_IDLE_CONNECTIONS = 500
IDLE_CONNECTION_SECONDS = 60  # most outlets are polled less often than servers keep idle connections


def raise_descriptor_limit() -> int:
    """Raises the process's limit of file descriptors as far as useful and allowed; returns the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = soft
    if soft != resource.RLIM_INFINITY and soft < WANTED_DESCRIPTORS:
        limit = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return WANTED_DESCRIPTORS if limit == resource.RLIM_INFINITY else limit


def possible_concurrency(limit: int, wanted: int) -> int:
    """Returns how many of ``wanted`` simultaneous requests a limit of file descriptors allows, at least 1."""
    return max(1, min(wanted, (limit - RESERVED_DESCRIPTORS) // DESCRIPTORS_PER_REQUEST))


def possible_idle_connections(limit: int, concurrency: int) -> int:
    """Returns how many idle connections fit into a limit of file descriptors beside ``concurrency`` requests."""
    free = limit - RESERVED_DESCRIPTORS - concurrency * DESCRIPTORS_PER_REQUEST
    return max(0, min(free, MAX_IDLE_CONNECTIONS))


class BoundedConnectionPool(HTTPConnectionPool):
    """Twisted's pool, which limits the idle connections per host only, with a limit for all hosts together."""

    cachedConnectionTimeout = IDLE_CONNECTION_SECONDS  # noqa: N815  Twisted's name

    def __init__(self, reactor: Any, *, max_idle: int) -> None:
        super().__init__(reactor, persistent=True)  # type: ignore[no-untyped-call]  # Twisted's
        self._max_idle = max_idle

    def _putConnection(self, key: Hashable, connection: Any) -> None:  # noqa: N802  overrides Twisted's method
        """Keeps a connection; closes the one that has been idle for the longest time if there are too many."""
        super()._putConnection(key, connection)  # type: ignore[no-untyped-call]  # Twisted's
        while len(self._timeouts) > self._max_idle:
            timeout = next(iter(self._timeouts.values()))  # in the order in which the connections became idle
            key_and_connection = timeout.args  # of the call of _removeConnection; cancel() forgets them
            timeout.cancel()
            self._removeConnection(*key_and_connection)  # type: ignore[no-untyped-call]  # Twisted's
