"""The queue of calls for the workers: an outlet with costly pages delays the pages of others by little."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from monitor.extract.call_queue import COSTLY_OWNER_SECONDS, CallQueue, TakenCall
from monitor.extract.worker_pool import WorkerPool
from monitor.extract.worker_process import CallTimeout

if TYPE_CHECKING:
    from collections.abc import Sequence


class Clock:
    def __init__(self) -> None:
        self.now = 10_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def queue_of(clock: Clock, workers: int, **calls_by_owner: int) -> CallQueue[str]:
    queue: CallQueue[str] = CallQueue(workers, clock=clock)
    for owner, count in calls_by_owner.items():
        for number in range(count):
            queue.put(f"{owner}{number}", owner)
    return queue


def take_all(queue: CallQueue[str], free: int = 8) -> list[TakenCall[str]]:
    """Takes a call for each free worker for which there is one."""
    taken = (queue.take(0) for _ in range(free))
    return [call for call in taken if call is not None]


def end_all(queue: CallQueue[str], taken: Sequence[TakenCall[str]], *, is_harmful: bool = False) -> None:
    for call in taken:
        queue.end(call, is_harmful=is_harmful)


def names(taken: Sequence[TakenCall[str]]) -> list[str]:
    return [call.call for call in taken]


def make_costly(clock: Clock, queue: CallQueue[str], owner: str) -> None:
    for number in range(2):
        queue.put(f"costly{number}", owner)
        taken = queue.take(0)
        assert taken is not None
        clock.now += 20
        queue.end(taken, is_harmful=True)


def test_an_unknown_outlet_leaves_a_worker_free(clock: Clock) -> None:
    queue = queue_of(clock, 2, b=16)
    assert names(take_all(queue)) == ["b0"]
    clock.now += 2
    queue.put("a0", "a")
    assert names(take_all(queue)) == ["a0"]


def test_an_outlet_alone_with_cheap_pages_uses_all_workers(clock: Clock) -> None:
    queue = queue_of(clock, 4, b=16)
    first = take_all(queue)
    assert len(first) == 2
    clock.now += 0.1
    end_all(queue, first)
    assert len(take_all(queue)) == 4


def test_a_running_costly_page_ends_the_use_of_all_workers(clock: Clock) -> None:
    queue = queue_of(clock, 4, b=16)
    first = take_all(queue)
    queue.end(first[0])
    clock.now += 2
    assert len(take_all(queue)) == 1


def test_an_outlet_uses_half_of_the_workers_while_others_wait(clock: Clock) -> None:
    queue = queue_of(clock, 4, b=16)
    end_all(queue, take_all(queue))  # its pages are cheap
    queue.put("a0", "a")
    queue.put("a1", "a")
    taken = take_all(queue, free=4)
    assert sorted(call.owner for call in taken) == ["a", "a", "b", "b"]


def test_the_outlet_whose_pages_used_the_least_time_is_next(clock: Clock) -> None:
    queue = queue_of(clock, 1, b=3, a=5)
    order = []
    for _ in range(8):
        (taken,) = take_all(queue, free=1)
        order.append(taken.call)
        clock.now += 0.75 if taken.owner == "b" else 0.25
        queue.end(taken)
    assert order == ["b0", "a0", "a1", "a2", "b1", "a3", "a4", "b2"]


def test_costly_outlets_together_use_half_of_the_workers(clock: Clock) -> None:
    queue = queue_of(clock, 4)
    for owner in "bcd":
        make_costly(clock, queue, owner)
    for number in range(8):
        for owner in "bcd":
            queue.put(f"{owner}{number}", owner)
    assert len(take_all(queue)) == 2
    queue.put("a0", "a")
    queue.put("a1", "a")
    assert names(take_all(queue)) == ["a0", "a1"]


def test_a_cheap_page_does_not_clear_a_costly_outlet(clock: Clock) -> None:
    queue = queue_of(clock, 8)
    make_costly(clock, queue, "b")
    for number in range(20):
        queue.put(f"b{number}", "b")
    end_all(queue, take_all(queue))
    assert len(take_all(queue)) == 2
    clock.now += COSTLY_OWNER_SECONDS
    assert len(take_all(queue)) == 2  # half, as of an outlet whose pages run for long


def test_an_outlet_is_not_put_behind_the_others_for_ever(clock: Clock) -> None:
    """An outlet that used hours while no other needed them waits for a minute's worth of the others' pages at most."""
    queue = queue_of(clock, 1, b=100, a=1)
    (first,) = take_all(queue, free=1)
    clock.now += 7200
    queue.end(first)
    served = 0
    while True:
        queue.put("a", "a")
        (taken,) = take_all(queue, free=1)
        if taken.owner == "b":
            break
        clock.now += 1
        queue.end(taken)
        served += 1
    assert served <= 61


def test_a_call_that_is_put_back_is_the_next_of_its_outlet(clock: Clock) -> None:
    queue = queue_of(clock, 2, b=3)
    (taken,) = take_all(queue, free=1)
    queue.put_back(taken)
    assert names(take_all(queue)) == ["b0"]
    assert sorted(queue.drain()) == ["b1", "b2"]


def test_closing_ends_the_wait_for_a_call(clock: Clock) -> None:
    queue = queue_of(clock, 1)
    thread = threading.Thread(target=queue.take, args=(60,))
    thread.start()
    queue.close()
    thread.join(10)
    assert not thread.is_alive()


def test_costly_pages_of_one_outlet_do_not_delay_those_of_another() -> None:
    """With two workers, one is free for the outlet that comes later."""
    pool = WorkerPool(2, memory_bytes=1_500_000_000, calls_per_worker=1000)
    pool.start()
    try:
        costly = [pool.submit(time.sleep, 60, timeout_seconds=3, owner="b") for _ in range(8)]
        pool.submit(abs, -1, timeout_seconds=60, owner="a").result(60)  # the workers run now
        started_at = time.monotonic()
        assert [pool.submit(abs, -n, timeout_seconds=60, owner="a").result(60).value for n in range(5)] == [*range(5)]
        assert time.monotonic() - started_at < 2
        with pytest.raises(CallTimeout):
            costly[0].result(60)
        assert pool.submit(abs, -1, timeout_seconds=60, owner="a").result(2).value == 1
    finally:
        pool.close()
