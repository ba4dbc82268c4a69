"""The demo, step by step: what it runs, what it shows, and what it makes sure of."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from monitor.demo.config_file import write_config
from monitor.demo.newsroom import Newsroom
from monitor.demo.sink import MailSink
from monitor.demo.stories import DemoStory, model_story
from monitor.models import now

if TYPE_CHECKING:
    from pathlib import Path

COMMAND_TIMEOUT_SECONDS = 150  # seconds a command may take


class TourFailed(Exception):
    """A step did not do what it promises; the message says which."""


class Tour:
    """One run of the demo in ``out``, whose former contents it replaces."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.config = out / "monitor.yaml"
        self.console = Console(highlight=False)

    def run(self, *, stay: bool = False) -> None:
        """Runs every step and prints what it shows; raises TourFailed at the first that goes wrong."""
        self._clear()
        began = time.monotonic()
        with Newsroom() as newsroom, MailSink(keep=self.out / "mail") as sink:
            write_config(self.config, outlets=newsroom.outlets(), mail_url=sink.url)
            self._introduce(newsroom)
            self._first_pass(newsroom)
            stories = self._search(sink)
            self._mail(sink)
            again = self._second_pass(newsroom, sink)
            self._late_story(newsroom, sink)
            self._outlets()
            self._summary(newsroom, sink, stories, again, time.monotonic() - began)
            if stay:
                self._stay(newsroom)

    # ---- the steps

    def _introduce(self, newsroom: Newsroom) -> None:
        self._heading("A newsroom opens on this machine")
        houses = list(newsroom.houses.values())
        width = max(cell_len(house.profile.name) for house in houses)
        for house in houses:
            name = set_cell_size(house.profile.name, width)
            self._say(f"  {name}  {house.site.url}  {house.profile.habit}")
        self._say(f"Its outlets, two topics and three alerts stand in {self.config}.")

    def _first_pass(self, newsroom: Newsroom) -> None:
        self._heading("First pass: fetch what is new, read it, keep what matters, send the mail")
        self._say("One outlet answers with errors all the time; the others must not suffer.")
        # Exit status 1 says that an outlet failed, as one does here.
        self._command("crawl", expect=(1,))
        if not newsroom.story_requests():
            raise TourFailed("the first pass fetched no story")

    def _search(self, sink: MailSink) -> list[dict[str, Any]]:
        self._heading("Search what was kept")
        self._command("search", "BRICS NEAR/10 AI", "--limit", "3")
        stories = self._stories("topic:ai-geopolitics OR alert:sberbank")
        model = model_story()
        found = next((story for story in stories if story["title"] == model.title), None)
        if found is None:
            raise TourFailed(f"the story {model.title!r} was not kept")
        if found["text"].removeprefix(model.standfirst).split() != model.text.split():
            raise TourFailed(f"the text of {model.title!r} is not the whole article and nothing else")
        if not {"sberbank", "brics-ai"} <= set(found["alerts"]):
            raise TourFailed(f"{model.title!r} should have set off sberbank and brics-ai, not {found['alerts']}")
        if not sink.received:
            raise TourFailed("no mail came")
        return stories

    def _mail(self, sink: MailSink) -> None:
        self._heading("The mail, as the desk received it")
        for mail in sink.received:
            self._say(f"  To {', '.join(mail.recipients)}: {mail.subject}")
        title = model_story().title
        shown = next((m for m in sink.received if title in m.text), sink.received[0])
        self.console.rule(style="dim")
        for name in ("From", "To", "Subject"):
            self._say(f"{name}: {shown.message[name]}", style="bold")
        self._say(f"\n{shown.text.strip()}")
        self.console.rule(style="dim")

    def _second_pass(self, newsroom: Newsroom, sink: MailSink) -> tuple[int, int]:
        """Returns how many stories were fetched again and how many mails came: both must be none."""
        self._heading("Second pass: nothing new, so nothing is fetched or mailed again")
        newsroom.forget()
        mails = len(sink.received)
        self._command("crawl", "--all", expect=(1,))
        unchanged = sum(house.site.count(status=304) for house in newsroom.houses.values())
        again = newsroom.story_requests(), len(sink.received) - mails
        self._say(
            f"Stories fetched again: {again[0]}. Mails sent again: {again[1]}. "
            f"{unchanged} feeds and pages answered that nothing had changed."
        )
        if again != (0, 0):
            raise TourFailed("the second pass fetched or mailed what was known")
        return again

    def _late_story(self, newsroom: Newsroom, sink: MailSink) -> None:
        self._heading("A story breaks: one more pass brings one more mail")
        mails = len(sink.received)
        newsroom["meridian"].publish(_late_story())
        self._command("crawl", "--all", "--outlet", newsroom["meridian"].profile.name)
        came = [mail.subject for mail in sink.received[mails:]]
        if len(came) != 1:
            raise TourFailed(f"one mail should have come for the late story, not {len(came)}: {came}")
        self._say(f"Mail: {came[0]}")

    def _outlets(self) -> None:
        self._heading("The health of the outlets")
        self._command("outlets")

    def _summary(
        self,
        newsroom: Newsroom,
        sink: MailSink,
        stories: list[dict[str, Any]],
        again: tuple[int, int],
        seconds: float,
    ) -> None:
        self._heading("What happened")
        kept = {story["outlet"] for story in stories}
        languages = {story["language"] for story in stories}
        reprints = sum(story["cluster"] != story["id"] for story in stories)
        published = sum(len(house.stories) for house in newsroom.houses.values())
        say = self._say
        say(f"  Crawled   {len(newsroom.houses)} outlets with {published} stories in {seconds:.0f} seconds.")
        say(
            f"  Kept      {len(stories)} stories of {len(kept)} outlets in {len(languages)} languages; "
            f"reprints among them: {reprints}."
        )
        say(f"  Mailed    {len(sink.received)} mails; the daily digest of export-controls waits for 07:00 UTC.")
        say(f"  Repeated  {again[0]} pages fetched and {again[1]} mails sent a second time.")
        say(f"  Scripts   {self._rendering(newsroom, stories)}")
        self._heading("Files to look at")
        say(f"  {self.config}  the outlets, topics and alerts of this demo, commented")
        say(f"  {self.out / 'monitor.db'}    every story, hit and mail: one SQLite file")
        say(f"  {self.out / 'mail'}/         the mails as received, to open in a mail program")
        self._heading("What to type next")
        program = ".venv/bin/media-monitor"
        at = f"--config {shlex.quote(str(self.config))}"
        for words, purpose in (
            (f"{program} search '人工智能 OR ИИ' {at}", "other words, other languages"),
            (f"{program} alerts test export-controls {at}", "what a rule would have caught"),
            (".venv/bin/python -m monitor.demo --stay", "the demo again, and the newsroom stays open"),
            (f"{program} init my-monitor", "your own monitor, with real outlets to choose from"),
        ):
            say(f"  {words}", style="bold")
            say(f"      {purpose}", style="dim")

    def _rendering(self, newsroom: Newsroom, stories: list[dict[str, Any]]) -> str:
        """A clear word on the outlet whose pages are written by JavaScript."""
        name = newsroom["ministry"].profile.name
        if any(story["outlet"] == name for story in stories):
            engine = next(outlet["engine"] for outlet in self._objects("outlets") if outlet["name"] == name)
            return f"{name} writes its pages by JavaScript; they were read with {engine}."
        return (
            f"{name} writes its pages by JavaScript and could not be read: no rendering engine is here.\n"
            "            Install Chromium (apt install chromium; .venv/bin/pip install scrapy-playwright),\n"
            "            or name a Splash server in SPLASH_URL, and run the demo again."
        )

    def _stay(self, newsroom: Newsroom) -> None:
        self._heading("The newsroom and its mail server stay open until Ctrl-C")
        self._say(f"Try, in another terminal: .venv/bin/media-monitor run --config {self.config}")
        self._say(f"Read the newsroom in a browser: {newsroom['meridian'].site.url}")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return

    # ---- how it runs and shows

    def _clear(self) -> None:
        """Removes what an earlier demo left, and nothing else."""
        if self.out.exists() and any(self.out.iterdir()) and not self.config.exists():
            raise TourFailed(f"{self.out} is not empty and not a demo's; name another directory with --out")
        self.out.mkdir(parents=True, exist_ok=True)
        for path in self.out.glob("monitor.*"):
            path.unlink()
        shutil.rmtree(self.out / "mail", ignore_errors=True)

    def _command(self, *words: str, expect: tuple[int, ...] = (0,)) -> None:
        """Runs a command of media-monitor, showing it and its output."""
        self._say(f"$ media-monitor {shlex.join(words)}", style="bold green")
        sys.stdout.flush()
        done = subprocess.run(self._line(words), timeout=COMMAND_TIMEOUT_SECONDS, check=False)  # noqa: S603  our own program
        if done.returncode not in expect:
            raise TourFailed(f"media-monitor {shlex.join(words)} ended with status {done.returncode}")
        self.console.print()

    def _objects(self, *words: str) -> list[dict[str, Any]]:
        """What a command prints with --json."""
        line = self._line((*words, "--json"))
        done = subprocess.run(line, timeout=COMMAND_TIMEOUT_SECONDS, check=False, capture_output=True)  # noqa: S603  our own program
        if done.returncode:
            raise TourFailed(f"media-monitor {shlex.join(words)}: {done.stderr.decode()}")
        return [json.loads(each) for each in done.stdout.decode().splitlines()]

    def _stories(self, query: str) -> list[dict[str, Any]]:
        return self._objects("search", query, "--limit", "100")

    def _line(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "monitor", words[0], "--config", str(self.config), *words[1:]]

    def _heading(self, words: str) -> None:
        self._say(f"\n{words}", style="bold")
        self._say("─" * len(words), style="dim")

    def _say(self, words: str, *, style: str = "") -> None:
        """A line, as long as it is; colour only on a terminal."""
        self.console.print(Text(words, style=style), soft_wrap=True)


def _late_story() -> DemoStory:
    return DemoStory(
        outlet="meridian",
        slug="bank-publishes-weights-of-its-largest-model",
        title="Bank publishes the weights of its largest model",
        standfirst="Sanctions made the step likely, engineers say.",
        author="Ines Carrow",
        section="Artificial Intelligence",
        published_at=now().replace(second=0, microsecond=0),
        paragraphs=(
            "Sberbank has published the weights of its largest language model, a step that engineers in Russia had "
            "asked for since sanctions cut them off from most foreign services.",
            "The model may be used and changed free of charge. It was trained on a mixture of Russian, English and "
            "Chinese texts, the bank said, and needs a fifth of the memory of its predecessor.",
            "Researchers welcomed the release of the artificial intelligence model and asked for the list of sources "
            "as well. The bank did not say whether it would follow.",
        ),
    )
