"""A page of an outlet whose ``render`` is ``auto``: by the first engine after which there is something to read."""

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
    """The page, None where it has not changed; ``memory`` learns which engine it took.

    ``fetch`` gets an engine's name.  What the site answers (404, 503) is the answer, whoever asked.  Where rendering
    is needed and an engine fails the next one is tried; the last one's failure is raised.
    """
    page: Page | None = None
    problem: FetchError | RenderingUnavailable | None = None
    engine = "none"
    for engine in memory.engines(url, available, now=now()):
        try:
            found = await fetch(engine)
        except (FetchError, RenderingUnavailable) as error:
            if engine == "none" or (isinstance(error, FetchError) and error.kind.startswith("http-")):
                raise
            problem = error
            continue
        if found is None:
            return None
        page = found
        if needs_rendering(page) is None:
            memory.learn(url, engine, worked=True, now=now())
            return page
    if problem is not None:
        raise problem
    if available:
        memory.learn(url, engine, worked=False, now=now())
    return page
