"""Front pages, walls and errors are distinguished from stories, with much text and with little."""

# ruff: noqa: E501  markup reads better whole

from __future__ import annotations

import json

import pytest

from extract.test_losses import MONTHS, paragraphs
from monitor.extract import ExtractionOptions, extract_article
from monitor.models import Article, Page, now

STORY = "https://tech.example/2026/a-story"


def kind_or_text(body: str, head: str = "", *, title: str = "Daily Herald", url: str = STORY) -> str:
    """The text of a story, or the kind of a page that is not a story."""
    html = f"<html lang='en'><head><meta charset='utf-8'><title>{title}</title>{head}</head><body>{body}</body></html>"
    result = extract_article(Page(url=url, body=html.encode(), fetched_at=now()), ExtractionOptions())
    return result.text if isinstance(result, Article) else result.kind


def json_ld(kind: str = "NewsArticle", **properties: str) -> str:
    return f"<script type='application/ld+json'>{json.dumps({'@type': kind, **properties})}</script>"


def cards(count: int) -> str:
    return "".join(
        f"<div><h2><a href='/2026/{n}'>Ministers agree on rule number {n} for machines</a></h2><p>In {MONTHS[n % 10]} the "
        f"ministers met {n + 2} times to speak of chips, and agreed on what to say when they were asked.</p></div>"
        for n in range(count)
    )


@pytest.mark.parametrize("path", ["/", "/world/", "/category/world/"])
@pytest.mark.parametrize("count", [6, 10, 20])
@pytest.mark.parametrize(
    "metadata", ["", json_ld("CollectionPage", name="World"), json_ld("WebPage", datePublished="2020-01-01")]
)
def test_a_page_of_headlines_with_excerpts_is_an_index(metadata: str, count: int, path: str) -> None:
    head = "<meta property='og:type' content='website'>" + metadata
    assert kind_or_text(f"<main>{cards(count)}</main>", head, url="https://tech.example" + path) in {"index", "tag"}


@pytest.mark.parametrize(
    "head",
    [
        json_ld(headline="Ten rules in a year", datePublished="2026-11-20T10:00:00Z"),
        json_ld(url=STORY),
        "<meta property='og:type' content='article'>",
    ],
)
def test_a_story_in_sections_below_linked_headlines_is_a_story(head: str) -> None:
    assert "the ministers met" in kind_or_text(f"<article><h1>Ten rules in a year</h1>{cards(10)}</article>", head)


def test_a_story_with_teaser_cards_below_it_is_a_story() -> None:
    assert "In paragraph 7" in kind_or_text(f"<h1>Rules</h1><div>{paragraphs(0, 8)}</div><div>{cards(10)}</div>")


FLASH = "<article><h1>Hackers halt Sberbank</h1><p>Sberbank has stopped all payments after an attack by hackers, the bank said on Monday night.</p></article>"
HEADLINE = json_ld(headline="Hackers halt Sberbank")
BANNER = (
    "<p>We and our 800 partners use cookies to store information about you on your device, and to read it later.</p>"
)
DISQUS = "<div id='disqus_thread'></div><noscript>Please enable JavaScript to view the comments powered by Disqus.</noscript>"
LOGIN = "<form class='login'><input name='user'><input type='password'></form>"


@pytest.mark.parametrize(
    ("around", "head"),
    [
        (f"<div class='cookie-banner'>{BANNER}</div>", HEADLINE),
        (f"<div class='z'>{BANNER}</div>", HEADLINE),
        (DISQUS, HEADLINE),
        (DISQUS, ""),
        (LOGIN, "<meta property='article:published_time' content='2026-11-20T10:00:00Z'>"),
    ],
)
def test_a_flash_is_a_story_beside_a_banner_a_login_or_comments(around: str, head: str) -> None:
    assert "stopped all payments" in kind_or_text(FLASH + around, head, title="Hackers halt Sberbank")


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Google fined over cookies", "Google must let readers refuse as easily as they accept all cookies, or pay a fine each day, the French watchdog said."),
        ("Bank asks customers to enable scripts", "The bank asks customers to enable JavaScript again, because its own pages do not work without it, the ministry said."),
    ],
)  # fmt: skip
def test_a_brief_about_cookies_or_scripts_is_a_story(title: str, words: str) -> None:
    assert words in kind_or_text(
        f"<article><h1>{title}</h1><p>{words}</p></article>", json_ld(headline=title), title=title
    )


