"""A clock that several processes share through a file, and that can be moved.

Monotonic time is the machine's plus ``elapsed``; wall time is the machine's plus ``elapsed`` and ``wall_offset``.  The
program moves ``elapsed`` ahead while it has nothing to do (`in_program/sitecustomize.py`); the benchmark moves it while
the program is stopped, and sets ``wall_offset`` to step the wall clock alone.
"""

from __future__ import annotations

import mmap
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CLOCK_VARIABLE = "MONTH_CLOCK"  # environment variable with the path of the clock's file
_FIELDS = struct.Struct("d")
_SIZE = 3 * _FIELDS.size

_machine_time, _machine_monotonic = time.time, time.monotonic


class SharedClock:
    """The clock of the file at ``path``; ``create`` makes the file."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _SIZE)

    @classmethod
    def create(cls, path: Path, *, wall_offset: float) -> SharedClock:
        path.write_bytes(bytes(_SIZE))
        clock = cls(path)
        clock.wall_offset = wall_offset
        return clock

    @property
    def elapsed(self) -> float:
        """Seconds by which the clock has been moved ahead."""
        return self._field(0)

    @elapsed.setter
    def elapsed(self, seconds: float) -> None:
        self._set_field(0, seconds)

    @property
    def wall_offset(self) -> float:
        """Seconds by which the wall clock differs besides."""
        return self._field(1)

    @wall_offset.setter
    def wall_offset(self, seconds: float) -> None:
        self._set_field(1, seconds)

    @property
    def has_names(self) -> bool:
        """False while no host name can be resolved."""
        return not self._field(2)

    @has_names.setter
    def has_names(self, value: bool) -> None:
        self._set_field(2, float(not value))

    def time(self) -> float:
        return _machine_time() + self.elapsed + self.wall_offset

    def monotonic(self) -> float:
        return _machine_monotonic() + self.elapsed

    def _field(self, number: int) -> float:
        value: float = _FIELDS.unpack_from(self._memory, number * _FIELDS.size)[0]
        return value

    def _set_field(self, number: int, value: float) -> None:
        _FIELDS.pack_into(self._memory, number * _FIELDS.size, value)
