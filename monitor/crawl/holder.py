"""Who holds a lease: host, process and when that process began, so that a dead one on this machine is known as dead."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import LeaseLost

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.store import Store


def this_process() -> str:
    """``host:pid:start``, the same as long as this process lives and never again."""
    return f"{socket.gethostname()}:{os.getpid()}:{_began(os.getpid())}"


def is_dead(holder: str) -> bool:
    """Whether the holder was a process of this machine and is gone; of other machines nobody can tell."""
    host, _, process = holder.partition(":")
    pid, _, began = process.partition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return _began(int(pid)) != began


def reclaim(store: Store, *, now: datetime) -> list[str]:
    """Frees the outlets that a killed process of this machine held; they are due at once.  Returns their names."""
    freed = []
    for state in store.outlets():
        if state.holder and state.lease_until and state.lease_until > now and is_dead(state.holder):
            with suppress(LeaseLost):  # somebody was faster
                store.release(replace(state, next_poll_at=min(state.next_poll_at, now)))
                freed.append(state.name)
    return freed


def _began(pid: int) -> str:
    """Clock ticks from boot to the process's start; empty where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[19]
