"""The real command on a monitor.yaml of a test's own."""

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
from typing import TYPE_CHECKING, Any

import yaml

from monitor.demo.stories import DemoStory
from monitor.models import now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from monitor.demo.newsroom import DemoOutlet, Newsroom

SBERBANK = {"name": "sberbank", "query": "Sberbank OR Сбербанк", "to": ["desk@example.org"]}
BRICS = {"name": "brics-ai", "query": "BRICS NEAR/10 AI", "to": ["desk@example.org"]}

# Everything asks one clock for the time, so that it can be set before anything else is imported.
LATER = """
import datetime, monitor.models
real = monitor.models.now
monitor.models.now = lambda: real() + datetime.timedelta(seconds={})
from monitor.cli import main
main()
"""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """What it printed, a JSON object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Monitor:
    """A directory with a monitor.yaml, and the commands run on it as a user runs them."""

    def __init__(self, base: Path, settings: Mapping[str, Any]) -> None:
        self.base = base
        self.config = base / "monitor.yaml"
        self.configure(settings)

    def configure(self, settings: Mapping[str, Any]) -> None:
        text = yaml.safe_dump(dict(settings), allow_unicode=True, sort_keys=False)
        self.config.write_text(text, encoding="utf-8")

    def __call__(
        self, *words: str, status: int | None = 0, timeout: float = 120, later: timedelta = timedelta(0)
    ) -> Result:
        """Runs a command to its end, which must come with ``status`` (None: any), its clock set ahead by ``later``."""
        done = subprocess.run(
            self._line(words, later), capture_output=True, timeout=timeout, env=self._environ, check=False
        )
        result = Result(status=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())
        assert "Traceback" not in result.err, result.err
        if status is not None:
            assert result.status == status, f"status {result.status}\n{result.out}\n{result.err}"
        return result

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Begins a command in a process group of its own, its output in ``WORD.log``."""
        with (self.base / f"{words[0]}.log").open("ab") as log:
            return subprocess.Popen(
                self._line(words), stdout=log, stderr=log, env=self._environ, start_new_session=True
            )

    def log(self, word: str) -> str:
        """What commands begun with `start` wrote."""
        return (self.base / f"{word}.log").read_text(encoding="utf-8", errors="replace")

    # ---- what the store holds, asked of the real commands

    def stories(self) -> list[dict[str, Any]]:
        return self("export").objects

    def story(self, title: str) -> dict[str, Any]:
        """The one story of that title."""
        (story,) = [story for story in self.stories() if story["title"] == title]
        return story

    def outlets(self) -> dict[str, dict[str, Any]]:
        return {outlet["name"]: outlet for outlet in self("outlets", "--json").objects}

    @property
    def _environ(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_")}

    def _line(self, words: Sequence[str], later: timedelta = timedelta(0)) -> list[str]:
        program = ["-c", LATER.format(later.total_seconds())] if later else ["-m", "monitor"]
        return [sys.executable, *program, words[0], "--config", str(self.config), *words[1:]]


def settings(newsroom: Newsroom | Sequence[DemoOutlet], mail_url: str | None, **changes: Any) -> dict[str, Any]:
    """A monitor.yaml for these outlets, with the two alerts of the model story."""
    houses = newsroom if isinstance(newsroom, list | tuple) else list(newsroom.houses.values())
    values: dict[str, Any] = {
        "store": {"url": "sqlite:monitor.db"},
        "mail": {"url": mail_url, "sender": "monitor@example.org"},
        "crawl": {"delay": "0s", "timeout": "5s"},
        "keep": "all",
        "outlets": [house.outlet() for house in houses],
        "alerts": [SBERBANK, BRICS],
    }
    return values | changes


def dispatch(outlet: str, number: int, *, word: str = "") -> DemoStory:
    """A story of some 130 words that is like no other, with ``word`` in its middle."""
    chance = random.Random(f"{outlet} {number}")
    nouns, qualities, deeds = NOUNS.split(), QUALITIES.split(), DEEDS.split()

    def sentence() -> str:
        subject, thing, place = chance.sample(nouns, 3)
        how, what = chance.sample(qualities, 2)
        tail = chance.choice(("because", "although", "after", "while")) + f" {chance.choice(nouns)}s"
        return (
            f"{chance.choice(qualities).title()} {subject}s {chance.choice(deeds)} {chance.randint(3, 9999)} {what} "
            f"{thing}s behind {how} {place}s {tail} {chance.choice(deeds)} {chance.choice(qualities)} ground."
        )

    sentences = [sentence() for _ in range(8)]
    sentences.insert(4, f"Then came {word or 'nobody'} to look.")
    place = chance.choice(nouns)
    return DemoStory(
        outlet=outlet,
        slug=f"what-the-{place}-of-{outlet}-did-in-week-{number}",
        title=f"What the {place} of {outlet} did in week {number}",
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
QUALITIES = (
    "quiet narrow painted wooden distant crowded empty ancient crooked polished frozen sunny borrowed heavy spotless "
    "hidden noisy broken patient curious silver muddy hollow gentle careless proud tidy rusty golden shallow steep"
)
DEEDS = (
    "measured counted moved repaired opened described sold drew sorted lifted carried followed watched gathered hid "
    "washed weighed copied traded mended crossed lent guarded planted shook turned held buried raised emptied"
)


def wait_for(condition: Callable[[], Any], *, seconds: float = 60, every: float = 0.1) -> None:
    """Returns as soon as ``condition`` is true; fails where it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} did not become true within {seconds} s"
        time.sleep(every)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kills a command begun with `Monitor.start` as the kernel would: the process alone, at once."""
    process.kill()
    process.wait()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends whatever of a started command still lives, its workers too."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
