"""Leases of polls that end together are released in one store call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitor.config.schema import Outlet
from monitor.crawl import lease
from monitor.crawl.lease import LEASE_TERM, LeaseReleases
from monitor.errors import LeaseLost, StoreRefused
from monitor.models import OutletState, now

from .engine import FakeService

NAMES = ("a", "b", "c")


def leased(service: FakeService, holder: str = "one", names: tuple[str, ...] = NAMES) -> list[OutletState]:
    return service.store.lease(names, holder=holder, now=now(), term=LEASE_TERM, limit=9, due_only=False)


def fake_service() -> FakeService:
    return FakeService(*(Outlet(name=name, url=f"http://{name}.example") for name in NAMES))


def test_polls_that_end_together_are_released_in_one_call() -> None:
    service = fake_service()
    states = [replace(state, next_poll_at=now() + timedelta(hours=1)) for state in leased(service)]

    async def work() -> None:
        releases = LeaseReleases(service, linger_seconds=0.1)  # type: ignore[arg-type]  # a stub
        await asyncio.gather(*map(releases.release, states))
        await releases.release(states[0])

    asyncio.run(work())
    assert service.calls["release_all"] == 2
    stored = service.store.outlets()
    assert [(state.holder, state.next_poll_at) for state in stored] == [(None, state.next_poll_at) for state in states]


def test_a_lost_lease_is_an_error_of_its_poll_alone() -> None:
    service = fake_service()
    states = leased(service)
    service.store.state.outlets["b"] = replace(service.store.state.outlets["b"], holder="two", fencing_token="new")

    async def work() -> list[Any]:
        releases = LeaseReleases(service)  # type: ignore[arg-type]  # a stub
        return await asyncio.gather(*map(releases.release, states), return_exceptions=True)

    results = asyncio.run(work())
    assert [type(result) for result in results] == [type(None), LeaseLost, type(None)]
    assert [state.holder for state in service.store.outlets()] == [None, "two", None]


def test_the_error_of_a_call_is_raised_in_each_poll_and_later_polls_go_on() -> None:
    service = fake_service()
    states, call = leased(service), service.call

    async def refuse(*_: Any, **__: Any) -> Any:
        raise StoreRefused("no")

    async def work() -> list[Any]:
        releases = LeaseReleases(service)  # type: ignore[arg-type]  # a stub
        service.call = refuse  # type: ignore[method-assign]  # a stub
        results = await asyncio.gather(*map(releases.release, states), return_exceptions=True)
        service.call = call  # type: ignore[method-assign]  # a stub
        await releases.release(states[0])
        return results

    assert [type(result) for result in asyncio.run(work())] == [StoreRefused] * 3
    assert [state.holder for state in service.store.outlets()] == [None, "one", "one"]


def test_a_cancelled_poll_keeps_no_other_from_being_released() -> None:
    service = fake_service()
    states = leased(service)

    async def work() -> None:
        releases = LeaseReleases(service, linger_seconds=0.1)  # type: ignore[arg-type]  # a stub
        tasks = [asyncio.create_task(releases.release(state)) for state in states]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(work())
    assert [state.holder for state in service.store.outlets()] == [None, None, None]


def test_a_cancelled_call_leaves_no_poll_waiting() -> None:
    service = fake_service()
    states = leased(service)

    async def cancelled(*_: Any, **__: Any) -> Any:
        raise asyncio.CancelledError

    service.call = cancelled  # type: ignore[method-assign]  # a stub

    async def work() -> list[Any]:
        releases = LeaseReleases(service)  # type: ignore[arg-type]  # a stub
        released = asyncio.gather(*map(releases.release, states), return_exceptions=True)
        return await asyncio.wait_for(released, 30)

    assert [type(result) for result in asyncio.run(work())] == [asyncio.CancelledError] * 3


def test_enough_ended_polls_are_released_without_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RELEASE_LINGER_POLLS", 3)
    service = fake_service()
    states = leased(service)

    async def work() -> None:
        releases = LeaseReleases(service, linger_seconds=3600)  # type: ignore[arg-type]  # a stub
        await asyncio.wait_for(asyncio.gather(*map(releases.release, states)), 30)

    asyncio.run(work())
    assert [state.holder for state in service.store.outlets()] == [None, None, None]


@pytest.mark.parametrize("linger", [0.0, 0.2])
def test_a_release_waits_no_longer_than_the_linger_time(linger: float) -> None:
    service = fake_service()
    (state,) = leased(service, names=("a",))

    async def work() -> float:
        releases = LeaseReleases(service, linger_seconds=linger)  # type: ignore[arg-type]  # a stub
        began = asyncio.get_running_loop().time()
        await releases.release(state)
        return asyncio.get_running_loop().time() - began

    assert linger <= asyncio.run(work()) < linger + 5
