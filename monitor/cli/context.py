"""What one call of a command needs: the configuration, the store, a console.  Each is opened when first asked for."""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from monitor.models import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, RenderableType
    from rich.progress import Progress
    from rich.status import Status

    from monitor.config import Alert, Config
    from monitor.models import Story
    from monitor.store import Store

F = TypeVar("F", bound="Callable[..., Any]")
_YEAR_OR_MONTH = re.compile(r"(19|20)\d\d(-\d\d)?", re.ASCII)
CANDIDATES = 5  # stories named where the beginning of an id fits several
ONLY_MATCHING = "With keep: matching only stories of a topic or alert are stored; others are not here to find."
UNFOLDED = 10_000  # columns of what is no terminal: a pipe wants a row on a line
_NUMBER = re.compile(r"\s*\d+(\.\d*)?\s*")


class Context:
    """Passed to every command as its first argument."""

    path: str | None = None
    verbose = False

    @cached_property
    def config_path(self) -> Path:
        return Path(self.path or os.environ.get("MONITOR_CONFIG") or "monitor.yaml")

    @cached_property
    def config(self) -> Config:
        """Raises ConfigError."""
        from monitor.config import load

        if self.verbose:
            logging.getLogger("monitor").setLevel(logging.INFO)
        return load(self.config_path, os.environ)

    @property
    def base(self) -> Path:
        """Where relative paths of the configuration start."""
        return self.config_path.parent

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The configured store, made and migrated where it is the first time.  Raises StoreError."""
        with self._opened() as store:
            store.setup()
            yield store

    @contextmanager
    def stored(self) -> Iterator[Store]:
        """The configured store for a command that only reads: it is not made.  Raises StoreError."""
        with self._opened() as store:
            store.require_exists()
            store.setup()
            yield store

    def require_store(self) -> None:
        """Raises StoreRefused where nobody has made the store yet."""
        with self._opened() as store:
            store.require_exists()

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        from monitor.store import open_store

        store = open_store(self.config.store, self.base)
        try:
            yield store
        finally:
            store.close()

    @cached_property
    def out(self) -> Console:
        """For people; plain where stdout is no terminal."""
        from rich.console import Console

        terminal = sys.stdout.isatty()
        width = None if terminal or os.environ.get("COLUMNS", "").isdecimal() else UNFOLDED
        return Console(highlight=False, width=width, emoji=False, soft_wrap=not terminal)

    @cached_property
    def err(self) -> Console:
        """For progress and complaints."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

    def waiting(self, what: str) -> Status | nullcontext[None]:
        """A spinner on a terminal, for what takes seconds and has no number."""
        return self.err.status(what) if self.err.is_terminal else nullcontext()

    def progress(self, *, shown: bool = True) -> Progress:
        """A bar on a terminal."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self.err, transient=True, disable=not (shown and self.err.is_terminal))

    def show(self, table: RenderableType) -> None:
        """Prints a table or a part of one; in a pipe without the blanks that fill its last column."""
        if self.out.is_terminal:
            self.out.print(table, soft_wrap=False)
            return
        with self.out.capture() as printed:
            self.out.print(table, soft_wrap=False)
        for line in printed.get().splitlines():
            click.echo(line.rstrip())

    def alert(self, name: str) -> Alert:
        """The configured alert of that name, any case.  Raises click.UsageError."""
        found = next((alert for alert in self.config.alerts if alert.name.casefold() == name.casefold()), None)
        if found is None:
            raise click.UsageError(unknown("alert", name, [alert.name for alert in self.config.alerts]))
        return found

    def warn_about_query(self, query: str, *, kind: str) -> None:
        """Says on stderr what in the query can hardly be meant."""
        from monitor.query.lint import configured_values, lint_query

        for note in lint_query(query, configured=configured_values(self.config), kind=kind):
            self.err.print(f"note: {note}", markup=False)


def with_context(command: F) -> F:
    """Gives a command ``--config`` behind its name too, and the context as its first argument."""

    @click.option(
        "--config", "-c", "config_", metavar="FILE", help="Configuration (default: monitor.yaml, or MONITOR_CONFIG)."
    )
    @click.option("--verbose", "-v", "verbose_", is_flag=True, help="Log what is done, to stderr.")
    @click.pass_context
    @functools.wraps(command)
    def wrapped(ctx: click.Context, config_: str | None, verbose_: bool, *args: Any, **kwargs: Any) -> Any:
        context = ctx.ensure_object(Context)
        context.path = config_ or context.path
        context.verbose = verbose_ or context.verbose
        return command(context, *args, **kwargs)

    return wrapped  # type: ignore[return-value]  # click hands over what the wrapper takes


class TimeType(click.ParamType[datetime]):
    """``7d``, ``12h`` (ago), ``2026``, ``2026-11``, ``2026-11-01`` or an RFC 3339 time; a moment in UTC."""

    name = "7d|DATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if _YEAR_OR_MONTH.fullmatch(value):
            from monitor.query import time_ranges

            try:
                return time_ranges.period(value, now())[0]
            except ValueError as error:
                self.fail(str(error), param, ctx)
        if _NUMBER.fullmatch(value):
            self.fail(f"{value!r} of what? write 7d, 12h or a date", param, ctx)
        try:
            return now() - span(value)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time; write 7d, 12h, 2026-11-01 or 2026-11-01T12:00", param, ctx)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


class SpanType(click.ParamType[timedelta]):
    """``2d``, ``12h``, ``1h30m``."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        if _NUMBER.fullmatch(value):
            self.fail(f"{value!r} of what? write 2d or 12h", param, ctx)
        try:
            return span(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def span(text: str) -> timedelta:
    """Reads a duration as monitor.yaml does.  Raises ValueError."""
    from monitor.config.types import duration

    value = duration(text)
    assert isinstance(value, timedelta)
    return value


def unknown(kind: str, name: str, known: list[str]) -> str:
    """``no alert "sberbnk"; did you mean "sberbank"?``"""
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), [each.lower() for each in known], n=1, cutoff=0.5)
    meant = next((each for each in known if close and each.lower() == close[0]), None)
    if meant:
        return f'no {kind} "{name}"; did you mean "{meant}"?'
    return f'no {kind} "{name}"; there are: {", ".join(known) or "none"}'


