"""The server that answers hubs: what it accepts, and the bounds of what it reads."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from monitor.config.schema import Config, CrawlSettings, Outlet
from monitor.crawl.websub import callbacks
from monitor.crawl.websub.callbacks import CallbackServer
from monitor.crawl.websub.state import KEY_PREFIX, OutletPushes, StoredPushes, Subscription, outlet_key
from monitor.errors import StoreUnavailable
from monitor.models import now
from monitor.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NAME, TOPIC = "News", "https://news.example/rss?a=1&b=2"
KEY = outlet_key(NAME)
HOUR = timedelta(hours=1)


class Hub:
    """A started server with one outlet, and what a hub sends to it."""

    def __init__(self, *, configured: bool = True) -> None:
        self.store = MemoryStore()
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.port = unused.getsockname()[1]
        crawl = CrawlSettings(callback_listen=f"127.0.0.1:{self.port}", max_size=100_000)
        outlets = (Outlet(name=NAME, url="https://news.example/"),) if configured else ()
        self.woken = 0
        self.server = CallbackServer(Config(crawl=crawl, outlets=outlets), self.store, self._wake)
        pushes = OutletPushes(outlet=NAME).with_sources(
            [(TOPIC, TOPIC, "https://hub.example/")], "https://m", now=now()
        )
        self.keep(pushes.changed(pushes.subscriptions[0].path, lambda each: each.requested(now())))
        (state,) = self.store.lease([NAME], holder="one", now=now(), term=HOUR, limit=1)
        self.store.release(replace(state, next_poll_at=now() + 4 * HOUR))

    def _wake(self) -> None:
        self.woken += 1

    def keep(self, pushes: OutletPushes) -> None:
        self.store.put_setting(KEY_PREFIX + KEY, pushes.to_json())

    @property
    def pushes(self) -> OutletPushes:
        pushes = StoredPushes(self.store).read(KEY)
        assert pushes is not None
        return pushes

    @property
    def subscription(self) -> Subscription:
        return self.pushes.subscriptions[0]

    @property
    def is_due(self) -> bool:
        return self.store.outlets()[0].next_poll_at <= now()

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Sends bytes; returns status and body of the response, status 0 if the connection just ends."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return 0, b""
        writer.write(request)
        response = await reader.read()
        writer.close()
        head, _, body = response.rpartition(b"\r\n\r\n")
        return (int(head.rpartition(b"HTTP/1.1 ")[2][:3]) if head else 0), body

    async def get(self, path: str | None = None, **fields: str) -> tuple[int, bytes]:
        query = urlencode({f"hub.{name}": value for name, value in fields.items()})
        return await self.send(f"GET /websub/{path or self.subscription.path}?{query} HTTP/1.1\r\n\r\n".encode())

    async def push(self, body: bytes = b"<feed/>", **headers: str) -> int:
        signature = f"sha256={hmac.new(self.subscription.secret.encode(), body, hashlib.sha256).hexdigest()}"
        lines = {"X-Hub-Signature": signature, "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value)
        return (await self.send(f"POST /{self.subscription.path} HTTP/1.1\r\n{head}\r\n".encode() + body))[0]


def with_hub(work: Callable[[Hub], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        hub = Hub(**options)
        server = await hub.server.listen()
        try:
            async with asyncio.timeout(20):
                await work(hub)
        finally:
            server.close()
            await hub.server.close()

    asyncio.run(run())


async def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  the state is in the store
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(callbacks, "RETRY_DUE_SECONDS", 0.05)


def test_a_verification_that_was_asked_for_is_answered_once() -> None:
    async def work(hub: Hub) -> None:
        fields = {"mode": "subscribe", "topic": TOPIC, "challenge": "a&<b>", "lease_seconds": "7200"}
        assert await hub.get(**fields) == (200, b"a&<b>")
        lease = hub.subscription.lease_until
        assert lease is not None
        assert timedelta(minutes=119) < lease - now() <= 2 * HOUR
        assert (await hub.get(**fields))[0] == 404
        assert hub.subscription.lease_until == lease

    with_hub(work)


@pytest.mark.parametrize(
    "changed",
    [
        {"mode": "unsubscribe"},
        {"mode": "publish"},
        {"mode": ""},
        {"topic": "https://news.example/other"},
        {"challenge": ""},
        {"path": "0" * 48},
        {"path": KEY + "0" * 32},
        {"path": "x"},
        {"path": "../" + "0" * 48},
    ],
)
def test_no_other_verification_is_answered(changed: dict[str, str]) -> None:
    async def work(hub: Hub) -> None:
        before = hub.pushes
        fields = {"mode": "subscribe", "topic": TOPIC, "challenge": "c", "lease_seconds": "7200", **changed}
        assert await hub.get(**fields) == (404, b"")
        assert hub.pushes == before

    with_hub(work)


def test_a_denial_is_stored_with_its_reason() -> None:
    async def work(hub: Hub) -> None:
        assert (await hub.get(mode="denied", topic=TOPIC, reason="too many\x1b[0m"))[0] == 200
        assert "denied the subscription: too many" in hub.subscription.error
        assert (await hub.get(mode="subscribe", topic=TOPIC, challenge="c"))[0] == 404

    with_hub(work)


def test_a_verified_end_removes_the_subscription() -> None:
    async def work(hub: Hub) -> None:
        path = hub.subscription.path
        hub.keep(hub.pushes.changed(path, lambda each: replace(each, is_ending=True).requested(now())))
        assert (await hub.get(mode="subscribe", topic=TOPIC, challenge="c"))[0] == 404
        assert await hub.get(mode="unsubscribe", topic=TOPIC, challenge="c") == (200, b"c")
        assert hub.pushes.subscriptions == ()
        assert (await hub.get(path, mode="unsubscribe", topic=TOPIC, challenge="c"))[0] == 404

    with_hub(work)


def test_a_burst_of_pushes_makes_the_outlet_due_and_wakes_once() -> None:
    async def work(hub: Hub) -> None:
        assert [await hub.push() for _ in range(5)] == [200] * 5
        await wait_until(lambda: hub.is_due)
        await asyncio.sleep(0.2)
        assert (hub.woken, hub.subscription.push_count) == (1, 5)

    with_hub(work)


def test_a_false_signature_is_counted_and_causes_no_poll() -> None:
    async def work(hub: Hub) -> None:
        for signature in ("sha256=" + "0" * 64, "", "sha256"):
            assert await hub.push(X_Hub_Signature=signature, **{"X-Hub-Signature": ""}) == 200
        await asyncio.sleep(0.2)
        assert (hub.subscription.false_signature_count, hub.subscription.push_count) == (3, 0)
        assert (hub.is_due, hub.woken) == (False, 0)

    with_hub(work)


def test_a_push_amid_a_poll_waits_for_its_end() -> None:
    async def work(hub: Hub) -> None:
        (state,) = hub.store.lease([NAME], holder="one", now=now(), term=HOUR, limit=1, due_only=False)
        assert await hub.push() == 200
        await asyncio.sleep(0.3)
        assert hub.woken == 0
        hub.store.release(replace(state, next_poll_at=now() + HOUR))
        await wait_until(lambda: hub.is_due)
        assert hub.woken == 1

    with_hub(work)


def test_a_second_poll_by_push_waits_a_minute() -> None:
    async def work(hub: Hub) -> None:
        polled_at = now()
        hub.keep(replace(hub.pushes, pushed_poll_at=polled_at, read_at=polled_at))
        assert await hub.push() == 200
        await wait_until(lambda: hub.woken == 1)
        assert hub.store.outlets()[0].next_poll_at == polled_at + timedelta(minutes=1)

    with_hub(work)


def test_a_push_waits_until_the_outlet_may_be_asked_again() -> None:
    async def work(hub: Hub) -> None:
        rest_until = now() + HOUR
        hub.keep(replace(hub.pushes, rest_until=rest_until))
        assert await hub.push() == 200
        await wait_until(lambda: hub.woken == 1)
        assert hub.store.outlets()[0].next_poll_at == rest_until

    with_hub(work)


def test_a_push_that_no_poll_has_followed_survives_a_restart() -> None:
    async def run() -> None:
        hub = Hub()
        hub.keep(hub.pushes.with_push(hub.subscription.path, now()))
        stop = asyncio.Event()
        running = asyncio.create_task(hub.server.run(stop))
        async with asyncio.timeout(10):
            await wait_until(lambda: hub.is_due)
            stop.set()
            await running

    asyncio.run(run())


def test_an_outlet_that_is_no_longer_configured_is_gone() -> None:
    async def work(hub: Hub) -> None:
        assert await hub.push() == 410
        assert (await hub.get(mode="subscribe", topic=TOPIC, challenge="c"))[0] == 410

    with_hub(work, configured=False)


def test_a_push_while_the_store_is_away_is_to_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(hub: Hub) -> None:
        path = hub.subscription.path

        def fail(*_: object) -> None:
            raise StoreUnavailable("away")

        monkeypatch.setattr(hub.store, "setting", fail)
        assert (await hub.send(f"POST /{path} HTTP/1.1\r\nContent-Length: 0\r\n\r\n".encode()))[0] == 503

    with_hub(work)


# ---- HTTP


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET /\r\n\r\n", 400),
        (b"GET //[ HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01 \x00 \r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n\r\n", 400),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"DELETE /PATH HTTP/1.1\r\n\r\n", 405),
        (b"POST /PATH HTTP/1.1\r\nContent-Length: 100001\r\n\r\n", 413),
        (b"POST /PATH HTTP/1.1\r\nContent-Length: 9999999999999\r\n\r\n", 413),
        (b"POST /PATH HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /PATH HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST /PATH HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
        (b"POST /PATH HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
        (b"POST /PATH HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", 400),
        (b"POST /PATH HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", 413),
        (b"POST /PATH HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_300, 413),
        (b"POST /PATH HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 200 + b"\r\nx\r\n", 400),
        (b"POST /PATH HTTP/1.1\r\n\r\n", 200),
        (b"POST http://m.example/a/b/PATH?c HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", 200),
        (b"POST /PATH HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", 200),
    ],
)
def test_a_request_is_read_or_refused(request_bytes: bytes, status: int) -> None:
    async def work(hub: Hub) -> None:
        assert (await hub.send(request_bytes.replace(b"PATH", hub.subscription.path.encode())))[0] == status

    with_hub(work)


def test_a_body_in_chunks_has_the_signature_of_all_of_it() -> None:
    async def work(hub: Hub) -> None:
        body = b"<feed>" + b"x" * 90_000
        digest = hmac.new(hub.subscription.secret.encode(), body, hashlib.sha512).hexdigest()
        chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in (body[:70_000], body[70_000:]))
        head = (
            f"POST /{hub.subscription.path} HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nX-Hub-Signature: sha512={digest}"
        )
        assert (await hub.send(f"{head}\r\n\r\n".encode() + chunks + b"0\r\n\r\n"))[0] == 200
        assert hub.subscription.push_count == 1

    with_hub(work)


def test_slow_and_many_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "REQUEST_SECONDS", 1.0)
    monkeypatch.setattr(callbacks, "MAX_CONNECTIONS", 3)

    async def work(hub: Hub) -> None:
        idle = [await asyncio.open_connection("127.0.0.1", hub.port) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert (await hub.send(b""))[0] == 503
        assert [await reader.read() for reader, _ in idle] == [b""] * 3
        assert (await hub.send(b"GET / HTTP/1.1\r\n\r\n"))[0] == 404
        for _, writer in idle:
            writer.close()

    with_hub(work)


def test_an_address_in_use_is_tried_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(callbacks, "RETRY_LISTEN_SECONDS", 0.1)

    async def run() -> None:
        hub = Hub()
        stop = asyncio.Event()
        other = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", hub.port)
        running = asyncio.create_task(hub.server.run(stop))
        await asyncio.sleep(0.3)
        other.close()
        await other.wait_closed()
        async with asyncio.timeout(10):
            while (await hub.send(b"GET / HTTP/1.1\r\n\r\n"))[0] != 404:  # noqa: ASYNC110  no event tells
                await asyncio.sleep(0.05)
            stop.set()
            await running
        assert len([record for record in caplog.records if "address already in use" in record.getMessage()]) == 1

    asyncio.run(run())
