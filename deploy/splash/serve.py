"""Serves Splash 3.5 on a Python it was not written for, starts it again when it stops answering.

Usage: serve.py [--ip 127.0.0.1] [--port 8050] [--slots 10] [--stuck 10] [--memory 2000]

Splash has one thread: a page that loops for ever stops it whole, and a page may fill all memory.  So a
parent process listens to the heartbeat of the one that serves, ends it when the heart has not beaten for
``--stuck`` seconds or when it holds more than ``--memory`` MB, and starts the next one.  Pages under way are lost
with it; the monitor asks for them again, one at a time, and so finds the culprit.

Needs: Debian's python3-pyqt5.qtwebkit, and splash==3.5 and lupa==2.8 (`make splash` installs these beside the project).
"""

# ruff: noqa: PLC0415  Splash, Qt and Lua are imported by the serving process only, and mended in between.

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

HEARTBEAT = 0.5  # seconds
NO_SOCKETS = "window.WebSocket = undefined; window.Worker = undefined; window.SharedWorker = undefined;"
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


def supervise(options: argparse.Namespace) -> None:
    """Keeps one server running until SIGTERM or SIGINT."""
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
        child = subprocess.Popen(  # noqa: S603  itself
            [sys.executable, __file__, *sys.argv[1:], "--heart", str(writer)],
            pass_fds=[writer],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )
        os.close(writer)
        reason = watch(child, reader, options)
        os.close(reader)
        child.kill()
        child.wait()
        print(f"splash: {reason}; starting again", file=sys.stderr, flush=True)
        if time.monotonic() - started < 5:
            time.sleep(2)  # it cannot even start: do not burn the processor


def watch(child: subprocess.Popen[bytes], heart: int, options: argparse.Namespace) -> str:
    """Returns why the server has to be replaced, as soon as it has to."""
    patience = max(30, options.stuck)  # Qt and fonts take their time on a cold disk
    while True:
        beats, _, _ = select.select([heart], [], [], patience)
        if not beats:
            return f"a page stopped the server for {patience:g} s"
        if not os.read(heart, 4096):
            return f"the server ended with status {child.wait()}"
        patience = options.stuck
        memory = resident_mb(child.pid)
        if memory > options.memory:
            return f"the server holds {memory} MB"


def resident_mb(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_SIZE // 2**20
    except OSError:  # gone, or no /proc here
        return 0


def serve(options: argparse.Namespace) -> None:
    """Runs Splash in this process; mends what Python 3.10 and newer libraries broke before it is imported."""
    import lupa.lua52  # lupa takes its newest Lua, which Splash's wrapper cannot drive
    from PyQt5 import QtCore, QtNetwork

    plain_loads = json.loads

    def loads(text: str | bytes, **options: Any) -> Any:
        options.pop("encoding", None)  # went with Python 3.9
        return plain_loads(text, **options)

    json.loads = loads

    class WholeTimer(QtCore.QTimer):
        def start(self, *milliseconds: float) -> None:
            super().start(*map(int, milliseconds))

    class WholePoint(QtCore.QPoint):
        def __init__(self, *where: object) -> None:
            super().__init__(*(int(part) if isinstance(part, float) else part for part in where))

    QtCore.QTimer, QtCore.QPoint = WholeTimer, WholePoint
    sys.modules["lupa"] = lupa.lua52
    # Splash imports its second engine even where it is switched off.
    web_engine = sys.modules["PyQt5.QtWebEngineWidgets"] = mock.MagicMock()
    web_engine.QWebEngineProfile.return_value.httpUserAgent.return_value = ""

    from splash import server
    from splash.engines.webkit.webpage import WebkitWebPage

    # Requests that Splash cannot tie to a page ignore the page's proxy: what nobody sent through the
    # monitor's guard goes to the discard port and fails.
    QtNetwork.QNetworkProxy.setApplicationProxy(
        QtNetwork.QNetworkProxy(QtNetwork.QNetworkProxy.HttpProxy, "127.0.0.1", 9)
    )

    # WebSockets ignore all proxies on their way to this machine, so no page has them.
    make_page = WebkitWebPage.__init__

    def make_page_without_sockets(page: Any, verbosity: int = 0) -> None:
        make_page(page, verbosity)
        page.frameCreated.connect(page.watch_frame)
        page.watch_frame(page.mainFrame())

    def watch_frame(page: Any, frame: Any) -> None:
        # A slot of the page's own: with a function that holds the frame, now and then a load never finished.
        frame.javaScriptWindowObjectCleared.connect(page.forbid_sockets)

    def forbid_sockets(page: Any) -> None:
        page.sender().evaluateJavaScript(NO_SOCKETS)

    WebkitWebPage.__init__ = make_page_without_sockets
    WebkitWebPage.watch_frame, WebkitWebPage.forbid_sockets = watch_frame, forbid_sockets

    def with_heart(**settings: object) -> None:
        from twisted.internet import task

        server.splash_server(**settings)
        task.LoopingCall(beat).start(HEARTBEAT)

    def beat() -> None:
        try:
            os.write(options.heart, b".")
        except OSError:  # the parent is gone
            os._exit(1)

    arguments = [
        *(sys.argv[0], "--ip", options.ip, "--port", str(options.port), "--slots", str(options.slots)),
        *("--browser-engines", "webkit", "--disable-xvfb", "--disable-ui", "--max-timeout", "120"),
        *("--verbosity", "0", "--dont-log-args", "lua_source,proxy,headers,cookies"),
        *("--allowed-schemes", "http,https,data,about"),
    ]
    server.main(argv=arguments, server_factory=with_heart)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Splash 3.5, kept running.")
    parser.add_argument("--ip", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8050)
    parser.add_argument("--slots", type=int, default=10, help="pages at once")
    parser.add_argument("--stuck", type=float, default=10, help="seconds without a sign of life")
    parser.add_argument("--memory", type=int, default=2000, help="MB")
    parser.add_argument("--heart", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.heart is None:
        supervise(given)
    else:
        serve(given)
