"""Tells systemd the state of `run`, as sd_notify(3) describes; without effect if systemd did not start the process."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress

READY = "READY=1"
WATCHDOG = "WATCHDOG=1"
STOPPING = "STOPPING=1"


def notify(*lines: str) -> None:
    """Sends the lines to the socket that systemd named in NOTIFY_SOCKET; a socket that is gone is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    path = f"\0{address[1:]}" if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto("\n".join(lines).encode(), path)


def reloading() -> str:
    """Returns the lines that announce a restart of the program for a changed configuration."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


def status(text: str) -> str:
    """Returns the line that `systemctl status` shows."""
    return f"STATUS={text}"
