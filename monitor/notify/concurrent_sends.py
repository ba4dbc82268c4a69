"""Sends messages in threads, so that a server that keeps one message waiting for its reply does not hold the others."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from monitor.errors import DeliveryUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.notify.channel import Message, Refusals

T = TypeVar("T")

SLOW_SEND_SECONDS = 5.0  # after which the next message is sent beside this one
MAX_CONCURRENT_SENDS = 4
STOP_GRACE_SECONDS = 4.0  # for which a message under way may still get its reply after a stop
_STOP_CHECK_SECONDS = 0.2


class Stopped(Exception):
    """The process was asked to stop while it waited for a server."""


@dataclass(frozen=True, slots=True)
class Send:
    """A message under way."""

    message: Message
    result: Future[Refusals]


class ConcurrentSends:
    """Up to `MAX_CONCURRENT_SENDS` messages under way.  ``stop`` is called often while a method waits."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._stopped_at: float | None = None
        self._under_way: list[Send] = []

    def __bool__(self) -> bool:
        return bool(self._under_way)

    def start(self, message: Message, send: Callable[[], Refusals]) -> None:
        """Calls ``send`` in a thread and waits up to `SLOW_SEND_SECONDS` for its end.

        First waits while `MAX_CONCURRENT_SENDS` messages are under way.
        """
        while len([each for each in self._under_way if not each.result.done()]) >= MAX_CONCURRENT_SENDS:
            self._wait(_STOP_CHECK_SECONDS)
        result = _in_daemon_thread(send)
        self._under_way.append(Send(message, result))
        self._wait_for([result], SLOW_SEND_SECONDS)

    def take_finished(self, *, wait_seconds: float = 0.0) -> Iterator[Send]:
        """Yields the messages whose sends have ended, and removes each; waits up to ``wait_seconds`` for the first.

        `STOP_GRACE_SECONDS` after a stop, all sends count as ended; the result of one without a reply is
        DeliveryUnknown.
        """
        self._wait(wait_seconds)
        if self._stop_grace_has_passed():
            self._under_way = [_without_reply(send) for send in self._under_way]
        while finished := next((send for send in self._under_way if send.result.done()), None):
            self._under_way.remove(finished)
            yield finished

    def _wait(self, seconds: float) -> None:
        self._wait_for([send.result for send in self._under_way], seconds)

    def _wait_for(self, results: list[Future[Refusals]], seconds: float) -> None:
        """Waits up to ``seconds`` until one of the results is there, or the grace after a stop has passed."""
        end = time.monotonic() + seconds
        while results and not any(result.done() for result in results) and not self._stop_grace_has_passed():
            remaining = end - time.monotonic()
            if remaining <= 0:
                return
            wait(results, timeout=min(remaining, _STOP_CHECK_SECONDS), return_when=FIRST_COMPLETED)

    def _stop_grace_has_passed(self) -> bool:
        if self._stopped_at is None and self._stop():
            self._stopped_at = time.monotonic()
        return self._stopped_at is not None and time.monotonic() - self._stopped_at > STOP_GRACE_SECONDS


def call_until_stopped(call: Callable[[], T], stop: Callable[[], bool]) -> T:
    """Returns the result of a call in a thread.  Raises Stopped if ``stop`` returns True first; the call may go on."""
    result = _in_daemon_thread(call)
    while not wait([result], timeout=_STOP_CHECK_SECONDS).done:
        if stop():
            raise Stopped
    return result.result()


def _in_daemon_thread(call: Callable[[], T]) -> Future[T]:
    """Returns the future result of a call in a thread that does not delay the end of the process."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:  # noqa: BLE001  raised again by `result.result()`
            result.set_exception(error)

    threading.Thread(target=run, name="delivery", daemon=True).start()
    return result


def _without_reply(send: Send) -> Send:
    """Returns the send if it has ended, else one that failed with DeliveryUnknown."""
    if send.result.done():
        return send
    result: Future[Refusals] = Future()
    result.set_exception(DeliveryUnknown("the process was stopped before the server replied"))
    return Send(send.message, result)
