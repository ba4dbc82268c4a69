"""The memory of this process and of all that it started: workers, browser, parsers."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PROC_DIRECTORY = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def tree_memory_bytes() -> float:
    """Returns the resident memory of this process and its descendants in bytes; 0 where /proc is missing.

    Memory that processes share counts once for each.
    """
    resident: dict[int, int] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for directory in _PROC_DIRECTORY.glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):  # the process has ended meanwhile
            fields = (directory / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            children[int(fields[1])].append(int(directory.name))  # fields after the name: state, parent, ...
            resident[int(directory.name)] = int(fields[21]) * _PAGE_BYTES
    total, pending = 0, [os.getpid()]
    while pending:
        process = pending.pop()
        total += resident.get(process, 0)
        pending += children[process]
    return float(total)
