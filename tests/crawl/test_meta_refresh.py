"""A meta refresh is followed, and looking for one takes little time whatever the page contains."""

from __future__ import annotations

import asyncio
import gzip
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from monitor.config.schema import Outlet

from .engine import FAST_SETTINGS, Engine

if TYPE_CHECKING:
    from monitor.crawl.fetch import Fetcher
    from monitor.demo.web import Site
    from monitor.models import Page

REFRESH = "<html><head><meta http-equiv='refresh' content='{content}'></head>"


def fetched(engine: Engine, url: str) -> Page:
    page = engine.with_fetcher(lambda fetcher: fetcher.fetch_page(Outlet(name="x", url=url), url), FAST_SETTINGS)
    assert page is not None
    return page


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251", "utf-16"])
def test_a_refresh_is_followed_in_any_encoding(engine: Engine, site: Site, encoding: str) -> None:
    site.put("/target", b"<p>target")
    page = f"<!-- Привет -->{REFRESH.format(content='0; url=/target')}"
    url = site.put("/a", page.encode(encoding), f"text/html; charset={encoding}")
    assert fetched(engine, url).url == f"{site.url}target"


@pytest.mark.parametrize("content", ["60; url=/target", "0; url=mailto:x@example.org", "0; url=http://["])
def test_a_late_or_unusable_refresh_is_not_followed(engine: Engine, site: Site, content: str) -> None:
    site.put("/target", b"<p>target")
    url = site.put("/a", REFRESH.format(content=content).encode())
    assert fetched(engine, url).url == url


def test_a_refresh_after_the_beginning_is_not_looked_for(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"<html>" + b" " * 5000 + REFRESH.format(content="0; url=/target").encode())
    assert fetched(engine, url).url == url


@pytest.mark.parametrize("start", ["<html>", REFRESH.format(content="60; url=/b")])
def test_a_page_that_is_declared_as_punycode_does_not_block_the_loop(engine: Engine, site: Site, start: str) -> None:
    """1.5 kB of gzip; the codec needs 30 seconds for it."""
    body = start.encode() + b"x" * 100_000 + b"-" + b"a" * 400_000
    headers = (("Content-Encoding", "gzip"),)
    url = site.put("/a", gzip.compress(body), "text/html; charset=punycode", headers=headers)

    async def longest_pause(fetcher: Fetcher) -> float:
        """Fetches the page; returns the longest time for which the event loop did nothing else."""
        download = asyncio.ensure_future(fetcher.fetch_page(Outlet(name="x", url=url), url))
        longest, last = 0.0, monotonic()
        while not download.done():
            await asyncio.sleep(0.01)
            longest, last = max(longest, monotonic() - last), monotonic()
        assert await download is not None
        return longest

    assert engine.with_fetcher(longest_pause, FAST_SETTINGS) < 1
