"""Keeps a command running as systemd does: starts it again after a pause, and adopts what a killed command leaves.

Usage: supervisor.py PAUSE_SECONDS COMMAND...

Unlike systemd, it does not kill the processes that the command left; it prints a line for each that still runs after
the pause.  SIGTERM goes to the command; the supervisor then ends with the command's status.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

LEFT_BEHIND = "left behind"  # begins the line of a process that outlived its command
_PR_SET_CHILD_SUBREAPER = 36  # option of prctl(2): orphans become children of this process


def supervise(pause_seconds: float, command: list[str]) -> int:
    """Runs the command until SIGTERM; returns its last status."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child: subprocess.Popen[bytes] | None = None
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        if child is not None:
            os.kill(child.pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    while True:
        child = subprocess.Popen(command)
        status = _wait_for(child.pid)
        child = None
        _reap_orphans(pause_seconds)
        for orphan in _children():
            print(f"{LEFT_BEHIND}: {_command_line(orphan)}", flush=True)
        if stopping:
            return status


def _wait_for(pid: int) -> int:
    """Returns the exit status of the child, and reaps the orphans that end before it."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _reap_orphans(seconds: float) -> None:
    """Waits this long, and reaps the orphans that end meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            ended = 0
        if not ended:
            time.sleep(0.05)


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def _command_line(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()


if __name__ == "__main__":
    sys.exit(supervise(float(sys.argv[1]), sys.argv[2:]))
