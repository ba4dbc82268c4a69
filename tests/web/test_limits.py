"""A user with many or slow requests, or a client that is slow, does not keep the page from the others."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from monitor.web import connections, request_shares
from monitor.web.request_shares import MAX_REQUESTS
from web.conftest import Page, open_page
from web.examples import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.store import SearchResult, Store

PROXIED = "web: {user_header: X-Forwarded-User, users: [{name: ines, role: editor}, {name: jan}]}\n"


class SlowStore:
    """A store whose searches wait until ``go_on`` is set; counts those that wait."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.go_on = threading.Event()
        self.waiting = 0
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def search(self, query: Any, **options: Any) -> SearchResult:
        with self._lock:
            self.waiting += 1
        assert self.go_on.wait(60)
        return self._store.search(query, **options)


@pytest.fixture
def slow_store(filled_store: Store) -> Iterator[SlowStore]:
    slow = SlowStore(filled_store)
    yield slow
    slow.go_on.set()


@pytest.fixture
def shared_page(tmp_path: Path, slow_store: SlowStore) -> Iterator[Page]:
    yield from open_page(tmp_path, slow_store, CONFIG + PROXIED)  # type: ignore[arg-type]  # it passes all calls on


def get_as(page: Page, name: str, path: str = "/") -> int:
    own = Page(port=page.port, config_path=page.config_path, store=page.store)
    return own.get(path, **{"X-Forwarded-User": name})[0]


def test_slow_searches_of_one_user_leave_the_page_to_others(
    shared_page: Page, slow_store: SlowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_shares, "MAX_WAITING_REQUESTS", 3)
    count = MAX_REQUESTS + 3
    with ThreadPoolExecutor(count) as threads:
        slow = [threads.submit(get_as, shared_page, "jan") for _ in range(count)]
        deadline = time.monotonic() + 30
        while slow_store.waiting < MAX_REQUESTS and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)  # for those that must not begin
        assert slow_store.waiting == MAX_REQUESTS
        assert get_as(shared_page, "ines", "/alerts") == 200
        assert get_as(shared_page, "jan") == 429
        slow_store.go_on.set()
        assert [each.result() for each in slow] == [200] * count
    assert get_as(shared_page, "jan") == 200


def connect(page: Page) -> socket.socket:
    return socket.create_connection(("127.0.0.1", page.port), timeout=30)


def is_ended(connection: socket.socket) -> bool:
    """Returns True if the server ends the connection without a response, before `MAX_REQUEST_SECONDS`."""
    connection.settimeout(10)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na"]
)
def test_a_request_that_does_not_end_is_ended(page: Page, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(connections, "MAX_REQUEST_SECONDS", 0.3)
    with connect(page) as connection:
        connection.sendall(sent)
        assert is_ended(connection)


def test_a_second_request_that_does_not_end_is_ended(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_REQUEST_SECONDS", 3.0)
    with connect(page) as connection:
        connection.sendall(b"GET /static/icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(100_000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HT")
        while connection.recv(100_000):
            pass


def test_a_client_that_reads_no_response_is_disconnected(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connections do not count for ever, and its requests do not hold its share."""
    monkeypatch.setattr(connections, "MAX_WRITE_SECONDS", 0.3)
    with ExitStack() as stack:
        for _ in range(MAX_REQUESTS):
            slow = socket.socket()
            stack.enter_context(slow)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", page.port))
            for _ in range(3):  # the huge title has two megabytes, more than the buffers of both sides
                slow.sendall(b"GET /stories.jsonl HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert page.get("/alerts")[0] == 200


@pytest.mark.parametrize(("proxy", "is_bounded"), [("10.1.2.3", True), ("127.0.0.1", False)])
def test_only_a_reverse_proxy_has_more_connections_than_a_client(
    tmp_path: Path, filled_store: Store, monkeypatch: pytest.MonkeyPatch, proxy: str, is_bounded: bool
) -> None:
    monkeypatch.setattr(connections, "MAX_CLIENT_CONNECTIONS", 3)
    for page in open_page(tmp_path, filled_store, f"{CONFIG}web: {{proxies: [{proxy}]}}\n"):
        with ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(connect(page))
            fourth = stack.enter_context(connect(page))
            if is_bounded:
                assert is_ended(fourth)
            else:
                fourth.sendall(b"GET /alerts HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert fourth.recv(100).startswith(b"HTTP/1.1 200")
