"""Pages written to harm: each with a name, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PARAGRAPHS = b"".join(
    b"<p>The minister said on day %d that the plan would go ahead, and that the money was there.</p>" % day
    for day in range(8)
)
LINKED_DATA = b'<script type="application/ld+json">'


def story(inside: bytes = b"", head: bytes = b"") -> bytes:
    return (
        b"<html><head><title>A title of a story</title>%s</head><body><article><h1>A title of a story</h1>"
        b"%s%s</article></body></html>" % (head, PARAGRAPHS, inside)
    )


PAGES: dict[str, Callable[[], bytes]] = {
    "200,000 nested divs": lambda: story(b"<div>" * 200_000 + b"deep" + b"</div>" * 200_000),
    "200,000 nested bolds": lambda: story(b"<b>" * 200_000),
    "50,000 nested tables": lambda: story(b"<table><tr><td>" * 50_000),
    "50 MB of text": lambda: story(PARAGRAPHS * 60_000),
    "50 MB in one tag": lambda: story(b"<p " + b"a" * 50_000_000 + b">"),
    "a million NULs": lambda: story(b"\0" * 1_000_000).replace(b"minister", b"mini\0ster"),
    "10,000 JSON-LD blocks": lambda: story(
        head=(LINKED_DATA + b'{"@type":"NewsArticle","headline":"x","author":{"name":"A B"}}</script>') * 10_000
    ),
    "JSON-LD 100,000 deep": lambda: story(head=LINKED_DATA + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"</script>"),
    "JSON-LD that refers to itself": lambda: story(
        head=LINKED_DATA + b'{"@id":"#a","@type":"NewsArticle","author":{"@id":"#a"},"publisher":{"@id":"#a"}}</script>'
    ),
    "JSON-LD without an end": lambda: story(
        head=LINKED_DATA + b'{"@type":"NewsArticle","headline":"' + b'\\"' * 500_000
    ),
    "a million entities": lambda: story(b"<p>" + b"&amp;" * 1_000_000 + b"</p>"),
    "3 MB of blanks": lambda: story(b"<p>" + b" " * 3_000_000 + b"x</p>"),
    "a title of separators": lambda: b"<title>" + b" - " * 100_000 + b"</title>" + story(),
    "200,000 paragraphs": lambda: story(b"<p>x, y.</p>" * 200_000),
    "200,000 spans": lambda: story(b"<p>" + b'<span class="a b">word </span>' * 200_000),
    "50,000 class names": lambda: story(
        b"".join(b'<div class="c%d d%d">text, yes.</div>' % (n, n * 7) for n in range(50_000))
    ),
    "a class of 2 MB": lambda: story(b'<div class="' + b"related-" * 250_000 + b'">x</div>'),
    "a million commas": lambda: story(b"<p>" + b"," * 1_000_000),
    "100,000 open brackets": lambda: story(b"<p>" + b"(photo " * 100_000),
    "a byline of 1.5 MB": lambda: story(head=b'<meta name="author" content="' + b"a, " * 500_000 + b'">'),
    "a date of 500,000 digits": lambda: story(
        head=b'<meta property="article:published_time" content="' + b"1" * 500_000 + b'">'
    ),
    "100,000 comments": lambda: story(b"<!-- x -->" * 100_000),
    "200,000 attributes": lambda: story(b"<div " + b" ".join(b"a%d=1" % n for n in range(200_000)) + b">x</div>"),
    "500,000 line breaks": lambda: story(b"<br>" * 500_000),
    "20,000 authors": lambda: story(b'<div itemprop="author"><span itemprop="name">X Y</span>' * 20_000),
    "every byte there is": lambda: bytes(range(256)) * 4000,
}
