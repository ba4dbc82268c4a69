"""Memory and descriptors of a process and those below it, from /proc; only on Linux."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Resident megabytes and open descriptors of a process, and the same of its children together."""

    megabytes: float
    descriptors: int
    child_megabytes: float  # shared memory counts in proportion
    largest_child_megabytes: float
    children: int


def usage(pid: int) -> Usage:
    """Raises OSError if the process has ended."""
    below = descendants(pid)
    sizes = []
    for child in below:
        try:
            sizes.append(_megabytes(child, "smaps_rollup", "Pss:"))
        except OSError:  # it has ended
            continue
    return Usage(
        megabytes=_megabytes(pid, "status", "VmRSS:"),
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        child_megabytes=sum(sizes),
        largest_child_megabytes=max(sizes, default=0.0),
        children=len(sizes),
    )


def descendants(ancestor: int) -> list[int]:
    """Returns the ids of the processes below this one."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            children.setdefault(int(file.read_text().rpartition(")")[2].split()[1]), []).append(int(file.parent.name))
        except OSError:  # the process has ended
            continue
    found, parents = list[int](), [ancestor]
    while parents:
        below = children.get(parents.pop(), [])
        found += below
        parents += below
    return found


def _megabytes(pid: int, file: str, field: str) -> float:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0
