"""The command-line program: finds the command by its name, reads the shared options, and prints errors."""

from __future__ import annotations

import errno
import importlib
import io
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
from monitor.cli import logs
from monitor.errors import ConfigError, MonitorError, QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.cli.context import CommandContext

# command -> (module in monitor.cli, line in --help), in the order in which a new user needs the commands
MODULE_AND_HELP_BY_COMMAND = {
    "init": ("init", "Write a commented starter monitor.yaml."),
    "check": ("check", "Validate the file, its queries, the store and the mail server."),
    "discover": ("discover", "Find the feeds, sitemaps and sections of a site."),
    "crawl": ("crawl", "Make one pass over the outlets that are due, then deliver."),
    "run": ("run", "Crawl and deliver continuously, each outlet at its own pace."),
    "serve": ("serve", "Show the page: search, alerts, outlets, trends."),
    "user": ("user", "Add users of the page."),
    "alive": ("alive", "Tell whether a `run` process works, for liveness probes."),
    "deliver": ("deliver", "Deliver the notifications that are due."),
    "canary": ("canary", "Send a made-up story through all steps, and time them."),
    "search": ("search", "Find stories."),
    "searches": ("searches", "List the saved searches of the page."),
    "history": ("history", "Show what an outlet changed in a story."),
    "alerts": ("alerts", "List, show, test, backfill and snooze alerts."),
    "explain": ("explain", "Explain why a query matches a story, or why not."),
    "outlets": ("outlets", "Show the health of each outlet."),
    "stats": ("stats", "Show stories, hits, delays and coverage over time."),
    "extract": ("extract", "Extract stories from pages."),
    "match": ("match", "Show which alerts and topics match stories."),
    "schema": ("schema", "Describe what --json prints, as JSON Schema."),
    "export": ("transfer", "Write stories to a file."),
    "import": ("transfer", "Read stories from a file."),
    "copy": ("transfer", "Copy all data of a monitor into another store."),
    "backup": ("maintenance", "Copy the store's file while everything runs."),
    "restore": ("maintenance", "Put a copy of the store's file back."),
    "doctor": ("maintenance", "Find and repair inconsistencies of the store."),
    "prune": ("prune", "Delete what keep_for no longer keeps."),
    "setup": ("setup", "Prepare Elasticsearch and Kibana."),
    "replay": ("setup", "Store again the documents that Elasticsearch rejected."),
}

HELP_EPILOG = """\b
Examples:
  media-monitor init desk && cd desk    a starter with real outlets and alerts
  media-monitor check                   is everything in order?
  media-monitor crawl                   one pass, for cron
  media-monitor search 'BRICS NEAR/10 raw:AI' --since 7d
  media-monitor COMMAND --help          options and examples of a command

Exit status: 0 done, 1 something failed (named on stderr), 2 usage or configuration.
"""


@contextmanager
def _exit_quietly_on_broken_pipe() -> Iterator[None]:
    """Makes the command exit with status 0 when the reader of stdout closes the pipe; click and rich exit with 1."""
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise
        _discard_stdout()
        raise click.exceptions.Exit(0) from None


class LazyCommandGroup(click.Group):
    """A click group that imports the module of a command only when the command is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _exit_quietly_on_broken_pipe():  # make_context prints --help
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _exit_quietly_on_broken_pipe():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(MODULE_AND_HELP_BY_COMMAND)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        if cmd_name not in MODULE_AND_HELP_BY_COMMAND:
            return None
        module = importlib.import_module(f"monitor.cli.{MODULE_AND_HELP_BY_COMMAND[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in MODULE_AND_HELP_BY_COMMAND and not args[0].startswith("-"):
            from difflib import get_close_matches

            matches = get_close_matches(args[0], MODULE_AND_HELP_BY_COMMAND, n=1)
            hint = f"; did you mean {matches[0]}?" if matches else ""
            raise click.UsageError(f"no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in MODULE_AND_HELP_BY_COMMAND.items()])


def _print_version(ctx: click.Context, _: click.Parameter, requested: bool) -> None:
    """Prints the version and exits if --version was given (``requested``)."""
    if requested:
        click.echo(f"media-monitor {__version__}")
        ctx.exit()


@click.group(cls=LazyCommandGroup, epilog=HELP_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "-c", metavar="FILE", help="Configuration (default: monitor.yaml, or MONITOR_CONFIG).")
@click.option("--verbose", "-v", is_flag=True, help="Log progress to stderr.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.pass_context
def program(ctx: click.Context, config: str | None, verbose: bool) -> None:
    """Monitors news outlets for topics and terms, stores the matching stories and sends mail within minutes."""
    from monitor.cli.context import CommandContext

    context = ctx.ensure_object(CommandContext)
    context.config_option = config
    context.is_verbose = verbose


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command that the arguments name (default: sys.argv) and exits with the command's status."""
    from monitor.cli.context import CommandContext

    _prepare_streams()
    context = CommandContext()
    debug = bool(os.environ.get("MONITOR_DEBUG"))
    logs.start_logging()
    try:
        status = program.main(args=arguments, prog_name="media-monitor", standalone_mode=False, obj=context)
        with _exit_quietly_on_broken_pipe():
            sys.stdout.flush()
    except click.exceptions.Exit as exit_:
        status = exit_.exit_code
    except (click.Abort, KeyboardInterrupt):
        context.print_fault("interrupted")
        status = 130
    except (click.ClickException, ConfigError) as error:
        status = _report_usage_or_config_error(context, error, list(sys.argv[1:] if arguments is None else arguments))
    except QueryError as error:
        context.print_fault(f"query: {error}")
        status = 2
    except Exception as error:  # an error is reported in one line; with MONITOR_DEBUG as a traceback
        if debug:
            raise
        context.print_fault(_error_line(error))
        status = 1
    sys.exit(_exit_status(status))


