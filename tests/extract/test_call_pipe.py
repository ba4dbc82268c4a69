"""The pipe of calls: a large page passes without a copy of it."""

from __future__ import annotations

import os
import threading
import tracemalloc
from multiprocessing import Pipe

import pytest

from monitor.extract.call_pipe import receive_call, send_call

MB = 1_000_000


def test_neither_end_copies_the_bytes_of_a_call() -> None:
    ours, theirs = Pipe()
    body = os.urandom(20 * MB)
    received: list[tuple[object, ...]] = []
    receiver = threading.Thread(target=lambda: received.append(receive_call(theirs)))
    tracemalloc.start()
    receiver.start()
    send_call(ours, (len, (body,)))
    receiver.join(30)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert received == [(len, (body,))]
    assert peak < 22 * MB, "the received bytes alone"


def test_calls_follow_one_another_through_one_pipe() -> None:
    ours, theirs = Pipe()
    for number in range(3):
        send_call(ours, (len, (number, "x" * number)))
        assert receive_call(theirs) == (len, (number, "x" * number))


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_closed_pipe_raises_eof_error(is_cut: bool) -> None:
    ours, theirs = Pipe()
    if is_cut:
        os.write(ours.fileno(), b"\x80\x04\x95\x10")
    ours.close()
    with pytest.raises(EOFError):
        receive_call(theirs)
