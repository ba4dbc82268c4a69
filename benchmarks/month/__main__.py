"""Runs `media-monitor run` for a month on a clock that runs ahead while the program waits, with the faults of a month.

    python -m benchmarks.month [--days 30] [--outlets 200] [--stories 60000] [--step 60]

Linux only.  The program is the real one with its real processes, SQLite, mail and webhook; only its clock and the
addresses of names below ``.test`` differ (`in_program/sitecustomize.py`).  In the month, in this order: reload with an
alert more; a disk without space (as root, on a small tmpfs); the database locked by another program; no names; the wall
clock three hours ahead and back; kill -9; SIGSTOP for an hour, eighty leases long; reload without a tenth of the
outlets, and with them again; a migration that indexes every story again; the wall clock two hours back and right again;
kill -9.  ``keep_for`` deletes stories after 15 days.

Prints a line per day: stories stored, delay from publication to stored, polls, memory of the crawling process and of
its children, descriptors, size of the database.  Ends with status 1 and a line for each of these that fails: every
story stored once, every hit delivered once by mail and webhook, every outlet read without an error, no lease left,
`doctor` content, no traceback.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.month.clock import CLOCK_VARIABLE, SharedClock
from benchmarks.month.newsroom import DAY, Newsroom, hook_titles, plan, title
from benchmarks.process_usage import descendants, usage
from monitor.demo.sink import MailSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
PYTHON_PATH = os.pathsep.join([str(ROOT / "benchmarks/month/in_program"), str(ROOT)])
ALERTS = {"instant": "Sberbank", "daily": "Gazprom"}  # alert: the word of its query
SHARES = {"Sberbank": 0.02, "Gazprom": 0.01}  # of the stories
QUIET_DAYS = 1.0  # at the end of the month without new stories, in which the rest is delivered


@dataclass
class Day:
    """The figures of one day."""

    stored: int
    delays: list[float]
    polls: int
    megabytes: float
    child_megabytes: float
    descriptors: int
    database_megabytes: float
    seconds: float  # of the machine
    notes: list[str] = field(default_factory=list)

    def line(self, number: int) -> str:
        delays = sorted(self.delays) or [0.0]
        p95 = delays[int(len(delays) * 0.95)]
        return (
            f"{number:>3} {self.stored:>6,} {statistics.median(delays) / 60:>7.1f} {p95 / 60:>7.1f} {self.polls:>6,} "
            f"{self.megabytes:>6.0f} {self.child_megabytes:>8.0f} {self.descriptors:>4} "
            f"{self.database_megabytes:>6.1f} {self.seconds:>6.0f}  {'; '.join(self.notes)}"
        )


HEADER = "day stored  median     p95  polls  MB run  MB rest  fds  MB db      s"


class Month:
    """One run of the program through the month; `run` prints the table and returns the faults."""

    def __init__(self, base: Path, disk: Path, options: argparse.Namespace) -> None:
        self.base, self.disk, self.options = base, disk, options
        self.begin = time.time() - (options.days + 2) * DAY
        self.clock = SharedClock.create(base / "clock", wall_offset=self.begin - time.time())
        words = {word: SHARES[word] for word in ALERTS.values()}
        self.planned = plan(
            options.outlets, options.stories, begin=self.begin + 3600, days=options.days - QUIET_DAYS, words=words
        )
        self.newsroom = Newsroom(self.clock, self.planned)
        self.seen: dict[str, float] = {}  # URL of each story that was in the store: seconds to stored
        self.repeated: list[str] = []
        self.log_offset = 0
        self.polls = 0
        self.notes: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Path:
        return self.disk / "monitor.db"

    def elapsed_days(self) -> float:
        return (self.clock.monotonic() - self.began) / DAY

    # ---- the month

    def run(self) -> Iterator[Day]:
        with MailSink() as self.sink, self.newsroom:
            self.configure(outlets=self.options.outlets, alerts=1)
            self.began = self.clock.monotonic()
            self.start()
            events, event_ended = self.events(), 0.0
            day_ends, started_at = 1, time.monotonic()
            try:
                while day_ends <= self.options.days or events:
                    time.sleep(0.02)
                    self.require_running()
                    if events and self.elapsed_days() >= event_ended + events[0][0]:
                        _, name, action = events.pop(0)
                        self.notes.append(name)
                        action()
                        event_ended = self.elapsed_days()
                    if self.elapsed_days() >= day_ends:
                        yield self.sample(time.monotonic() - started_at)
                        day_ends, started_at = day_ends + 1, time.monotonic()
                self.stop()
            finally:
                self.kill()

    def events(self) -> list[tuple[float, str, Callable[[], None]]]:
        """Returns what happens in the month: days since the event before has ended, name, action."""
        outlets, fewer = self.options.outlets, self.options.outlets * 9 // 10
        long = (self.options.days - QUIET_DAYS) / 14
        short = min(long / 4, 0.25)
        return [
            (long, "reload, an alert more", lambda: self.reload(outlets, 2)),
            *([(long, "disk full", self.fill_disk)] if self.disk.is_mount() else []),
            (long, "database locked", self.lock_database),
            (long, "no names", lambda: self.set_names(False)),
            (short, "names again", lambda: self.set_names(True)),
            (long, "clock +3 h", lambda: self.step_wall_clock(3 * 3600)),
            (short, "clock right", lambda: self.step_wall_clock(-3 * 3600)),
            (long, "kill -9", lambda: self.restart(away_seconds=900)),
            (long, "SIGSTOP 1 h", lambda: self.pause(3600)),
            (long, "reload, outlets fewer", lambda: self.reload(fewer, 2)),
            (short, "reload, outlets back", lambda: self.reload(outlets, 2)),
            (long, "migration", self.migrate),
            (long, "clock -2 h", lambda: self.step_wall_clock(-2 * 3600)),
            (short, "clock right", lambda: self.step_wall_clock(2 * 3600)),
            (long, "kill -9", lambda: self.restart(away_seconds=60)),
        ]

    # ---- the program

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_")}
        return own | {
            "PYTHONPATH": PYTHON_PATH,
            CLOCK_VARIABLE: str(self.base / "clock"),
            "MONTH_STEP": str(self.options.step),
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "monitor", words[0], "-c", str(self.base / "monitor.yaml"), *words[1:]]

    def configure(self, *, outlets: int, alerts: int) -> None:
        hosts = (f"outlet{n:03}.test:{self.newsroom.port}" for n in range(outlets))
        to = ["desk@example.org", f"http://127.0.0.1:{self.newsroom.port}/hook"]
        deliver = {"daily": "daily 07:00"}
        settings = {
            "store": {"url": f"sqlite:{self.database}"},
            "mail": {"url": self.sink.url, "sender": "monitor@example.org"},
            "crawl": {"delay": "0s", "workers": 2},
            "keep": "all",
            "keep_for": {"stories": "15d", "urls": "20d"},
            "outlets": [
                {"name": host.partition(".")[0], "url": f"http://{host}/", "feeds": [f"http://{host}/feed.xml"]}
                for host in hosts
            ],
            "alerts": [
                {"name": name, "query": word, "to": to, "deliver": deliver.get(name, "instant"), "max_entries": 1000}
                for name, word in ALERTS.items()
            ]
            + [{"name": "late", "query": "Rosneft", "to": to}] * (alerts - 1),
        }
        temporary = self.base / "monitor.yaml.new"
        temporary.write_text(yaml.safe_dump(settings, sort_keys=False))
        temporary.replace(self.base / "monitor.yaml")

    def start(self) -> None:
        with (self.base / "run.log").open("ab") as log:
            self.process = subprocess.Popen(self.command("run"), stdout=log, stderr=log, env=self.environment, cwd=ROOT)

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=120)
        if status:
            raise SystemExit(f"`run` ended with status {status}: {self.log()[-2000:]}")
        self.process = None

    def kill(self) -> None:
        if self.process is not None:
            below = descendants(self.process.pid)
            for pid in (self.process.pid, *below):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def require_running(self) -> None:
        if self.process is not None and self.process.poll() is not None:
            raise SystemExit(f"`run` ended with status {self.process.returncode}: {self.log()[-3000:]}")

    def log(self) -> str:
        return (self.base / "run.log").read_text(errors="replace")

    def wait_for_log(self, text: str, *, seconds: float = 120) -> None:
        """Waits until the log has the text once more; fails after ``seconds`` of the machine."""
        before, deadline = self.log().count(text), time.monotonic() + seconds
        while self.log().count(text) == before:
            self.require_running()
            if time.monotonic() > deadline:
                self.notes.append(f"NO LINE {text!r}")
                return
            time.sleep(0.1)

    # ---- what happens

    def reload(self, outlets: int, alerts: int) -> None:
        assert self.process is not None
        self.configure(outlets=outlets, alerts=alerts)
        self.process.send_signal(signal.SIGHUP)
        self.wait_for_log('"watching ')

    def fill_disk(self) -> None:
        """Leaves no space until `run` has said so, and a few seconds more."""
        ballast = self.disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        self.wait_for_log("no room left on the disk")
        time.sleep(5)
        ballast.unlink()

    def lock_database(self) -> None:
        """Holds the write lock for longer than `run` waits for it."""
        connection = sqlite3.connect(self.database, timeout=60, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        self.wait_for_log("locked")
        connection.execute("ROLLBACK")
        connection.close()

    def set_names(self, available: bool) -> None:
        self.clock.has_names = available

    def step_wall_clock(self, seconds: float) -> None:
        self.clock.wall_offset += seconds

    def restart(self, *, away_seconds: float) -> None:
        self.kill()
        self.clock.elapsed += away_seconds
        self.start()

    def pause(self, seconds: float) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        self.clock.elapsed += seconds
        self.process.send_signal(signal.SIGCONT)

    def migrate(self) -> None:
        """Takes the database back to schema version 8, from which `setup` indexes all stories again, and starts."""
        self.stop()
        connection = sqlite3.connect(self.database)
        connection.executescript("DROP TABLE mark; DROP TABLE saved_search; PRAGMA user_version = 8")
        connection.close()
        began = time.monotonic()
        subprocess.run(self.command("setup"), env=self.environment, cwd=ROOT, check=True, capture_output=True)
        self.notes.append(f"setup {time.monotonic() - began:.0f} s")
        self.start()

    # ---- figures

    def sample(self, seconds: float) -> Day:
        assert self.process is not None
        used, before = usage(self.process.pid), self.polls
        delays = self.read_stories()
        self.read_log()
        notes, self.notes = self.notes, []
        size = sum(file.stat().st_size for file in self.disk.glob("monitor.db*"))
        return Day(
            stored=len(delays),
            delays=delays,
            polls=self.polls - before,
            megabytes=used.megabytes,
            child_megabytes=used.child_megabytes,
            descriptors=used.descriptors,
            database_megabytes=size / 1e6,
            seconds=seconds,
            notes=notes,
        )

    def read_stories(self) -> list[float]:
        """Adds the stories that were stored since the last call to ``seen``; returns their delays in seconds."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=60)
        rows = connection.execute("SELECT url, (first_seen_at - published_at) / 1e6 FROM story").fetchall()
        connection.close()
        new = {url: delay for url, delay in rows if url not in self.seen}
        self.seen |= new
        return list(new.values())

    def read_log(self) -> None:
        with (self.base / "run.log").open("rb") as file:
            file.seek(self.log_offset)
            for line in file:
                self.log_offset += len(line)
                with suppress(ValueError):
                    self.polls += "outlet" in json.loads(line)

    def faults(self) -> list[str]:
        """Returns a line for each promise that was not kept."""
        faults = []
        self.read_stories()
        published = {self.newsroom.url(story) for story in self.planned}
        if missing := published - self.seen.keys():
            faults.append(f"{len(missing)} stories were never stored, such as {min(missing)}")
        if extra := self.seen.keys() - published:
            faults.append(f"{len(extra)} stories were not published, such as {min(extra)}")
        alert_by_word = {word: alert for alert, word in ALERTS.items()}
        due = Counter((alert_by_word[story.word], title(story)) for story in self.planned if story.word)
        faults += _delivery_faults("webhook", due, {key: hook_titles(body) for key, body in self.newsroom.hooks})
        faults += _delivery_faults("mail", due, self.mails())
        for command in (("doctor",), ("outlets", "--json")):
            result = subprocess.run(
                self.command(*command), env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False
            )
            if result.returncode:
                faults.append(f"{command[0]}: {result.stdout}{result.stderr}")
            if command[0] == "outlets":
                states = [json.loads(line) for line in result.stdout.splitlines()]
                faults += [f"outlet {s['name']}: {s['status']} {s['error']}" for s in states if s["error"]]
                for state in states:
                    for reason in state["suspicions"].values():  # as by chance in one of many outlets
                        print(f"{state['name']} is suspect: {reason}")
                faults += [f"outlet {s['name']} is leased by {s['holder']}" for s in states if s["holder"]]
        if "Traceback" in (text := self.log()):
            faults.append("a traceback: " + text[text.index("Traceback") :][:2000])
        return faults

    def mails(self) -> dict[str, list[tuple[str, str]]]:
        titles = {title(story): story for story in self.planned if story.word}
        alert_by_word = {word: alert for alert, word in ALERTS.items()}
        return {
            str(mail.message["Message-ID"]): [
                (alert_by_word[titles[line].word], line) for line in mail.text.splitlines() if line in titles
            ]
            for mail in self.sink.received
        }


