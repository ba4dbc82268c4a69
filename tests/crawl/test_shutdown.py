"""SIGTERM ends a crawling process within ten seconds, whatever it waits for."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from monitor.config import load
from monitor.demo.web import Fault
from monitor.models import now
from monitor.store import open_store
from store.examples import page_commit, story

from .test_poll import put_stories, rss
from .test_process import Workspace, page, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.demo.web import Site

pytestmark = pytest.mark.acceptance
HANG_GUARD_SECONDS = 60  # the parts hang for longer; an idle machine ends the process in ten seconds
TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def workspace(tmp_path: Path, site: Site) -> Workspace:
    urls = put_stories(site, 4)
    for number, url in enumerate(urls):
        site.put("/" + url.removeprefix(site.url), page(number))
    site.put("/rss", rss(urls), "application/rss+xml")
    return Workspace(tmp_path, site)


def start(workspace: Workspace, part: str, *command: str) -> subprocess.Popen[str]:
    config = str(workspace.path / "monitor.yaml")
    return subprocess.Popen(
        [sys.executable, "-m", "crawl.hanging_program", part, *command, "--config", config],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end_with(process: subprocess.Popen[str], *numbers: signal.Signals) -> tuple[int, str]:
    """Sends the signals; returns the exit status and what the process wrote to stderr."""
    signalled_at = time.monotonic()
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.3)
    _, err = process.communicate(timeout=HANG_GUARD_SECONDS)
    print(f"ended after {time.monotonic() - signalled_at:.1f} s")  # shown by `pytest -rP`
    assert "Traceback" not in err
    return process.returncode, err


@pytest.mark.parametrize(("command", "status"), [("run", 0), ("crawl", 128 + signal.SIGTERM)])
@pytest.mark.parametrize("part", ["worker", "event-loop", "store"])
def test_sigterm_ends_a_process_of_which_a_part_hangs(
    workspace: Workspace, site: Site, part: str, command: str, status: int
) -> None:
    process = start(workspace, part, command)
    wait_until(lambda: site.count("/robots.txt" if part == "event-loop" else "/rss"))
    time.sleep(1)
    assert end_with(process, signal.SIGTERM)[0] == status


@pytest.mark.parametrize("part", ["worker", "slow page"])
def test_a_stopped_process_releases_the_lease_of_an_unfinished_poll(
    workspace: Workspace, site: Site, part: str
) -> None:
    if part == "slow page":
        site.fault("*", Fault(delay_seconds=120))
        for path in ("/rss", "/robots.txt"):
            site.fault(path, Fault())
    process = start(workspace, "worker" if part == "worker" else "nothing", "run")
    wait_until(lambda: site.count("/rss"))
    time.sleep(1)
    assert end_with(process, signal.SIGTERM)[0] == 0
    state = workspace.states()["X"]
    assert state.holder is None
    assert state.next_poll_at <= now()
    assert state.failures == 0


def test_a_second_signal_ends_a_process_with_a_busy_event_loop(workspace: Workspace, site: Site) -> None:
    process = start(workspace, "event-loop", "run")
    wait_until(lambda: site.count("/robots.txt"))
    time.sleep(1)
    assert end_with(process, signal.SIGTERM, signal.SIGTERM)[0] == -signal.SIGTERM


@pytest.mark.parametrize("command", ["run", "crawl"])
def test_sigterm_ends_a_process_whose_mail_server_never_ends_its_banner(workspace: Workspace, command: str) -> None:
    with endless_banner() as (port, connected):
        path = workspace.path / "monitor.yaml"
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        settings["mail"] = {"url": f"smtp://127.0.0.1:{port}?starttls=never", "sender": "m@example.org"}
        settings["alerts"] = [{"name": "a", "query": "words", "to": ["a@example.org"]}]
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        store = open_store(load(path, {}).store, workspace.path)
        store.setup()
        store.commit([page_commit(story("x"), alerts=("a",))])
        store.close()
        process = start(workspace, "nothing", command)
        assert connected.wait(60)
        time.sleep(0.5)
        assert end_with(process, signal.SIGTERM)[0] in {0, -signal.SIGTERM}


@contextmanager
def endless_banner() -> Iterator[tuple[int, threading.Event]]:
    """Yields the port of a mail server that sends lines of its banner for ever, and an event for its first client."""
    connected, ended = threading.Event(), threading.Event()

    def send_lines(client: socket.socket) -> None:
        with client:
            while not ended.wait(0.2):
                try:
                    client.sendall(b"220-one moment\r\n")
                except OSError:
                    return

    def serve() -> None:
        while not ended.is_set():
            try:
                client, _ = server.accept()
            except OSError:
                return
            connected.set()
            threading.Thread(target=send_lines, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1], connected
        finally:
            ended.set()
