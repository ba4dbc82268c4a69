"""Pages whose stories a script writes, each in a different way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.demo.web import Site

PARAGRAPHS = [
    f"Paragraph {number} of the story: ministers spoke of export controls, of chips and of artificial intelligence."
    for number in range(8)
]
STORY = "<h1>Controls on chips</h1>" + "".join(f"<p>{text}</p>" for text in PARAGRAPHS)
_QUOTED_STORY = json.dumps(STORY).replace("</", "<\\/")
WRITE_STORY = f"document.getElementById('root').innerHTML = {_QUOTED_STORY};"


def app(script: str, *, extra: str = "") -> bytes:
    """Returns a single-page application's shell with the given script."""
    page = (
        "<!DOCTYPE html><html><head><title>News</title></head><body><noscript>You need to enable JavaScript.</noscript>"
        f"{extra}<div id='root'></div><script>{script}</script></body></html>"
    )
    return page.encode()


def late(milliseconds: int) -> bytes:
    return app(f"setTimeout(function () {{ {WRITE_STORY} }}, {milliseconds});")


def consent(button: str) -> bytes:
    """Returns a page whose consent wall hides the story until its button is clicked."""
    return app(
        f"document.querySelector('#wall button').onclick = function () {{"
        f" document.getElementById('wall').remove(); setTimeout(function () {{ {WRITE_STORY} }}, 200); }};",
        extra=f"<div id='wall'>We value your privacy. {button}</div>",
    )


def put_all(site: Site) -> None:
    """Adds one page of each kind to the site, under the path that names the kind."""
    site.put("/at-once", app(WRITE_STORY))
    site.put("/late", late(300))
    site.put("/very-late", late(2500))
    site.put("/story.html", STORY.encode())
    site.put(
        "/request",
        app(
            "var r = new XMLHttpRequest(); r.open('GET', '/story.html');"
            "r.onload = function () { document.getElementById('root').innerHTML = r.responseText; }; r.send();"
        ),
    )
    site.put(
        "/fetch",
        app(
            "fetch('/story.html').then(async r => {"
            " document.getElementById('root').innerHTML = await r?.text() ?? ''; });"
        ),
    )
    site.put(
        "/framework",
        app(
            "function show() { if (location.pathname === '/articles/7') { setTimeout(function () {"
            + WRITE_STORY
            + "}, 100); } }"
            "history.pushState({}, '', '/articles/7'); show();"
        ),
    )
    site.put("/consent-platform", consent("<button id='onetrust-accept-btn-handler'>Fine</button>"))
    site.put("/consent-own", consent("<button class='ja'>Ja</button>"))
    site.put("/redirect-http", b"", status=302, headers=(("Location", "/late"),))
    site.put("/redirect-meta", b"<html><head><meta http-equiv='refresh' content='0; url=/late'></head></html>")
    site.put("/redirect-script", app("location.replace('/late');"))
    site.put("/to-nowhere", app("setTimeout(function () { location.href = '/missing'; }, 100);"))
    site.put("/404", app("document.getElementById('root').textContent = 'Nothing here';"), status=404)
    site.put("/500", app("document.getElementById('root').textContent = 'Our fault';"), status=500)
    site.put(
        "/selector", app(f"setTimeout(function () {{ {WRITE_STORY} }}, 3500);", extra=f"<p>{'Teaser. ' * 100}</p>")
    )
    site.put("/dialogs", app("alert('Hello'); confirm('Really?');" + WRITE_STORY))
    site.put("/loop", app("while (true) {}"))
    site.put("/loop-late", app("setTimeout(function () { while (true) {} }, 300);"))