@pytest.mark.parametrize(
    "title",
    ["Missing child not found after search of the river", "Protest forbidden by Moscow court", "Sberbank: access denied to clients abroad"],
)  # fmt: skip
def test_a_headline_that_contains_words_of_an_error_is_a_story(title: str) -> None:
    text = (
        "The search went on until the night, said the town, and will be taken up again when there is light to see by."
    )
    assert text in kind_or_text(f"<article><h1>{title}</h1><p>{text}</p></article>", title=title)


@pytest.mark.parametrize(
    "title",
    [
        "404 - Page not found", "Page not found | Daily Herald", "Daily Herald - 404: This page could not be found.",
        "403 Forbidden", "Access Denied", "Just a moment...", "Attention Required! | Cloudflare", "Error 404 (Not Found)!!1",
        "Oops! That page can’t be found.", "Страница не найдена — Вестник", "HTTP 404 Not Found", "Bloomberg - Are you a robot?",
    ],
)  # fmt: skip
def test_a_title_that_states_only_an_error_is_an_error(title: str) -> None:
    text = "You may have followed a link that is too old, or it was moved to another place since you came here."
    assert kind_or_text(f"<h1>{title}</h1><p>{text}</p>", title=title) == "error"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (BANNER + "<p>You can choose at any time what is stored, and for which of the purposes that are listed below.</p>", "consent"),
        ("<noscript>You need to enable JavaScript to run this app.</noscript><div id='root'></div>", "script"),
        (LOGIN + "<p>Enter the name and the word that you chose when you came here for the first time, please.</p>", "login"),
    ],
)  # fmt: skip
def test_a_wall_in_place_of_a_story_is_rejected(body: str, kind: str) -> None:
    metadata = "" if kind == "login" else HEADLINE
    assert kind_or_text(body, metadata, title="Hackers halt Sberbank") == kind


SUMMARIES = "".join(
    f"<div><p>In town number {n} the council met on Monday, and agreed to ask the region for the money it lacks.</p></div>"
    for n in range(9)
)
LINKS = "".join(f"<a href='/2026/{n}.html'><h3>Town number {n} asks the region for money</h3></a>" for n in range(12))


@pytest.mark.parametrize(
    "head",
    ["<meta property='og:type' content='website'>", json_ld("WebSite", name="Daily Herald"), ""],
)
@pytest.mark.parametrize(
    "url", ["https://tech.example", "https://www.tech.example/index.html", "https://tech.example/en/"]
)
def test_a_front_page_with_summaries_is_an_index(head: str, url: str) -> None:
    assert kind_or_text(LINKS + SUMMARIES, head, title="Daily Herald - all of today", url=url) == "index"


@pytest.mark.parametrize(
    "head", ["<meta property='og:type' content='article'>", json_ld(headline="Town asks for money"), ""]
)
def test_a_story_at_the_address_of_a_front_page_is_a_story(head: str) -> None:
    body = f"<h1>Town asks for money</h1>{SUMMARIES}{LINKS}"
    assert "In town number 3" in kind_or_text(body, head, title="Town asks for money", url="https://tech.example/")


def test_a_page_titled_with_the_sites_name_is_a_landing_page() -> None:
    head = "<meta property='og:site_name' content='Fjord Institute'>"
    assert kind_or_text(SUMMARIES, head, title="Fjord Institute", url="https://tech.example/about/us") == "index"
    dated = head + "<meta property='article:published_time' content='2026-11-20T10:00:00Z'>"
    assert "In town number 3" in kind_or_text(SUMMARIES, dated, title="Fjord Institute")


def test_a_section_that_describes_itself_as_a_site_is_an_index() -> None:
    head = "<meta property='og:type' content='website'>"
    assert kind_or_text(LINKS + SUMMARIES, head, title="All of our news", url="https://tech.example/world") == "index"
    assert "In town number 3" in kind_or_text(f"<h1>Ten councils</h1>{SUMMARIES}{LINKS}", head, title="Ten councils")


