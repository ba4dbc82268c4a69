"""What comes of asking servers of every kind, through the real engine."""

from __future__ import annotations

import gzip
import time
import zlib
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from protego import Protego

from monitor.config.schema import Outlet
from monitor.crawl.robots import Robots, Rules
from monitor.demo.web import Fault, Site
from monitor.errors import FetchError

from .engine import FAST, Engine

if TYPE_CHECKING:
    from monitor.config.schema import CrawlSettings


def fetch(
    engine: Engine,
    url: str,
    *,
    own: str | None = None,
    settings: CrawlSettings = FAST,
    verify: bool = True,
    **conditions: Any,
) -> Any:
    outlet = Outlet(name="x", url=own or url, verify=verify)
    return engine.do(lambda fetcher: fetcher.page(outlet, url, **conditions), settings)


def refusal(engine: Engine, url: str, **options: Any) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch(engine, url, **options)
    return caught.value


def test_a_page_comes_with_its_facts(engine: Engine, site: Site) -> None:
    url = site.put("/a", "Привет".encode("cp1251"), "text/html; charset=Windows-1251", headers=(("ETag", '"x"'),))
    page = fetch(engine, url)
    assert (page.url, page.status, page.encoding, page.content_type) == (url, 200, "windows-1251", "text/html")
    assert (page.body.decode("cp1251"), page.etag) == ("Привет", '"x"')


def test_a_page_that_has_not_changed_is_none(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"<p>a", conditional=True)
    page = fetch(engine, url)
    assert fetch(engine, url, etag=page.etag) is None


def test_a_304_that_nobody_asked_for_is_a_failure(engine: Engine, site: Site) -> None:
    assert refusal(engine, site.put("/a", status=304)).kind == "http-304"


@pytest.mark.parametrize(
    ("status", "permanent"), [(404, True), (410, True), (403, False), (429, False), (500, False), (503, False)]
)
def test_a_status_says_whether_to_ask_again(engine: Engine, site: Site, status: int, permanent: bool) -> None:
    error = refusal(engine, site.put("/a", b"<p>no", status=status))
    assert (error.kind, error.permanent) == (f"http-{status}", permanent)


def test_retry_after_is_passed_on(engine: Engine, site: Site) -> None:
    error = refusal(engine, site.put("/a", status=503, headers=(("Retry-After", "120"),)))
    assert error.retry_after == 120


def test_a_slow_drip_ends_at_the_time_limit(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"x" * 1000)
    site.fault("/a", Fault(drip=0.05))
    began = time.monotonic()
    assert refusal(engine, url).kind == "timeout"
    assert time.monotonic() - began < 10


def test_a_server_that_never_answers_ends_at_the_time_limit(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"x")
    site.fault("/a", Fault(hang=True))
    assert refusal(engine, url).kind == "timeout"


def test_a_connection_dropped_half_way_is_no_page(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"x" * 1000)
    site.fault("/a", Fault(drop=True))
    assert refusal(engine, url).kind == "connection"


def test_a_server_that_is_not_there(engine: Engine, site: Site) -> None:
    error = refusal(engine, "http://127.0.0.1:1/a")
    assert error.kind in {"connection", "robots-unreachable"}


def small(**changes: Any) -> CrawlSettings:
    return FAST.model_copy(update={"max_size": 100_000, **changes})


