"""Searches of sites for their feeds and stories: each one is `media-monitor discover` in a process of its own.

Scrapy cannot run beside the page's event loop, and a process can be killed when it takes too long.  A search ends with
its process; its result is kept in memory for a while.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import orjson

from monitor.errors import MonitorError
from monitor.models import now

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from monitor.models import Json

PUBLIC_ONLY = ("--public-only",)
MAX_RUNNING_SEARCHES = 3  # at a time; one of each user
MAX_SEARCH_SECONDS = 180.0
MAX_KEPT_SEARCHES = 50
MAX_SEARCH_AGE = timedelta(hours=1)  # until its result is forgotten
MAX_RESULT_BYTES = 5_000_000


class TooManySearches(MonitorError):
    """As many sites are searched as the page allows at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteSearch:
    """A search of one site; ``result`` is the JSON of `discover`, or ``error`` says why there is none."""

    key: str
    url: str
    user: str
    started_at: datetime
    progress: str = "starting"
    result: Json | None = None
    error: str = ""

    @property
    def is_running(self) -> bool:
        return self.result is None and not self.error


class SiteSearches:
    """Starts searches and keeps their results.  Methods may be called from any thread; closing ends all searches."""

    def __init__(self, config_path: Path, *, options: tuple[str, ...] = PUBLIC_ONLY) -> None:
        self._command = [sys.executable, "-m", "monitor", "--config", str(config_path), "discover", "--json", *options]
        self._lock = threading.Lock()
        self._searches: dict[str, SiteSearch] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            processes = list(self._processes.values())
        for process in processes:
            _kill(process)

    def start(self, url: str, *, user: str) -> SiteSearch:
        """Starts a search of the site at a valid URL.  Raises TooManySearches, and MonitorError if it cannot start."""
        search = SiteSearch(key=secrets.token_urlsafe(16), url=url, user=user, started_at=now())
        with self._lock:
            self._forget_old(search.started_at)
            running = [each for each in self._searches.values() if each.is_running]
            if len(running) >= MAX_RUNNING_SEARCHES or any(each.user == user for each in running):
                raise TooManySearches(
                    "another site is searched at present",
                    hint="try again when that has ended, in three minutes at most",
                )
            try:
                process = subprocess.Popen(  # noqa: S603  no shell; the address is valid and follows "--"
                    [*self._command, "--", url],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,  # so that its workers end with it
                )
            except OSError as error:
                raise MonitorError(f"no search can be started: {error.strerror}") from None
            self._searches[search.key], self._processes[search.key] = search, process
        threading.Thread(target=self._follow, args=(search.key, process), name="site-search", daemon=True).start()
        return search

    def find(self, key: str, *, user: str) -> SiteSearch | None:
        """Returns a search of this user; None if there is none or it is forgotten."""
        with self._lock:
            self._forget_old(now())
            search = self._searches.get(key)
        return search if search is not None and search.user == user else None

    def _forget_old(self, at: datetime) -> None:
        ended = [each for each in self._searches.values() if not each.is_running]
        for number, search in enumerate(reversed(ended)):
            if number >= MAX_KEPT_SEARCHES or at - search.started_at > MAX_SEARCH_AGE:
                del self._searches[search.key]

    def _follow(self, key: str, process: subprocess.Popen[bytes]) -> None:
        """Reads what the process prints until it ends, and stores the result."""
        assert process.stdout is not None
        is_late = threading.Event()

        def end_late() -> None:
            is_late.set()
            _kill(process)

        deadline = threading.Timer(MAX_SEARCH_SECONDS, end_late)
        deadline.daemon = True
        deadline.start()
        progress = threading.Thread(target=self._follow_progress, args=(key, process), daemon=True)
        progress.start()
        printed = process.stdout.read(MAX_RESULT_BYTES + 1)
        if len(printed) > MAX_RESULT_BYTES:
            _kill(process)
        status = process.wait()
        _kill(process)  # what it has started and left behind, which may hold its output open
        progress.join()
        deadline.cancel()
        process.stdout.close()
        with self._lock:
            search = self._searches[key]
            del self._processes[key]
            if is_late.is_set():
                ended = replace(search, error=f"the search took longer than {MAX_SEARCH_SECONDS:g} seconds")
            elif len(printed) > MAX_RESULT_BYTES:
                ended = replace(search, error="the site has too much to show here")
            elif status == 0:
                ended = _with_result(search, printed)
            else:
                ended = replace(search, error=search.progress.removeprefix("error: "))
            self._searches[key] = ended

    def _follow_progress(self, key: str, process: subprocess.Popen[bytes]) -> None:
        """Keeps the last line that the process prints to stderr: its progress, or its error."""
        assert process.stderr is not None
        with process.stderr as lines:
            while line := lines.readline(10_000):
                if text := line.decode(errors="replace").strip():
                    with self._lock:
                        self._searches[key] = replace(self._searches[key], progress=text[:500])


def _with_result(search: SiteSearch, printed: bytes) -> SiteSearch:
    try:
        return replace(search, result=orjson.loads(printed))
    except orjson.JSONDecodeError:
        return replace(search, error="the search ended without a result; try again")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kills the process and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