def _report_usage_or_config_error(
    context: CommandContext, error: click.ClickException | ConfigError, arguments: list[str]
) -> int:
    """Prints a usage or configuration error.  Returns the exit status."""
    if isinstance(error, ConfigError):
        hint = _dashed_query_hint(arguments, read_as_config=True)
        context.print_fault(f"media-monitor: -c names the configuration{hint}" if hint else "\n".join(error.faults))
        return 2
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        context.print_fault(error.format_message())
    else:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "media-monitor"
        message = f"{error.format_message().rstrip('.')}{_dashed_query_hint(arguments)}"
        context.print_fault(f"{command}: {message} ({command} --help shows how)")
    return error.exit_code


def _error_line(error: Exception) -> str:
    """Returns the line that reports an error; if the disk of stdout is full, also discards the rest of stdout."""
    if isinstance(error, MonitorError):
        return f"error: {error}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        if not _can_run_out_of_space(sys.stdout):
            return f"error: {error.strerror}"
        _discard_stdout()
        return f"stdout: {error.strerror}"
    return f"internal error: {type(error).__name__}: {error} (MONITOR_DEBUG=1 shows where; please report it)"


def _prepare_streams() -> None:
    """Prevents errors when the program prints to a stream that is closed or cannot encode a character.

    Characters that the encoding lacks are printed as question marks; a closed stream is replaced by the null device.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  open until the process ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _discard_stdout() -> None:
    """Redirects stdout to the null device, so that Python's flush at exit does not fail like the write before it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def _can_run_out_of_space(stream: TextIO) -> bool:
    """Returns True if the stream writes to a regular file or a character device that is no terminal."""
    mode = os.fstat(stream.fileno()).st_mode
    return stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not stream.isatty())


def _dashed_query_hint(arguments: list[str], *, read_as_config: bool = False) -> str:
    """Returns a hint how to write a query that begins with -, such as -Nvidia, which click read as an option.

    With ``read_as_config``, looks for a query word that was read as -c with a file name, such as -chips.  Returns "" if
    the arguments contain no such word or no command that takes a query.
    """
    command = next((word for word in arguments if word in {"search", "explain"}), None)
    if (
        command is None
        or "--" in arguments
        or not any(_is_excluded_term(word, read_as_config=read_as_config) for word in arguments)
    ):
        return ""
    options, query = [], []
    remaining = iter(arguments[arguments.index(command) + 1 :])
    for word in remaining:
        if word in _QUERY_COMMAND_OPTIONS_WITH_VALUE:
            options += [word, next(remaining, "")]
        elif word.startswith("--"):
            options.append(word)
        else:
            query.append(word)
    # `search` joins its words to one query; `explain` takes two arguments, a query and a story.
    quoted_query = [quote(" ".join(query))] if command == "search" else map(quote, query)
    line = " ".join(["media-monitor", command, *map(quote, options), "--", *quoted_query])
    return f"; a query that begins with - goes after --: {line}"


_QUERY_COMMAND_OPTIONS_WITH_VALUE = frozenset(
    {"--since", "--until", "--tz", "--limit", "-n", "--offset", "--config", "-c"}
)


def _is_excluded_term(word: str, *, read_as_config: bool) -> bool:
    """Returns True if a word is probably an excluded term of a query (-Nvidia, -v1), not an option (-n5).

    With ``read_as_config``, returns True for -c followed by text that is not the name of a file.
    """
    if read_as_config:
        return re.match(r"-c\S", word) is not None and not Path(word[2:]).exists()
    return re.match(r"-([^-\d\s]\D|[^-\d\sn]\d)", word) is not None


def _exit_status(status: Any) -> int:
    """Returns the status if it is a number, else 0: most commands return None."""
    return status if isinstance(status, int) else 0
