"""``export``, ``import`` and ``copy``: stories out of a store and back, and a whole monitor into another store."""

from __future__ import annotations

import gzip
import sys
import zlib
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from monitor.cli.context import Context, TimeType, with_context
from monitor.errors import MonitorError
from monitor.models import now
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from io import BufferedReader

    from monitor.config import StoreSettings
    from monitor.models import Story
    from monitor.transfer import Imported

FORMATS = ("jsonl", "csv", "parquet")
GZIP = b"\x1f\x8b"
SNIFFED_BYTES = 8192  # bytes that show what a file holds
REFUSED_SHOWN = 20  # lines of a file


@click.command("export")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: as FILE is called, else jsonl.")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Default: stdout."
)
@click.option("--query", help="Only stories that match.")
@click.option("--since", type=TimeType(), help="Only stories published (or else first seen) since: 7d, 2026-11-01 ...")
@click.option("--after", metavar="ID", help="Only stories after this id: continues where an export ended.")
@click.option("--resume", is_flag=True, help="Continue after what FILE (jsonl) already holds.")
@with_context
def export_command(
    context: Context,
    *,
    form: str | None,
    output: Path | None,
    query: str | None,
    since: datetime | None,
    after: str | None,
    resume: bool,
) -> None:
    """Write stories, in the order of their ids, as they stream from the store.

    \b
    Examples:
      media-monitor export > stories.jsonl
      media-monitor export -o stories.csv --since 30d --query 'topic:chips'
      media-monitor export -o stories.jsonl --resume
    """
    suffix = output.suffix.lstrip(".") if output else ""
    if suffix and not form and suffix not in FORMATS:
        raise click.UsageError(f"{output}: .{suffix} names no format; write {', '.join(FORMATS)}, or add --format")
    form = form or suffix or "jsonl"
    if resume and (output is None or form != "jsonl" or after):
        raise click.UsageError("--resume goes with a jsonl FILE, and without --after")
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is binary and cannot be shown on a terminal; name a file with --output")
    from monitor.transfer import export

    node = None
    if query is not None:
        from monitor.query import parse

        node = parse(query)
    if resume and output is not None:
        after = _last_id(output)
    with context.stored() as store, _writing(output, form, append=resume) as out, _counting(context) as told:
        stories = _told(store.scan(node, now=now(), since=since, after=after), told)
        written = export(stories, out, form)
    if output is not None:
        context.err.print(f"{plural(written, 'story', 'stories')} written to {output}.", markup=False)


@contextmanager
def _writing(path: Path | None, form: str, *, append: bool) -> Iterator[BinaryIO]:
    """Where the stories go; a Parquet file takes its name only when it is whole."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = path.with_name(f"{path.name}.part") if form == "parquet" else path
    try:
        with partial.open("ab" if append else "wb") as out:
            yield out
        if partial != path:
            partial.replace(path)
    except OSError as error:
        raise MonitorError(f"{path}: {error.strerror}") from None


def _last_id(path: Path) -> str | None:
    """The id of the last whole line; what a kill left of one behind it is cut off."""
    import orjson

    if not path.exists():
        return None
    last, whole = None, 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            last, whole = line, whole + len(line)
    if whole < path.stat().st_size:
        with path.open("r+b") as file:
            file.truncate(whole)
    if last is None:
        return None
    with suppress(orjson.JSONDecodeError, KeyError, TypeError):
        return str(orjson.loads(last)["id"])
    raise MonitorError(f"{path}: its last line is not a story", hint="export to another file")


def _told(stories: Iterator[Story], told: Callable[[int], None]) -> Iterator[Story]:
    for number, story in enumerate(stories, start=1):
        yield story
        told(number)


@contextmanager
def _counting(context: Context) -> Iterator[Callable[[int], None]]:
    """A running number on a terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=context.err, transient=True, disable=not context.err.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda number: progress.update(task, completed=number)


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@with_context
def import_command(context: Context, *, files: tuple[str, ...]) -> int:
    """Read stories (jsonl, CSV or Parquet, as `export` and `search --json` write them) into the store.

    - is standard input; what gzip packed is unpacked.  A line that is no story is named with its number, and the rest
    goes on.  May be repeated, also after a kill: what is there stays.  No alert fires; `alerts test` shows what would
    have matched.

    \b
    Examples:
      media-monitor import stories.jsonl
      media-monitor import archive/*.csv.gz
      media-monitor search --json 'Sberbank' -n 1000 -c other.yaml | media-monitor import -
    """
    from monitor.transfer import import_stories, rows

    forms = [_form(name) for name in files]  # all of them before the first is read
    stored = known = bad = 0
    with context.store() as store:
        for name, form in zip(files, forms, strict=True):
            said = count(1)

            def refused(number: int, reason: str, name: str = name, said: count[int] = said) -> None:
                if next(said) <= REFUSED_SHOWN:
                    context.err.print(f"{name}:{number}: {reason}", markup=False)

            with _reading(name) as file, _counting(context) as told:

                def progress(done: Imported, told: Callable[[int], None] = told) -> None:
                    told(done.stored + done.known)

                try:
                    done = import_stories(rows(file, form), store, refused=refused, progress=progress)
                except MonitorError as error:
                    raise type(error)(f"{name}: {error.message}", hint=error.hint) from None
            if done.bad > REFUSED_SHOWN:
                context.err.print(f"{name}: and {done.bad - REFUSED_SHOWN:,} lines more", markup=False)
            stored, known, bad = stored + done.stored, known + done.known, bad + done.bad
    context.out.print(
        f"{plural(stored, 'story', 'stories')} stored, {known:,} known already, {plural(bad, 'line')} refused."
    )
    return 1 if bad else 0


