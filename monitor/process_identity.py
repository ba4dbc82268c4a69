"""The name under which a process holds leases and claims.

It contains enough (host, boot, PID namespace, PID, start time) for a neighbour to tell that the process is dead."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

_PROC_DIRECTORY = Path("/proc")
_PROCESS_NONCE = secrets.token_hex(4)  # distinguishes processes where /proc is missing


def current_process_identity() -> str:
    """Returns ``host:pid:start:boot:namespace:nonce``, which is unique to this process."""
    host, boot, namespace = _host_boot_namespace()
    return f"{host}:{os.getpid()}:{_process_start_ticks(os.getpid())}:{boot}:{namespace}:{_PROCESS_NONCE}"


def is_dead_process(holder: str) -> bool:
    """Returns True if the holder was a process of this boot and PID namespace and no longer runs.

    Returns False for processes elsewhere: host names alone identify nothing, since machines and pods share them.
    """
    match holder.split(":"):
        case [host, pid, began, boot, namespace, _nonce] if (
            host,
            boot,
            namespace,
        ) == _host_boot_namespace() and pid.isdecimal():
            return _has_exited(int(pid), began)
        case _:
            return False


def _has_exited(pid: int, start_ticks: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    current_start_ticks = _process_start_ticks(pid)
    return "" not in {start_ticks, current_start_ticks} and current_start_ticks != start_ticks


def _host_boot_namespace() -> tuple[str, str, str]:
    """Returns host, boot id and PID namespace; the last two are empty without a readable /proc."""
    try:
        boot = (_PROC_DIRECTORY / "sys/kernel/random/boot_id").read_text(encoding="ascii").replace("-", "")[:12]
        namespace = (_PROC_DIRECTORY / "self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return socket.gethostname(), "", ""
    return socket.gethostname(), boot, namespace


def _process_start_ticks(pid: int) -> str:
    """Returns the process's start time in clock ticks since boot, empty without a readable /proc."""
    try:
        if (_PROC_DIRECTORY / "self").readlink().name != str(os.getpid()):
            return ""  # /proc belongs to another PID namespace, so its numbers mean other processes
        fields = (_PROC_DIRECTORY / f"{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[19]
