"""One engine for all tests of the crawl, and a web site for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.demo.web import Site

from .engine import Engine, shared

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def engine() -> Engine:
    return shared()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site
