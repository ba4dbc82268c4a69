"""Connects to the addresses of a mail server's name, of which some may be silent.

The next address is tried when the ones before it have been silent for a moment, while they may still answer: the first
that answers is used ("happy eyeballs", RFC 8305, extended to the server's greeting and login).
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from monitor.errors import DeliveryUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    class Closable(Protocol):
        """A session that can be closed."""

        def close(self) -> None:
            """Closes the session."""

    SessionT = TypeVar("SessionT", bound=Closable)
else:
    SessionT = TypeVar("SessionT")

log = logging.getLogger(__name__)

Address: TypeAlias = tuple[socket.AddressFamily, Any]  # family, and the address for socket.connect

HEAD_START_SECONDS = 2.0  # of each address before the next one is tried too
REST_SECONDS = 60.0  # for which an address that was silent or failed is tried after the others
MAX_ADDRESSES = 8


class AddressRests:
    """Remembers the addresses that were silent or failed.  Any number of threads may use it."""

    def __init__(self) -> None:
        self._until: dict[Address, float] = {}  # monotonic time

    def resting_last(self, addresses: Sequence[Address]) -> list[Address]:
        """Returns the addresses in their order, those that rest after the others."""
        current = time.monotonic()
        return sorted(addresses, key=lambda address: self._until.get(address, 0.0) > current)

    def add(self, address: Address) -> None:
        self._until[address] = time.monotonic() + REST_SECONDS


def addresses_of(host: str, port: int) -> list[Address]:
    """Returns up to `MAX_ADDRESSES` addresses of a host name.  Blocks during the DNS lookup; raises socket.gaierror."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses: list[Address] = [(family, address) for family, _, _, _, address in found]
    return list(dict.fromkeys(addresses))[:MAX_ADDRESSES]


def open_first(
    addresses: Sequence[Address], open_session: Callable[[Address], SessionT], rests: AddressRests, *, timeout: float
) -> SessionT:
    """Returns the session of the first address that can be opened, and closes the others.

    ``open_session`` blocks up to about ``timeout`` seconds and is called in a thread for each address.  Raises the
    error of the address that was tried first if all fail.
    """
    if len(addresses) == 1:
        return open_session(addresses[0])
    race = _Race[SessionT](open_session)
    waiting = rests.resting_last(addresses)
    errors: dict[Address, Exception] = {}
    end = time.monotonic() + timeout + HEAD_START_SECONDS * (len(waiting) - 1)
    while waiting or len(errors) < len(race.started):
        if waiting:
            race.start(waiting.pop(0))
        try:
            remaining = max(0.0, end - time.monotonic())
            address, result = race.results.get(timeout=min(HEAD_START_SECONDS, remaining) if waiting else remaining)
        except queue.Empty:
            if waiting:
                continue
            break
        if isinstance(result, Exception):
            errors[address] = result
            rests.add(address)
            continue
        for slower in race.started[: race.started.index(address)]:
            if slower not in errors:
                log.warning("the mail server's address %s is silent; it is tried last for a while", slower[1][0])
            rests.add(slower)
        race.finish()
        return result
    race.finish()
    raise next((errors[address] for address in race.started if address in errors), DeliveryUnavailable("timed out"))


class _Race(Generic[SessionT]):
    """Opens sessions in threads and puts each result into a queue; after `finish`, closes those that come too late."""

    def __init__(self, open_session: Callable[[Address], SessionT]) -> None:
        self._open_session = open_session
        self._lock = threading.Lock()
        self._finished = False
        self.started: list[Address] = []
        self.results: queue.SimpleQueue[tuple[Address, SessionT | Exception]] = queue.SimpleQueue()

    def start(self, address: Address) -> None:
        self.started.append(address)
        # A daemon thread: a silent server must not delay the end of the process.
        threading.Thread(target=self._open, args=(address,), name="smtp", daemon=True).start()

    def finish(self) -> None:
        """Closes the sessions that were opened and not taken from the queue, now and later."""
        with self._lock:
            self._finished = True
        while not self.results.empty():
            _, result = self.results.get()
            if not isinstance(result, Exception):
                result.close()

    def _open(self, address: Address) -> None:
        result: SessionT | Exception
        try:
            result = self._open_session(address)
        except Exception as error:  # noqa: BLE001  `open_first` raises it, or has a session
            result = error
        with self._lock:
            if not self._finished:
                self.results.put((address, result))
                return
        if not isinstance(result, Exception):
            result.close()
