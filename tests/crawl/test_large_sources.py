"""Large sources are parsed in a process with limits; their memory is not that of the crawling process."""

from __future__ import annotations

import gzip
import resource
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from monitor.config.schema import Outlet
from monitor.crawl.sources import Source, read_source

from .engine import FAST_SETTINGS, Engine

if TYPE_CHECKING:
    import pytest

    from monitor.crawl.sources import SourceResult
    from monitor.demo.web import Site

SETTINGS = FAST_SETTINGS.model_copy(update={"timeout": timedelta(seconds=50), "max_size": 2_000_000})
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def read(engine: Engine, url: str, kind: str = "sitemap") -> SourceResult:
    outlet = Outlet(name="x", url=url)
    results = engine.with_fetcher(
        lambda fetcher: read_source(Source(kind, url), {}, outlet=outlet, fetcher=fetcher, since=SINCE),
        SETTINGS,
        timeout=150,
    )
    (result,) = results
    assert type(result).__name__ == "SourceResult"
    return result


def sitemap_of(site: Site, count: int, padding: str = "") -> bytes:
    entries = "".join(
        f"<url><loc>{site.url}news/story-{number}</loc><lastmod>2026-11-22</lastmod></url>" for number in range(count)
    )
    return f"<urlset>{entries}{padding}</urlset>".encode()


def test_a_large_sitemap_is_read_in_a_process(engine: Engine, site: Site) -> None:
    body = sitemap_of(site, 30_000)
    result = read(engine, site.put("/s.xml", body))
    assert result.error is None
    assert result.parsed is not None
    assert (len(body) > SETTINGS.max_size, result.parsed.offered, len(result.parsed.candidates)) == (True, 30_000, 5000)
    assert result.state.skipped == {"too-many": 25_000}


def test_a_sitemap_of_millions_of_elements_costs_this_process_little(engine: Engine, site: Site) -> None:
    """48 MB of elements, 47 kB as they are sent; the tree alone would take over a gigabyte."""
    body = gzip.compress(sitemap_of(site, 1, "<a/>" * 11_900_000))
    url = site.put("/s.xml", body, headers=(("Content-Encoding", "gzip"),))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = read(engine, url)
    grown_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert result.error is not None
    assert result.error.label == "too-large"
    assert grown_kilobytes < 300_000


def test_a_large_source_that_is_too_large_for_memory_is_refused(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.crawl.document_parsers._pools", WeakKeyDictionary())
    monkeypatch.setattr("monitor.crawl.document_parsers.MAX_PARSER_MEMORY_GROWTH_BYTES", 10_000_000)
    result = read(engine, site.put("/f.xml", sitemap_of(site, 15_000)), "feed")
    assert result.error is not None
    assert result.error.message == "parsing it takes more memory than allowed"
