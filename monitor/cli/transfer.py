"""``export`` writes stories to a file, ``import`` reads them; ``copy`` copies all data of a store to another store."""

from __future__ import annotations

import gzip
import sys
import zlib
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from monitor.cli.context import CommandContext, TimeType, with_context
from monitor.errors import MonitorError
from monitor.models import now
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from io import BufferedReader

    from monitor.config import StoreSettings
    from monitor.models import Story
    from monitor.transfer import ImportCounts

EXPORT_FORMATS = ("jsonl", "csv", "parquet")
GZIP_MAGIC = b"\x1f\x8b"
SNIFFED_FORMAT_BYTES = 8192  # read from a file's start to detect jsonl, CSV or Parquet
MAX_SHOWN_REFUSED_LINES = 20  # of one file; the others are only counted


@click.command("export")
@click.option(
    "--format", "format_name", type=click.Choice(EXPORT_FORMATS), help="Default: FILE's extension, else jsonl."
)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Default: stdout."
)
@click.option("--query", help="Only stories that match.")
@click.option("--since", type=TimeType(), help="Only stories published (or else first seen) since: 7d, 2026-11-01 ...")
@click.option("--after", metavar="ID", help="Only stories after this id, to continue an export that ended there.")
@click.option("--resume", is_flag=True, help="Continue after the last story in FILE (jsonl).")
@with_context
def export_command(
    context: CommandContext,
    *,
    format_name: str | None,
    output: Path | None,
    query: str | None,
    since: datetime | None,
    after: str | None,
    resume: bool,
) -> None:
    """Write stories in the order of their ids, streaming them from the store.

    Tags, notes, stars, read states and saved searches of the page are not written; `copy` and `backup` have them.

    \b
    Examples:
      media-monitor export > stories.jsonl
      media-monitor export -o stories.csv --since 30d --query 'topic:chips'
      media-monitor export -o stories.jsonl --resume
    """
    suffix = output.suffix.lstrip(".") if output else ""
    if suffix and not format_name and suffix not in EXPORT_FORMATS:
        raise click.UsageError(f"{output}: .{suffix} names no format; use {', '.join(EXPORT_FORMATS)}, or add --format")
    format_name = format_name or suffix or "jsonl"
    if resume and (output is None or format_name != "jsonl" or after):
        raise click.UsageError("--resume needs a jsonl FILE and excludes --after")
    if format_name == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is binary and cannot be shown on a terminal; name a file with --output")
    from monitor.transfer import export_stories

    node = None
    if query is not None:
        from monitor.query import parse

        node = parse(query, fragments=context.config.fragments)
    if resume and output is not None:
        after = _last_exported_id(output)
    with (
        context.open_existing_store() as store,
        _open_output(output, format_name, append=resume) as out,
        _progress_counter(context) as show_count,
    ):
        stories = _stories_with_progress(store.scan(node, now=now(), since=since, after=after), show_count)
        written = export_stories(stories, out, format_name)
        marks = store.count_marks()
    if output is not None:
        context.err.print(f"{plural(written, 'story', 'stories')} written to {output}.", markup=False)
    if marks:
        kinds = plural(marks, "tag, note, star or read state", "tags, notes, stars and read states")
        context.err.print(f"{kinds} not written; `copy` and `backup` have them.", markup=False)


@contextmanager
def _open_output(path: Path | None, format_name: str, *, append: bool) -> Iterator[BinaryIO]:
    """Opens the file at ``path`` for writing, or stdout for None.  Raises MonitorError if that fails.

    A Parquet file has the name ``path``.part until it is complete.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = path.with_name(f"{path.name}.part") if format_name == "parquet" else path
    try:
        with partial.open("ab" if append else "wb") as out:
            yield out
        if partial != path:
            partial.replace(path)
    except OSError as error:
        raise MonitorError(f"{path}: {error.strerror}") from None


def _last_exported_id(path: Path) -> str | None:
    """Returns the id of the story on the file's last complete line; removes an incomplete line from the file's end.

    Returns None for a missing or empty file.  Raises MonitorError if the last line is not a story.
    """
    import orjson

    if not path.exists():
        return None
    last, complete_bytes = None, 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            last, complete_bytes = line, complete_bytes + len(line)
    if complete_bytes < path.stat().st_size:
        with path.open("r+b") as file:
            file.truncate(complete_bytes)
    if last is None:
        return None
    with suppress(orjson.JSONDecodeError, KeyError, TypeError):
        return str(orjson.loads(last)["id"])
    raise MonitorError(f"{path}: its last line is not a story", hint="export to another file")


def _stories_with_progress(stories: Iterator[Story], show_count: Callable[[int], None]) -> Iterator[Story]:
    for number, story in enumerate(stories, start=1):
        yield story
        show_count(number)


@contextmanager
def _progress_counter(context: CommandContext) -> Iterator[Callable[[int], None]]:
    """Yields a function that displays a count on stderr; the function does nothing if stderr is not a terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=context.err, transient=True, disable=not context.err.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda number: progress.update(task, completed=number)


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@with_context
def import_command(context: CommandContext, *, files: tuple[str, ...]) -> int:
    """Read stories (jsonl, CSV or Parquet, as `export` and `search --json` write them) into the store.

    - is standard input; gzip files are unpacked.  A line that is not a story is reported with its number and skipped.
    Repeating an import, also after a kill, keeps the stories that are stored already.  Imported stories set off no
    alerts; `alerts test` shows what would have matched.

    \b
    Examples:
      media-monitor import stories.jsonl
      media-monitor import archive/*.csv.gz
      media-monitor search Sberbank -n 1000 --json -c other.yaml > found.jsonl
      media-monitor import found.jsonl
    """
    from monitor.transfer import import_stories, read_rows

    formats = [_format_of(name) for name in files]  # check all files before reading the first
    stored = already_stored = refused = 0
    with context.open_store() as store:
        for name, format_name in zip(files, formats, strict=True):
            refusals = count(1)

            def print_refusal(line: int, reason: str, name: str = name, refusals: count[int] = refusals) -> None:
                if next(refusals) <= MAX_SHOWN_REFUSED_LINES:
                    context.err.print(f"{name}:{line}: {reason}", markup=False)

            with _open_unpacked(name) as file, _progress_counter(context) as show_count:

                def show_import_count(counts: ImportCounts, show_count: Callable[[int], None] = show_count) -> None:
                    show_count(counts.stored + counts.already_stored)

                lines = read_rows(file, format_name)
                try:
                    counts = import_stories(lines, store, on_refused=print_refusal, on_progress=show_import_count)
                except MonitorError as error:
                    raise type(error)(f"{name}: {error.message}", hint=error.hint) from None
            if counts.refused > MAX_SHOWN_REFUSED_LINES:
                context.err.print(f"{name}: and {counts.refused - MAX_SHOWN_REFUSED_LINES:,} lines more", markup=False)
            stored += counts.stored
            already_stored += counts.already_stored
            refused += counts.refused
    stories, lines_refused = plural(stored, "story", "stories"), plural(refused, "line")
    context.out.print(f"{stories} stored, {already_stored:,} known already, {lines_refused} refused.")
    return 1 if refused else 0


