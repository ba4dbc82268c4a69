"""The log of the program: text for people, JSON for programs, in UTC, without secrets."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from monitor.cli import logs
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def own_root_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])


def test_a_line_of_text_has_the_time_in_utc(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    logs.log_as("text", None)
    logging.getLogger("monitor.x").warning("the store is %s", "away")
    time, level, message = capsys.readouterr().err.rstrip().split(" ", 2)
    assert (level, message) == ("WARNING", "the store is away")
    assert abs((datetime.fromisoformat(time) - datetime.now(UTC)).total_seconds()) < 5
    assert time.endswith("Z")


def test_a_line_for_programs_is_an_object_with_the_fields_of_its_event(capsys: pytest.CaptureFixture[str]) -> None:
    logs.log_as("auto", None)  # stderr is no terminal here
    logging.getLogger("monitor.run").warning(
        "%s: failed\nagain", "Läufer", extra={"outlet": "Läufer", "pages": {"stored": 2}}
    )
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    event = json.loads(line)
    assert event.pop("time").endswith("Z")
    assert event == {
        "level": "warning",
        "message": "Läufer: failed\nagain",
        "logger": "monitor.run",
        "outlet": "Läufer",
        "pages": {"stored": 2},
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_half_a_character_of_a_page_is_logged_as_well(tmp_path: Path, log_format: logs.LogFormat) -> None:
    logs.log_as(log_format, tmp_path / "run.log")
    logging.getLogger("monitor.run").warning("title \ud83d: failed", extra={"outlet": "\udcff"})
    (line,) = (tmp_path / "run.log").read_text(encoding="utf-8").splitlines()
    assert "title" in line
    assert ": failed" in line


def test_a_traceback_is_a_value_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.log_as("json", None)
    try:
        raise ValueError("deep")  # noqa: TRY301  a traceback is wanted
    except ValueError:
        logging.getLogger("monitor.x").exception("a poll failed")
    event = json.loads(capsys.readouterr().err)
    assert event["message"] == "a poll failed"
    assert event["exception"].endswith("ValueError: deep")


def test_a_log_file_is_renamed_at_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_LOG_FILE_BYTES", 1000)
    logs.log_as("text", tmp_path / "run.log")
    for number in range(200):
        logging.getLogger("monitor.x").warning("line %d", number)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["run.log", *(f"run.log.{number}" for number in range(1, logs.KEPT_LOG_FILES + 1))]
    assert "line 199" in (tmp_path / "run.log").read_text()


def test_a_log_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MonitorError, match="cannot be written: No such file or directory"):
        logs.log_as("auto", tmp_path / "missing" / "run.log")


def test_a_full_disk_is_named_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    logs.log_as("text", tmp_path / "run.log")
    (handler,) = logging.getLogger().handlers

    def write(_: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(handler.stream, "write", write)  # type: ignore[attr-defined]  # of a file handler
    for _ in range(3):
        logging.getLogger("monitor.x").warning("x")
    assert capsys.readouterr().err == "the log cannot be written: [Errno 28] No space left on device\n"
