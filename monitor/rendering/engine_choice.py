"""Fetch a page of an outlet with ``render: auto``: try engines until the page has text to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import FetchError, RenderingUnavailable
from monitor.models import now
from monitor.rendering.auto import needs_rendering

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from monitor.models import Page
    from monitor.rendering.auto import EngineMemory


async def fetch_with_engines(
    url: str, *, memory: EngineMemory, available: Sequence[str], fetch: Callable[[str], Awaitable[Page | None]]
) -> Page | None:
    """Returns the page, or None when it has not changed.  ``memory`` learns which engine the page needed.

    ``fetch`` takes an engine's name.  An HTTP error of the site (404, 503) is raised at once, from any engine.  When
    another failure happens during rendering, the next engine is tried; the last engine's failure is raised.
    """
    page: Page | None = None
    problem: FetchError | RenderingUnavailable | None = None
    engine = "none"
    for engine in memory.engines(url, available, now=now()):
        try:
            fetched = await fetch(engine)
        except (FetchError, RenderingUnavailable) as error:
            if engine == "none" or (isinstance(error, FetchError) and error.kind.is_http_status):
                raise
            problem = error
            continue
        if fetched is None:
            return None
        page = fetched
        if needs_rendering(page) is None:
            memory.learn(url, engine, worked=True, now=now())
            return page
    if problem is not None:
        raise problem
    if available:
        memory.learn(url, engine, worked=False, now=now())
    return page
