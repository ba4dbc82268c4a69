"""The identity under which a process holds leases and claims in the store.

It consists of host, PID, start time, boot and PID namespace, by which other processes on the host see that the holder
has exited.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

_PROC_DIRECTORY = Path("/proc")
_PROCESS_NONCE = secrets.token_hex(4)  # random; distinguishes processes of one PID where /proc is missing


def current_process_identity() -> str:
    """Returns the identity of this process, ``host:pid:start:boot:namespace:nonce``, which no other process has."""
    host, boot, namespace = _host_boot_namespace()
    return f"{host}:{os.getpid()}:{_process_start_ticks(os.getpid())}:{boot}:{namespace}:{_PROCESS_NONCE}"


def is_dead_process(holder: str) -> bool:
    """Returns True if the process with the identity ``holder`` ran in this boot and PID namespace and has exited.

    Returns False for processes on other hosts, whose state is unknown, and for text that is no identity.  The host name
    alone does not identify a host, because machines and pods share names.
    """
    match holder.split(":"):
        case [host, pid, start_ticks, boot, namespace, _nonce] if (
            host,
            boot,
            namespace,
        ) == _host_boot_namespace() and pid.isdecimal():
            return _has_exited(int(pid), start_ticks)
        case _:
            return False


def _has_exited(pid: int, start_ticks: str) -> bool:
    """Returns True if no process has this PID, or if its start time differs; False where that cannot be found out."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    current_start_ticks = _process_start_ticks(pid)
    return "" not in {start_ticks, current_start_ticks} and current_start_ticks != start_ticks


def _host_boot_namespace() -> tuple[str, str, str]:
    """Returns host name, boot id and PID namespace of this process; boot id and namespace are "" without /proc."""
    try:
        boot = (_PROC_DIRECTORY / "sys/kernel/random/boot_id").read_text(encoding="ascii").replace("-", "")[:12]
        namespace = (_PROC_DIRECTORY / "self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return socket.gethostname(), "", ""
    return socket.gethostname(), boot, namespace


def _process_start_ticks(pid: int) -> str:
    """Returns the start time of a process in clock ticks since boot; "" if /proc does not state it."""
    try:
        if (_PROC_DIRECTORY / "self").readlink().name != str(os.getpid()):
            return ""  # /proc belongs to another PID namespace, in which the same PID is another process
        fields = (_PROC_DIRECTORY / f"{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[19]  # starttime, see proc(5); the fields before it begin after the command name
