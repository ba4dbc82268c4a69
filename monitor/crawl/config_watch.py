"""Notices a changed configuration while `run` works, and checks it before the process restarts with it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from monitor.config import load
from monitor.config.document import YamlError
from monitor.config.load import secret_files
from monitor.crawl.spider_package import unknown_spider_faults
from monitor.errors import ConfigError, StoreRefused, StoreUnavailable
from monitor.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from monitor.config import Config

log = logging.getLogger(__name__)

LOOK_INTERVAL_SECONDS = 5.0  # between two looks at the files; a changed file is read when two looks found it the same


def file_fingerprint(path: Path) -> str:
    """Returns a hash of a file's content; of nothing if it cannot be read."""
    digest = hashlib.sha256()
    with suppress(OSError):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class WatchedFiles:
    """The configuration file and the files with secrets that it names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._config_fingerprint = ""
        self._secret_files: list[Path] = []

    def fingerprints(self) -> tuple[str, ...]:
        """Returns the hashes of the files, of the configuration first.

        Parses the configuration, which may be large, only if it has changed.
        """
        fingerprint = file_fingerprint(self.path)
        if fingerprint != self._config_fingerprint:
            self._secret_files = _secret_files(self.path)
            self._config_fingerprint = fingerprint
        return (fingerprint, *map(file_fingerprint, self._secret_files))


def _secret_files(path: Path) -> list[Path]:
    try:
        return sorted(secret_files(path, os.environ).values())
    except (OSError, ValueError, ConfigError, YamlError):  # `load` reports the fault when the file is read
        return []


class ConfigWatch:
    """Calls for a restart when the files of the configuration have changed or `ask` is called.

    ``fingerprint`` is that of the file before ``config`` was loaded from it.
    """

    def __init__(self, path: Path, config: Config, fingerprint: str) -> None:
        self._path = path
        self._config = config
        self._files = WatchedFiles(path)
        self._loaded_fingerprint = fingerprint
        self._known: tuple[str, ...] = ()  # of the files in use, or of those that were refused last
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Makes `run` read the files now, changed or not."""
        self._asked.set()

    async def run(self, stop: asyncio.Event, *, spiders: Collection[str], restart: Callable[[], None]) -> None:
        """Looks at the files until ``stop`` is set; calls ``restart`` once when a valid configuration is to be used.

        A configuration with faults is refused: they are logged once, and the process goes on with the one it has.
        """
        previous = await asyncio.to_thread(self._files.fingerprints)
        if previous[0] == self._loaded_fingerprint:
            self._known = previous
        while not stop.is_set():
            asked = await self._wait(stop)
            if stop.is_set():
                return
            current = await asyncio.to_thread(self._files.fingerprints)
            has_changed = current != self._known and current == previous
            previous = current
            if not (asked or has_changed):
                continue
            faults = await asyncio.to_thread(self._faults, spiders)
            if not faults:
                log.warning("%s %s: restarting with it", self._path, "has changed" if has_changed else "is read again")
                restart()
                return
            self._known = current
            log.error("%s is refused, the configuration in use stays: %s", self._path, "; ".join(faults))

    async def _wait(self, stop: asyncio.Event) -> bool:
        """Waits until `ask` or ``stop``, at most LOOK_INTERVAL_SECONDS; returns True if `ask` was called."""
        waits = [asyncio.create_task(self._asked.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait(waits, timeout=LOOK_INTERVAL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        asked = self._asked.is_set()
        self._asked.clear()
        return asked

    def _faults(self, spiders: Collection[str]) -> list[str]:
        """Returns why the process could not work with the configuration in the files; empty if it could.  Blocks."""
        try:
            config = load(self._path, os.environ)
        except ConfigError as error:
            return list(error.faults)
        if not config.outlets:
            return ["outlets: none are configured"]
        faults = unknown_spider_faults(config.outlets, spiders)
        if config.store != self._config.store:
            try:
                with closing(open_store(config.store, self._path.parent)) as store:
                    store.setup()
            except StoreRefused as error:
                faults.append(f"store: {error}")
            except StoreUnavailable:
                pass  # `run` waits for it
        return faults
