"""Runs Splash 3.5 on a newer Python than it supports, and restarts it when it stops responding.

Usage: serve.py [--ip 127.0.0.1] [--port 8050] [--slots 10] [--stuck 10] [--memory 2000]

Splash has one thread: a page with an endless loop blocks all pages, and a page may fill the memory.  A parent process
therefore watches the heartbeat of the serving process.  It kills that process after ``--stuck`` seconds without a
heartbeat, or when it uses more than ``--memory`` MB, and starts another.  The pages under way fail; the monitor
requests them again one at a time, which identifies the page that blocks Splash.

Requires Debian's python3-pyqt5.qtwebkit, splash==3.5 and lupa==2.8 (`make splash` installs the last two).
"""

# ruff: noqa: PLC0415  only the serving process imports Splash, Qt and Lua, and it patches Qt before importing Splash

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

HEARTBEAT_SECONDS = 0.5
MIN_RUN_SECONDS = 5  # a process that ends sooner failed to start
STARTUP_SECONDS = 30  # Qt and fonts load slowly from a cold disk
NO_SOCKETS = "window.WebSocket = undefined; window.Worker = undefined; window.SharedWorker = undefined;"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def supervise(options: argparse.Namespace) -> None:
    """Keeps one serving process running until SIGTERM or SIGINT."""
    child: subprocess.Popen[bytes] | None = None

    def stop(*_: object) -> None:
        if child is not None:
            child.kill()
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while True:
        reader, writer = os.pipe()
        started = time.monotonic()
        child = subprocess.Popen(  # noqa: S603  this script
            [sys.executable, __file__, *sys.argv[1:], "--heartbeat-fd", str(writer)],
            pass_fds=[writer],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )
        os.close(writer)
        reason = watch(child, reader, options)
        os.close(reader)
        child.kill()
        child.wait()
        print(f"splash: {reason}; starting again", file=sys.stderr, flush=True)
        if time.monotonic() - started < MIN_RUN_SECONDS:
            time.sleep(2)  # avoid a busy loop


def watch(child: subprocess.Popen[bytes], heartbeat_fd: int, options: argparse.Namespace) -> str:
    """Waits until the serving process must be replaced.  Returns the reason."""
    timeout = max(STARTUP_SECONDS, options.stuck)
    while True:
        readable, _, _ = select.select([heartbeat_fd], [], [], timeout)
        if not readable:
            return f"a page stopped the server for {timeout:g} s"
        if not os.read(heartbeat_fd, 4096):
            return f"the server ended with status {child.wait()}"
        timeout = options.stuck
        memory = resident_mb(child.pid)
        if memory > options.memory:
            return f"the server uses {memory} MB"


def resident_mb(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES // 2**20
    except OSError:  # the process has ended, or the system has no /proc
        return 0


def serve(options: argparse.Namespace) -> None:
    """Runs Splash in this process, after patching what it needs for Python 3.10 and newer libraries."""
    import lupa.lua52  # lupa's default is its newest Lua, which Splash does not support
    from PyQt5 import QtCore, QtNetwork

    original_loads = json.loads

    def loads(text: str | bytes, **options: Any) -> Any:
        options.pop("encoding", None)  # removed in Python 3.9
        return original_loads(text, **options)

    json.loads = loads

    class IntegerTimer(QtCore.QTimer):
        def start(self, *milliseconds: float) -> None:
            super().start(*map(int, milliseconds))

    class IntegerPoint(QtCore.QPoint):
        def __init__(self, *coordinates: object) -> None:
            super().__init__(*(int(value) if isinstance(value, float) else value for value in coordinates))

    QtCore.QTimer, QtCore.QPoint = IntegerTimer, IntegerPoint
    sys.modules["lupa"] = lupa.lua52
    # Splash imports its Chromium engine even when it is disabled.
    web_engine = sys.modules["PyQt5.QtWebEngineWidgets"] = mock.MagicMock()
    web_engine.QWebEngineProfile.return_value.httpUserAgent.return_value = ""

    from splash import server
    from splash.engines.webkit.webpage import WebkitWebPage

    # Requests that Splash cannot assign to a page ignore the page's proxy.  A default proxy at the discard port makes
    # them fail, so that no request bypasses the monitor's egress proxy.
    QtNetwork.QNetworkProxy.setApplicationProxy(
        QtNetwork.QNetworkProxy(QtNetwork.QNetworkProxy.HttpProxy, "127.0.0.1", 9)
    )

    # WebSockets to this machine ignore all proxies, so they are disabled in every page.
    original_init = WebkitWebPage.__init__

    def init_without_sockets(page: Any, verbosity: int = 0) -> None:
        original_init(page, verbosity)
        page.frameCreated.connect(page.watch_frame)
        page.watch_frame(page.mainFrame())

    def watch_frame(page: Any, frame: Any) -> None:
        # Connects a method of the page; with a closure over the frame, a load sometimes never finished.
        frame.javaScriptWindowObjectCleared.connect(page.forbid_sockets)

    def forbid_sockets(page: Any) -> None:
        page.sender().evaluateJavaScript(NO_SOCKETS)

    WebkitWebPage.__init__ = init_without_sockets
    WebkitWebPage.watch_frame, WebkitWebPage.forbid_sockets = watch_frame, forbid_sockets

    def start_with_heartbeat(**settings: object) -> None:
        from twisted.internet import task

        server.splash_server(**settings)
        task.LoopingCall(beat).start(HEARTBEAT_SECONDS)

    def beat() -> None:
        try:
            os.write(options.heartbeat_fd, b".")
        except OSError:  # the parent has ended
            os._exit(1)

    arguments = [
        *(sys.argv[0], "--ip", options.ip, "--port", str(options.port), "--slots", str(options.slots)),
        *("--browser-engines", "webkit", "--disable-xvfb", "--disable-ui", "--max-timeout", "120"),
        *("--verbosity", "0", "--dont-log-args", "lua_source,proxy,headers,own_headers,cookies"),
        *("--allowed-schemes", "http,https,data,about"),
    ]
    server.main(argv=arguments, server_factory=start_with_heartbeat)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Runs Splash 3.5 and restarts it when it stops responding.")
    parser.add_argument("--ip", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8050)
    parser.add_argument("--slots", type=int, default=10, help="concurrent pages")
    parser.add_argument("--stuck", type=float, default=10, help="seconds without a heartbeat")
    parser.add_argument("--memory", type=int, default=2000, help="MB")
    parser.add_argument("--heartbeat-fd", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.heartbeat_fd is None:
        supervise(options)
    else:
        serve(options)
