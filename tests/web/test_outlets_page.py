"""The page of outlets asks whether outlets are polled at all if many are overdue."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.models import now

if TYPE_CHECKING:
    from web.conftest import Page


def test_outlets_that_are_overdue_for_a_poll_are_counted(page: Page) -> None:
    def be_due(minutes: float) -> str:
        at = now()
        (state,) = page.store.lease(
            ["Outlet"], holder="test", now=at, term=timedelta(minutes=1), limit=1, due_only=False
        )
        page.store.release(replace(state, next_poll_at=at - timedelta(minutes=minutes)))
        return page.get("/outlets")[1]

    assert "overdue" not in page.get("/outlets")[1]
    assert "1 outlet is overdue for a poll, and has been for 17m: is" in be_due(17.5)
    assert "overdue" not in be_due(5)
    assert "overdue" not in be_due(-30)
