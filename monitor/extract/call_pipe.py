"""Passes calls to a worker through its pipe piece by piece: `Connection.send` would make a pickled copy of the page."""

from __future__ import annotations

import os
import pickle
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def send_call(connection: Connection, call: tuple[Any, ...]) -> None:
    """Writes the call to the pipe; the bytes in it are not copied.

    Raises OSError, and the errors of `pickle`, after which the pipe cannot be used again.
    """
    pickle.Pickler(_PipeWriter(connection.fileno())).dump(call)


def receive_call(connection: Connection) -> tuple[Any, ...]:
    """Reads a call from the pipe; the sender must send nothing after it before it gets the answer.

    Raises OSError, or EOFError if the pipe closes.
    """
    call: tuple[Any, ...] = pickle.load(BufferedReader(_PipeReader(connection.fileno())))  # noqa: S301  from the crawling process
    return call


class _PipeWriter:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data).cast("B")
        while view:
            view = view[os.write(self._descriptor, view) :]


class _PipeReader(RawIOBase):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = os.readv(self._descriptor, [buffer])
        if not count:
            raise EOFError
        return count
