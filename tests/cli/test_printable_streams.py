"""Nothing that comes from outside controls the terminal."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING

from monitor.cli.printable_console import PrintableConsole
from monitor.cli.printable_streams import PrintableFormatter

if TYPE_CHECKING:
    import pytest

HOSTILE = "title\x1b[2J \x1b]52;c;ZXZpbA==\x07 \u202eabc\u2066 \x9b31m"


def has_control_characters(text: str) -> bool:
    return any(not character.isprintable() for character in text.replace("\n", "").replace("\t", ""))


def test_a_printed_text_has_no_control_characters() -> None:
    stream = io.StringIO()
    PrintableConsole(file=stream).print(HOSTILE, "two\nlines", markup=False)
    assert not has_control_characters(stream.getvalue())
    assert "two\nlines" in stream.getvalue()


def test_a_console_keeps_its_own_styles() -> None:
    stream = io.StringIO()
    PrintableConsole(file=stream, force_terminal=True, color_system="standard").print("a", style="bold")
    assert stream.getvalue() == "\x1b[1ma\x1b[0m\n"


def test_a_log_message_is_one_line_without_control_characters() -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 1, "%s failed", (HOSTILE + "\nnext",), None)
    line = PrintableFormatter("%(levelname)s %(message)s").format(record)
    assert not has_control_characters(line)
    assert line.startswith("WARNING title [2J")
    assert line.endswith("next failed")


def test_a_traceback_keeps_its_lines() -> None:
    try:
        raise ValueError(HOSTILE)  # noqa: TRY301  a traceback is wanted
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "failed", (), sys.exc_info())
    text = PrintableFormatter("%(message)s").format(record)
    assert text.splitlines()[1] == "Traceback (most recent call last):"
    assert not has_control_characters(text)


def test_the_program_logs_without_control_characters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from monitor.cli import logs

    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    logs.start_logging()
    logging.getLogger("monitor.x").warning("from outside: %s", HOSTILE)
    assert "from outside: title" in (printed := capsys.readouterr().err)
    assert not has_control_characters(printed)
