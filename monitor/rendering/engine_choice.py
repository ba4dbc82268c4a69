"""Fetches a page of an outlet with ``render: auto``: tries one engine after the other until the page has text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import FetchError, RenderingUnavailable
from monitor.failures import FailureKind
from monitor.models import now
from monitor.rendering.auto import reason_to_render

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from monitor.models import Page
    from monitor.rendering.auto import EngineMemory


async def fetch_with_engines(
    url: str, *, memory: EngineMemory, available: Sequence[str], fetch: Callable[[str], Awaitable[Page | None]]
) -> Page | None:
    """Returns the page, or None if it is unchanged (304).  ``memory`` learns which engine the page needed.

    ``fetch(engine)`` fetches the page; the engine ``none`` means without rendering.  An HTTP error of the site (404,
    503), a page that is too large and any error of ``none`` are raised at once.  After another error the next engine is
    tried, and the last such error is raised if no engine gives the page text.  Without errors, the last fetched page is
    returned.
    """
    page: Page | None = None
    problem: FetchError | RenderingUnavailable | None = None
    engine = "none"
    for engine in memory.engines_to_try(url, available, now=now()):
        page = None  # the last one is not held beside this one
        try:
            fetched = await fetch(engine)
        except (FetchError, RenderingUnavailable) as error:
            if engine == "none" or (isinstance(error, FetchError) and _concerns_page(error)):
                raise
            problem = error
            continue
        if fetched is None:
            return None
        page = fetched
        if reason_to_render(page) is None:
            memory.learn(url, engine, worked=True, now=now())
            return page
    if problem is not None:
        raise problem
    if available:
        memory.learn(url, engine, worked=False, now=now())
    return page


def _concerns_page(error: FetchError) -> bool:
    """Returns True if the page fails in the same way with any engine."""
    return error.kind.is_http_status or error.kind is FailureKind.TOO_LARGE
