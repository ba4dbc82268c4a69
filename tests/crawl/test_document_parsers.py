"""Documents of outside are parsed in processes with limits, and each outlet has its share of them."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from monitor.config.schema import Outlet
from monitor.crawl import document_parsers
from monitor.crawl.document_parsers import parse_document
from monitor.crawl.sources import Source, parse_source, read_source
from monitor.errors import FetchError
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.crawl.sources import SourceResult
    from monitor.demo.web import Site
    from monitor.discovery.parsed_source import ParsedSource
    from monitor.models import Page

    from .engine import Engine

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def parse_with_bug(kind: str, page: Page, outlet: Outlet, since: datetime) -> ParsedSource:
    raise RecursionError("a bug")


def die_once(marker: Path) -> str:
    """Kills its process at the first call."""
    if marker.exists():
        return "parsed"
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "unreachable"


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def read(engine: Engine, url: str, kind: str = "feed", parse: object = parse_source) -> SourceResult:
    outlet = Outlet(name="x", url=url)
    (result,) = engine.with_fetcher(
        lambda fetcher: read_source(
            Source(kind, url),
            {},
            outlet=outlet,
            fetcher=fetcher,
            since=SINCE,
            parse=parse,  # type: ignore[arg-type]  # one of the functions here
        )
    )
    return result


def test_a_bug_in_a_parser_fails_only_that_source(engine: Engine, site: Site) -> None:
    result = read(engine, site.put("/rss", b"<rss/>", "application/rss+xml"), parse=parse_with_bug)
    assert result.error is not None
    assert (result.error.kind, result.error.message) == (
        FailureKind.MALFORMED,
        "parsing it failed: RecursionError: a bug",
    )


def test_gzip_inside_gzip_is_refused(engine: Engine, site: Site) -> None:
    packed = gzip.compress(gzip.compress(b"<rss>" + b" " * 1_000_000 + b"</rss>"))
    result = read(engine, site.put("/rss.gz", packed, "application/gzip"))
    assert result.error is not None
    assert (result.error.kind, result.error.message) == (FailureKind.MALFORMED, "gzip inside gzip")


def test_a_document_is_parsed_again_after_its_process_was_killed(engine: Engine, tmp_path: Path) -> None:
    assert engine.run(parse_document("x", die_once, tmp_path / "called")) == "parsed"


def test_a_document_that_takes_too_long_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_parsers, "PARSE_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(FetchError, match=r"parsing it takes longer than 0\.2 s") as raised:
        engine.run(parse_document("x", sleep, 60.0))
    assert raised.value.kind is FailureKind.TOO_LARGE


def test_the_documents_of_one_outlet_do_not_delay_another(engine: Engine) -> None:
    async def compete() -> list[str]:
        done: list[str] = []

        async def parse(outlet: str, seconds: float) -> None:
            await parse_document(outlet, sleep, seconds)
            done.append(outlet)

        await parse("warm-up", 0.0)
        costly = [asyncio.create_task(parse("costly", 0.5)) for _ in range(8)]
        await asyncio.sleep(0.1)
        await parse("honest", 0.0)
        await asyncio.gather(*costly)
        return done

    done = engine.run(compete())
    assert done.index("honest") <= 4, "in the order of their arrival it would be the last but one"
