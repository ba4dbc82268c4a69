"""The crawling process: its start, its end by signals, and the leases of killed processes."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cli.file_modes import obeying_file_modes
from mail.server import mail_server
from monitor import process_identity
from monitor.config import load
from monitor.crawl.lease import release_dead_leases
from monitor.demo.web import Fault, Site
from monitor.models import now
from monitor.store import open_store
from monitor.store.memory import MemoryStore
from store.examples import page_commit, story

from .test_poll import put_stories, rss

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).resolve().parents[2]


class Workspace:
    """A directory with a monitor.yaml in which commands run."""

    def __init__(self, path: Path, site: Site, **outlet: Any) -> None:
        self.path = path
        settings = {
            "store": {"url": "sqlite:monitor.db"},
            "crawl": {"delay": "0s", "workers": 1},
            "keep": "all",
            "outlets": [{"name": "X", "url": site.url, "feeds": [f"{site.url}rss"], **outlet}],
        }
        (path / "monitor.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def start(self, *command: str, cwd: Path | None = None, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=cwd or self.path,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, **options: Any) -> tuple[int, str, str]:
        process = self.start(*command, **options)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def states(self) -> dict[str, Any]:
        store = open_store(load(self.path / "monitor.yaml", {}).store, self.path)
        try:
            return {state.name: state for state in store.outlets()}
        finally:
            store.close()


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)


def page(number: int) -> bytes:
    text = " ".join(f"Sentence {sentence} of story {number} tells what happened next." for sentence in range(40))
    return (
        f"<html><head><title>Story {number}</title></head><body><article><h1>Story {number}</h1><p>{text}</p>".encode()
    )


@pytest.fixture
def workspace(tmp_path: Path, site: Site) -> Workspace:
    urls = put_stories(site, 12)
    for number, url in enumerate(urls):
        site.put("/" + url.removeprefix(site.url), page(number))
    site.put("/rss", rss(urls), "application/rss+xml")
    return Workspace(tmp_path, site)


def fetched_stories(site: Site) -> int:
    return sum(request.path.startswith("/2026/") for request in site.recorded_requests)


@pytest.mark.parametrize("command", [("crawl", "--all"), ("crawl", "--all", "-q"), ("run", "--log-format", "text")])
def test_a_store_that_cannot_be_written_is_one_message(workspace: Workspace, command: tuple[str, ...]) -> None:
    config = yaml.safe_load((workspace.path / "monitor.yaml").read_text())
    if command[0] == "crawl":  # with a notification that is due
        config["alerts"] = [{"name": "story", "query": "sentence", "to": "desk@example.org"}]
    config["mail"] = {"url": "smtp://127.0.0.1:1"}
    (workspace.path / "monitor.yaml").write_text(yaml.safe_dump(config))
    assert workspace.run("monitor", "crawl", "--no-mail")[0] == 0
    (workspace.path / "monitor.db").chmod(0o444)
    completed = subprocess.run(
        obeying_file_modes(sys.executable, "-m", "monitor", *command),
        cwd=workspace.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (completed.returncode, completed.stdout) == (1, "")
    lines = [line for line in completed.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1, completed.stderr
    assert "monitor.db cannot be opened for writing: attempt to write a readonly database" in lines[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_a_pass_cleanly(workspace: Workspace, site: Site, number: signal.Signals) -> None:
    site.delay = 0.5
    urls = put_stories(site, 60)
    for n, url in enumerate(urls):
        site.put("/" + url.removeprefix(site.url), page(n))
    site.put("/rss", rss(urls), "application/rss+xml")
    process = workspace.start("monitor", "crawl", "--all")
    wait_until(lambda: fetched_stories(site) > 8)  # of which eight are fetched at a time: the workers have started
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert number.name in err
    assert process.returncode == 128 + number
    assert "interrupted; the next crawl continues" in err
    assert fetched_stories(site) < 60
    state = workspace.states()["X"]
    assert state.holder is None
    assert state.next_poll_at < now() + timedelta(minutes=2)
    assert sum(state.dispositions.values()) == fetched_stories(site)


@pytest.mark.parametrize("command", ["discover", "extract"])
def test_the_first_signal_cancels_a_one_off_command(workspace: Workspace, site: Site, command: str) -> None:
    site.fault("*", Fault(delay_seconds=20))
    process = workspace.start("monitor", command, site.url)
    wait_until(lambda: site.recorded_requests)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=15) == 128 + signal.SIGINT
    out, err = process.communicate()
    assert (out, "Traceback" in err) == ("", False)


def test_a_second_signal_leaves_the_cursor_visible(workspace: Workspace, site: Site) -> None:
    site.fault("*", Fault(delay_seconds=20))
    terminal, stderr = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "monitor", "crawl", "--all"],
        cwd=workspace.path,
        env={**os.environ, "TERM": "xterm"},
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
    )
    os.close(stderr)
    parts: list[bytes] = []
    reader = threading.Thread(target=read_to_end, args=(terminal, parts))
    reader.start()
    wait_until(lambda: site.recorded_requests)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    assert process.wait(timeout=5) == -signal.SIGINT
    reader.join(timeout=5)
    shown = b"".join(parts)
    assert shown.count(b"\x1b[?25l") == 1
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def read_to_end(terminal: int, parts: list[bytes]) -> None:
    """Adds to ``parts`` what is written to the terminal until its other side is closed, and closes it."""
    with suppress(OSError):  # EIO: the other side is closed
        while part := os.read(terminal, 65536):
            parts.append(part)
    os.close(terminal)


def test_a_second_signal_kills_the_process(workspace: Workspace, site: Site) -> None:
    site.fault("*", Fault(delay_seconds=20))
    site.fault("/rss", Fault())
    site.fault("/robots.txt", Fault())
    process = workspace.start("monitor", "crawl", "--all")
    wait_until(lambda: site.count("/rss"))
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == -signal.SIGTERM
    process.communicate()


def test_a_signal_ends_a_mail_delivery_after_the_current_mail(workspace: Workspace) -> None:
    names = [f"a{number}" for number in range(40)]
    with mail_server() as (manners, port):
        manners.data = lambda: time.sleep(1)
        path = workspace.path / "monitor.yaml"
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        settings["mail"] = {"url": f"smtp://127.0.0.1:{port}?starttls=never", "sender": "m@example.org"}
        settings["alerts"] = [{"name": name, "query": "words", "to": [f"{name}@example.org"]} for name in names]
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        store = open_store(load(path, {}).store, workspace.path)
        store.setup()
        store.commit([page_commit(story("x"), alerts=tuple(names))])
        process = workspace.start("monitor", "run")
        wait_until(lambda: manners.taken)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert len(manners.taken) < 10
        unsent = len(names) - len(manners.taken)
        assert len(store.claim(["email"], holder="another", now=now(), term=timedelta(minutes=1))) == unsent
        store.close()


def test_the_leases_of_a_killed_process_are_taken_over_at_once(workspace: Workspace, site: Site) -> None:
    site.delay = 0.5
    process = workspace.start("monitor", "crawl")
    wait_until(lambda: fetched_stories(site) >= 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert workspace.states()["X"].holder is not None
    site.delay = 0.0
    status, _, err = workspace.run("monitor", "crawl")
    assert status == 0, err
    state = workspace.states()["X"]
    assert state.holder is None
    assert state.last_ok_at is not None


def test_scrapy_lists_and_runs_the_spiders(workspace: Workspace, site: Site) -> None:
    assert workspace.run("scrapy", "list", cwd=ROOT)[1].split() == ["federal-register", "outlets"]
    config = workspace.path / "monitor.yaml"
    items_path = workspace.path / "items.jsonl"
    status, _, err = workspace.run(
        "scrapy", "crawl", "outlets", "-a", f"config={config}", "-O", str(items_path), cwd=ROOT
    )
    assert (status, "Traceback" in err) == (0, False), err
    items = [json.loads(line) for line in items_path.read_text(encoding="utf-8").splitlines()]
    assert len(items) == 12
    assert {item["disposition"] for item in items} == {"stored"}
    assert workspace.states()["X"].holder is None


def test_scrapy_prints_a_configuration_error_in_one_line(workspace: Workspace) -> None:
    config = workspace.path / "monitor.yaml"
    for arguments, message in (
        (("-a", f"config={config}", "-a", "outlets=Xx"), 'no outlet "Xx"; did you mean "X"?'),
        (("-a", f"config={workspace.path / 'missing.yaml'}"), "missing.yaml: no such file"),
    ):
        status, _, err = workspace.run("scrapy", "crawl", "outlets", "-L", "ERROR", *arguments, cwd=ROOT)
        assert status == 2, err
        assert message in err
        assert len(err.splitlines()) == 1, err


def test_the_old_name_of_a_scrapy_argument_is_accepted(workspace: Workspace, site: Site) -> None:
    """``-a everything=1`` means ``-a ignore_schedule=1`` and prints one line on stderr."""
    config = f"config={workspace.path / 'monitor.yaml'}"
    polls = [
        ((), 1, 0),
        ((), 1, 0),
        (("-a", "ignore_schedule=1"), 2, 0),
        (("-a", "ignore_schedule=0"), 2, 0),
        (("-a", "everything=1"), 3, 1),
        (("-a", "everything=0"), 3, 1),
    ]
    for arguments, polled, lines in polls:
        status, _, err = workspace.run("scrapy", "crawl", "outlets", "-a", config, *arguments, cwd=ROOT)
        assert status == 0, err
        assert site.count("/rss") == polled
        assert err.count("-a everything is deprecated, use -a ignore_schedule\n") == len(err.splitlines()) == lines, err


def test_an_interrupt_of_scrapy_releases_the_lease(workspace: Workspace, site: Site) -> None:
    site.delay = 0.5
    process = workspace.start("scrapy", "crawl", "outlets", "-a", f"config={workspace.path / 'monitor.yaml'}", cwd=ROOT)
    wait_until(lambda: fetched_stories(site) >= 1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert workspace.states()["X"].holder is None, err


def test_another_package_called_spiders_is_reported(workspace: Workspace, tmp_path: Path) -> None:
    foreign = tmp_path / "elsewhere" / "spiders"
    foreign.mkdir(parents=True)
    (foreign / "__init__.py").write_text("", encoding="utf-8")
    for command in (("monitor", "crawl"), ("scrapy", "list")):
        options = {"cwd": ROOT} if command[0] == "scrapy" else {}
        code = "import sys, runpy; sys.path.insert(0, %r); sys.argv[1:] = %r; runpy.run_module(%r, run_name='__main__')"
        process = subprocess.run(
            [sys.executable, "-c", code % (str(foreign.parent), [*command[1:]], command[0])],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **({"cwd": workspace.path} | options),
        )
        assert process.returncode != 0
        assert "another package called `spiders`" in process.stderr


def test_an_unknown_spider_is_reported_before_any_request(tmp_path: Path, site: Site) -> None:
    status, _, err = Workspace(tmp_path, site, spider="nowhere").run("monitor", "crawl")
    assert status == 2
    assert "there is no spider 'nowhere'" in err
    assert "federal-register, outlets" in err
    assert site.count() == 0


def test_an_outlet_is_polled_by_its_configured_spider(tmp_path: Path, site: Site) -> None:
    site.put("/1234/a-document-of-the-register", page(1))
    document = {
        "html_url": f"{site.url}1234/a-document-of-the-register",
        "title": "A",
        "publication_date": f"{now():%F}",
    }
    untitled = {**document, "html_url": f"{site.url}api/ab", "title": None}
    site.put("/api", json.dumps({"results": [untitled, document]}).encode(), "application/json")
    workspace = Workspace(tmp_path, site, spider="federal-register", feeds=[], sections=[f"{site.url}api"])
    status, _, err = workspace.run("monitor", "crawl")
    assert status == 0, err
    assert workspace.states()["X"].dispositions == {"stored": 1}


# ---- process identities


def test_this_process_is_not_dead() -> None:
    assert not process_identity.is_dead_process(process_identity.current_process_identity())


def own_identity(**changes: object) -> str:
    """Returns the identity of this process with some of its parts changed."""
    names = ("host", "pid", "began", "boot", "namespace", "nonce")
    parts = dict(zip(names, process_identity.current_process_identity().split(":"), strict=True))
    return ":".join(str(part) for part in (parts | changes).values())


@pytest.fixture
def dead_pid() -> int:
    """Returns the pid of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return child.pid


