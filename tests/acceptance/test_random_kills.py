"""`run` and all that works for it are killed at random, again and again: each story is stored and delivered once, soon.

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
import time
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
from webhook.receiver import webhook_receiver

from .harness import Monitor, settings, wait_for
from .publisher import Publisher, alerts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.schema import StoreSettings
    from monitor.demo.sink import MailSink

KILLS = int(os.environ.get("MONITOR_TEST_KILLS", "2"))
RECOVERY_SECONDS = 60.0  # within which all is delivered that was published up to the moment after a kill
MAX_WAIT_SECONDS = 400.0  # for a recovery, so that the figures are complete when one takes too long
RESTART_PAUSE_SECONDS = 10  # RestartSec of deploy/systemd/media-monitor.service; children must have ended by then
MAX_PAUSE_SECONDS = 5.0  # between a recovery and the next kill

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
    with Newsroom(PROFILES, []) as newsroom, webhook_receiver() as receiver:
        crawl = {"delay": "0s", "timeout": "30s", "workers": 2, "splash": splash.url}
        if chromium := os.environ.get("MONITOR_TEST_CHROMIUM"):
            crawl["chromium"] = chromium
        values = settings(newsroom, sink.url, store=store, alerts=alerts(receiver), crawl=crawl)
        for outlet in values["outlets"]:
            outlet["every"] = "2s"
            if engine := ENGINES.get(outlet["name"]):
                outlet["render"] = engine
        monitor = Monitor(base, values)
        publisher = Publisher(newsroom, sink, receiver, random.Random(seed))
        recoveries: list[tuple[str, float]] = []
        with supervised(monitor, temporary_directory) as run, publisher.publishing():
            publisher.wait_until_delivered(publisher.publish_everywhere(), seconds=120)
            for kind in kinds_at_random(rng, KILLS):
                time.sleep(rng.uniform(0, MAX_PAUSE_SECONDS))
                victim = victim_of(kind, run.pid, splash, rng)
                with suppress(ProcessLookupError):
                    os.kill(victim.pid, signal.SIGKILL)
                killed_at = time.monotonic()
                late = publisher.publish_everywhere()
                publisher.wait_until_delivered(late, seconds=MAX_WAIT_SECONDS)
                recoveries.append((kind, time.monotonic() - killed_at))
                print(f"{kind:17} {recoveries[-1][1]:5.1f} s  {detail(victim)}", flush=True)
            publisher.stop()
            publisher.wait_until_delivered(publisher.stories, seconds=RECOVERY_SECONDS)
            run.send_signal(signal.SIGTERM)
            assert run.wait(timeout=60) == 0, monitor.log("run")[-3000:]
        print_recoveries(recoveries)
        assert max(seconds for _, seconds in recoveries) < RECOVERY_SECONDS

        publisher.check_stored_and_delivered_once(monitor)
        for outlet in monitor.outlets().values():
            assert (outlet["status"], outlet["error"]) == ("ok", ""), outlet
        log = monitor.log("run")
        assert "Traceback" not in log
        assert supervisor.LEFT_BEHIND not in log
        assert list(temporary_directory.iterdir()) == []


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
