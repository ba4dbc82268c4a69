"""Gives each user a share of the page, so that a reader with many or slow requests cannot stop it for the others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

MAX_REQUESTS = 4  # of one user at a time; further ones wait, without a thread
RETRY_SECONDS = "5"
MAX_WAITING_REQUESTS = 30  # of one user; further ones are refused with status 429


@dataclass(slots=True)
class _Share:
    """The requests of one user."""

    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_REQUESTS))
    count: int = 0  # running and waiting


class RequestShares:
    """ASGI layer inside `access.AccessControl`; without a user, the address of the client counts."""

    def __init__(self, app: ASGIApp, *, error_page: Callable[[Scope, int, str, str], Response]) -> None:
        self._app = app
        self._error_page = error_page
        self._shares: dict[tuple[str, str], _Share] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        key = ("user", state["user"].name) if state["user"].name else ("address", state["client"].address)
        share = self._shares.setdefault(key, _Share())
        if share.count >= MAX_REQUESTS + MAX_WAITING_REQUESTS:
            response = self._error_page(
                scope, 429, "You have asked for too much at once.", "Wait until some of your requests have ended."
            )
            response.headers["Retry-After"] = RETRY_SECONDS
            await response(scope, receive, send)
            return
        share.count += 1
        try:
            async with share.slots:
                await self._app(scope, receive, send)
        finally:
            share.count -= 1
            if not share.count:
                del self._shares[key]
