"""The program: its commands by name, what they share, and how an error is told."""

from __future__ import annotations

import errno
import importlib
import io
import logging
import os
import re
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, TextIO

import click

from monitor import __version__
from monitor.errors import ConfigError, MonitorError, QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# name -> (module, one line for --help); the order is the order of a first day's use
COMMANDS = {
    "init": ("init", "Write a commented starter monitor.yaml."),
    "check": ("check", "Validate the file, its queries, the store and the mail server."),
    "discover": ("discover", "Find the feeds, sitemaps and sections of a site."),
    "crawl": ("crawl", "Make one pass over the outlets that are due, then send mail."),
    "run": ("crawl", "Crawl and mail for ever, each outlet at its own pace."),
    "deliver": ("deliver", "Send the mail that is due."),
    "search": ("search", "Find stories."),
    "history": ("history", "Show what an outlet changed in a story."),
    "alerts": ("alerts", "List, test and snooze alerts."),
    "explain": ("explain", "Say why a query matches a story, or why not."),
    "outlets": ("outlets", "Show the health of each outlet."),
    "extract": ("extract", "Read stories out of pages."),
    "match": ("match", "Say which alerts and topics match stories."),
    "export": ("transfer", "Write stories to a file."),
    "import": ("transfer", "Read stories from a file."),
    "copy": ("transfer", "Copy a whole monitor into another store."),
    "setup": ("setup", "Prepare Elasticsearch and Kibana."),
    "replay": ("setup", "File again what Elasticsearch had rejected."),
}

EPILOG = """\b
Examples:
  media-monitor init desk && cd desk    a starter with real outlets and alerts
  media-monitor check                   is everything in order?
  media-monitor crawl                   one pass, for cron
  media-monitor search 'BRICS NEAR/10 raw:AI' --since 7d
  media-monitor COMMAND --help          options and examples of a command

Exit status: 0 done, 1 something failed (named on stderr), 2 usage or configuration.
"""


@contextmanager
def _read_or_not() -> Iterator[None]:
    """A reader of stdout that goes away ends the command with 0; click and rich would end it with 1."""
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise
        _stop_writing()
        raise click.exceptions.Exit(0) from None


class Commands(click.Group):
    """A group whose commands live in modules of their own."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _read_or_not():  # --help is printed here
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _read_or_not():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"monitor.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise click.UsageError(f"no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"media-monitor {__version__}")
        ctx.exit()


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "-c", metavar="FILE", help="Configuration (default: monitor.yaml, or MONITOR_CONFIG).")
@click.option("--verbose", "-v", is_flag=True, help="Log what is done, to stderr.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def program(ctx: click.Context, config: str | None, verbose: bool) -> None:
    """Watches news outlets for topics and terms, keeps the stories that matter, mails you minutes after one appears."""
    from monitor.cli.context import Context

    ctx.obj = Context()
    ctx.obj.path = config
    ctx.obj.verbose = verbose


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its status."""
    _open_streams()
    debug = bool(os.environ.get("MONITOR_DEBUG"))
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    try:
        status = program.main(args=arguments, prog_name="media-monitor", standalone_mode=False)
        with _read_or_not():
            sys.stdout.flush()
    except click.exceptions.Exit as exit_:
        status = exit_.exit_code
    except (click.Abort, KeyboardInterrupt):
        status = 130
    except (click.ClickException, ConfigError) as error:
        status = _refuse(error, list(sys.argv[1:] if arguments is None else arguments))
    except QueryError as error:
        _say(f"query: {error}")
        status = 2
    except Exception as error:  # the last resort: told in one line, whole with MONITOR_DEBUG
        if debug:
            raise
        _say(_failure(error))
        status = 1
    sys.exit(_code(status))


def _refuse(error: click.ClickException | ConfigError, words: list[str]) -> int:
    """Tells wrong usage or a faulty configuration; the exit status."""
    if isinstance(error, ConfigError):
        hint = _query_hint(words, config=True)
        _say(f"media-monitor: -c names the configuration{hint}" if hint else "\n".join(error.faults))
        return 2
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        _say(error.format_message())
    else:
        path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "media-monitor"
        _say(f"{path}: {error.format_message().rstrip('.')}{_query_hint(words)} ({path} --help shows how)")
    return error.exit_code


def _failure(error: Exception) -> str:
    if isinstance(error, MonitorError):
        return f"error: {error}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        if not _can_be_full(sys.stdout):
            return f"error: {error.strerror}"
        _stop_writing()
        return f"stdout: {error.strerror}"
    return f"internal error: {type(error).__name__}: {error} (MONITOR_DEBUG=1 shows where; please report it)"


def _open_streams() -> None:
    """stdout and stderr take anything: what their encoding lacks is a question mark, what is closed takes it all."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _stop_writing() -> None:
    """What is still to be written goes nowhere; Python would complain of it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def _can_be_full(stream: TextIO) -> bool:
    """Whether it goes to a file: terminals and pipes have room."""
    mode = os.fstat(stream.fileno()).st_mode
    return stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not stream.isatty())


def _query_hint(words: list[str], *, config: bool = False) -> str:
    """How to write a query that was read as an option, or with ``config`` as the option -c and its file."""
    name = next((word for word in words if word in {"search", "explain"}), None)
    if name is None or "--" in words or not any(_excludes(word, config=config) for word in words):
        return ""
    before, query = [], []
    following = iter(words[words.index(name) + 1 :])
    for word in following:
        if word in _WITH_VALUE:
            before += [word, next(following, "")]
        elif word.startswith("--"):
            before.append(word)
        else:
            query.append(word)
    rest = [quote(" ".join(query))] if name == "search" else map(quote, query)  # `explain` takes a query and a story
    line = " ".join(["media-monitor", name, *map(quote, before), "--", *rest])
    return f"; a query that begins with - goes after --: {line}"


_WITH_VALUE = frozenset({"--since", "--limit", "-n", "--offset", "--config", "-c"})


def _excludes(word: str, *, config: bool) -> bool:
    """Whether it is rather a word that no story may have than an option: -Nvidia, -v1, but not -n5."""
    if config:
        return re.match(r"-c\S", word) is not None and not Path(word[2:]).exists()
    return re.match(r"-([^-\d\s]\D|[^-\d\sn]\d)", word) is not None


def _code(status: Any) -> int:
    return status if isinstance(status, int) else 0


def _say(text: str) -> None:
    click.echo(text, err=True)
