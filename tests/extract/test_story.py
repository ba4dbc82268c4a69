"""Every page style yields the same story, complete and without the text around it."""

# ruff: noqa: E501  markup is easier to read on one line

from __future__ import annotations

import pytest

from extract import pages
from monitor.extract import ExtractionOptions, extract_article
from monitor.models import Article, NotArticle, Page, now


def article(body: bytes, url: str = pages.URL, **options: object) -> Article:
    story = extract_article(Page(url=url, body=body, fetched_at=now()), ExtractionOptions(**options))  # type: ignore[arg-type]  # of several types
    assert isinstance(story, Article), story
    return story


def kind(body: bytes, url: str = pages.URL, content_type: str = "text/html") -> str:
    story = extract_article(Page(url=url, body=body, fetched_at=now(), content_type=content_type), ExtractionOptions())
    return story.kind if isinstance(story, NotArticle) else "article"


@pytest.mark.parametrize("style", pages.STYLES)
def test_text_is_every_paragraph_without_the_tail(style: str) -> None:
    story = article(pages.STYLES[style]())
    assert story.text == "\n\n".join(pages.PARAGRAPHS)


@pytest.mark.parametrize("style", pages.STYLES)
def test_title_author_and_time_match_the_publisher(style: str) -> None:
    story = article(pages.STYLES[style]())
    assert story.title == pages.TITLE
    assert story.authors == (pages.AUTHOR,)
    assert story.published_at is not None
    assert story.published_at.replace(second=17) == pages.PUBLISHED
    assert story.language == "en"


def test_json_ld_states_the_other_metadata() -> None:
    story = article(pages.json_ld())
    assert story.published_at == pages.PUBLISHED
    assert story.modified_at is not None
    assert story.modified_at.minute == 0
    assert story.section == "Artificial intelligence"
    assert story.tags == ("AI", "Russia", "China")
    assert story.image == "https://tech.example/kremlin.jpg"
    assert story.canonical_url == pages.URL


def test_canonical_url_of_another_site_is_ignored() -> None:
    body = pages.json_ld().replace(f"href='{pages.URL}'".encode(), b"href='https://bank.example.net/their-story'")
    assert article(body).canonical_url is None


def test_canonical_url_of_the_front_page_is_ignored() -> None:
    body = pages.json_ld().replace(f"href='{pages.URL}'".encode(), b"href='https://tech.example/'")
    assert article(body).canonical_url is None


def test_configured_selectors_choose_and_remove_elements() -> None:
    body = pages.anonymous().replace(b"<div>By", b"<div id='who'>By").replace(b"<h1>", b"<h1 class='t'>")
    body = body.replace(b"<div>Analysts", b"<div class='pull'>Analysts")
    story = article(body, remove_selectors=(".pull",))
    assert "Analysts doubt" not in story.text
    assert pages.PARAGRAPHS[-1] in story.text
    selected = article(
        body.replace(b"<div><div><div>", b"<div><div><div class='the-story'>"), article_selector=".the-story"
    )
    assert selected.method == "selector"
    assert pages.PARAGRAPHS[0] in selected.text
    assert pages.TEASERS[0] not in selected.text


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        (encoding, declared)
        for encoding in ("windows-1251", "koi8-r", "utf-8", "utf-16")
        for declared in (None, "windows-1251", "iso-8859-1")
        if (encoding, declared) != ("koi8-r", "windows-1251")  # both decode to Cyrillic letters
    ],
)
def test_cyrillic_is_decoded_whatever_the_page_declares(encoding: str, declared: str | None) -> None:
    words = "Сбербанк сообщил, что новая модель искусственного интеллекта будет доступна министерствам с весны. "
    body = f"<html><head><title>Сбербанк и ИИ</title></head><body><article>{'<p>' + words * 3 + '</p>'}".encode(
        encoding
    )
    story = extract_article(Page(url=pages.URL, body=body, fetched_at=now(), encoding=declared), ExtractionOptions())
    assert isinstance(story, Article)
    assert story.title == "Сбербанк и ИИ"
    assert story.language == "ru"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "中国政府宣布人工智能出口新规定，俄罗斯企业将受到影响。"),
        ("shift_jis", "政府は人工知能の輸出に関する新しい規則を発表した。企業は影響を受ける。"),
    ],
)
def test_east_asian_encodings_are_detected_from_the_bytes(encoding: str, text: str) -> None:
    body = f"<html><head><title>{text[:8]}</title></head><body><article>{('<p>' + text + '</p>') * 6}".encode(encoding)
    story = extract_article(Page(url=pages.URL, body=body, fetched_at=now()), ExtractionOptions())
    assert isinstance(story, Article)
    assert text in story.text


LINKS = "".join(
    f"<h3><a href='/2026/{n}'>Headline number {n} about something that happened today</a></h3>" for n in range(30)
)


@pytest.mark.parametrize(
    ("expected", "url", "body"),
    [
        ("index", "https://tech.example/", f"<html><body>{LINKS}</body></html>"),
        ("tag", "https://tech.example/tag/ai", f"<html><body><h1>AI</h1>{LINKS}</body></html>"),
        ("error", "https://tech.example/x", "<html><title>404 - Page not found</title><body><p>The page is not here, sorry about that.</p>"),
        ("login", "https://tech.example/login", "<html><title>Sign in</title><body><form><input name=u><input type=password></form>"),
        ("video", "https://tech.example/video/1", "<html><head><title>Watch</title><meta property='og:type' content='video.other'></head><body><p>The minister speaks to the press, live.</p>"),
        ("script", "https://tech.example/x", "<html><title>App</title><body><p>You need to enable JavaScript to run this app.</p><script></script>"),
        ("consent", "https://tech.example/x", "<html><title>Tech</title><body><p>We and our 800 partners value your privacy, and use cookies to store information.</p>"),
        ("empty", "https://tech.example/x", " \n "),
        ("media", "https://tech.example/x.pdf", "%PDF-1.4 binary"),
        ("index", "https://tech.example/rss", "<?xml version='1.0'?><rss version='2.0'><channel></channel></rss>"),
    ],
)  # fmt: skip
def test_page_that_is_no_story_has_its_kind(expected: str, url: str, body: str) -> None:
    assert kind(body.encode(), url) == expected


def test_paywall_and_truncated_text_are_flagged() -> None:
    short = f"<article><h1>{pages.TITLE}</h1><p>{pages.PARAGRAPHS[0]}</p><p>{pages.PARAGRAPHS[1][:-20]}…</p><div class='paywall'><p>Subscribe to continue reading this story.</p></div></article>"
    story = article(f"<html><title>{pages.TITLE}</title><body>{short}".encode())
    assert set(story.flags) == {"paywall", "truncated"}
    assert "Subscribe" not in story.text
    assert article(pages.plain()).flags == ()


def test_live_blog_is_flagged() -> None:
    body = pages.json_ld().replace(b'"NewsArticle", "Article"', b'"LiveBlogPosting"')
    assert "live" in article(body).flags


def test_repeated_title_is_dropped_and_standfirst_kept_once() -> None:
    standfirst = "Kremlin papers name the state bank as partner, and give ministries until the spring to report."
    body = (
        f"<html><head><title>{pages.TITLE}</title><meta name='description' content='{standfirst}'></head><body><article>"
        f"<h1>{pages.TITLE}</h1><p class='standfirst'>{standfirst}</p><div class='article-body'><p>{pages.TITLE}</p>"
        + "".join(f"<p>{text}</p>" for text in pages.PARAGRAPHS)
    )
    story = article(body.encode())
    assert story.text.split("\n\n") == [standfirst, *pages.PARAGRAPHS]
