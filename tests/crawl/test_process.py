"""The crawling process: how it begins, how it is ended, and what a killed one leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mail.server import mail_server
from monitor import process_identity
from monitor.config import load
from monitor.crawl.lease import reclaim
from monitor.demo.web import Fault, Site
from monitor.models import now
from monitor.store import open_store
from store.examples import page_commit, story

from .engine import Memory
from .test_poll import rss, stories

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).resolve().parents[2]


class Place:
    """A directory with a monitor.yaml, and commands run in it."""

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


def until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def page(number: int) -> bytes:
    words = " ".join(f"Sentence {sentence} of story {number} tells what happened next." for sentence in range(40))
    return (
        f"<html><head><title>Story {number}</title></head><body><article><h1>Story {number}</h1><p>{words}</p>".encode()
    )


@pytest.fixture
def place(tmp_path: Path, site: Site) -> Place:
    urls = stories(site, 12)
    for number, url in enumerate(urls):
        site.put("/" + url.removeprefix(site.url), page(number))
    site.put("/rss", rss(urls), "application/rss+xml")
    return Place(tmp_path, site)


def fetched(site: Site) -> int:
    return sum(asked.path.startswith("/2026/") for asked in site.asked)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_a_pass_cleanly(place: Place, site: Site, number: signal.Signals) -> None:
    site.delay = 0.5
    process = place.start("monitor", "crawl", "--all")
    until(lambda: fetched(site) >= 1)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert number.name in err
    assert process.returncode == 128 + number
    assert "interrupted; the next crawl takes what is left" in err
    assert fetched(site) < 12
    state = place.states()["X"]
    assert state.holder is None
    assert state.next_poll_at < now() + timedelta(minutes=2)
    assert sum(state.dispositions.values()) == fetched(site)


@pytest.mark.parametrize("command", ["discover", "extract"])
def test_the_first_signal_ends_an_errand_at_once(place: Place, site: Site, command: str) -> None:
    site.fault("*", Fault(delay=20))
    process = place.start("monitor", command, site.url)
    until(lambda: site.asked)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=15) == 128 + signal.SIGINT
    out, err = process.communicate()
    assert (out, "Traceback" in err) == ("", False)


def test_a_second_signal_ends_it_at_once(place: Place, site: Site) -> None:
    site.fault("*", Fault(delay=20))
    site.fault("/rss", Fault())
    site.fault("/robots.txt", Fault())
    process = place.start("monitor", "crawl", "--all")
    until(lambda: site.count("/rss"))
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == -signal.SIGTERM
    process.communicate()


def test_a_signal_ends_a_mail_round_after_the_mail_under_way(place: Place) -> None:
    names = [f"a{number}" for number in range(40)]
    with mail_server() as (manners, port):
        manners.data = lambda: time.sleep(1)
        path = place.path / "monitor.yaml"
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        settings["mail"] = {"url": f"smtp://127.0.0.1:{port}?starttls=never", "sender": "m@example.org"}
        settings["alerts"] = [{"name": name, "query": "words", "to": [f"{name}@example.org"]} for name in names]
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        store = open_store(load(path, {}).store, place.path)
        store.setup()
        store.commit([page_commit(story("x"), alerts=tuple(names))])
        process = place.start("monitor", "run")
        until(lambda: manners.taken)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert len(manners.taken) < 10
        left = len(names) - len(manners.taken)
        assert len(store.claim(holder="another", now=now(), term=timedelta(minutes=1))) == left
        store.close()


def test_what_a_killed_process_held_is_taken_over_at_once(place: Place, site: Site) -> None:
    site.delay = 0.5
    process = place.start("monitor", "crawl")
    until(lambda: fetched(site) >= 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert place.states()["X"].holder is not None
    site.delay = 0.0
    status, _, err = place.run("monitor", "crawl")
    assert status == 0, err
    state = place.states()["X"]
    assert state.holder is None
    assert state.last_ok_at is not None


def test_scrapy_knows_the_spiders_and_runs_them(place: Place, site: Site) -> None:
    assert place.run("scrapy", "list", cwd=ROOT)[1].split() == ["federal-register", "outlets"]
    config = place.path / "monitor.yaml"
    items = place.path / "items.jsonl"
    status, _, err = place.run("scrapy", "crawl", "outlets", "-a", f"config={config}", "-O", str(items), cwd=ROOT)
    assert (status, "Traceback" in err) == (0, False), err
    read = [json.loads(line) for line in items.read_text(encoding="utf-8").splitlines()]
    assert len(read) == 12
    assert {item["disposition"] for item in read} == {"stored"}
    assert place.states()["X"].holder is None


def test_scrapy_is_told_in_a_line_what_it_cannot_crawl(place: Place) -> None:
    config = place.path / "monitor.yaml"
    for words, told in (
        (("-a", f"config={config}", "-a", "outlets=Xx"), 'no outlet "Xx"; did you mean "X"?'),
        (("-a", f"config={place.path / 'missing.yaml'}"), "missing.yaml: no such file"),
    ):
        status, _, err = place.run("scrapy", "crawl", "outlets", "-L", "ERROR", *words, cwd=ROOT)
        assert status == 2, err
        assert told in err
        assert len(err.splitlines()) == 1, err


def test_scrapys_own_interrupt_gives_the_lease_back(place: Place, site: Site) -> None:
    site.delay = 0.5
    process = place.start("scrapy", "crawl", "outlets", "-a", f"config={place.path / 'monitor.yaml'}", cwd=ROOT)
    until(lambda: fetched(site) >= 1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert place.states()["X"].holder is None, err


def test_a_foreign_package_called_spiders_is_told_of(place: Place, tmp_path: Path) -> None:
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
            **({"cwd": place.path} | options),
        )
        assert process.returncode != 0
        assert "another package called `spiders`" in process.stderr


def test_a_spider_that_does_not_exist_is_named_before_anything_starts(tmp_path: Path, site: Site) -> None:
    status, _, err = Place(tmp_path, site, spider="nowhere").run("monitor", "crawl")
    assert status == 2
    assert "there is no spider 'nowhere'" in err
    assert "federal-register, outlets" in err
    assert site.count() == 0


def test_an_outlet_with_a_spider_of_its_own_is_read_by_it(tmp_path: Path, site: Site) -> None:
    site.put("/1234/a-document-of-the-register", page(1))
    found = {"html_url": f"{site.url}1234/a-document-of-the-register", "title": "A", "publication_date": f"{now():%F}"}
    untitled = {**found, "html_url": f"{site.url}api/ab", "title": None}
    site.put("/api", json.dumps({"results": [untitled, found]}).encode(), "application/json")
    place = Place(tmp_path, site, spider="federal-register", feeds=[], sections=[f"{site.url}api"])
    status, _, err = place.run("monitor", "crawl")
    assert status == 0, err
    assert place.states()["X"].dispositions == {"stored": 1}


# ---- who holds a lease


def test_this_process_is_not_dead() -> None:
    assert not process_identity.is_dead(process_identity.this_process())


def ours(**other: object) -> str:
    """How this process would be called if some of its name were different."""
    names = ("host", "pid", "began", "boot", "namespace", "nonce")
    parts = dict(zip(names, process_identity.this_process().split(":"), strict=True))
    return ":".join(str(part) for part in (parts | other).values())


@pytest.fixture
def ended() -> int:
    """The number of a process that is gone."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return child.pid


