"""The demo: runs media-monitor's commands step by step, shows their output and checks the results."""

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

COMMAND_TIMEOUT_SECONDS = 150  # for one media-monitor command


class TourFailed(Exception):
    """A step of the demo failed; the exception's text is the reason."""


class DemoTour:
    """One run of the demo, which writes its files to the directory ``out`` and replaces those of an earlier run."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.config = out / "monitor.yaml"
        self.console = Console(highlight=False)

    def run(self, *, stay: bool = False) -> None:
        """Runs all steps; with ``stay``, then serves until Ctrl-C.  Raises TourFailed if a step fails."""
        self._clear_output()
        began = time.monotonic()
        with Newsroom() as newsroom, MailSink(directory=self.out / "mail") as sink:
            write_config(self.config, outlets=newsroom.config_entries(), mail_url=sink.url)
            self._show_newsroom(newsroom)
            self._crawl_first_time(newsroom)
            stories = self._search_and_check(sink)
            self._show_mail(sink)
            again = self._crawl_again(newsroom, sink)
            self._publish_late_story(newsroom, sink)
            self._show_outlet_health()
            self._print_summary(newsroom, sink, stories, again, time.monotonic() - began)
            if stay:
                self._serve_until_interrupted(newsroom)

    # ---- the steps

    def _show_newsroom(self, newsroom: Newsroom) -> None:
        self._print_heading("A newsroom opens on this machine")
        outlets = list(newsroom.outlets.values())
        width = max(cell_len(outlet.profile.name) for outlet in outlets)
        for outlet in outlets:
            name = set_cell_size(outlet.profile.name, width)
            self._print_line(f"  {name}  {outlet.site.url}  {outlet.profile.description}")
        self._print_line(f"Its outlets, two topics and three alerts are configured in {self.config}.")

    def _crawl_first_time(self, newsroom: Newsroom) -> None:
        self._print_heading("First pass: fetch new pages, extract and store stories, send mail")
        self._print_line("One outlet always responds with errors; this must not affect the others.")
        # Exit status 1, because one outlet fails.
        self._run_command("crawl", expect=(1,))
        if not newsroom.count_story_requests():
            raise TourFailed("the first pass fetched no story")

    def _search_and_check(self, sink: MailSink) -> list[dict[str, Any]]:
        self._print_heading("Search the stored stories")
        self._run_command("search", "BRICS NEAR/10 AI", "--limit", "3")
        stories = self._search_stories("topic:ai-geopolitics OR alert:sberbank")
        expected = model_story()
        stored = next((story for story in stories if story["title"] == expected.title), None)
        if stored is None:
            raise TourFailed(f"the story {expected.title!r} was not stored")
        if stored["text"].removeprefix(expected.standfirst).split() != expected.text.split():
            raise TourFailed(f"the text of {expected.title!r} is not exactly the article")
        if not {"sberbank", "brics-ai"} <= set(stored["alerts"]):
            raise TourFailed(f"{expected.title!r} should have set off sberbank and brics-ai, not {stored['alerts']}")
        if not sink.received:
            raise TourFailed("no mail was received")
        return stories

    def _show_mail(self, sink: MailSink) -> None:
        self._print_heading("The mail, as received")
        for mail in sink.received:
            self._print_line(f"  To {', '.join(mail.recipients)}: {mail.subject}")
        title = model_story().title
        shown = next((mail for mail in sink.received if title in mail.text), sink.received[0])
        self.console.rule(style="dim")
        for name in ("From", "To", "Subject"):
            self._print_line(f"{name}: {shown.message[name]}", style="bold")
        self._print_line(f"\n{shown.text.strip()}")
        self.console.rule(style="dim")

    def _crawl_again(self, newsroom: Newsroom, sink: MailSink) -> tuple[int, int]:
        """Crawls again without new stories.

        Returns the numbers of story pages fetched and mails received again.  Raises TourFailed unless both are 0.
        """
        self._print_heading("Second pass: nothing new, so nothing is fetched or mailed again")
        newsroom.forget_requests()
        mails_before = len(sink.received)
        self._run_command("crawl", "--all", expect=(1,))
        unchanged = sum(outlet.site.count(status=304) for outlet in newsroom.outlets.values())
        again = newsroom.count_story_requests(), len(sink.received) - mails_before
        self._print_line(
            f"Stories fetched again: {again[0]}. Mails sent again: {again[1]}. "
            f"{unchanged} feeds and pages responded that nothing had changed."
        )
        if again != (0, 0):
            raise TourFailed("the second pass fetched or mailed stories again")
        return again

    def _publish_late_story(self, newsroom: Newsroom, sink: MailSink) -> None:
        self._print_heading("A story breaks: one more pass brings one more mail")
        mails_before = len(sink.received)
        newsroom["meridian"].publish(_late_story())
        self._run_command("crawl", "--all", "--outlet", newsroom["meridian"].profile.name)
        subjects = [mail.subject for mail in sink.received[mails_before:]]
        if len(subjects) != 1:
            raise TourFailed(f"expected one mail for the late story, received {len(subjects)}: {subjects}")
        self._print_line(f"Mail: {subjects[0]}")

    def _show_outlet_health(self) -> None:
        self._print_heading("The health of the outlets")
        self._run_command("outlets")

    def _print_summary(
        self,
        newsroom: Newsroom,
        sink: MailSink,
        stories: list[dict[str, Any]],
        again: tuple[int, int],
        seconds: float,
    ) -> None:
        self._print_heading("What happened")
        outlets = {story["outlet"] for story in stories}
        languages = {story["language"] for story in stories}
        reprints = sum(story["cluster"] != story["id"] for story in stories)
        published = sum(len(outlet.stories) for outlet in newsroom.outlets.values())
        print_line = self._print_line
        print_line(f"  Crawled   {len(newsroom.outlets)} outlets with {published} stories in {seconds:.0f} seconds.")
        print_line(
            f"  Kept      {len(stories)} stories of {len(outlets)} outlets in {len(languages)} languages; "
            f"reprints among them: {reprints}."
        )
        print_line(f"  Mailed    {len(sink.received)} mails; the daily digest of export-controls waits for 07:00 UTC.")
        print_line(f"  Repeated  {again[0]} pages fetched and {again[1]} mails sent a second time.")
        print_line(f"  Scripts   {self._rendering_result(newsroom, stories)}")
        self._print_heading("Files to look at")
        print_line(f"  {self.config}  the outlets, topics and alerts of this demo, commented")
        print_line(f"  {self.out / 'monitor.db'}    every story, hit and mail: one SQLite file")
        print_line(f"  {self.out / 'mail'}/         the mails as received, to open in a mail program")
        self._print_heading("What to type next")
        program = ".venv/bin/media-monitor"
        option = f"--config {shlex.quote(str(self.config))}"
        for command, purpose in (
            (f"{program} search '人工智能 OR ИИ' {option}", "other words, other languages"),
            (f"{program} serve {option}", "these stories at http://127.0.0.1:8080/; `make demo` opens it now"),
            (f"{program} alerts test export-controls {option}", "stories that an alert would have caught"),
            (".venv/bin/python -m monitor.demo --stay", "the demo again; the newsroom stays open"),
            (f"{program} init my-monitor", "your own monitor, with real outlets to choose from"),
        ):
            print_line(f"  {command}", style="bold")
            print_line(f"      {purpose}", style="dim")

    def _rendering_result(self, newsroom: Newsroom, stories: list[dict[str, Any]]) -> str:
        """Returns a text that says whether the outlet whose pages are written by JavaScript could be read, and how."""
        name = newsroom["ministry"].profile.name
        if any(story["outlet"] == name for story in stories):
            engine = next(outlet["engine"] for outlet in self._json_output("outlets") if outlet["name"] == name)
            return f"{name} writes its pages by JavaScript; they were rendered with {engine}."
        return (
            f"{name} writes its pages by JavaScript and could not be read: no rendering engine is installed.\n"
            "            Install Chromium (apt install chromium; .venv/bin/pip install scrapy-playwright),\n"
            "            or name a Splash server in SPLASH_URL, and run the demo again."
        )

    def _serve_until_interrupted(self, newsroom: Newsroom) -> None:
        self._print_heading("The newsroom and its mail server stay open until Ctrl-C")
        self._print_line(f"Try, in another terminal: .venv/bin/media-monitor run --config {self.config}")
        self._print_line(f"Read the newsroom in a browser: {newsroom['meridian'].site.url}")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return

    # ---- running commands and printing

    def _clear_output(self) -> None:
        """Removes the files of an earlier run.  Raises TourFailed if the directory has files of another origin."""
        if self.out.exists() and any(self.out.iterdir()) and not self.config.exists():
            raise TourFailed(f"{self.out} is not empty and not from a demo; name another directory with --out")
        self.out.mkdir(parents=True, exist_ok=True)
        for path in self.out.glob("monitor.*"):
            path.unlink()
        shutil.rmtree(self.out / "mail", ignore_errors=True)

    def _run_command(self, *words: str, expect: tuple[int, ...] = (0,)) -> None:
        """Shows and runs a media-monitor command.  Raises TourFailed unless its exit status is in ``expect``."""
        self._print_line(f"$ media-monitor {shlex.join(words)}", style="bold green")
        sys.stdout.flush()
        completed = subprocess.run(self._command_line(words), timeout=COMMAND_TIMEOUT_SECONDS, check=False)  # noqa: S603  runs media-monitor itself
        if completed.returncode not in expect:
            raise TourFailed(f"media-monitor {shlex.join(words)} ended with status {completed.returncode}")
        self.console.print()

    def _json_output(self, *words: str) -> list[dict[str, Any]]:
        """Runs a command with --json and returns its output, one dict per line.  Raises TourFailed if it fails."""
        arguments = self._command_line((*words, "--json"))
        completed = subprocess.run(arguments, timeout=COMMAND_TIMEOUT_SECONDS, check=False, capture_output=True)  # noqa: S603  runs media-monitor itself
        if completed.returncode:
            raise TourFailed(f"media-monitor {shlex.join(words)}: {completed.stderr.decode()}")
        return [json.loads(line) for line in completed.stdout.decode().splitlines()]

    def _search_stories(self, query: str) -> list[dict[str, Any]]:
        return self._json_output("search", query, "--limit", "100")

    def _command_line(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "monitor", words[0], "--config", str(self.config), *words[1:]]

    def _print_heading(self, title: str) -> None:
        self._print_line(f"\n{title}", style="bold")
        self._print_line("─" * len(title), style="dim")

    def _print_line(self, text: str, *, style: str = "") -> None:
        """Prints a text without wrapping; applies ``style`` only on a terminal."""
        self.console.print(Text(text, style=style), soft_wrap=True)


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
