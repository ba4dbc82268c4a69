"""``render: auto`` detects pages that need a script, tries the cheapest engine first, and remembers what worked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import FetchError, RenderingUnavailable
from monitor.failures import FailureKind
from monitor.models import Page
from monitor.rendering import auto
from monitor.rendering.auto import EngineMemory, reason_to_render, url_pattern
from monitor.rendering.engine_choice import fetch_with_engines
from rendering import pages

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "https://example.org/news/2026/11/a-story"
EMPTY, FULL = pages.app(pages.WRITE_STORY), f"<html><body>{pages.STORY}</body></html>".encode()


def page(body: bytes | str, *, content_type: str = "text/html", engine: str = "none") -> Page:
    data = body.encode() if isinstance(body, str) else body
    return Page(url=URL, body=data, fetched_at=NOON, content_type=content_type, encoding="utf-8", engine=engine)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (EMPTY, "JavaScript"),
        ("<html><body><div id='root'></div><script src='/a.js'></script></body></html>", "root"),
        ("<html><body><div id='__next'><header>Menu</header></div><script></script></body></html>", "__next"),
        ("<html><body><p>Пожалуйста, включите JavaScript.</p><script></script></body></html>", "JavaScript"),
        ("<html><body><nav>" + "Home " * 200 + "</nav><script></script></body></html>", "no text"),
        ("<html><head><script src='/a.js'></script></head></html>", "no body"),
    ],
)
def test_a_page_that_needs_its_script_is_detected(body: bytes | str, reason: str) -> None:
    assert reason in str(reason_to_render(page(body)))


@pytest.mark.parametrize(
    "body",
    [
        FULL,
        FULL + b"<script>track()</script><noscript>Please enable JavaScript</noscript>",
        b"<html><body>" + b"A line of a story in one text, with breaks. <br>" * 20 + b"<script></script></body></html>",
        "<html><body>Nothing here, and no script that could write anything.</body></html>",
        "<html><body><div id='root'></div><script>x</script><script type='application/ld+json'>"
        '{"@type":"NewsArticle","articleBody":"A whole story"}</script></body></html>',
        "",
        b"\x00\xff\xfe",
    ],
)
def test_a_page_with_text_or_without_scripts_needs_no_rendering(body: bytes | str) -> None:
    assert reason_to_render(page(body)) is None


def test_a_document_other_than_html_needs_no_rendering() -> None:
    assert reason_to_render(page(b"{}<script", content_type="application/json")) is None


@given(st.binary(max_size=2000))
def test_arbitrary_bytes_raise_nothing(body: bytes) -> None:
    reason_to_render(page(b"<html><script>" + body))


def test_a_url_pattern_has_the_folders_without_numbers() -> None:
    assert url_pattern("https://a.org/news/2026/11/x") == url_pattern("https://a.org/news/2027/01/y?z=1")
    assert url_pattern("https://a.org/news/x") != url_pattern("https://a.org/video/x")
    assert url_pattern("https://a.org/x") != url_pattern("https://b.org/x")


def test_the_engine_that_worked_is_tried_first_and_weaker_ones_skipped() -> None:
    memory = EngineMemory()
    memory.learn(URL, "splash", worked=True, now=NOON)
    assert memory.engines_to_try(URL, ["splash", "playwright"], now=NOON) == ["splash", "playwright"]
    memory.learn(URL, "playwright", worked=True, now=NOON)
    assert memory.engines_to_try(URL, ["splash", "playwright"], now=NOON) == ["playwright"]
    assert memory.engines_to_try("https://example.org/about/us", ["splash"], now=NOON) == ["none", "splash"]


def test_the_plain_page_is_tried_again_after_a_while() -> None:
    memory = EngineMemory()
    memory.learn(URL, "splash", worked=True, now=NOON)
    memory.learn(URL, "splash", worked=True, now=NOON + timedelta(days=6))
    later = NOON + auto.PLAIN_RETRY_INTERVAL + timedelta(seconds=1)
    assert memory.engines_to_try(URL, ["splash"], now=later) == ["none", "splash"]
    memory.learn(URL, "none", worked=True, now=later)
    assert memory.to_json() == {}


def test_a_pattern_that_no_engine_can_read_is_not_rendered_for_a_day() -> None:
    memory = EngineMemory()
    memory.learn(URL, "playwright", worked=False, now=NOON)
    assert memory.engines_to_try(URL, ["splash", "playwright"], now=NOON) == ["none"]
    assert memory.engines_to_try(URL, ["splash"], now=NOON + auto.UNREADABLE_RETRY_INTERVAL) == ["none", "splash"]


def test_an_engine_that_is_no_longer_installed_is_not_tried() -> None:
    memory = EngineMemory()
    memory.learn(URL, "playwright", worked=True, now=NOON)
    assert memory.engines_to_try(URL, [], now=NOON) == ["none"]


def test_the_memory_survives_storage_and_is_bounded() -> None:
    memory = EngineMemory()
    for number in range(3 * auto.MAX_URL_PATTERNS):
        url = f"https://example.org/{'x' * number}/story"
        memory.learn(url, "splash", worked=True, now=NOON + timedelta(seconds=number))
    restored = EngineMemory(memory.to_json())
    assert len(restored.to_json()) == auto.MAX_URL_PATTERNS
    assert restored.engines_to_try(url, ["splash"], now=NOON) == ["splash"]
    assert EngineMemory({"broken": "entry", "other": {}}).to_json() == {}


class Engines:
    """Fakes the engines: returns or raises the given result of each, and records the calls."""

    def __init__(self, **results: Page | Exception | None) -> None:
        self.results = results
        self.calls: list[str] = []

    async def fetch(self, engine: str) -> Page | None:
        self.calls.append(engine)
        result = self.results[engine]
        if isinstance(result, Exception):
            raise result
        return result

    def fetch_page(
        self, memory: EngineMemory | None = None, available: tuple[str, ...] = ("splash", "playwright")
    ) -> Page | None:
        return asyncio.run(
            fetch_with_engines(URL, memory=memory or EngineMemory(), available=available, fetch=self.fetch)
        )


def test_a_page_that_needs_no_script_takes_one_request() -> None:
    engines = Engines(none=page(FULL))
    assert engines.fetch_page() == page(FULL)
    assert engines.calls == ["none"]


def test_the_cheapest_engine_that_works_is_used_and_remembered() -> None:
    memory, full = EngineMemory(), page(FULL, engine="playwright")
    engines = Engines(none=page(EMPTY), splash=page(EMPTY, engine="splash"), playwright=full)
    assert engines.fetch_page(memory) == full
    assert engines.fetch_page(memory) == full
    assert engines.calls == ["none", "splash", "playwright", "playwright"]


def test_the_next_engine_is_tried_when_one_fails() -> None:
    full = page(FULL, engine="playwright")
    for failure in (FetchError("it hangs", kind=FailureKind.HANG), RenderingUnavailable("gone")):
        assert Engines(none=page(EMPTY), splash=failure, playwright=full).fetch_page() == full


def test_an_unavailable_engine_raises_instead_of_yielding_an_empty_page() -> None:
    engines = Engines(none=page(EMPTY), splash=RenderingUnavailable("gone"))
    with pytest.raises(RenderingUnavailable):
        engines.fetch_page(available=("splash",))


def test_an_http_error_is_raised_without_trying_another_engine() -> None:
    engines = Engines(none=page(EMPTY), splash=FetchError("404", kind=FailureKind.HTTP_404))
    with pytest.raises(FetchError, match="404"):
        engines.fetch_page()
    assert engines.calls == ["none", "splash"]


def test_an_unchanged_page_is_not_rendered() -> None:
    engines = Engines(none=None)
    assert engines.fetch_page() is None
    assert engines.calls == ["none"]


def test_without_any_engine_the_plain_page_is_returned() -> None:
    memory = EngineMemory()
    assert Engines(none=page(EMPTY)).fetch_page(memory, available=()) == page(EMPTY)
    assert memory.to_json() == {}


def test_no_host_displaces_what_is_known_of_others() -> None:
    memory, started = EngineMemory(), datetime(2026, 11, 1, tzinfo=UTC)
    memory.learn("https://own.example/news/1", "playwright", worked=True, now=started)
    for number in range(200):
        later = started + timedelta(seconds=number + 1)
        memory.learn(f"https://x.example/{'a' * number}/b/1", "splash", worked=True, now=later)
    assert memory.engines_to_try("https://own.example/news/2", ["splash", "playwright"], now=started) == ["playwright"]


def test_a_page_too_large_for_one_engine_is_not_tried_with_the_next() -> None:
    too_large = FetchError("too large", kind=FailureKind.TOO_LARGE)
    engines = Engines(none=page(EMPTY), splash=too_large, playwright=page(FULL))
    with pytest.raises(FetchError) as caught:
        engines.fetch_page()
    assert (caught.value, engines.calls) == (too_large, ["none", "splash"])
