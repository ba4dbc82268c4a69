"""Parses large feeds, sitemaps and sections in a short-lived process with limits on time and memory.

In a thread, the parser would hold the interpreter lock for seconds, and the tree of a document of 48 MB may take 3 GB.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from monitor.errors import FetchError
from monitor.extract.worker_process import CallTimeout, WorkerDied, WorkerProcess, WorkerStartError
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.discovery.parsed_source import ParsedSource
    from monitor.extract.worker import CallResult
    from monitor.models import Page

LARGE_SOURCE_BYTES = 1_000_000  # unpacked; a source above it is parsed in a process, one at a time
PARSE_TIMEOUT_SECONDS = 20.0
MAX_PARSER_MEMORY_GROWTH_BYTES = 450_000_000  # address space that the process may use beyond that at its start

_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[asyncio.Lock, asyncio.Lock]] = WeakKeyDictionary()


def download_lock() -> asyncio.Lock:
    """Returns the lock of the running event loop to hold while a source above `crawl.max_size` is in memory."""
    return _locks.setdefault(asyncio.get_running_loop(), (asyncio.Lock(), asyncio.Lock()))[0]


def parser_lock() -> asyncio.Lock:
    """Returns the lock of the running event loop to hold while a large source is unpacked and parsed."""
    return _locks.setdefault(asyncio.get_running_loop(), (asyncio.Lock(), asyncio.Lock()))[1]


async def parse_in_process(
    parse: Callable[[str, Page, Outlet, datetime], ParsedSource],
    kind: str,
    page: Page,
    outlet: Outlet,
    since: datetime,
) -> ParsedSource:
    """Returns the result of ``parse``, which must be a function of a module, called in a process of its own.

    Raises FetchError: that of ``parse``, of kind TOO_LARGE if the document takes more time or memory than allowed, or
    NO_RESOURCES if no process can be started.
    """
    try:
        process = await asyncio.to_thread(WorkerProcess.start, MAX_PARSER_MEMORY_GROWTH_BYTES)
    except WorkerStartError as error:
        raise FetchError(
            f"no process for a large source can be started: {error}", kind=FailureKind.NO_RESOURCES
        ) from error
    try:
        result = await asyncio.to_thread(_call_and_close, process, (parse, kind, page, outlet, since))
    except CallTimeout as error:
        message = f"parsing it takes longer than {PARSE_TIMEOUT_SECONDS:g} s"
        raise FetchError(message, kind=FailureKind.TOO_LARGE) from error
    except WorkerDied as error:
        raise FetchError("parsing it takes more memory than allowed", kind=FailureKind.TOO_LARGE) from error
    finally:
        process.kill()  # if this call is cancelled, the thread ends with the process
    if result.is_memory_error:
        raise FetchError("parsing it takes more memory than allowed", kind=FailureKind.TOO_LARGE)
    if result.error:
        raise FetchError(f"parsing it failed: {result.error}", kind=FailureKind.MALFORMED)
    parsed: ParsedSource | _ParseFailure = result.value
    if isinstance(parsed, _ParseFailure):
        raise FetchError(parsed.message, kind=parsed.kind)
    return parsed


def _call_and_close(process: WorkerProcess, args: tuple[object, ...]) -> CallResult:
    try:
        return process.call(_parse, args, timeout_seconds=PARSE_TIMEOUT_SECONDS)
    finally:
        process.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class _ParseFailure:
    """The FetchError of a parser, in a form that a process can send."""

    message: str
    kind: FailureKind


def _parse(
    parse: Callable[[str, Page, Outlet, datetime], ParsedSource],
    kind: str,
    page: Page,
    outlet: Outlet,
    since: datetime,
) -> ParsedSource | _ParseFailure:
    """Runs in the process."""
    try:
        return parse(kind, page, outlet, since)
    except FetchError as error:
        return _ParseFailure(message=error.message, kind=error.kind)
