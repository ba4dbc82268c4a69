"""A site that sets cookies without end makes no request slow or large, and drops none of another site."""

from __future__ import annotations

from time import process_time

from scrapy.http import Request, Response

from monitor.egress.cookie_limits import MAX_COOKIE_BYTES, MAX_JAR_COOKIES, MAX_SITE_COOKIE_BYTES, MAX_SITE_COOKIES
from monitor.egress.cookies import OfflineCookiesMiddleware


def set_cookies(middleware: OfflineCookiesMiddleware, host: str, *values: str) -> None:
    request = Request(f"http://{host}/a", meta={"cookiejar": "B"})
    middleware.process_response(
        request, Response(request.url, headers={"Set-Cookie": [value.encode() for value in values]})
    )


def sent(middleware: OfflineCookiesMiddleware, host: str) -> list[str]:
    request = Request(f"http://{host}/b", meta={"cookiejar": "B"})
    middleware.process_request(request)
    return (request.headers.get("Cookie") or b"").decode().split("; ")


def test_a_flood_of_cookies_keeps_the_latest() -> None:
    middleware, started = OfflineCookiesMiddleware(), process_time()
    for response in range(20):
        set_cookies(middleware, "b.example.com", *(f"c{response}_{number}=1" for number in range(11_000)))
    cookies = sent(middleware, "b.example.com")
    assert len(cookies) == MAX_SITE_COOKIES
    assert set(cookies) == {f"c19_{number}=1" for number in range(11_000 - MAX_SITE_COOKIES, 11_000)}
    assert process_time() - started < 5


def test_a_renewed_cookie_counts_as_new() -> None:
    middleware = OfflineCookiesMiddleware()
    set_cookies(middleware, "b.example.com", "session=1", "first=1")
    for number in range(MAX_SITE_COOKIES + 10):
        set_cookies(middleware, "b.example.com", f"c{number}=1", "session=2")
    cookies = sent(middleware, "b.example.com")
    assert (len(cookies), "session=2" in cookies, "first=1" in cookies) == (MAX_SITE_COOKIES, True, False)


def test_the_subdomains_of_a_site_share_its_limit() -> None:
    middleware = OfflineCookiesMiddleware()
    set_cookies(middleware, "a.example.org", "own=1")
    for number in range(40):
        set_cookies(middleware, f"h{number}.example.com", *(f"c{number}_{k}=1; Domain=example.com" for k in range(100)))
    assert len(middleware.jars["B"]) == MAX_SITE_COOKIES + 1
    assert sent(middleware, "a.example.org") == ["own=1"]


def test_long_cookies_are_refused_and_many_bytes_dropped() -> None:
    middleware = OfflineCookiesMiddleware()
    set_cookies(middleware, "b.example.com", "long=" + "x" * MAX_COOKIE_BYTES, "short=1")
    assert sent(middleware, "b.example.com") == ["short=1"]
    set_cookies(middleware, "b.example.com", *(f"c{number}={'x' * 4000}" for number in range(100)))
    assert sum(map(len, sent(middleware, "b.example.com"))) <= MAX_SITE_COOKIE_BYTES + 2 * MAX_SITE_COOKIES


def test_a_jar_holds_a_bounded_number_of_cookies() -> None:
    middleware = OfflineCookiesMiddleware()
    for number in range(MAX_JAR_COOKIES // 100 + 5):
        set_cookies(middleware, f"site{number}.com", *(f"c{k}=1" for k in range(100)))
    assert len(middleware.jars["B"]) == MAX_JAR_COOKIES
    assert sent(middleware, "site0.com") == [""]
    assert len(sent(middleware, f"site{MAX_JAR_COOKIES // 100}.com")) == 100
