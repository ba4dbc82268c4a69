"""`run` and all that works for it are killed at random, again and again: each story is stored and mailed once, soon.

MONITOR_TEST_KILLS sets the number of kills, MONITOR_TEST_SEED repeats a run's choices.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom
from monitor.rendering import browser
from process_tree import Process, descendants
from servers import missing, supervisor
from servers.splash import Missing, Splash

from .harness import SBERBANK, Monitor, demo_story, settings, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.schema import StoreSettings
    from monitor.demo.sink import MailSink
    from monitor.demo.stories import DemoStory

KILLS = int(os.environ.get("MONITOR_TEST_KILLS", "2"))
RECOVERY_SECONDS = 60.0  # within which all is mailed that was published up to the moment after a kill
MAX_WAIT_SECONDS = 400.0  # for a recovery, so that the figures are complete when one takes too long
RESTART_PAUSE_SECONDS = 10  # RestartSec of deploy/systemd/media-monitor.service; children must have ended by then
PUBLISH_SECONDS = 0.7  # between two new stories, each of a random outlet
MAX_PAUSE_SECONDS = 5.0  # between a recovery and the next kill

ALERTS = [SBERBANK, {"name": "visitor", "query": "nobody", "to": ["desk@example.org"]}]
RSS, SITEMAP, SCRIPT = (OUTLET_PROFILES[n] for n in (0, 1, 7))
PROFILES = [
    replace(RSS, key="plain", name="Plain"),
    replace(SITEMAP, key="listed", name="Listed"),
    replace(SCRIPT, key="splashed", name="Splashed"),
    replace(SCRIPT, key="browsed", name="Browsed"),
]
ENGINES = {"Splashed": "splash", "Browsed": "playwright"}

KIND_OF_VICTIM = {  # by a part of its command line; the first that fits
    "splash": "serve.py",
    "fork server": "multiprocessing.forkserver",
    "resource tracker": "multiprocessing.resource_tracker",
    "browser's driver": "run-driver",
    "browser's child": "--type=",
    "browser": "--remote-debugging-pipe",
    "main": "-m monitor run",
}

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.splash,
    pytest.mark.chromium,
    pytest.mark.timeout(300 + KILLS * (RECOVERY_SECONDS + MAX_PAUSE_SECONDS)),
]


@pytest.fixture
def splash(tmp_path: Path) -> Iterator[Splash]:
    try:
        server = Splash(tmp_path / "splash.log").wait()
    except Missing as reason:
        missing(str(reason))
    yield server
    server.stop()


@pytest.fixture
def temporary_directory() -> Iterator[Path]:
    """For the temporary files of `run`; its path is short, because it is part of the names of sockets."""
    path = Path(tempfile.mkdtemp(prefix="kills-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_random_kills(tmp_path: Path, sink: MailSink, splash: Splash, temporary_directory: Path) -> None:
    check_random_kills(tmp_path, sink, splash, temporary_directory, store={"url": "sqlite:monitor.db"})


@pytest.mark.elasticsearch
def test_random_kills_on_elasticsearch(
    tmp_path: Path,
    sink: MailSink,
    splash: Splash,
    temporary_directory: Path,
    elasticsearch_store: StoreSettings,
) -> None:
    store = {"url": elasticsearch_store.url.get_secret_value(), "prefix": elasticsearch_store.prefix}
    check_random_kills(tmp_path, sink, splash, temporary_directory, store=store)


def check_random_kills(
    base: Path, sink: MailSink, splash: Splash, temporary_directory: Path, *, store: dict[str, str]
) -> None:
    if browser.find_chromium(os.environ.get("MONITOR_TEST_CHROMIUM")) is None:
        missing("there is no Chromium: apt-get install chromium, or set MONITOR_TEST_CHROMIUM")
    seed = int(os.environ.get("MONITOR_TEST_SEED") or random.randrange(10**6))
    rng = random.Random(seed)
    print(f"{KILLS} kills, MONITOR_TEST_SEED={seed}")
    with Newsroom(PROFILES, []) as newsroom:
        crawl = {"delay": "0s", "timeout": "30s", "workers": 2, "splash": splash.url}
        if chromium := os.environ.get("MONITOR_TEST_CHROMIUM"):
            crawl["chromium"] = chromium
        values = settings(newsroom, sink.url, store=store, alerts=ALERTS, crawl=crawl)
        for outlet in values["outlets"]:
            outlet["every"] = "2s"
            if engine := ENGINES.get(outlet["name"]):
                outlet["render"] = engine
        monitor = Monitor(base, values)
        publisher = Publisher(newsroom, sink, random.Random(seed))
        recoveries: list[tuple[str, float]] = []
        with supervised(monitor, temporary_directory) as run, publisher.publishing():
            publisher.wait_until_mailed(publisher.publish_everywhere(), seconds=120)
            for kind in kinds_at_random(rng, KILLS):
                time.sleep(rng.uniform(0, MAX_PAUSE_SECONDS))
                victim = victim_of(kind, run.pid, splash, rng)
                with suppress(ProcessLookupError):
                    os.kill(victim.pid, signal.SIGKILL)
                killed_at = time.monotonic()
                late = publisher.publish_everywhere()
                publisher.wait_until_mailed(late, seconds=MAX_WAIT_SECONDS)
                recoveries.append((kind, time.monotonic() - killed_at))
                print(f"{kind:17} {recoveries[-1][1]:5.1f} s  {detail(victim)}", flush=True)
            publisher.stop()
            publisher.wait_until_mailed(publisher.stories, seconds=RECOVERY_SECONDS)
            run.send_signal(signal.SIGTERM)
            assert run.wait(timeout=60) == 0, monitor.log("run")[-3000:]
        print_recoveries(recoveries)
        assert max(seconds for _, seconds in recoveries) < RECOVERY_SECONDS

        assert Counter(story["title"] for story in monitor.stories()) == Counter(s.title for s in publisher.stories)
        assert publisher.mailed() == Counter((alert_of(story), story.title) for story in publisher.stories)
        for outlet in monitor.outlets().values():
            assert (outlet["status"], outlet["error"]) == ("ok", ""), outlet
        log = monitor.log("run")
        assert "Traceback" not in log
        assert supervisor.LEFT_BEHIND not in log
        assert list(temporary_directory.iterdir()) == []


def alert_of(story: DemoStory) -> str:
    return "sberbank" if "Sberbank" in story.text else "visitor"


class Publisher:
    """Publishes stories, each of which matches one alert, and knows which are mailed."""

    def __init__(self, newsroom: Newsroom, sink: MailSink, rng: random.Random) -> None:
        self.stories: list[DemoStory] = []
        self._newsroom, self._sink, self._rng = newsroom, sink, rng
        self._numbers: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._mails_read = 0
        self._mailed_lines: set[str] = set()

    def publish(self, outlet: str) -> None:
        with self._lock:
            self._numbers[outlet] += 1
            number = self._numbers[outlet]
            story = demo_story(outlet, number, word="Sberbank" if number % 2 else "")
            self.stories.append(story)
            self._newsroom[outlet].publish(story)

    def publish_everywhere(self) -> list[DemoStory]:
        """Publishes a story of each outlet; returns all stories up to now."""
        for outlet in self._newsroom.outlets:
            self.publish(outlet)
        with self._lock:
            return list(self.stories)

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Publishes stories in a thread, until the block ends or `stop`."""
        thread = threading.Thread(target=self._publish_until_stopped, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.stop()
            thread.join()

    def stop(self) -> None:
        self._stopped.set()

    def _publish_until_stopped(self) -> None:
        while not self._stopped.wait(PUBLISH_SECONDS):
            self.publish(self._rng.choice(list(self._newsroom.outlets)))

    def wait_until_mailed(self, stories: list[DemoStory], *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while unmailed := self._unmailed(stories):
            assert time.monotonic() < deadline, f"not mailed within {seconds:g} s: {sorted(unmailed)}"
            time.sleep(0.1)

    def _unmailed(self, stories: list[DemoStory]) -> set[str]:
        received = self._sink.received
        for mail in received[self._mails_read :]:
            self._mailed_lines.update(mail.text.splitlines())
        self._mails_read = len(received)
        return {story.title for story in stories} - self._mailed_lines

    def mailed(self) -> Counter[tuple[str, str]]:
        """Returns how often each story was mailed for each alert; a repeated mail has the same Message-ID."""
        titles = {story.title for story in self.stories}
        mails = {mail.message["Message-ID"]: mail for mail in self._sink.received}.values()
        return Counter(
            (alert["name"], line)
            for mail in mails
            for alert in ALERTS
            for line in mail.text.splitlines()
            if alert["name"] in mail.subject and line in titles
        )


# ---- processes


@contextmanager
def supervised(monitor: Monitor, temporary_directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Starts `run` below a supervisor, and yields the supervisor; kills all at the end."""
    command = [sys.executable, "-m", "monitor", "run", "--config", str(monitor.config)]
    with (monitor.base / "run.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, supervisor.__file__, str(RESTART_PAUSE_SECONDS), *command],
            stdout=log,
            stderr=log,
            env={**monitor._environ, "TMPDIR": str(temporary_directory)},
        )
    try:
        yield process
    finally:
        below = descendants(process.pid)
        process.kill()
        process.wait()
        for each in below:
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)


def kinds_at_random(rng: random.Random, number: int) -> list[str]:
    """Returns so many kinds of processes; all kinds in random order, then all in another order, and so on."""
    kinds: list[str] = []
    while len(kinds) < number:
        kinds += rng.sample(names := [*KIND_OF_VICTIM, "worker"], len(names))
    return kinds[:number]


def victim_of(kind: str, supervisor_id: int, splash: Splash, rng: random.Random) -> Process:
    """Returns a running process of this kind, chosen at random; waits until there is one.

    Returns a worker if there is no resource tracker, because only the start of another worker starts one again.
    """
    found: list[Process] = []

    def find() -> list[Process]:
        if kind == "splash":
            found[:] = [Process(splash.pid, 0, "splash")]
        else:
            tree = descendants(supervisor_id)
            found[:] = [process for process in tree if kind_of(process, tree) == kind]
            if not found and kind == "resource tracker":
                found[:] = [process for process in tree if kind_of(process, tree) == "worker"]
        return found

    wait_for(find)
    return rng.choice(found)


def detail(victim: Process) -> str:
    """Returns the arguments that say which child of the browser this is."""
    return " ".join(re.findall(r"--(?:utility-sub-)?type=(\S+)", victim.command_line))


def kind_of(process: Process, tree: list[Process]) -> str:
    kind = next((kind for kind, part in KIND_OF_VICTIM.items() if part in process.command_line), "")
    if kind == "fork server" and any(p.pid == process.parent and kind in kind_of(p, []) for p in tree):
        return "worker"  # it has the command line of the process that forked it
    return kind


def print_recoveries(recoveries: list[tuple[str, float]]) -> None:
    seconds = sorted(time for _, time in recoveries)
    p95 = seconds[max(0, -(-len(seconds) * 95 // 100) - 1)]
    print(f"{len(seconds)} kills: median {statistics.median(seconds):.1f} s, p95 {p95:.1f} s, max {seconds[-1]:.1f} s")
    for kind in sorted({kind for kind, _ in recoveries}):
        of_kind = [time for each, time in recoveries if each == kind]
        print(f"  {kind:17} {len(of_kind):3}  median {statistics.median(of_kind):5.1f} s  max {max(of_kind):5.1f} s")