def _form(name: str) -> str:
    """What a file holds; of standard input nothing is used up.  Raises click.UsageError."""
    from monitor.transfer import form_of

    with _opened(name) as file:
        try:
            head = file.peek(SNIFFED_BYTES)[:SNIFFED_BYTES]
            if head.startswith(GZIP):
                head = zlib.decompressobj(wbits=31).decompress(head)
            return form_of(head)
        except (ValueError, OSError, zlib.error) as error:
            raise click.UsageError(f"{name}: {getattr(error, 'strerror', None) or error}") from None


@contextmanager
def _reading(name: str) -> Iterator[BinaryIO]:
    """The file, unpacked where it is gzip's.  Raises click.UsageError."""
    with _opened(name) as file:
        yield cast("BinaryIO", gzip.GzipFile(fileobj=file) if file.peek(2).startswith(GZIP) else file)


@contextmanager
def _opened(name: str) -> Iterator[BufferedReader]:
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
def copy_command(context: Context, *, target: str) -> None:
    """Copy a whole monitor into another store: stories with their versions, hits, crawl state and outbox.

    TARGET is the monitor.yaml that names the other store, or that store's address, which may carry user:password@.
    This store's credentials are not sent there: what needs an API key or a CA of its own is named by a monitor.yaml.
    Stop crawling first.  May be repeated, also after a kill: what is there stays, and mail that was sent is not sent
    again.

    \b
    Examples:
      media-monitor copy elasticsearch.yaml
      media-monitor copy https://user:password@es.example.org:9200
    """
    from monitor.store import open_store, store_identity
    from monitor.transfer import copy

    settings, base = _target(context, target)
    if store_identity(settings, base) == store_identity(context.config.store, context.base):
        raise click.UsageError("the target is the store itself")
    context.require_store()
    other = open_store(settings, base)
    try:
        other.setup()
        with context.store() as store, _counting(context) as told:
            new = copy(store, other, progress=lambda copied, _new: told(copied))
            context.out.print(f"{plural(new, 'record')} written, from {store.ping()} to {other.ping()}.", markup=False)
    finally:
        other.close()


def _target(context: Context, target: str) -> tuple[StoreSettings, Path]:
    """The other store's settings, and where its relative paths start."""
    import os

    from monitor.store import is_store_url

    if not is_store_url(target):
        from monitor.config import load

        # The environment speaks of this monitor: over the other one's file it would make the two stores one.
        others = {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_STORE__")}
        return load(Path(target), others).store, Path(target).parent
    from pydantic import ValidationError

    from monitor.config import StoreSettings

    try:
        ours = context.config.store.model_dump(include={"prefix", "timeout"})  # no key of ours to another host
        return StoreSettings.model_validate({**ours, "url": target}), context.base
    except ValidationError as error:
        raise click.UsageError(str(error.errors()[0].get("ctx", {}).get("error", "not a store"))) from None
