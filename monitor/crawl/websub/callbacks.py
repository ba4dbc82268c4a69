"""The web server of `run` to which hubs send verifications and pushes.

Nothing that arrives is trusted.  A verification is answered only for a request of ours, once.  A push, if its signature
is valid, makes its outlet due, so that the usual poll reads the feed from the outlet itself.
"""

from __future__ import annotations

import asyncio
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qs

from monitor.config.types import split_listen_address
from monitor.crawl.websub.http_request import MAX_HEAD_BYTES, BadRequest, body_parts, read_head
from monitor.crawl.websub.state import (
    OUTLET_KEY_CHARACTERS,
    PATH_CHARACTERS,
    OutletPushes,
    StoredPushes,
    Subscription,
    outlet_key,
)
from monitor.errors import StoreError
from monitor.models import now
from monitor.stop_event import wait_for_stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.config import Config
    from monitor.crawl.websub.http_request import RequestHead
    from monitor.store import Store

    T = TypeVar("T")
else:
    T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64  # at a time; a reverse proxy or the hub repeats a request that is turned away
REQUEST_SECONDS = 30.0  # for a complete request and its response
RETRY_LISTEN_SECONDS = 60.0  # until the next attempt to listen at an address that another process uses
SETTLE_SECONDS = 2.0  # from a push to its poll: the other pushes of a burst arrive, and caches of the outlet expire
RETRY_DUE_SECONDS = 2.0  # while the outlet of a push is being polled
MAX_DUE_ATTEMPT_PERIOD = timedelta(minutes=20)  # longer than a poll
MAX_LEASE_DIGITS = 9
_PATH_PATTERN = re.compile(rf"[0-9a-f]{{{PATH_CHARACTERS}}}")
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a request of a hub."""

    status: int
    body: bytes = b""


class CallbackServer:
    """Answers hubs at `crawl.callback_listen`; calls ``wake`` when an outlet has become due."""

    def __init__(self, config: Config, store: Store, wake: Callable[[], None]) -> None:
        self._config, self._store, self._wake = config, store, wake
        self._stored = StoredPushes(store)
        self._outlets = {outlet_key(outlet.name): outlet.name for outlet in config.outlets}
        # Its own thread, so that many requests from outside leave the threads of the crawl free.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="callbacks")
        self._connections: set[asyncio.Task[None]] = set()
        self._due_tasks: dict[str, asyncio.Task[None]] = {}  # by the outlet's key

    async def run(self, stop: asyncio.Event) -> None:
        """Listens until ``stop`` is set; raises no Exception, but logs it.

        While another process listens at the address, such as a second `run` on this machine, tries again each minute.
        """
        try:
            await self._resume_pushes()
            server = await self._listen_when_free(stop)
            if server is not None:
                log.info("callbacks of hubs: listening at %s", self._config.crawl.callback_listen)
                await stop.wait()
                server.close()
        except Exception:  # the polls of the schedule go on
            log.exception("callbacks of hubs: the server failed")
        finally:
            await self.close()

    async def _listen_when_free(self, stop: asyncio.Event) -> asyncio.Server | None:
        """Listens as soon as the address is free; returns None if ``stop`` is set before."""
        problem = ""
        while not stop.is_set():
            try:
                return await self.listen()
            except OSError as error:
                if problem != str(error):
                    problem = str(error)
                    log.warning("callbacks of hubs: %s", problem)
            await wait_for_stop(stop, RETRY_LISTEN_SECONDS)
        return None

    async def listen(self) -> asyncio.Server:
        """Starts to answer requests.  Raises OSError if the address is in use or not of this machine."""
        host, port = split_listen_address(self._config.crawl.callback_listen)
        return await asyncio.start_server(self._on_connection, host, int(port), limit=MAX_HEAD_BYTES)

    async def close(self) -> None:
        """Ends all connections.  Pushes that still wait for a poll are resumed by the next process."""
        tasks = [*self._connections, *self._due_tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _call(self, work: Callable[[], T]) -> T:
        """Runs a blocking store call in the server's thread.  Raises StoreError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # ---- one connection

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if len(self._connections) > MAX_CONNECTIONS:
                await _send(writer, Answer(503))
                return
            async with asyncio.timeout(REQUEST_SECONDS):
                await _send(writer, await self._answer(reader, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the client has closed the connection or is too slow
        except asyncio.CancelledError:
            pass  # the server closes; asyncio would log the cancellation as an error
        except Exception:
            log.exception("callbacks of hubs: a request failed")
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
        try:
            head = await read_head(reader)
            # The path before the last segment is that of `crawl.callback`, or what the reverse proxy leaves of it.
            path = head.path.rpartition("/")[2]
            if not _PATH_PATTERN.fullmatch(path):
                return Answer(404)
            key = path[:OUTLET_KEY_CHARACTERS]
            pushes = await self._call(lambda: self._stored.read(key))
            subscription = pushes.subscription_of_path(path) if pushes else None
            if subscription is None:
                return Answer(404)
            if key not in self._outlets:  # the hub may forget an outlet that is not configured any more
                return Answer(410)
            if head.method == "GET":
                return await self._verify(key, path, head)
            if head.method != "POST":
                return Answer(405)
            if head.headers.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            check = subscription.signature_check(head.headers.get("x-hub-signature", ""))
            async for part in body_parts(reader, head, max_bytes=self._config.crawl.max_size):
                check.update(part)
            return await self._receive_push(key, subscription, is_valid=check.is_valid())
        except BadRequest as error:
            return Answer(error.status)
        except StoreError as error:
            log.warning("callbacks of hubs: the store does not take a request: %s", error)
            return Answer(503)

    # ---- what hubs send

    async def _verify(self, key: str, path: str, head: RequestHead) -> Answer:
        """Answers a verification with its challenge if it is that of a request of ours; stores a denial."""
        try:
            values = parse_qs(head.query, keep_blank_values=True, max_num_fields=50)
        except ValueError:
            return Answer(400)
        fields = {name: texts[0] for name, texts in values.items()}
        mode, topic, challenge = (fields.get(f"hub.{name}", "") for name in ("mode", "topic", "challenge"))
        time = now()

        def is_expected(subscription: Subscription | None) -> bool:
            if subscription is None or subscription.topic != topic:
                return False
            return mode == "denied" or (bool(challenge) and subscription.expects == mode != "")

        def answered(subscription: Subscription) -> Subscription | None:
            if mode == "denied":
                return subscription.denied(fields.get("hub.reason", ""), time)
            if mode == "unsubscribe":
                return None
            return subscription.verified(_lease(fields.get("hub.lease_seconds", "")), time)

        def change(stored: OutletPushes | None) -> OutletPushes | None:
            if stored is None or not is_expected(stored.subscription_of_path(path)):
                return None
            return stored.changed(path, answered)

        _, after = await self._call(lambda: self._stored.change(key, change))
        if after is None:
            return Answer(404)
        log.info("%s: the hub answers %s for %s", after.outlet, mode, topic)
        return Answer(200, b"" if mode == "denied" else challenge.encode())

    async def _receive_push(self, key: str, subscription: Subscription, *, is_valid: bool) -> Answer:
        """Makes the outlet due if the push has a valid signature of the hub.

        A push without it is counted and answered as any other, so that a sender learns nothing (WebSub, 7.1.2).
        """
        path, time = subscription.path, now()

        def change(stored: OutletPushes | None) -> OutletPushes | None:
            if stored is None:
                return None
            return stored.with_push(path, time) if is_valid else stored.changed(path, Subscription.with_false_signature)

        await self._call(lambda: self._stored.change(key, change))
        if is_valid:
            self._make_due(key)
        else:
            log.warning("%s: a push for %s has no valid signature", self._outlets[key], subscription.topic)
        return Answer(200)

    # ---- polls that pushes cause

    async def _resume_pushes(self) -> None:
        """Makes the outlets due whose pushes had arrived when the last process ended."""
        with suppress(StoreError):  # the polls of the schedule find the stories
            for pushes in await self._call(self._stored.read_all):
                if pushes.has_pending_push() and outlet_key(pushes.outlet) in self._outlets:
                    self._make_due(outlet_key(pushes.outlet))

    def _make_due(self, key: str) -> None:
        """Starts to make an outlet due, unless that is under way: a burst of pushes causes one poll."""
        if key not in self._due_tasks:
            task = asyncio.create_task(self._make_due_when_released(key))
            self._due_tasks[key] = task
            task.add_done_callback(lambda _: self._due_tasks.pop(key, None))

    async def _make_due_when_released(self, key: str) -> None:
        """Makes an outlet due as soon as no process polls it, unless a poll has begun after the push."""
        await asyncio.sleep(SETTLE_SECONDS)
        give_up_at = now() + MAX_DUE_ATTEMPT_PERIOD
        while now() < give_up_at:
            try:
                if await self._call(lambda: self._try_to_make_due(key)):
                    self._wake()
                    return
            except StoreError as error:
                log.warning("%s: a push waits for the store: %s", self._outlets[key], error)
            await asyncio.sleep(RETRY_DUE_SECONDS)

    def _try_to_make_due(self, key: str) -> bool:
        """Returns True if the outlet is due after the push, or has been polled since; False while it is polled."""
        pushes, time = self._stored.read(key), now()
        if pushes is None or not pushes.has_pending_push():
            return True
        return self._store.make_due(pushes.outlet, at=pushes.earliest_pushed_poll(time), now=time)


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    lines = [
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
        "Content-Type: text/plain; charset=utf-8",
        "X-Content-Type-Options: nosniff",  # the challenge is text from outside
        f"Content-Length: {len(answer.body)}",
        "Connection: close",
        *(["Retry-After: 60"] if answer.status == 503 else []),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + answer.body)
    await writer.drain()


def _lease(seconds: str) -> timedelta | None:
    """Returns the lease that a hub states; None if it states none that can be read."""
    is_number = seconds.isascii() and seconds.isdecimal() and len(seconds) <= MAX_LEASE_DIGITS
    return timedelta(seconds=int(seconds)) if is_number else None
