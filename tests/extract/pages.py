"""One invented story in the four page styles that outlets use."""

# ruff: noqa: E501  markup is easier to read on one line

from __future__ import annotations

import json
from datetime import UTC, datetime

TITLE = "Putin 'tells' Russian ministries to build AI together with China"
AUTHOR = "Marta Lindqvist"
URL = "https://tech.example/2026/01/putin-ai-china"
PUBLISHED = datetime(2026, 1, 6, 9, 42, 17, tzinfo=UTC)
PARAGRAPHS = [
    "President Vladimir Putin has told the Russian government and the country's largest bank to deepen their work "
    "with China on artificial intelligence, according to instructions published on the Kremlin's website.",
    "The order, dated the last week of December, asks ministries to report by the spring on how research centres of "
    "both countries could share training data and computing time.",
    "Sberbank's research arm is named as the partner on the Russian side. The bank has sold its own language models "
    "to regional administrations since sanctions cut it off from foreign suppliers.",
    "Moscow said last month that it wanted BRICS partners and other countries to advance AI without depending on "
    "hardware from the United States, though no common programme has been agreed.",
    "Analysts doubt that the plan will narrow the gap soon.",
    "“Chips remain the bottleneck, and an instruction does not print them,” said one researcher in Helsinki, who "
    "follows the trade in processors and asked not to be named.",
    "Russia ranked 31st of 83 countries in a widely read index of AI capacity, behind every other large economy "
    "but two, and its cloud companies have had to stretch machines bought before 2022.",
]
TEASERS = [
    "Retailer to close forty shops after weak Christmas",
    "Quantum start-up raises money from Gulf funds",
    "Why hospitals still send faxes, and what it costs them",
]
MENU = '<nav class="main-menu"><ul><li><a href="/">Home</a></li><li><a href="/ai">AI</a></li></ul></nav>'
TAIL = "<h4>Share Story:</h4><a href='#'>Facebook</a> <a href='#'>X</a><h3>Recent Stories</h3>" + "".join(
    f"<div><a href='/2026/01/{n}'>{teaser}</a> <span>3 January 2026</span></div>" for n, teaser in enumerate(TEASERS)
)
FOOTER = "<footer><p>Copyright 2026 Tech Example. All rights reserved. Subscribe to our newsletter.</p></footer>"


def _page(head: str, body: str) -> bytes:
    return f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>{head}</head><body>{MENU}{body}{FOOTER}</body></html>".encode()


def _paragraphs(tag: str = "p") -> str:
    return "".join(f"<{tag}>{text}</{tag}>" for text in PARAGRAPHS)


def plain() -> bytes:
    """An <article> with a byline, a <time>, and a tail of teasers inside of it."""
    head = f"<title>{TITLE} | Tech Example</title><meta property='og:site_name' content='Tech Example'>"
    return _page(
        head,
        f"<main><article><h1>{TITLE}</h1><p class='byline'>By {AUTHOR}</p>"
        f"<time datetime='2026-01-06T09:42:17Z'>6 January 2026</time>{_paragraphs()}<div>{TAIL}</div></article></main>",
    )


def json_ld() -> bytes:
    """Metadata in a JSON-LD graph, the text in an element with the class "article-body"."""
    graph = [
        {"@type": "Organization", "@id": "#org", "name": "Tech Example"},
        {"@type": "Person", "@id": "#marta", "name": AUTHOR},
        {
            "@type": ["NewsArticle", "Article"],
            "headline": TITLE,
            "author": {"@id": "#marta"},
            "publisher": {"@id": "#org"},
            "datePublished": "2026-01-06T12:42:17+03:00",
            "dateModified": "2026-01-06T13:00:00+03:00",
            "articleSection": "Artificial intelligence",
            "keywords": ["AI", "Russia", "China"],
            "image": {"@type": "ImageObject", "url": "https://tech.example/kremlin.jpg"},
        },
    ]
    data = json.dumps({"@context": "https://schema.org", "@graph": graph})
    return _page(
        f"<title>{TITLE} - Tech Example</title><link rel='canonical' href='{URL}'><script type='application/ld+json'>{data}</script>",
        f"<div class='page'><h1>{TITLE}</h1><div class='article-body'>{_paragraphs()}</div>"
        f"<div class='related-stories'>{TAIL}</div></div>",
    )


def anonymous() -> bytes:
    """Only <div>s without class or id; the date is only in the text."""
    return _page(
        f"<title>{TITLE} :: Tech Example</title>",
        f"<div><div><div><h1>{TITLE}</h1><div>By {AUTHOR}</div><div>6 January 2026, 09:42</div>{_paragraphs('div')}</div>"
        f"<div>{TAIL}</div></div></div>",
    )


def microdata() -> bytes:
    """Metadata as schema.org microdata."""
    return _page(
        f"<title>{TITLE}</title>",
        f"<div itemscope itemtype='https://schema.org/NewsArticle'><h1 itemprop='headline'>{TITLE}</h1>"
        f"<span itemprop='author' itemscope><span itemprop='name'>{AUTHOR}</span></span>"
        f"<meta itemprop='datePublished' content='2026-01-06T09:42:17+00:00'>"
        f"<div itemprop='articleBody'>{_paragraphs()}</div></div><div class='sidebar'>{TAIL}</div>",
    )


STYLES = {"plain": plain, "json-ld": json_ld, "anonymous": anonymous, "microdata": microdata}
