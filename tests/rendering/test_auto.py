"""``render: auto`` sees what needs a script, tries the cheapest engine first, and remembers what worked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import FetchError, RenderingUnavailable
from monitor.models import Page
from monitor.rendering import auto
from monitor.rendering.auto import EngineMemory, address_pattern, needs_rendering
from monitor.rendering.engine_choice import fetch_with_engines
from rendering import pages

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "https://example.org/news/2026/11/a-story"
EMPTY, FULL = pages.app(pages.WRITE), f"<html><body>{pages.STORY}</body></html>".encode()


def page(body: bytes | str, *, content_type: str = "text/html", engine: str = "none") -> Page:
    data = body.encode() if isinstance(body, str) else body
    return Page(url=URL, body=data, fetched_at=NOON, content_type=content_type, encoding="utf-8", engine=engine)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (EMPTY, "JavaScript"),
        ("<html><body><div id='root'></div><script src='/a.js'></script></body></html>", "root"),
        ("<html><body><div id='__next'><header>Menu</header></div><script></script></body></html>", "__next"),
        ("<html><body><p>Пожалуйста, включите JavaScript.</p><script></script></body></html>", "JavaScript"),
        ("<html><body><nav>" + "Home " * 200 + "</nav><script></script></body></html>", "no text"),
        ("<html><head><script src='/a.js'></script></head></html>", "no body"),
    ],
)
def test_a_page_that_waits_for_its_script_is_seen(body: bytes | str, word: str) -> None:
    assert word in str(needs_rendering(page(body)))


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
def test_a_page_with_something_to_read_or_nothing_to_run_is_left_alone(body: bytes | str) -> None:
    assert needs_rendering(page(body)) is None


def test_what_is_no_html_is_left_alone() -> None:
    assert needs_rendering(page(b"{}<script", content_type="application/json")) is None


@given(st.binary(max_size=2000))
def test_no_page_breaks_the_look_at_it(body: bytes) -> None:
    needs_rendering(page(b"<html><script>" + body))


def test_pages_of_one_kind_share_their_folders_but_not_their_numbers() -> None:
    assert address_pattern("https://a.org/news/2026/11/x") == address_pattern("https://a.org/news/2027/01/y?z=1")
    assert address_pattern("https://a.org/news/x") != address_pattern("https://a.org/video/x")
    assert address_pattern("https://a.org/x") != address_pattern("https://b.org/x")


def test_what_worked_is_tried_first_from_then_on_and_the_weaker_ones_not_at_all() -> None:
    memory = EngineMemory()
    memory.learn(URL, "splash", worked=True, now=NOON)
    assert memory.engines(URL, ["splash", "playwright"], now=NOON) == ["splash", "playwright"]
    memory.learn(URL, "playwright", worked=True, now=NOON)
    assert memory.engines(URL, ["splash", "playwright"], now=NOON) == ["playwright"]
    assert memory.engines("https://example.org/about/us", ["splash"], now=NOON) == ["none", "splash"]


def test_the_plain_page_is_asked_for_again_now_and_then() -> None:
    memory = EngineMemory()
    memory.learn(URL, "splash", worked=True, now=NOON)
    memory.learn(URL, "splash", worked=True, now=NOON + timedelta(days=6))
    later = NOON + auto.RETRY_PLAIN_AFTER + timedelta(seconds=1)
    assert memory.engines(URL, ["splash"], now=later) == ["none", "splash"]
    memory.learn(URL, "none", worked=True, now=later)
    assert memory.to_json() == {}


def test_a_kind_of_page_no_engine_helps_is_not_rendered_for_a_day() -> None:
    memory = EngineMemory()
    memory.learn(URL, "playwright", worked=False, now=NOON)
    assert memory.engines(URL, ["splash", "playwright"], now=NOON) == ["none"]
    assert memory.engines(URL, ["splash"], now=NOON + auto.HOPELESS_LIFETIME) == ["none", "splash"]


def test_an_engine_that_is_no_longer_there_is_not_asked() -> None:
    memory = EngineMemory()
    memory.learn(URL, "playwright", worked=True, now=NOON)
    assert memory.engines(URL, [], now=NOON) == ["none"]


def test_memory_survives_being_stored_and_stays_small() -> None:
    memory = EngineMemory()
    for number in range(3 * auto.MAX_ADDRESS_PATTERNS):
        url = f"https://example.org/{'x' * number}/story"
        memory.learn(url, "splash", worked=True, now=NOON + timedelta(seconds=number))
    again = EngineMemory(memory.to_json())
    assert len(again.to_json()) == auto.MAX_ADDRESS_PATTERNS
    assert again.engines(url, ["splash"], now=NOON) == ["splash"]
    assert EngineMemory({"broken": "entry", "other": {}}).to_json() == {}


class Engines:
    """Answers as each engine would; remembers who was asked."""

    def __init__(self, **answers: Page | Exception | None) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def fetch(self, engine: str) -> Page | None:
        self.asked.append(engine)
        answer = self.answers[engine]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def read(
        self, memory: EngineMemory | None = None, available: tuple[str, ...] = ("splash", "playwright")
    ) -> Page | None:
        return asyncio.run(
            fetch_with_engines(URL, memory=memory or EngineMemory(), available=available, fetch=self.fetch)
        )


def test_a_page_that_needs_no_script_costs_one_request() -> None:
    engines = Engines(none=page(FULL))
    assert engines.read() == page(FULL)
    assert engines.asked == ["none"]


def test_the_cheapest_engine_that_reads_it_is_used_and_remembered() -> None:
    memory, full = EngineMemory(), page(FULL, engine="playwright")
    engines = Engines(none=page(EMPTY), splash=page(EMPTY, engine="splash"), playwright=full)
    assert engines.read(memory) == full
    assert engines.read(memory) == full
    assert engines.asked == ["none", "splash", "playwright", "playwright"]


def test_an_engine_that_fails_leaves_the_page_to_the_next_one() -> None:
    full = page(FULL, engine="playwright")
    for failure in (FetchError("it hangs", kind="hang", permanent=True), RenderingUnavailable("gone")):
        assert Engines(none=page(EMPTY), splash=failure, playwright=full).read() == full


def test_where_an_engine_is_away_the_page_waits_instead_of_ending_as_empty() -> None:
    engines = Engines(none=page(EMPTY), splash=RenderingUnavailable("gone"))
    with pytest.raises(RenderingUnavailable):
        engines.read(available=("splash",))


def test_what_the_site_answers_is_the_answer_whoever_asked() -> None:
    engines = Engines(none=page(EMPTY), splash=FetchError("404", kind="http-404", permanent=True))
    with pytest.raises(FetchError, match="404"):
        engines.read()
    assert engines.asked == ["none", "splash"]


def test_an_unchanged_page_is_not_rendered() -> None:
    engines = Engines(none=None)
    assert engines.read() is None
    assert engines.asked == ["none"]


def test_without_any_engine_the_plain_page_is_all_there_is() -> None:
    memory = EngineMemory()
    assert Engines(none=page(EMPTY)).read(memory, available=()) == page(EMPTY)
    assert memory.to_json() == {}
