"""What the commands share: the context of a call (configuration, store, consoles), parameter types, and messages.

Configuration, store and consoles are opened at their first use.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from monitor.cli.printable_streams import without_control_characters
from monitor.models import now
from monitor.suggestions import unknown_name_message
from monitor.time_arguments import parse_end_time, parse_span, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, RenderableType
    from rich.progress import Progress
    from rich.status import Status

    from monitor.config import Alert, Config
    from monitor.models import Story
    from monitor.query.fragments import Fragments
    from monitor.store import Store

CommandFunction = TypeVar("CommandFunction", bound="Callable[..., Any]")
MAX_LISTED_STORY_IDS = 5  # in the error message when several stories' ids begin with the given characters
KEEP_MATCHING_HINT = "With keep: matching only stories of a topic or alert are stored; others cannot be found here."
PIPE_WIDTH_COLUMNS = 10_000  # console width when stdout is a pipe, so that each row of a table is one line


class CommandContext:
    """The first argument of every command: gives access to configuration, store and consoles.

    ``config_option`` is the value of ``--config``, None without it; ``is_verbose`` is that of ``--verbose``.
    """

    config_option: str | None = None
    is_verbose = False
    is_quiet = False  # prints faults only; set before the first use of `out`

    @cached_property
    def config_path(self) -> Path:
        """The path of the configuration: from ``--config``, else MONITOR_CONFIG, else monitor.yaml."""
        return Path(self.config_option or os.environ.get("MONITOR_CONFIG") or "monitor.yaml")

    @cached_property
    def config(self) -> Config:
        """The configuration, loaded at the first use.  Raises ConfigError."""
        from monitor.config import load

        if self.is_verbose:
            logging.getLogger("monitor").setLevel(logging.INFO)
        return load(self.config_path, os.environ)

    @property
    def has_config(self) -> bool:
        """True if there is a configuration or the user names one; some commands need none."""
        return self.config_path.exists() or self.config_option is not None

    @property
    def fragments(self) -> Fragments:
        """The fragments that queries may use: those of the configuration, if there is one, and of the packs."""
        from monitor.query.fragments import PACKS_ONLY

        return self.config.fragments if self.has_config else PACKS_ONLY

    @property
    def config_directory(self) -> Path:
        """The directory of the configuration file; relative paths in the configuration start from it."""
        return self.config_path.parent

    @contextmanager
    def open_store(self) -> Iterator[Store]:
        """Opens the configured store and closes it afterwards; creates or migrates it if needed.  Raises StoreError."""
        with self._open_store_without_setup() as store:
            store.setup()
            yield store

    @contextmanager
    def open_existing_store(self) -> Iterator[Store]:
        """Opens the configured store, and closes it afterwards; never creates it, but migrates it if needed.

        Raises StoreRefused if the store does not exist, StoreError for other failures.
        """
        with self._open_store_without_setup() as store:
            store.require_exists()
            store.setup()
            yield store

    def require_store_exists(self) -> None:
        """Raises StoreRefused if the configured store does not exist."""
        with self._open_store_without_setup() as store:
            store.require_exists()

    @contextmanager
    def _open_store_without_setup(self) -> Iterator[Store]:
        from monitor.store import open_store

        store = open_store(self.config.store, self.config_directory)
        try:
            yield store
        finally:
            store.close()

    @cached_property
    def out(self) -> Console:
        """The console that prints results to stdout; without colour and wrapping if stdout is not a terminal."""
        from monitor.cli.printable_console import PrintableConsole

        terminal = sys.stdout.isatty()
        width = None if terminal or os.environ.get("COLUMNS", "").isdecimal() else PIPE_WIDTH_COLUMNS
        return PrintableConsole(highlight=False, width=width, emoji=False, soft_wrap=not terminal, quiet=self.is_quiet)

    @cached_property
    def err(self) -> Console:
        """The console that prints progress, notes and errors to stderr."""
        from monitor.cli.printable_console import PrintableConsole

        return PrintableConsole(stderr=True, highlight=False, emoji=False, soft_wrap=True)

    def print_fault(self, text: str, *, level: int = logging.ERROR) -> None:
        """Prints a fault to stderr; with ``is_quiet`` as lines of the log, because a log file of cron needs times."""
        if self.is_quiet:
            for line in text.splitlines():
                logging.getLogger("monitor").log(level, "%s", line.removeprefix("error: "))
        else:
            click.echo(without_control_characters(text), err=True)

    def spinner(self, text: str) -> Status | nullcontext[None]:
        """Returns a context manager that shows a spinner with this text while stderr is a terminal, else nothing."""
        return self.err.status(text) if self.err.is_terminal else nullcontext()

    def progress_bar(self, *, shown: bool = True) -> Progress:
        """Returns a progress bar on stderr; it stays hidden if stderr is not a terminal or ``shown`` is False."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self.err, transient=True, disable=not (shown and self.err.is_terminal))

    def print_table(self, table: RenderableType) -> None:
        """Prints a table or part of one to stdout; removes trailing spaces if stdout is not a terminal."""
        if self.out.is_terminal:
            self.out.print(table, soft_wrap=False)
            return
        with self.out.capture() as capture:
            self.out.print(table, soft_wrap=False)
        for line in capture.get().splitlines():
            click.echo(line.rstrip())

    def find_alert(self, name: str) -> Alert:
        """Returns the configured alert with this name, ignoring case.  Raises click.UsageError if there is none."""
        alert = next((alert for alert in self.config.alerts if alert.name.casefold() == name.casefold()), None)
        if alert is None:
            raise click.UsageError(unknown_name_message("alert", name, [alert.name for alert in self.config.alerts]))
        return alert

    def warn_about_query(self, query: str, *, kind: str) -> None:
        """Prints notes about probable mistakes in a query to stderr; ``kind`` is topic, alert or search."""
        from monitor.query.lint import lint_query
        from monitor.query.lint_notes import configured_values

        for note in lint_query(query, configured=configured_values(self.config), kind=kind):
            self.err.print(f"note: {note}", markup=False)


