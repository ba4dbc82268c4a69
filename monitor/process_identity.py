"""Who holds a lease or a claim: host, process and where its number counts, so that a dead one here is known as dead."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

_PROC = Path("/proc")
_NONCE = secrets.token_hex(4)  # what tells this process from all others, where nothing else does


def this_process() -> str:
    """``host:pid:start:boot:namespace:nonce``, the same as long as this process lives and never again."""
    host, boot, namespace = _place()
    return f"{host}:{os.getpid()}:{_began(os.getpid())}:{boot}:{namespace}:{_NONCE}"


def is_dead(holder: str) -> bool:
    """Whether the holder was a process that this one could see, and is gone; of all others nobody can tell.

    Only a number of the same PID namespace of the same boot says anything: machines and pods share host names.
    """
    match holder.split(":"):
        case [host, pid, began, boot, namespace, _nonce] if (host, boot, namespace) == _place() and pid.isdecimal():
            return _is_gone(int(pid), began)
        case _:
            return False


def _is_gone(pid: int, began: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    runs_since = _began(pid)
    return "" not in {began, runs_since} and runs_since != began


def _place() -> tuple[str, str, str]:
    """Host, boot and PID namespace; the latter two are empty where the system does not tell."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").replace("-", "")[:12]
        namespace = (_PROC / "self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return socket.gethostname(), "", ""
    return socket.gethostname(), boot, namespace


def _began(pid: int) -> str:
    """Clock ticks from boot to the process's start; empty where the system does not tell."""
    try:
        if (_PROC / "self").readlink().name != str(os.getpid()):
            return ""  # /proc shows another PID namespace, with other processes behind the numbers
        fields = (_PROC / f"{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[19]
