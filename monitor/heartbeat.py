"""Shows that the event loop of `run` works: it touches a file, whose age a probe checks without a store or server."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

BEAT_INTERVAL_SECONDS = 5.0
MAX_AGE_SECONDS = 90.0  # of the last beat; an attempt to open an unavailable store blocks for `store.timeout`, 30 s


class Heartbeat:
    """Touches the file at ``path``; without a path does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._failure = ""

    def beat(self) -> None:
        """Touches the file, creating it if it is missing.  Logs a failure once."""
        if self._path is None:
            return
        try:
            self._path.touch()
        except OSError as error:
            if str(error) != self._failure:
                log.error("no heartbeat: %s", error)  # noqa: TRY400  one line is enough
            self._failure = str(error)

    async def beat_until_cancelled(self) -> None:
        """Touches the file every `BEAT_INTERVAL_SECONDS`.  Runs in the event loop, so a blocked loop lets it age."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_INTERVAL_SECONDS)


def seconds_since_beat(path: Path) -> float | None:
    """Returns the age of the file in seconds, or None if there is none."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None
