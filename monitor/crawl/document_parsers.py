"""Parses feeds, sitemaps, sections and forms in processes with limits on time and memory.

A document of outside may take minutes of a parser's time and gigabytes, whatever its size; in a thread it would also
hold the interpreter lock, and a thread cannot be ended.
"""

from __future__ import annotations

import asyncio
import atexit
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from monitor.errors import FetchError, WorkersUnavailable
from monitor.extract.worker_pool import WorkerPool
from monitor.extract.worker_process import CallTimeout, WorkerDied
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

PARSER_PROCESSES = 2  # the queue of the pool keeps one for the other outlets while an outlet's documents are costly
PARSE_TIMEOUT_SECONDS = 20.0
MAX_PARSER_MEMORY_GROWTH_BYTES = 400_000_000  # address space that a process may use beyond that at its start
DOCUMENTS_PER_PARSER = 2000  # then the process is replaced, because lxml leaks memory

_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, WorkerPool] = WeakKeyDictionary()


async def parse_document(outlet: str, parse: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Returns ``parse(*args)``, called in a parser process; ``parse`` must be a function of a module.

    ``outlet`` names the outlet whose share of the processes counts.  Raises FetchError: that of ``parse``, of kind
    TOO_LARGE if the document takes more time or memory than allowed, or NO_RESOURCES if no process can be started.
    """
    pool = _started_pool()
    try:
        # No variable holds the future: with an exception, it would form a cycle that keeps the document in memory.
        result = await asyncio.wrap_future(
            pool.submit(_parse, parse, args, kwargs, timeout_seconds=PARSE_TIMEOUT_SECONDS, owner=outlet)
        )
    except CallTimeout as error:
        message = f"parsing it takes longer than {PARSE_TIMEOUT_SECONDS:g} s"
        raise FetchError(message, kind=FailureKind.TOO_LARGE) from error
    except WorkerDied as error:
        raise FetchError("parsing it takes more memory than allowed", kind=FailureKind.TOO_LARGE) from error
    except WorkersUnavailable as error:
        raise FetchError(str(error), kind=FailureKind.NO_RESOURCES) from error
    if result.is_memory_error:
        raise FetchError("parsing it takes more memory than allowed", kind=FailureKind.TOO_LARGE)
    if result.error:
        raise FetchError(f"parsing it failed: {result.error}", kind=FailureKind.MALFORMED)
    parsed: T | _ParseFailure = result.value
    if isinstance(parsed, _ParseFailure):
        raise FetchError(parsed.message, kind=parsed.kind)
    return parsed


def parser_pool() -> WorkerPool | None:
    """Returns the pool of the running event loop; None until it has parsed a document."""
    return _pools.get(asyncio.get_running_loop())


def _started_pool() -> WorkerPool:
    """Returns the pool of the running event loop; starts it at the first call."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = WorkerPool(
            PARSER_PROCESSES, memory_bytes=MAX_PARSER_MEMORY_GROWTH_BYTES, calls_per_worker=DOCUMENTS_PER_PARSER
        )
        try:
            pool.start()
        except WorkersUnavailable as error:
            del _pools[loop]
            raise FetchError(str(error), kind=FailureKind.NO_RESOURCES) from error
        atexit.register(pool.close)  # kills the processes, whatever they parse
    return pool


@dataclass(frozen=True, kw_only=True, slots=True)
class _ParseFailure:
    """The FetchError of a parser, in a form that a process can send."""

    message: str
    kind: FailureKind


def _parse(parse: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T | _ParseFailure:
    """Runs in the process."""
    try:
        return parse(*args, **kwargs)
    except FetchError as error:
        return _ParseFailure(message=error.message, kind=error.kind)
