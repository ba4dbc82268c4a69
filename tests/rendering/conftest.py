"""Fixtures: the two real engines, and sites for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from crawl.engine import Engine, shared_engine
from monitor.demo.web import Site
from monitor.rendering import browser
from servers import missing
from servers.splash import Missing, Splash

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def engine() -> Engine:
    return shared_engine()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = browser.find_chromium(os.environ.get("MONITOR_TEST_CHROMIUM"))
    if path is None:
        missing("there is no Chromium: apt-get install chromium, or set MONITOR_TEST_CHROMIUM")
    return path


@pytest.fixture(scope="session")
def splash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Splash]:
    """A Splash server for this test run only, which a test may stop and kill."""
    try:
        server = Splash(tmp_path_factory.mktemp("splash") / "log", stuck=4).wait()
    except Missing as reason:
        missing(str(reason))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def splash_url(request: pytest.FixtureRequest) -> str:
    """URL of a real Splash: MONITOR_TEST_SPLASH, or the `splash` fixture."""
    if url := os.environ.get("MONITOR_TEST_SPLASH"):
        return url
    url = request.getfixturevalue("splash").url
    assert isinstance(url, str)
    return url


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site