def test_an_ended_process_is_dead(dead_pid: int) -> None:
    assert process_identity.is_dead_process(own_identity(pid=dead_pid, began=1))


def test_a_process_identity_starts_with_host_and_pid() -> None:
    assert process_identity.current_process_identity().startswith(f"{socket.gethostname()}:{os.getpid()}:")


@pytest.mark.parametrize(
    "changes", [{"host": "another"}, {"boot": "another-boot"}, {"namespace": "4026539999"}], ids=str
)
def test_a_process_of_another_pid_namespace_may_live(dead_pid: int, changes: dict[str, str]) -> None:
    assert not process_identity.is_dead_process(own_identity(pid=dead_pid, began=1, **changes))


def test_a_process_with_an_identity_of_the_old_form_may_live(dead_pid: int) -> None:
    assert not process_identity.is_dead_process(f"{socket.gethostname()}:{dead_pid}:1")


def test_a_process_whose_pid_was_reused_is_dead() -> None:
    assert process_identity.is_dead_process(own_identity(began=1))


def test_a_process_without_a_start_time_may_live() -> None:
    assert not process_identity.is_dead_process(own_identity(began=""))


def test_without_proc_host_and_pid_identify_a_process(dead_pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_identity, "_PROC_DIRECTORY", Path("/nowhere"))
    assert ":::" in process_identity.current_process_identity()
    assert process_identity.is_dead_process(own_identity(pid=dead_pid))
    assert not process_identity.is_dead_process(process_identity.current_process_identity())