TIMES = "".join(
    f"<li><i>(2026-11-{n + 10} 09:3{n % 10})</i> [towns, money, councils, the region] <a href='/n{n}'>Town number {n} asks for money</a></li>"
    for n in range(15)
)


def test_a_list_of_times_and_headlines_is_an_index() -> None:
    assert kind_or_text(f"<ul>{TIMES}</ul>", title="Rolling news", url="https://tech.example/rolling") == "index"
    article = "<meta property='og:type' content='article'>"
    assert "[towns, money" in kind_or_text(f"<h1>Chronicle</h1><ul>{TIMES}</ul>", article, title="Chronicle")


def test_a_page_interspersed_with_buttons_is_a_landing_page() -> None:
    texts = SUMMARIES.replace("</p>", "</p><a href='/x'>Learn more</a>")
    head = "<meta property='og:type' content='website'>"
    assert kind_or_text(f"<h1>Money for towns</h1>{texts}", head, title="Money for towns") == "index"
    assert "In town number 3" in kind_or_text(
        f"<h1>Money for towns</h1><p>4 May 2026</p>{texts}", head, title="Money for towns"
    )
    assert "In town number 3" in kind_or_text(f"<h1>Money for towns</h1>{texts}", title="Money for towns")


def test_a_lead_story_that_is_a_link_leaves_the_page_an_index() -> None:
    lead = f"<h1><a href='/2026/lead.html'>Towns ask the region for money</a></h1>{SUMMARIES}"
    assert kind_or_text(lead + LINKS, title="Daily Herald: all of today", url="https://tech.example/") == "index"


@pytest.mark.parametrize("date", ["<p>4 May 2026, 10:00</p>", "<time datetime='2026-05-04T10:00Z'>4 May</time>", ""])
def test_a_brief_is_dated_by_metadata_by_a_line_or_by_the_url(date: str) -> None:
    brief = "<h1>Towns ask the region for money</h1><p>Nine towns of the coast asked the region for the money they lack.</p>"
    url = "https://tech.example/2026/a" if date else "https://tech.example/archives/2026/05/a"
    text = kind_or_text(f"<article>{brief}{date}</article>{LINKS * 2}", title="Towns ask the region for money", url=url)
    assert "Nine towns" in text


BRIEF_TITLE = "市役所で個人情報の入った鞄を紛失"
BRIEF = f"<h1>{BRIEF_TITLE}</h1><p>市は月曜、職員が個人情報の入った鞄を紛失したと発表した。悪用は確認されていない。</p>"


def test_a_dated_brief_above_many_headlines_is_a_story() -> None:
    time, others = "<time datetime='2026-11-20T10:00:00+09:00'>11月20日</time>", LINKS + LINKS.replace("2026", "2025")
    assert "悪用は確認" in kind_or_text(f"<article>{BRIEF}{time}</article>{others}", title=BRIEF_TITLE)
    assert kind_or_text(f"{others}{time}{BRIEF.replace('鞄を紛失した', '')}", title="市の広報") == "index"


DISCLAIMER = "<p>We collect information about the pages that you read, and make advertising more relevant to you. See our privacy policy.</p>"


def test_a_page_whose_only_text_is_a_disclaimer_of_the_site_is_no_story() -> None:
    head = "<meta property='og:type' content='article'>"
    title = "Choir sings for the ferry's last trip"
    assert kind_or_text(f"<h1>{title}</h1><div id='player'></div>{DISCLAIMER}", head, title=title) == "empty"
    unknown = DISCLAIMER.replace("See our privacy policy.", "Ask us what we keep.").replace(
        "collect information", "write down"
    )
    assert kind_or_text(f"<h1>{title}</h1><div>{LINKS}</div>{unknown}", head, title=title) == "empty"
    about = "<p>The choir's new privacy policy lets singers of the ferry's last trip decide what is kept of their voices.</p>"
    assert "singers" in kind_or_text(f"<h1>{title}</h1>{about}", head, title=title)
