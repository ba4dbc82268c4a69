"""Shows that the event loop of `run` works: to a probe by a file, whose age it checks, and to systemd's watchdog."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from monitor import systemd_notify

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

BEAT_INTERVAL_SECONDS = 5.0
MAX_AGE_SECONDS = 90.0  # of the last beat; an attempt to open an unavailable store blocks for `store.timeout`, 30 s


# By which systemd extends the time for a start while the store is unavailable; longer than between two attempts.
START_EXTENSION_MICROSECONDS = 180_000_000


class Heartbeat:
    """Touches the file at ``path``, if there is one, and notifies systemd, if it has started the process."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._failure = ""
        self._beat_at: float | None = None  # a time of `time.monotonic`

    def beat(self) -> None:
        """Touches the file, creating it if it is missing, and answers systemd's watchdog.  Logs a failure once."""
        systemd_notify.notify(systemd_notify.WATCHDOG)
        self._beat_at = time.monotonic()
        if self._path is None:
            return
        try:
            self._path.touch()
        except OSError as error:
            if str(error) != self._failure:
                log.error("no heartbeat: %s", error)  # noqa: TRY400  one line is enough
            self._failure = str(error)

    @property
    def age_seconds(self) -> float | None:
        """The time since the last beat, None before the first."""
        return None if self._beat_at is None else time.monotonic() - self._beat_at

    def beat_before_start(self) -> None:
        """Beats, and keeps systemd waiting for a process that waits for its store."""
        systemd_notify.notify(
            f"EXTEND_TIMEOUT_USEC={START_EXTENSION_MICROSECONDS}", systemd_notify.status("opening the store")
        )
        self.beat()

    async def beat_until_cancelled(self) -> None:
        """Beats every `BEAT_INTERVAL_SECONDS`.  Runs in the event loop, so a blocked loop lets the file age."""
        systemd_notify.notify(systemd_notify.READY, systemd_notify.status("crawling"))
        while True:
            self.beat()
            await asyncio.sleep(BEAT_INTERVAL_SECONDS)


def seconds_since_beat(path: Path) -> float | None:
    """Returns the age of the file in seconds, or None if there is none."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None