def test_a_page_larger_than_the_limit_is_not_read(engine: Engine, site: Site) -> None:
    error = refusal(engine, site.put("/a", b"x" * 200_000), settings=small())
    assert (error.kind, error.permanent) == ("too-large", True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compression_bomb_is_not_unpacked(engine: Engine, site: Site, encoding: str) -> None:
    zeros = bytes(50_000_000)
    packed = gzip.compress(zeros) if encoding == "gzip" else zlib.compress(zeros)
    url = site.put("/a", packed, headers=(("Content-Encoding", encoding),))
    assert refusal(engine, url, settings=small()).kind == "too-large"


def test_gzip_that_is_none_is_a_broken_answer(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"not gzip at all", headers=(("Content-Encoding", "gzip"),))
    assert refusal(engine, url).kind == "broken"


@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_any_packing_that_is_none_is_a_broken_answer(engine: Engine, site: Site, encoding: str) -> None:
    url = site.put("/a", b"<p>plain", headers=(("Content-Encoding", encoding),))
    assert refusal(engine, url).kind == "broken"


def test_a_charset_that_is_no_encoding_of_text_is_a_broken_answer(engine: Engine, site: Site) -> None:
    assert refusal(engine, site.put("/a", b"<p>plain", "text/html; charset=hex")).kind == "broken"


def test_a_redirect_is_followed_to_where_it_lands(engine: Engine, site: Site) -> None:
    site.put("/b", b"<p>b")
    url = site.put("/a", status=301, headers=(("Location", "/b"),))
    assert fetch(engine, url).url == site.url + "b"


def test_a_redirect_loop_ends(engine: Engine, site: Site) -> None:
    site.put("/b", status=302, headers=(("Location", "/a"),))
    error = refusal(engine, site.put("/a", status=302, headers=(("Location", "/b"),)))
    assert (error.kind, error.permanent) == ("redirects", True)


def test_a_film_is_cut_off_after_its_headers(engine: Engine, site: Site) -> None:
    page = fetch(engine, site.put("/a", b"x" * 5_000_000, "video/mp4"))
    assert (page.content_type, len(page.body) < 5_000_000) == ("video/mp4", True)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/a", "data:text/html,a", "javascript:1", "//x", "http://[", "x"]
)
def test_only_http_and_https_are_fetched(engine: Engine, url: str) -> None:
    error = refusal(engine, url, own="http://127.0.0.1/")
    assert error.permanent
    assert error.kind in {"private-address", "address"}


# ---- robots.txt


