"""The processes below one process, as /proc names them; only on Linux."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process that ran when it was read."""

    pid: int
    parent: int
    command_line: str


def descendants(ancestor: int) -> list[Process]:
    """Returns the processes below this one that run; those that have ended and wait for their parents do not count."""
    children: dict[int, list[Process]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
            command_line = (file.parent / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
        except OSError:  # the process has ended
            continue
        if command_line:
            process = Process(int(file.parent.name), int(fields[1]), command_line)
            children.setdefault(process.parent, []).append(process)
    found, parents = [], [ancestor]
    while parents:
        below = children.get(parents.pop(), [])
        found += below
        parents += [process.pid for process in below]
    return found
