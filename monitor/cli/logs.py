"""Sets up the log: lines for people, or one JSON object per line for programs; times are in UTC."""

from __future__ import annotations

import logging
import sys
import time
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, Literal

from monitor.cli.printable_streams import PrintableFormatter
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

LogFormat = Literal["auto", "text", "json"]
MAX_LOG_FILE_BYTES = 10_000_000  # then the file is renamed to FILE.1 and a new one begun
KEPT_LOG_FILES = 5  # FILE.1 to FILE.5


class UtcFormatter(PrintableFormatter):
    """Formats a record for people: ``2026-11-30T07:15:41Z WARNING message``."""

    default_time_format = "%Y-%m-%dT%H:%M:%SZ"
    default_msec_format = ""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self.converter = time.gmtime


class LogFile(RotatingFileHandler):
    """Writes a log file, renamed at MAX_LOG_FILE_BYTES; names the fault once if it cannot be written."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, maxBytes=MAX_LOG_FILE_BYTES, backupCount=KEPT_LOG_FILES, encoding="utf-8", errors="replace"
        )
        self._fault = ""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's name and parameter
        fault = str(sys.exc_info()[1])
        if fault != self._fault:
            sys.stderr.write(f"the log cannot be written: {fault}\n")
        self._fault = fault


def start_logging() -> None:
    """Logs warnings and errors to stderr, without the control characters that texts from outside may contain."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(UtcFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def log_as(log_format: LogFormat, file: Path | None) -> None:
    """Makes the log that of a service: to ``file``, if one is given, and as JSON unless it goes to a terminal.

    ``auto`` is text on a terminal, else JSON.  Raises MonitorError if the file cannot be written.
    """
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    is_terminal = file is None and sys.stderr.isatty()
    new: logging.Handler
    try:
        new = logging.StreamHandler(sys.stderr) if file is None else LogFile(file)
    except OSError as error:
        raise MonitorError(f"--log-file: {file} cannot be written: {error.strerror}") from None
    is_text = log_format == "text" or (log_format == "auto" and is_terminal)
    new.setFormatter(UtcFormatter() if is_text else _json_formatter())
    root.addHandler(new)


def _json_formatter() -> logging.Formatter:
    from structlog import processors, stdlib

    return stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            stdlib.add_log_level,
            stdlib.add_logger_name,
            stdlib.ExtraAdder(),
            processors.TimeStamper(fmt="iso", utc=True, key="time"),
        ],
        processors=[
            stdlib.ProcessorFormatter.remove_processors_meta,
            processors.format_exc_info,
            processors.EventRenamer("message"),
            _ordered,
            processors.JSONRenderer(ensure_ascii=False, default=str),  # orjson refuses half a surrogate pair
        ],
    )


def _ordered(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Puts what every line has first, so that people can read it too."""
    return {key: event.pop(key) for key in ("time", "level", "message") if key in event} | dict(event)
