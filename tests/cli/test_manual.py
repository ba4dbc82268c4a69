"""The manual page says what the commands' own help says, and troff reads it without a warning."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from monitor.cli.app import program
from monitor.cli.manual import all_commands, manual
from servers import missing

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "media-monitor.1"


def test_the_manual_page_is_the_one_of_the_present_help() -> None:
    assert PAGE.read_text(encoding="ascii") == manual(program), "write it again with: make manual"


@pytest.fixture(scope="module")
def shown() -> str:
    """The page as `man` shows it, on one line."""
    if not (shutil.which("groff") and shutil.which("col")):
        missing("there is no groff or col: apt-get install groff-base bsdextrautils")
    command = ["groff", "-man", "-Tutf8", "-ww", "-P-c", str(PAGE)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    plain = subprocess.run(["col", "-bx"], input=result.stdout, capture_output=True, text=True, check=True).stdout
    return " ".join(plain.replace("\u2010\n", "").split())


def test_it_shows_every_command_option_and_example(shown: str) -> None:
    for words, command in all_commands(program):
        assert f"media-monitor {' '.join(words)}" in shown
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.hidden or parameter.opts[-1] in shown
        text = CliRunner().invoke(program, [*words, "--help"], terminal_width=200).output
        for line in text.partition("Examples:")[2].partition("Options:")[0].splitlines():
            assert " ".join(line.split()) in shown
    for heading in ("SYNOPSIS", "EXIT STATUS 0 done", "ENVIRONMENT", "FILES", "Сбербанк"):
        assert heading in shown
