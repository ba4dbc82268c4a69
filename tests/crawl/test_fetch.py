"""Fetching from servers of every kind, through the real engine."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import time as time_of_day
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from protego import Protego

from monitor.config.schema import Outlet
from monitor.crawl.robots import RobotsMiddleware, RobotsRules
from monitor.demo.web import Fault, Site
from monitor.egress import address_guard
from monitor.errors import FetchError
from monitor.failures import FailureScope

from .engine import FAST_SETTINGS, Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.schema import CrawlSettings


def fetch(
    engine: Engine,
    url: str,
    *,
    outlet_url: str | None = None,
    settings: CrawlSettings = FAST_SETTINGS,
    verify: bool = True,
    **validators: Any,
) -> Any:
    outlet = Outlet(name="x", url=outlet_url or url, verify=verify)
    return engine.with_fetcher(lambda fetcher: fetcher.fetch_page(outlet, url, **validators), settings)


def fetch_error(engine: Engine, url: str, **options: Any) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch(engine, url, **options)
    return caught.value


def test_a_page_has_its_url_status_encoding_and_etag(engine: Engine, site: Site) -> None:
    url = site.put("/a", "Привет".encode("cp1251"), "text/html; charset=Windows-1251", headers=(("ETag", '"x"'),))
    page = fetch(engine, url)
    assert (page.url, page.status, page.encoding, page.content_type) == (url, 200, "windows-1251", "text/html")
    assert (page.body.decode("cp1251"), page.etag) == ("Привет", '"x"')


def test_an_unchanged_page_is_none(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"<p>a", conditional=True)
    page = fetch(engine, url)
    assert fetch(engine, url, etag=page.etag) is None


def test_a_304_to_an_unconditional_request_is_a_failure(engine: Engine, site: Site) -> None:
    assert fetch_error(engine, site.put("/a", status=304)).label == "http-304"


@pytest.mark.parametrize(
    ("status", "permanent"), [(404, True), (410, True), (403, False), (429, False), (500, False), (503, False)]
)
def test_the_status_decides_whether_a_failure_is_permanent(
    engine: Engine, site: Site, status: int, permanent: bool
) -> None:
    error = fetch_error(engine, site.put("/a", b"<p>no", status=status))
    assert (error.label, error.kind.permanent) == (f"http-{status}", permanent)


def test_a_failure_has_the_retry_after_of_the_response(engine: Engine, site: Site) -> None:
    error = fetch_error(engine, site.put("/a", status=503, headers=(("Retry-After", "120"),)))
    assert error.retry_after == 120


def test_a_slow_response_ends_at_the_time_limit(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"x" * 1000)
    site.fault("/a", Fault(seconds_per_byte=0.05))
    started_at = time.monotonic()
    assert fetch_error(engine, url).label == "timeout"
    assert time.monotonic() - started_at < 10


def test_a_server_that_never_responds_ends_at_the_time_limit(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"x")
    site.fault("/a", Fault(hang=True))
    assert fetch_error(engine, url).label == "timeout"


def test_a_dropped_connection_is_a_connection_failure(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"x" * 1000)
    site.fault("/a", Fault(drop=True))
    assert fetch_error(engine, url).label == "connection"


def test_a_refused_connection_is_a_connection_failure(engine: Engine, site: Site) -> None:
    error = fetch_error(engine, "http://127.0.0.1:1/a")
    assert error.label in {"connection", "robots-unreachable"}


@contextmanager
def raw_server(response: bytes) -> Iterator[str]:
    """Runs a server that answers each connection with these bytes and closes it; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        asked = connection.recv(10_000)
                        connection.sendall(b"HTTP/1.1 404 No\r\n\r\n" if b"/robots.txt" in asked else response)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def chunked(body: bytes, *, end: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%s" % (len(body), body, end)


@pytest.mark.parametrize("body", [b"<html><p>all</html>\n", b"<rss></rss><!-- cached -->", b'{"items": []}'])
def test_a_complete_document_without_its_last_chunk_is_accepted(engine: Engine, body: bytes) -> None:
    with raw_server(chunked(body)) as url:
        assert fetch(engine, url).body == body


@pytest.mark.parametrize(
    "response", [chunked(b"<html><p>half a"), b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<rss><item>"]
)
def test_an_incomplete_document_is_a_connection_failure(engine: Engine, response: bytes) -> None:
    with raw_server(response) as url:
        error = fetch_error(engine, url)
    assert (error.label, error.message) == ("connection", "the response ends early")


def test_a_header_line_of_up_to_65_536_bytes_is_read(engine: Engine) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nLink: %s\r\n\r\n<p>a"
    with raw_server(head % (b"x" * 60_000)) as url:
        assert fetch(engine, url).body == b"<p>a"
    with raw_server(head % (b"x" * 70_000)) as url:
        error = fetch_error(engine, url)
    assert error.label == "connection"
    assert "a line of them is longer than 65,536 bytes" in error.message


def small_pages(**changes: Any) -> CrawlSettings:
    """Returns settings with a page size limit of 100,000 bytes."""
    return FAST_SETTINGS.model_copy(update={"max_size": 100_000, **changes})


def test_a_page_larger_than_the_limit_is_not_read(engine: Engine, site: Site) -> None:
    error = fetch_error(engine, site.put("/a", b"x" * 200_000), settings=small_pages())
    assert (error.label, error.kind.permanent) == ("too-large", True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compression_bomb_is_not_unpacked(engine: Engine, site: Site, encoding: str) -> None:
    zeros = bytes(50_000_000)
    packed = gzip.compress(zeros) if encoding == "gzip" else zlib.compress(zeros)
    url = site.put("/a", packed, headers=(("Content-Encoding", encoding),))
    assert fetch_error(engine, url, settings=small_pages()).label == "too-large"


def test_a_body_that_is_not_gzip_is_broken(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"not gzip at all", headers=(("Content-Encoding", "gzip"),))
    assert fetch_error(engine, url).label == "broken"


@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_a_body_that_is_not_in_its_content_encoding_is_broken(engine: Engine, site: Site, encoding: str) -> None:
    url = site.put("/a", b"<p>plain", headers=(("Content-Encoding", encoding),))
    assert fetch_error(engine, url).label == "broken"


@pytest.mark.parametrize("charset", ["hex", "idna", "no-such-charset"])
def test_a_charset_that_is_no_encoding_is_ignored(engine: Engine, site: Site, charset: str) -> None:
    assert fetch(engine, site.put("/a", b"<p>plain", f"text/html; charset={charset}")).body == b"<p>plain"


def test_a_redirect_is_followed(engine: Engine, site: Site) -> None:
    site.put("/b", b"<p>b")
    url = site.put("/a", status=301, headers=(("Location", "/b"),))
    assert fetch(engine, url).url == site.url + "b"


def test_a_redirect_loop_ends(engine: Engine, site: Site) -> None:
    site.put("/b", status=302, headers=(("Location", "/a"),))
    error = fetch_error(engine, site.put("/a", status=302, headers=(("Location", "/b"),)))
    assert (error.label, error.kind.permanent) == ("redirects", True)


def test_a_video_is_not_downloaded(engine: Engine, site: Site) -> None:
    page = fetch(engine, site.put("/a", b"x" * 5_000_000, "video/mp4"))
    assert (page.content_type, len(page.body) < 5_000_000) == ("video/mp4", True)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/a", "data:text/html,a", "javascript:1", "//x", "http://[", "x"]
)
def test_only_http_and_https_are_fetched(engine: Engine, url: str) -> None:
    error = fetch_error(engine, url, outlet_url="http://127.0.0.1/")
    assert error.kind.permanent
    assert error.label in {"private-address", "address"}


# ---- robots.txt


def test_robots_txt_is_obeyed(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /private\n", "text/plain")
    site.put("/private/a", b"<p>a")
    assert fetch_error(engine, f"{site.url}private/a").label == "robots"
    assert site.count("/private/a") == 0


def test_a_robots_txt_with_thousands_of_rules_is_obeyed(engine: Engine, site: Site) -> None:
    rules = "".join(f"Disallow: /*a{number}*b\n" for number in range(20_000))
    site.put("/robots.txt", f"User-agent: *\nDisallow: /private\n{rules}".encode(), "text/plain")
    site.put("/private/a", b"<p>a")
    assert fetch_error(engine, f"{site.url}private/a").label == "robots"
    assert fetch(engine, site.put("/a", b"<p>a")).status == 200


def test_a_robots_txt_of_megabytes_is_requested_again_and_obeyed(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /private\n" + b"# a comment\n" * 200_000, "text/plain")
    assert fetch_error(engine, f"{site.url}private/a").label == "robots"
    assert site.count("/robots.txt") == 2


def test_robots_rules_for_the_user_agent_override_the_general_ones(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /\n\nUser-agent: media-monitor\nAllow: /\n", "text/plain")
    assert fetch(engine, site.put("/a", b"<p>a")).status == 200


def test_an_unreachable_robots_txt_disallows_for_now(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", status=500)
    error = fetch_error(engine, site.put("/a", b"<p>a"))
    assert (error.label, error.kind.permanent, site.count("/a")) == ("robots-unreachable", False, 0)


def test_a_missing_robots_txt_allows_all(engine: Engine, site: Site) -> None:
    assert fetch(engine, site.put("/a", b"<p>a")).status == 200
    assert site.count("/robots.txt") == 1


def test_obey_robots_false_does_not_request_robots_txt(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /\n", "text/plain")
    settings = FAST_SETTINGS.model_copy(update={"obey_robots": False})
    assert fetch(engine, site.put("/a", b"<p>a"), settings=settings).status == 200
    assert site.count("/robots.txt") == 0


def test_robots_txt_applies_to_redirect_targets(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /b\n", "text/plain")
    site.put("/b", b"<p>b")
    assert fetch_error(engine, site.put("/a", status=302, headers=(("Location", "/b"),))).label == "robots"
    assert site.count("/b") == 0


def test_expired_rules_stay_slow_to_match_while_robots_txt_fails(engine: Engine, site: Site) -> None:
    many = b"".join(b"Disallow: /private/%d\n" % number for number in range(5000))
    site.put("/robots.txt", b"User-agent: *\n" + many, "text/plain")
    outlet = Outlet(name="x", url=site.put("/a", b"<p>a"))

    async def work(fetcher: Any) -> list[bool]:
        robots, slow_to_match = fetcher._crawler.get_downloader_middleware(RobotsMiddleware), []
        for _ in range(2):
            await fetcher.fetch_page(outlet, outlet.url)
            (origin,) = robots._rules_by_origin
            slow_to_match.append(robots._rules_by_origin[origin].is_slow_to_match)
            robots._rules_by_origin[origin] = replace(robots._rules_by_origin[origin], expires_at=0.0)
            site.put("/robots.txt", status=500)
        return slow_to_match

    assert engine.with_fetcher(work) == [True, True]


def test_the_characters_of_cached_robots_rules_are_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest rules make room for new ones; rules that replace expired ones count once."""
    monkeypatch.setattr("monitor.crawl.robots.MAX_CACHED_ROBOTS_CHARACTERS", 1000)

    async def work(fetcher: Any) -> list[str]:
        robots, cached = fetcher._crawler.get_downloader_middleware(RobotsMiddleware), []
        for host, characters in (("a", 400), ("b", 400), ("b", 100), ("b", 400), ("c", 300), ("d", 5000), ("e", 1)):
            robots._cache((host, True), RobotsRules(None, 0.0, characters=characters))
            cached.append("".join(origin for origin, _ in robots._rules_by_origin))
        return cached

    assert engine.with_fetcher(work) == ["a", "ab", "ab", "ab", "bc", "d", "e"]


def test_a_redirect_loop_counts_as_no_robots_txt(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", status=302, headers=(("Location", "/robots.txt"),))
    assert fetch(engine, site.put("/a", b"<p>a")).status == 200


@pytest.mark.parametrize("status", [200, 203, 206])
def test_any_success_with_a_body_counts_as_rules(engine: Engine, site: Site, status: int) -> None:
    site.put("/robots.txt", b"User-agent: media-monitor/1.0\nDisallow: /\n", "text/plain", status=status)
    assert fetch_error(engine, site.put("/a", b"<p>a")).label == "robots"


def test_request_rate_is_obeyed(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nRequest-rate: 5/2s\n", "text/plain")
    times = fetch_pages(engine, site, 3, FAST_SETTINGS)
    assert all(second - first > 0.35 for first, second in pairwise(times))


def test_a_robots_txt_may_be_larger_than_a_page(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /b\n" + b"# x\n" * 50_000, "text/plain")
    assert fetch(engine, site.put("/a", b"<p>a"), settings=small_pages()).status == 200
    assert fetch_error(engine, f"{site.url}b", settings=small_pages()).label == "robots"


# ---- delays


def request_times(site: Site, prefix: str) -> list[float]:
    return [request.at for request in site.recorded_requests if request.path.startswith(prefix)]


def fetch_pages(engine: Engine, site: Site, number: int, settings: CrawlSettings) -> list[float]:
    """Fetches ``number`` pages concurrently; returns the times of their requests."""
    outlet = Outlet(name="x", url=site.url)
    urls = [site.put(f"/p{index}", b"<p>a") for index in range(number)]

    async def work(fetcher: Any) -> None:
        import asyncio

        await asyncio.gather(*[fetcher.fetch_page(outlet, url) for url in urls], return_exceptions=True)

    engine.with_fetcher(work, settings)
    return request_times(site, "/p")


def test_the_delay_applies_between_all_requests_to_a_host(engine: Engine, site: Site) -> None:
    times = fetch_pages(engine, site, 4, FAST_SETTINGS.model_copy(update={"delay": timedelta(seconds=0.3)}))
    assert all(second - first > 0.25 for first, second in pairwise(times))


def test_crawl_delay_is_obeyed(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nCrawl-delay: 0.4\n", "text/plain")
    times = fetch_pages(engine, site, 3, FAST_SETTINGS)
    assert all(second - first > 0.35 for first, second in pairwise(times))


def test_outlets_that_share_a_host_use_the_longest_delay(engine: Engine, site: Site) -> None:
    slow, quick = (Outlet(name=f"{delay}", url=site.url, delay=f"{delay}s") for delay in (1, 0))
    urls = [site.put(f"/p{index}", b"<p>a") for index in range(3)]

    async def work(fetcher: Any) -> None:
        import asyncio

        await fetcher.fetch_page(slow, site.put("/caches-robots-txt", b"<p>a"))
        pages = [fetcher.fetch_page(slow if index < 2 else quick, url) for index, url in enumerate(urls)]
        await asyncio.gather(*pages)

    engine.with_fetcher(work)
    # Far less than the delay, because a busy machine records a request late; without the delay it is nearly nothing.
    assert all(second - first > 0.3 for first, second in pairwise(request_times(site, "/p")))


def test_a_long_crawl_delay_is_shortened() -> None:
    rules = RobotsRules(Protego.parse("User-agent: *\nCrawl-delay: 86400\n"), 0.0)
    assert rules.crawl_delay("media-monitor.") == 300


@pytest.mark.parametrize(
    ("lines", "hour", "seconds"),
    [
        ("Request-rate: 1/5s", 12, 5),
        ("Request-rate: 2/1m", 12, 30),
        ("Request-rate: 1/2", 12, 2),
        ("Crawl-delay: 10\nRequest-rate: 1/5s", 12, 10),
        ("Request-rate: 1/1m 0600-0845", 7, 60),
        ("Request-rate: 1/1m 0600-0845", 12, 0),
        ("Request-rate: 1/1m 2200-0600", 23, 60),
        ("Request-rate: 1/1d", 12, 300),
        ("Request-rate: fast", 12, 0),
    ],
)
def test_request_rate_and_crawl_delay_set_the_longer_delay(lines: str, hour: int, seconds: float) -> None:
    rules = RobotsRules(Protego.parse(f"User-agent: *\n{lines}\n"), 0.0)
    assert rules.crawl_delay("media-monitor.", at=time_of_day(hour)) == seconds


def test_the_request_delay_includes_a_cached_crawl_delay(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nCrawl-delay: 7\n", "text/plain")
    outlet = Outlet(name="x", url=site.put("/a", b"<p>a"))

    async def work(fetcher: Any) -> list[float]:
        delay_before = fetcher.request_delay_seconds(outlet)
        await fetcher.fetch_page(outlet, outlet.url)
        return [delay_before, fetcher.request_delay_seconds(outlet)]

    assert engine.with_fetcher(work) == [0, 7]


def test_a_robots_txt_request_does_not_shorten_the_delay(engine: Engine, site: Site) -> None:
    settings = FAST_SETTINGS.model_copy(update={"delay": timedelta(seconds=0.3)})
    outlet = Outlet(name="x", url=site.url)
    urls = [site.put(f"/p{index}", b"<p>a") for index in range(4)]

    async def work(fetcher: Any) -> None:
        import asyncio

        await fetcher.fetch_page(outlet, urls[0])
        waiting = [asyncio.ensure_future(fetcher.fetch_page(outlet, url)) for url in urls[1:]]
        await asyncio.sleep(0.05)
        fetcher._crawler.get_downloader_middleware(RobotsMiddleware)._rules_by_origin.clear()  # like expired rules
        await asyncio.gather(*waiting, fetcher.robots_sitemaps(outlet))

    engine.with_fetcher(work, settings)
    assert all(
        second - first > 0.25
        for first, second in pairwise(sorted(request.at for request in site.recorded_requests)[1:])
    )


# ---- rests


def results_of(engine: Engine, *fetches: tuple[Outlet, str], settings: CrawlSettings = FAST_SETTINGS) -> list[str]:
    """Fetches pages one after the other; returns "ok" or the label of the failure for each."""

    async def work(fetcher: Any) -> list[str]:
        labels = []
        for outlet, url in fetches:
            try:
                await fetcher.fetch_page(outlet, url)
                labels.append("ok")
            except FetchError as error:
                labels.append(error.label)
        return labels

    results: list[str] = engine.with_fetcher(work, settings)
    return results


def test_a_host_with_a_retry_after_gets_no_request(engine: Engine, site: Site) -> None:
    """Neither from this outlet nor from another one on the host."""
    busy, url = site.put("/busy", status=429, headers=(("Retry-After", "60"),)), site.put("/a", b"<p>a")
    one, other = Outlet(name="one", url=site.url), Outlet(name="other", url=site.url)
    assert results_of(engine, (one, busy), (one, url), (other, url)) == ["http-429", "resting", "resting"]
    assert site.count("/a") == 0


@pytest.mark.parametrize(("status", "after_it"), [(429, "resting"), (503, "ok")])
def test_without_retry_after_only_a_429_asks_for_a_rest(engine: Engine, site: Site, status: int, after_it: str) -> None:
    busy, url, outlet = site.put("/busy", status=status), site.put("/a", b"<p>a"), Outlet(name="x", url=site.url)
    assert results_of(engine, (outlet, busy), (outlet, url)) == [f"http-{status}", after_it]


def test_requests_that_wait_in_the_queue_keep_a_rest_too(engine: Engine, site: Site) -> None:
    """All requests are made before the first response, which asks for a rest."""
    outlet = Outlet(name="x", url=site.put("/robots.txt", b"", "text/plain").removesuffix("robots.txt"))
    urls = [site.put(f"/p{index}", status=503, headers=(("Retry-After", "60"),)) for index in range(6)]

    async def work(fetcher: Any) -> list[str]:
        import asyncio

        results = await asyncio.gather(*[fetcher.fetch_page(outlet, url) for url in urls], return_exceptions=True)
        return [error.label for error in results]

    labels = engine.with_fetcher(work, FAST_SETTINGS.model_copy(update={"delay": timedelta(seconds=0.3)}))
    assert sorted(labels) == ["http-503", *["resting"] * 5]
    assert len(request_times(site, "/p")) == 1


def test_a_rest_that_robots_txt_asks_for_counts_for_the_pages(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", status=429, headers=(("Retry-After", "60"),))
    outlet, url = Outlet(name="x", url=site.url), site.put("/a", b"<p>a")
    assert results_of(engine, (outlet, url), (outlet, url)) == ["resting", "resting"]
    assert (site.count("/robots.txt"), site.count("/a")) == (1, 0)


def test_a_short_rest_is_waited_for(engine: Engine, site: Site) -> None:
    busy = site.put("/busy", status=429, headers=(("Retry-After", "1"),))
    outlet, url = Outlet(name="x", url=site.url), site.put("/a", b"<p>a")
    assert results_of(engine, (outlet, busy), (outlet, url)) == ["http-429", "ok"]
    assert request_times(site, "/a")[0] - request_times(site, "/busy")[0] > 0.95


@pytest.fixture
def public_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a redirect lead to another server on this machine, as if its address were public."""
    monkeypatch.setattr(address_guard, "is_public_address", lambda _: True)


@pytest.mark.usefixtures("public_loopback")
def test_a_redirect_does_not_rest_the_host_of_another_outlet(engine: Engine, site: Site) -> None:
    """The rest counts for the outlet that was redirected, and only for its pages that lead there."""
    url = site.put("/a", b"<p>a")
    busy = site.put("/search", status=429, headers=(("Retry-After", "86400"),))
    with Site() as elsewhere:
        hostile, healthy = Outlet(name="hostile", url=elsewhere.url), Outlet(name="healthy", url=site.url)
        trap, lure = (elsewhere.put(f"/{name}", status=302, headers=(("Location", busy),)) for name in ("trap", "lure"))
        own = elsewhere.put("/own", b"<p>own")
        fetches = ((hostile, trap), (healthy, url), (hostile, lure), (hostile, own))
        assert results_of(engine, *fetches) == ["http-429", "ok", "http-429", "ok"]
    assert site.count("/search") == 1


@pytest.mark.usefixtures("public_loopback")
def test_the_failure_of_a_foreign_host_does_not_blame_the_outlets_host(engine: Engine, site: Site) -> None:
    with Site() as elsewhere:
        trap = site.put("/trap", status=302, headers=(("Location", elsewhere.put("/busy", status=503)),))
        error = fetch_error(engine, trap)
    assert (error.label, error.kind.scope, error.kind.permanent) == ("http-503", FailureScope.PAGE, False)
