"""Runs the real command on a test's own monitor.yaml."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from monitor.demo.stories import DemoStory
from monitor.models import now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.demo.newsroom import DemoOutlet, Newsroom

SBERBANK = {"name": "sberbank", "query": "Sberbank OR Сбербанк", "to": ["desk@example.org"]}
BRICS = {"name": "brics-ai", "query": "BRICS NEAR/10 AI", "to": ["desk@example.org"]}

# All code reads the time through monitor.models.now, which is replaced before other modules import it.
CLOCK_AHEAD_PROGRAM = """
import datetime, monitor.models
real_now = monitor.models.now
monitor.models.now = lambda: real_now() + datetime.timedelta(seconds={})
from monitor.cli import main
main()
"""


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """A command's exit status and output."""

    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The printed JSON objects, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Monitor:
    """A directory with a monitor.yaml, in which commands run as a user runs them."""

    def __init__(self, base: Path, settings: Mapping[str, Any]) -> None:
        self.base = base
        self.config = base / "monitor.yaml"
        self.configure(settings)

    def configure(self, settings: Mapping[str, Any]) -> None:
        text = yaml.safe_dump(dict(settings), allow_unicode=True, sort_keys=False)
        self.config.write_text(text, encoding="utf-8")

    def __call__(
        self, *words: str, status: int | None = 0, timeout: float = 120, clock_ahead: timedelta = timedelta(0)
    ) -> CommandResult:
        """Runs a command with its clock set ahead by ``clock_ahead``; asserts its exit ``status`` (None: any)."""
        completed = subprocess.run(
            self._arguments(words, clock_ahead), capture_output=True, timeout=timeout, env=self._environ, check=False
        )
        result = CommandResult(
            status=completed.returncode, out=completed.stdout.decode(), err=completed.stderr.decode()
        )
        assert "Traceback" not in result.err, result.err
        if status is not None:
            assert result.status == status, f"status {result.status}\n{result.out}\n{result.err}"
        return result

    def start(self, *words: str, clock_ahead: timedelta = timedelta(0)) -> subprocess.Popen[bytes]:
        """Starts a command in its own process group, with its output in ``COMMAND.log``."""
        with (self.base / f"{words[0]}.log").open("ab") as log:
            return subprocess.Popen(
                self._arguments(words, clock_ahead), stdout=log, stderr=log, env=self._environ, start_new_session=True
            )

    def log(self, command: str) -> str:
        """Returns the output of commands started with `start`."""
        return (self.base / f"{command}.log").read_text(encoding="utf-8", errors="replace")

    # ---- contents of the store, read by the real commands

    def stories(self) -> list[dict[str, Any]]:
        return self("export").objects

    def story(self, title: str) -> dict[str, Any]:
        """Returns the only story with this title."""
        (story,) = [story for story in self.stories() if story["title"] == title]
        return story

    def outlets(self) -> dict[str, dict[str, Any]]:
        return {outlet["name"]: outlet for outlet in self("outlets", "--json").objects}

    @property
    def _environ(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_")}

    def _arguments(self, words: Sequence[str], clock_ahead: timedelta = timedelta(0)) -> list[str]:
        program = ["-c", CLOCK_AHEAD_PROGRAM.format(clock_ahead.total_seconds())] if clock_ahead else ["-m", "monitor"]
        return [sys.executable, *program, words[0], "--config", str(self.config), *words[1:]]


def settings(newsroom: Newsroom | Sequence[DemoOutlet], mail_url: str | None, **changes: Any) -> dict[str, Any]:
    """Returns a configuration for these outlets, with the two alerts of the model story."""
    outlets = newsroom if isinstance(newsroom, list | tuple) else list(newsroom.outlets.values())
    values: dict[str, Any] = {
        "store": {"url": "sqlite:monitor.db"},
        "mail": {"url": mail_url, "sender": "monitor@example.org"},
        "crawl": {"delay": "0s", "timeout": "5s"},
        "keep": "all",
        "outlets": [outlet.config_entry() for outlet in outlets],
        "alerts": [SBERBANK, BRICS],
    }
    return values | changes


def demo_story(outlet: str, number: int, *, word: str = "") -> DemoStory:
    """Returns a story of some 130 words that is unlike all others, with ``word`` in the middle."""
    rng = random.Random(f"{outlet} {number}")
    nouns, adjectives, verbs = NOUNS.split(), ADJECTIVES.split(), VERBS.split()

    def sentence() -> str:
        subject, direct_object, location = rng.sample(nouns, 3)
        location_adjective, object_adjective = rng.sample(adjectives, 2)
        tail = rng.choice(("because", "although", "after", "while")) + f" {rng.choice(nouns)}s"
        return (
            f"{rng.choice(adjectives).title()} {subject}s {rng.choice(verbs)} {rng.randint(3, 9999)} "
            f"{object_adjective} {direct_object}s behind {location_adjective} {location}s {tail} "
            f"{rng.choice(verbs)} {rng.choice(adjectives)} ground."
        )

    sentences = [sentence() for _ in range(8)]
    sentences.insert(4, f"Then came {word or 'nobody'} to look.")
    subject = rng.choice(nouns)
    return DemoStory(
        outlet=outlet,
        slug=f"what-the-{subject}-of-{outlet}-did-in-week-{number}",
        title=f"What the {subject} of {outlet} did in week {number}",
        author="Ines Carrow",
        standfirst="",
        paragraphs=(" ".join(sentences[:3]), " ".join(sentences[3:7]), " ".join(sentences[7:])),
        published_at=now().replace(second=0, microsecond=0),
    )


NOUNS = (
    "harbour valley bridge market library garden station orchard quarry tower lantern map boat ledger seed bell cart "
    "letter barrel clock ferry mill kiln barn rooftop cellar fountain meadow canal workshop bakery museum tunnel "
    "chimney staircase lighthouse vineyard stable courtyard pavilion archive theatre granary footpath hedge pier"
)
ADJECTIVES = (
    "quiet narrow painted wooden distant crowded empty ancient crooked polished frozen sunny borrowed heavy spotless "
    "hidden noisy broken patient curious silver muddy hollow gentle careless proud tidy rusty golden shallow steep"
)
VERBS = (
    "measured counted moved repaired opened described sold drew sorted lifted carried followed watched gathered hid "
    "washed weighed copied traded mended crossed lent guarded planted shook turned held buried raised emptied"
)


def wait_for(condition: Callable[[], Any], *, seconds: float = 60, every: float = 0.1) -> None:
    """Returns as soon as ``condition`` is true; fails after ``seconds``.  Checks it ``every`` so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} did not become true within {seconds} s"
        time.sleep(every)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kills the process of a command started with `Monitor.start`, but not its workers, with SIGKILL."""
    process.kill()
    process.wait()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kills a started command and its workers with SIGKILL, if any still run."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def child_processes(parent: int) -> list[int]:
    """Returns the ids of the processes that this process has started."""
    pids = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(file.read_text().rpartition(")")[2].split()[1]) == parent:
                pids.append(int(file.parent.name))
        except OSError:  # the process has ended
            continue
    return pids
