"""Hostile pages as bytes, each with a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PARAGRAPHS = b"".join(
    b"<p>The minister said on day %d that the plan would go ahead, and that the money was there.</p>" % day
    for day in range(8)
)
JSON_LD_SCRIPT = b'<script type="application/ld+json">'


def story_page(content: bytes = b"", head: bytes = b"") -> bytes:
    return (
        b"<html><head><title>A title of a story</title>%s</head><body><article><h1>A title of a story</h1>"
        b"%s%s</article></body></html>" % (head, PARAGRAPHS, content)
    )


PAGES: dict[str, Callable[[], bytes]] = {
    "200,000 nested divs": lambda: story_page(b"<div>" * 200_000 + b"deep" + b"</div>" * 200_000),
    "200,000 nested bolds": lambda: story_page(b"<b>" * 200_000),
    "50,000 nested tables": lambda: story_page(b"<table><tr><td>" * 50_000),
    "50 MB of text": lambda: story_page(PARAGRAPHS * 60_000),
    "50 MB in one tag": lambda: story_page(b"<p " + b"a" * 50_000_000 + b">"),
    "a million NULs": lambda: story_page(b"\0" * 1_000_000).replace(b"minister", b"mini\0ster"),
    "10,000 JSON-LD blocks": lambda: story_page(
        head=(JSON_LD_SCRIPT + b'{"@type":"NewsArticle","headline":"x","author":{"name":"A B"}}</script>') * 10_000
    ),
    "JSON-LD 100,000 deep": lambda: story_page(
        head=JSON_LD_SCRIPT + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"</script>"
    ),
    "JSON-LD that refers to itself": lambda: story_page(
        head=JSON_LD_SCRIPT
        + b'{"@id":"#a","@type":"NewsArticle","author":{"@id":"#a"},"publisher":{"@id":"#a"}}</script>'
    ),
    "JSON-LD without an end": lambda: story_page(
        head=JSON_LD_SCRIPT + b'{"@type":"NewsArticle","headline":"' + b'\\"' * 500_000
    ),
    "a million entities": lambda: story_page(b"<p>" + b"&amp;" * 1_000_000 + b"</p>"),
    "3 MB of blanks": lambda: story_page(b"<p>" + b" " * 3_000_000 + b"x</p>"),
    "a title of separators": lambda: b"<title>" + b" - " * 100_000 + b"</title>" + story_page(),
    "200,000 paragraphs": lambda: story_page(b"<p>x, y.</p>" * 200_000),
    "200,000 spans": lambda: story_page(b"<p>" + b'<span class="a b">word </span>' * 200_000),
    "50,000 class names": lambda: story_page(
        b"".join(b'<div class="c%d d%d">text, yes.</div>' % (n, n * 7) for n in range(50_000))
    ),
    "a class of 2 MB": lambda: story_page(b'<div class="' + b"related-" * 250_000 + b'">x</div>'),
    "a million commas": lambda: story_page(b"<p>" + b"," * 1_000_000),
    "100,000 open brackets": lambda: story_page(b"<p>" + b"(photo " * 100_000),
    "a byline of 1.5 MB": lambda: story_page(head=b'<meta name="author" content="' + b"a, " * 500_000 + b'">'),
    "a date of 500,000 digits": lambda: story_page(
        head=b'<meta property="article:published_time" content="' + b"1" * 500_000 + b'">'
    ),
    "100,000 comments": lambda: story_page(b"<!-- x -->" * 100_000),
    "200,000 attributes": lambda: story_page(b"<div " + b" ".join(b"a%d=1" % n for n in range(200_000)) + b">x</div>"),
    "500,000 line breaks": lambda: story_page(b"<br>" * 500_000),
    "20,000 authors": lambda: story_page(b'<div itemprop="author"><span itemprop="name">X Y</span>' * 20_000),
    "every byte there is": lambda: bytes(range(256)) * 4000,
}
