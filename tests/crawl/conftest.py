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