def _delivery_faults(
    channel: str, due: Counter[tuple[str, str]], messages: dict[str, list[tuple[str, str]]]
) -> list[str]:
    """Compares the entries of messages, by id, with those that are due: each once."""
    delivered = Counter(entry for entries in messages.values() for entry in set(entries))
    faults = []
    if missing := due - delivered:
        faults.append(f"{channel}: {missing.total()} of {due.total()} hits not delivered, such as {min(missing)}")
    if extra := delivered - due:
        faults.append(f"{channel}: {extra.total()} hits delivered twice or wrongly, such as {min(extra)}")
    return faults


def small_disk(base: Path, stack: ExitStack, *, megabytes: int) -> Path:
    """Returns the directory of the database: a tmpfs of this size if this process may mount one."""
    disk = base / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        print("no disk is filled, because this user may not mount a tmpfs")
    else:
        stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=False)
    return disk


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--outlets", type=int, default=200)
    parser.add_argument("--stories", type=int, default=60_000)
    parser.add_argument("--step", type=float, default=60, help="seconds by which the clock moves at least")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep log and configuration in this new directory")
    options: Any = parser.parse_args()
    with ExitStack() as stack:
        if options.keep:
            options.keep.mkdir(parents=True)
        base = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        disk = small_disk(base, stack, megabytes=200 + options.stories // 50)
        month = Month(base, disk, options)
        print(
            f"{options.outlets} outlets, {options.stories:,} stories, {options.days} days; delays in minutes\n{HEADER}"
        )
        began = time.monotonic()
        for number, day in enumerate(month.run(), 1):
            print(day.line(number), flush=True)
        faults = month.faults()
        print(
            f"{len(month.seen):,} of {len(month.planned):,} stories stored, {len(month.sink.received):,} mails and "
            f"{len(month.newsroom.hooks):,} webhooks, {month.newsroom.requests['feed']:,} requests for feeds "
            f"({month.newsroom.requests['unchanged']:,} unchanged), in {(time.monotonic() - began) / 60:.1f} min"
        )
        for fault in faults:
            print(f"FAULT: {fault}")
        sys.exit(bool(faults))


if __name__ == "__main__":
    main()