def _format_of(name: str) -> str:
    """Returns the format of a file (jsonl, csv or parquet), detected from its start, which can be read again.

    Raises click.UsageError if the file cannot be read or has another format.
    """
    from monitor.transfer import detect_file_format

    with _open_input(name) as file:
        try:
            head = file.peek(SNIFFED_FORMAT_BYTES)[:SNIFFED_FORMAT_BYTES]
            if head.startswith(GZIP_MAGIC):
                head = zlib.decompressobj(wbits=31).decompress(head)
            return detect_file_format(head)
        except (ValueError, OSError, zlib.error) as error:
            raise click.UsageError(f"{name}: {getattr(error, 'strerror', None) or error}") from None


@contextmanager
def _open_unpacked(name: str) -> Iterator[BinaryIO]:
    """Opens a file, or stdin for "-"; unpacks gzip.  Raises click.UsageError if the file cannot be opened."""
    with _open_input(name) as file:
        yield cast("BinaryIO", gzip.GzipFile(fileobj=file) if file.peek(2).startswith(GZIP_MAGIC) else file)


@contextmanager
def _open_input(name: str) -> Iterator[BufferedReader]:
    if name == "-":
        yield cast("BufferedReader", sys.stdin.buffer)
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115  closed below
    except OSError as error:
        raise click.UsageError(f"{name}: {error.strerror}") from None
    with file:
        yield file


@click.command("copy")
@click.argument("target")
@with_context
def copy_command(context: CommandContext, *, target: str) -> None:
    """Copy all data of this monitor into another store: stories with versions and marks, hits, crawl state and outbox.

    TARGET is the monitor.yaml that names the other store, or that store's address, which may carry user:password@.
    This store's credentials are not sent there: for a target with an API key or a CA, give a monitor.yaml.  Stop
    crawling first.  Repeating a copy, also after a kill, keeps the records that are there already; mail that was sent
    is not sent again.

    \b
    Examples:
      media-monitor copy elasticsearch.yaml
      media-monitor copy https://user:password@es.example.org:9200
    """
    from monitor.store import open_store, store_identity
    from monitor.transfer import copy_store

    settings, base = _target_settings(context, target)
    if store_identity(settings, base) == store_identity(context.config.store, context.config_directory):
        raise click.UsageError("the target is the store itself")
    context.require_store_exists()
    target_store = open_store(settings, base)
    try:
        target_store.setup()
        with context.open_store() as store, _progress_counter(context) as show_count:
            new = copy_store(store, target_store, on_progress=lambda copied, _new: show_count(copied))
            context.out.print(
                f"{plural(new, 'record')} written, from {store.ping()} to {target_store.ping()}.", markup=False
            )
    finally:
        target_store.close()


def _target_settings(context: CommandContext, target: str) -> tuple[StoreSettings, Path]:
    """Returns the target store's settings, and the directory from which relative paths in them start.

    Raises ConfigError for an invalid monitor.yaml, click.UsageError for an invalid store address.
    """
    import os

    from monitor.store import is_store_url

    if not is_store_url(target):
        from monitor.config import load

        # MONITOR_STORE__* names this monitor's store; applied to the other file, it would copy the store onto itself.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_STORE__")}
        return load(Path(target), environment).store, Path(target).parent
    from pydantic import ValidationError

    from monitor.config import StoreSettings

    try:
        # Never inherits credentials, which are not for another host.
        inherited = context.config.store.model_dump(include={"prefix", "timeout"})
        return StoreSettings.model_validate({**inherited, "url": target}), context.config_directory
    except ValidationError as error:
        raise click.UsageError(str(error.errors()[0].get("ctx", {}).get("error", "not a store"))) from None