def test_robots_txt_is_obeyed(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /private\n", "text/plain")
    site.put("/private/a", b"<p>a")
    assert refusal(engine, f"{site.url}private/a").kind == "robots"
    assert site.count("/private/a") == 0


def test_a_robots_txt_of_thousands_of_rules_is_obeyed_too(engine: Engine, site: Site) -> None:
    rules = "".join(f"Disallow: /*a{number}*b\n" for number in range(20_000))
    site.put("/robots.txt", f"User-agent: *\nDisallow: /private\n{rules}".encode(), "text/plain")
    site.put("/private/a", b"<p>a")
    assert refusal(engine, f"{site.url}private/a").kind == "robots"
    assert fetch(engine, site.put("/a", b"<p>a")).status == 200


def test_robots_txt_for_our_own_name_goes_before_the_rule_for_all(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /\n\nUser-agent: media-monitor\nAllow: /\n", "text/plain")
    assert fetch(engine, site.put("/a", b"<p>a")).status == 200


def test_a_robots_txt_that_fails_forbids_for_now(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", status=500)
    error = refusal(engine, site.put("/a", b"<p>a"))
    assert (error.kind, error.permanent, site.count("/a")) == ("robots-unreachable", False, 0)


def test_no_robots_txt_allows_all(engine: Engine, site: Site) -> None:
    assert fetch(engine, site.put("/a", b"<p>a")).status == 200
    assert site.count("/robots.txt") == 1


def test_obey_robots_false_does_not_ask(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /\n", "text/plain")
    settings = FAST.model_copy(update={"obey_robots": False})
    assert fetch(engine, site.put("/a", b"<p>a"), settings=settings).status == 200
    assert site.count("/robots.txt") == 0


def test_robots_txt_applies_to_where_a_redirect_leads(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /b\n", "text/plain")
    site.put("/b", b"<p>b")
    assert refusal(engine, site.put("/a", status=302, headers=(("Location", "/b"),))).kind == "robots"
    assert site.count("/b") == 0


def test_rules_that_are_slow_to_match_are_so_while_robots_txt_fails(engine: Engine, site: Site) -> None:
    many = b"".join(b"Disallow: /private/%d\n" % number for number in range(5000))
    site.put("/robots.txt", b"User-agent: *\n" + many, "text/plain")
    outlet = Outlet(name="x", url=site.put("/a", b"<p>a"))

    async def work(fetcher: Any) -> list[bool]:
        robots, slow = fetcher._crawler.get_downloader_middleware(Robots), []
        for _ in range(2):
            await fetcher.page(outlet, outlet.url)
            (key,) = robots._known
            slow.append(robots._known[key].slow)
            robots._known[key] = replace(robots._known[key], until=0.0)
            site.put("/robots.txt", status=500)
        return slow

    assert engine.do(work) == [True, True]


def test_a_robots_txt_that_leads_round_in_circles_is_none(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", status=302, headers=(("Location", "/robots.txt"),))
    assert fetch(engine, site.put("/a", b"<p>a")).status == 200


def test_a_robots_txt_may_be_larger_than_a_page(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /b\n" + b"# x\n" * 50_000, "text/plain")
    assert fetch(engine, site.put("/a", b"<p>a"), settings=small()).status == 200
    assert refusal(engine, f"{site.url}b", settings=small()).kind == "robots"


# ---- pace


def moments(site: Site, prefix: str) -> list[float]:
    return [asked.at for asked in site.asked if asked.path.startswith(prefix)]


def several(engine: Engine, site: Site, number: int, settings: CrawlSettings) -> list[float]:
    outlet = Outlet(name="x", url=site.url)
    urls = [site.put(f"/p{index}", b"<p>a") for index in range(number)]

    async def work(fetcher: Any) -> None:
        import asyncio

        await asyncio.gather(*[fetcher.page(outlet, url) for url in urls], return_exceptions=True)

    engine.do(work, settings)
    return moments(site, "/p")


def test_the_delay_lies_between_any_two_requests_to_a_host(engine: Engine, site: Site) -> None:
    at = several(engine, site, 4, FAST.model_copy(update={"delay": timedelta(seconds=0.3)}))
    assert all(after - before > 0.25 for before, after in pairwise(at))


def test_crawl_delay_is_obeyed(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nCrawl-delay: 0.4\n", "text/plain")
    at = several(engine, site, 3, FAST)
    assert all(after - before > 0.35 for before, after in pairwise(at))


def test_of_outlets_that_share_a_host_the_slowest_is_waited_for(engine: Engine, site: Site) -> None:
    slow, quick = (Outlet(name=f"{delay}", url=site.url, delay=f"{delay}s") for delay in (0.4, 0))
    urls = [site.put(f"/p{index}", b"<p>a") for index in range(4)]

    async def work(fetcher: Any) -> None:
        import asyncio

        await fetcher.page(slow, site.put("/robots-are-known", b"<p>a"))
        pages = [fetcher.page(slow if index < 3 else quick, url) for index, url in enumerate(urls)]
        await asyncio.gather(*pages)

    engine.do(work)
    assert all(after - before > 0.35 for before, after in pairwise(moments(site, "/p")))


def test_a_crawl_delay_of_days_is_no_reason_to_wait_for_ever() -> None:
    rules = Rules(Protego.parse("User-agent: *\nCrawl-delay: 86400\n"), 0.0)
    assert rules.delay("media-monitor") == 300


def test_a_crawl_delay_bounds_how_many_pages_wait_for_the_host_at_once(engine: Engine, site: Site) -> None:
    site.put("/robots.txt", b"User-agent: *\nCrawl-delay: 7\n", "text/plain")
    outlet = Outlet(name="x", url=site.put("/a", b"<p>a"))

    async def work(fetcher: Any) -> list[float]:
        before = fetcher.delay(outlet)
        await fetcher.page(outlet, outlet.url)
        return [before, fetcher.delay(outlet)]

    assert engine.do(work) == [0, 7]


def test_asking_for_robots_txt_lets_no_other_request_go_early(engine: Engine, site: Site) -> None:
    settings = FAST.model_copy(update={"delay": timedelta(seconds=0.3)})
    outlet = Outlet(name="x", url=site.url)
    urls = [site.put(f"/p{index}", b"<p>a") for index in range(4)]

    async def work(fetcher: Any) -> None:
        import asyncio

        await fetcher.page(outlet, urls[0])
        waiting = [asyncio.ensure_future(fetcher.page(outlet, url)) for url in urls[1:]]
        await asyncio.sleep(0.05)
        fetcher._crawler.get_downloader_middleware(Robots)._known.clear()  # as if the rules had expired
        await asyncio.gather(*waiting, fetcher.announced(outlet))

    engine.do(work, settings)
    assert all(after - before > 0.25 for before, after in pairwise(sorted(asked.at for asked in site.asked)[1:]))


def test_a_host_that_wants_a_rest_gets_it(engine: Engine, site: Site) -> None:
    site.put("/busy", status=429, headers=(("Retry-After", "60"),))
    url, outlet = site.put("/a", b"<p>a"), Outlet(name="x", url=site.url)

    async def work(fetcher: Any) -> list[str]:
        kinds = []
        for address in (f"{site.url}busy", url):
            try:
                await fetcher.page(outlet, address)
            except FetchError as error:
                kinds.append(error.kind)
        return kinds

    assert engine.do(work) == ["http-429", "resting"]
    assert site.count("/a") == 0
