"""One engine for all tests of the crawl, and one web site for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.demo.web import Site

from .engine import Engine, shared_engine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def engine() -> Engine:
    return shared_engine()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture(autouse=True)
def steady_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the pause between two polls exact, which a random factor shortens otherwise."""
    monkeypatch.setattr("monitor.crawl.poll.random_spread", lambda *, is_first_poll: 1.0)  # noqa: ARG005  its signature