def with_context(command: CommandFunction) -> CommandFunction:
    """Decorates a command: passes the CommandContext as first argument and adds ``--config`` and ``--verbose``.

    The program has these two options too, so that they may stand before or after the command's name.
    """

    @click.option(
        "--config", "-c", "config_", metavar="FILE", help="Configuration (default: monitor.yaml, or MONITOR_CONFIG)."
    )
    @click.option("--verbose", "-v", "verbose_", is_flag=True, help="Log progress to stderr.")
    @click.pass_context
    @functools.wraps(command)
    def command_with_context(ctx: click.Context, config_: str | None, verbose_: bool, *args: Any, **kwargs: Any) -> Any:
        context = ctx.ensure_object(CommandContext)
        context.config_option = config_ or context.config_option
        context.is_verbose = verbose_ or context.is_verbose
        return command(context, *args, **kwargs)

    return command_with_context  # type: ignore[return-value]  # click calls the wrapper with other parameters than the command's


class TimeType(click.ParamType[datetime]):
    """Converts an option's value to a datetime in UTC.

    Accepts ``7d`` and ``12h`` (counted back from now), ``2026``, ``2026-11``, ``2026-11-01`` and ISO 8601 times; those
    without a zone are in UTC.
    """

    name = "7d|DATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_time(value, now())
        except ValueError as error:
            self.fail(str(error), param, ctx)


class EndTimeType(TimeType):
    """Converts as TimeType does, but a day, month or year to its end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_end_time(value, now())
        except ValueError as error:
            self.fail(str(error), param, ctx)


class TimeZoneType(click.ParamType[ZoneInfo]):
    """Converts the name of a time zone, as Europe/Berlin."""

    name = "ZONE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        if isinstance(value, ZoneInfo):
            return value
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            self.fail(f"{value!r} is no time zone; write Europe/Berlin", param, ctx)


class DurationType(click.ParamType[timedelta]):
    """Converts an option's or argument's value to a timedelta; accepts ``2d``, ``12h`` and ``1h30m``."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_span(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def find_story(store: Store, reference: str) -> Story:
    """Returns the stored story with this id, beginning of an id (6 or more characters) or URL.

    Raises click.UsageError if there is none, or if several ids begin with these characters.
    """
    from monitor.store.story_address import story_at

    key = reference.strip()
    if story := story_at(store, key) if "://" in key else store.stories([key]).get(key):
        return story
    if re.fullmatch(r"[0-9a-f]{1,5}", key):
        raise click.UsageError(f"{reference!r} is too short; give at least 6 characters of the id")
    if re.fullmatch(r"[0-9a-f]{6,31}", key):
        previous_id = f"{int(key, 16) - 1:0{len(key)}x}" + "f" * (32 - len(key)) if int(key, 16) else None
        later_stories = islice(store.scan(None, now=now(), after=previous_id), MAX_LISTED_STORY_IDS)
        matching = [story for story in later_stories if story.id.startswith(key)]
        if len(matching) > 1:
            listed_ids = ", ".join(story.id for story in matching)
            raise click.UsageError(f"{reference!r} begins the ids of several stories; give more of it: {listed_ids}")
        if matching:
            return matching[0]
    raise click.UsageError(f"no stored story {reference!r}; give the id or address that `search` shows")
