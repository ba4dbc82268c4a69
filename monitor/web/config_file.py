"""The configuration that the page works with: read again when its file changes."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from monitor.config.load import load
from monitor.errors import ConfigError, MonitorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from monitor.config import Config


class ConfigFile:
    """The newest valid configuration.  Methods may be called from any thread."""

    def __init__(self, path: Path, config: Config, environ: Mapping[str, str]) -> None:
        self.path = path
        self.environ = environ
        self._config = config
        self._faults: tuple[str, ...] = ()
        self._stamp = self._read_stamp()
        self._lock = threading.Lock()

    def current(self) -> Config:
        """Returns the configuration; reads the file again if it has changed.  Keeps the last one if it is invalid."""
        with self._lock:
            if (stamp := self._read_stamp()) != self._stamp:
                self._stamp = stamp
                try:
                    self._config, self._faults = load(self.path, self.environ), ()
                except ConfigError as error:
                    self._faults = error.faults
            return self._config

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults of the file, if it is invalid since it was last read."""
        return self._faults

    def _read_stamp(self) -> tuple[int, int]:
        try:
            state = self.path.stat()
        except OSError:
            return 0, 0
        return state.st_mtime_ns, state.st_size


def file_text(config_file: ConfigFile) -> str:
    """Returns the text of the configuration's file.  Raises MonitorError if it cannot be read."""
    try:
        return config_file.path.read_text(encoding="utf-8")
    except OSError as error:
        raise MonitorError(f"{config_file.path} cannot be read: {error.strerror}") from None


def faults_by_key(error: ConfigError, entry: str) -> dict[str, list[str]]:
    """Returns the messages by the key of an entry, as ``alerts[3]``; those about other places, with these, under ""."""
    pattern = re.compile(rf"{re.escape(entry)}\.(?P<key>\w+)[^ :]*: (?P<message>.*)", re.DOTALL)
    by_key: dict[str, list[str]] = {}
    for fault in faults_of_entry(error):
        match = pattern.fullmatch(fault)
        key, message = (match["key"], match["message"]) if match else ("", fault)
        by_key.setdefault(key, []).append(message)
    return by_key


def faults_of_entry(error: ConfigError) -> list[str]:
    """Returns the faults without the file name and line, which the forms of the page do not show."""
    return [fault.split(": ", 1)[1] if ": " in fault else fault for fault in error.faults]