def ago(moment: datetime | None, at: datetime | None = None) -> str:
    """``3m ago``, ``in 2h``, ``-`` for never."""
    if moment is None:
        return "-"
    seconds = ((at or now()) - moment).total_seconds()
    text = brief(timedelta(seconds=abs(seconds)))
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def brief(length: timedelta) -> str:
    """A duration in its largest unit: ``45s``, ``3m``, ``2h``, ``5d``."""
    seconds = int(length.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size or (unit == "m" and seconds >= size):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def find_story(store: Store, reference: str) -> Story:
    """A story by id, beginning of an id of at least 6 characters, or address.  Raises click.UsageError."""
    from monitor.urls import story_id

    key = reference.strip()
    ids = [key] if re.fullmatch(r"[0-9a-f]{32}", key) else [story_id(key)] if "://" in key else []
    found = store.stories(ids)
    if found:
        return next(iter(found.values()))
    if re.fullmatch(r"[0-9a-f]{1,5}", key):
        raise click.UsageError(f"{reference!r} is too short; give at least 6 characters of the id")
    if re.fullmatch(r"[0-9a-f]{6,31}", key):
        before = f"{int(key, 16) - 1:0{len(key)}x}" + "f" * (32 - len(key)) if int(key, 16) else None
        following = islice(store.scan(None, now=now(), after=before), CANDIDATES)
        begun = [story for story in following if story.id.startswith(key)]
        if len(begun) > 1:
            which = ", ".join(story.id for story in begun)
            raise click.UsageError(f"{reference!r} begins the ids of several stories; give more of it: {which}")
        if begun:
            return begun[0]
    raise click.UsageError(f"no stored story {reference!r}; give the id or address that `search` shows")
