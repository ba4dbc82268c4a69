"""Writes the manual page from the commands' own help: ``python -m monitor.cli.manual > docs/media-monitor.1``."""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING

import click

from monitor import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = f""".\\" Written by monitor/cli/manual.py from the help of the commands; do not edit.
.TH MEDIA\\-MONITOR 1 "" "media\\-monitor {__version__}" "User Commands"
"""
ENVIRONMENT = (
    ("MONITOR_CONFIG", "The configuration, without --config."),
    ("MONITOR_SECTION__KEY", "A key of the configuration, as MONITOR_STORE__URL; it wins over the file."),
    ("MONITOR_SECTION__KEY_FILE", "A file that contains the value, such as a secret."),
    ("MONITOR_DEBUG", "1 shows tracebacks of errors."),
    ("MONITOR_DICTIONARIES", "Directory of the prepared dictionaries."),
)
FILES = (("monitor.yaml", "The configuration, in the current directory."),)
SEE_ALSO = "\\fBmedia\\-monitor schema\\fR describes the output of \\-\\-json; docs/ of the source explains the rest."


def all_commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yields each command below a group with its words, in the order of ``--help``; a group before its commands."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from all_commands(command, (*words, name))


def manual(program: click.Group) -> str:
    """Returns the manual page of the program as roff."""
    parts = [
        HEADER,
        _section("NAME", "media\\-monitor \\- " + _roff(_first_sentence(program).rstrip("."))),
        _section("SYNOPSIS", "\\fBmedia\\-monitor\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGS\\fR]..."),
        _section("DESCRIPTION", _paragraphs(inspect.cleandoc(program.help or ""))),
        _section("OPTIONS", _options(program)),
        ".SH COMMANDS\n",
    ]
    for words, command in all_commands(program):
        parts += [f'.SS "media\\-monitor {_roff(" ".join(words))} {_usage(command)}"\n']
        parts += [_paragraphs(inspect.cleandoc(command.help or "")), _options(command, besides=program)]
    examples, exit_status = (program.epilog or "").split("Exit status: ")
    parts += [
        _section("EXAMPLES", _paragraphs(examples)),
        _section("EXIT STATUS", _paragraphs(exit_status)),
        _section("ENVIRONMENT", "".join(_term(*each) for each in ENVIRONMENT)),
        _section("FILES", "".join(_term(*each) for each in FILES)),
        _section("SEE ALSO", SEE_ALSO),
    ]
    return "".join(parts)


def _section(title: str, body: str) -> str:
    return f".SH {title}\n{body.rstrip()}\n"


def _first_sentence(command: click.Command) -> str:
    return re.split(r"(?<=\.)\s", inspect.cleandoc(command.help or ""), maxsplit=1)[0]


def _usage(command: click.Command) -> str:
    """Returns the arguments of a command as its ``--help`` shows them."""
    pieces = command.collect_usage_pieces(click.Context(command))
    return " ".join(f"\\fI{_roff(piece)}\\fR" for piece in pieces)


def _options(command: click.Command, *, besides: click.Command | None = None) -> str:
    """Returns the options of a command with their help, without those of ``besides``, which all commands take."""
    context = click.Context(command)
    common = {name for each in besides.params for name in each.opts} if besides else set()
    own = [each for each in command.params if isinstance(each, click.Option) and not common.intersection(each.opts)]
    records = [record for each in own if (record := each.get_help_record(context)) is not None]
    return "".join(_term(*record) for record in records)


def _term(name: str, text: str) -> str:
    """Returns a tagged paragraph."""
    return f".TP\n\\fB{_roff(name)}\\fR\n{_roff(text)}\n"


def _paragraphs(text: str) -> str:
    """Returns paragraphs of a help text; one that begins with click's mark for fixed lines keeps its lines."""
    paragraphs = []
    for paragraph in re.split(r"\n[ \t]*\n", text.strip("\n")):
        if paragraph.startswith("\b"):
            heading, *lines = paragraph.removeprefix("\b").strip("\n").splitlines()
            fixed = "\n".join(_line(line) for line in lines)
            paragraphs.append(f".PP\n{_line(heading)}\n.nf\n.RS 2\n{fixed}\n.RE\n.fi\n")
        else:
            paragraphs.append(f".PP\n{_line(' '.join(paragraph.split()))}\n")
    return "".join(paragraphs)


def _line(text: str) -> str:
    """Returns a line whose first character has no meaning for roff, with `code` in bold."""
    line = re.sub("`([^`]+)`", r"\\fB\1\\fR", _roff(text))
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _roff(text: str) -> str:
    """Returns the text with the characters escaped that roff would change, or that are not ASCII."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in escaped)


if __name__ == "__main__":
    from monitor.cli.app import program

    sys.stdout.write(manual(program))