def test_a_process_that_ended_is_dead(ended: int) -> None:
    assert process_identity.is_dead(ours(pid=ended, began=1))


def test_a_holder_is_called_by_its_host_and_number_first() -> None:
    assert process_identity.this_process().startswith(f"{socket.gethostname()}:{os.getpid()}:")


@pytest.mark.parametrize(
    "elsewhere", [{"host": "another"}, {"boot": "another-boot"}, {"namespace": "4026539999"}], ids=str
)
def test_of_a_process_whose_number_counts_elsewhere_nobody_can_tell(ended: int, elsewhere: dict[str, str]) -> None:
    assert not process_identity.is_dead(ours(pid=ended, began=1, **elsewhere))


def test_of_a_name_as_it_was_written_before_nobody_can_tell(ended: int) -> None:
    assert not process_identity.is_dead(f"{socket.gethostname()}:{ended}:1")


def test_a_number_that_another_process_got_since_is_not_the_holder() -> None:
    assert process_identity.is_dead(ours(began=1))


def test_a_process_whose_start_is_not_told_may_live() -> None:
    assert not process_identity.is_dead(ours(began=""))


def test_without_proc_the_host_and_the_number_tell(ended: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_identity, "_PROC", Path("/nowhere"))
    assert ":::" in process_identity.this_process()
    assert process_identity.is_dead(ours(pid=ended))
    assert not process_identity.is_dead(process_identity.this_process())


def test_no_two_processes_have_one_name() -> None:
    name = [
        sys.executable,
        "-c",
        "from monitor import process_identity; print(process_identity.this_process().split(':')[-1])",
    ]
    first, second = (subprocess.run(name, capture_output=True, check=True).stdout for _ in range(2))
    assert first != second


def test_only_what_dead_processes_hold_is_freed() -> None:
    store, moment = Memory(), now()
    for name, who in {"dead": ours(began=1), "alive": process_identity.this_process()}.items():
        store.lease([name], holder=who, now=moment, term=timedelta(minutes=2), limit=1)
    assert reclaim(store, now=moment) == ["dead"]  # type: ignore[arg-type]
    assert store.states["dead"].holder is None
    assert store.states["alive"].holder is not None