def test_two_processes_have_different_identities() -> None:
    command = [
        sys.executable,
        "-c",
        "from monitor import process_identity; print(process_identity.current_process_identity().split(':')[-1])",
    ]
    first, second = (subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2))
    assert first != second


def test_only_leases_of_dead_processes_are_released() -> None:
    store, leased_at = MemoryStore(), now()
    holders = {"dead": own_identity(began=1), "alive": process_identity.current_process_identity()}
    for name, holder in holders.items():
        store.lease([name], holder=holder, now=leased_at, term=timedelta(minutes=2), limit=1)
    assert release_dead_leases(store, now=leased_at) == ["dead"]
    assert store.state.outlets["dead"].holder is None
    assert store.state.outlets["alive"].holder is not None


# ---- without network


def test_a_pass_without_network_prints_one_line_and_blames_no_outlet(tmp_path: Path, site: Site) -> None:
    workspace = Workspace(tmp_path, site, url="http://news.invalid/", feeds=["http://news.invalid/rss"])
    for _ in range(2):
        status, out, err = workspace.run("monitor", "crawl", "--all")
        assert (status, err) == (
            1,
            "no network?: the name news.invalid has no address; 1 outlet waits, and it counts against none\n",
        )
        assert out == "no outlet could be reached: the network is away\nMail: nothing is due.\n"
    state = workspace.states()["X"]
    assert (state.failures, state.error, state.last_poll_at) == (0, "", None)
