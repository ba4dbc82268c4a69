"""A dispatch as the page of an outlet, in the styles outlets write them.

Around each story stands what stands around stories: navigation, a cookie notice, a newsletter box, sharing links and
teasers of other stories, whose words must not count as the story's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from html import escape
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from monitor.demo.stories import DemoStory


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """What an outlet's pages say in its language."""

    home: str = "Home"
    by: str = "By"
    share: str = "Share Story:"
    recent: str = "Recent Stories"
    cookies: str = "We and our partners use cookies to measure our audience. You can change your choice at any time."
    accept: str = "Accept all"
    newsletter: str = "Get the week's most important stories in your inbox every Friday. Enter your address to sign up."
    rights: str = "All rights reserved."


@dataclass(frozen=True, kw_only=True, slots=True)
class PageLayout:
    """What all pages of an outlet have in common."""

    name: str
    language: str
    base: str  # the outlet's address, with a slash at its end
    sections: tuple[str, ...] = ()
    words: Words = Words()
    zone: timedelta = timedelta(0)  # ahead of UTC
    charset: str = "utf-8"


@dataclass(frozen=True, kw_only=True, slots=True)
class Teaser:
    """A link to a story with its first words."""

    url: str
    title: str
    words: str


Style: TypeAlias = Callable[["DemoStory", str, PageLayout, Sequence[Teaser]], str]


# ---- the styles: a dispatch, its address, the outlet's look and the teasers below it, as HTML


def plain(story: DemoStory, url: str, look: PageLayout, teasers: Sequence[Teaser]) -> str:
    """A page that says what it is: <article>, <time>, a byline."""
    local = _local(story.published_at, look)
    head = f"""<meta property="og:title" content="{escape(story.title)} | {escape(look.name)}">
<meta property="og:type" content="article"><meta property="og:site_name" content="{escape(look.name)}">
<link rel="canonical" href="{url}">"""
    body = f"""<article>
<header><p class="kicker">{escape(story.section)}</p><h1>{escape(story.title)}</h1>
<p class="standfirst">{escape(story.standfirst)}</p>
<p class="byline">{look.words.by} <a rel="author" href="{look.base}authors">{escape(story.author)}</a>
<time datetime="{local.isoformat()}">{local:%d.%m.%Y %H:%M}</time></p></header>
{_paragraphs(story, insert=_newsletter(look))}
</article>
{_tail(look, teasers)}"""
    return _page(story, look, head, body)


def json_ld(story: DemoStory, url: str, look: PageLayout, teasers: Sequence[Teaser]) -> str:
    """A page whose facts stand in JSON-LD, in a graph as publishing systems write it."""
    local = _local(story.published_at, look)
    article = {
        "@type": "NewsArticle",
        "@id": f"{url}#article",
        "mainEntityOfPage": url,
        "headline": story.title,
        "description": story.standfirst,
        "datePublished": local.isoformat(),
        "dateModified": (local + timedelta(minutes=2)).isoformat(),
        "author": [{"@type": "Person", "name": story.author}],
        "publisher": {"@type": "NewsMediaOrganization", "name": look.name},
        "articleSection": story.section,
        "inLanguage": look.language,
    }
    graph = {"@context": "https://schema.org", "@graph": [{"@type": "WebSite", "name": look.name}, article]}
    data = json.dumps(graph, ensure_ascii=False).replace("</", "<\\/")
    head = f'<link rel="canonical" href="{url}"><script type="application/ld+json">{data}</script>'
    body = f"""<main><div class="story"><h1>{escape(story.title)}</h1>
<div class="story-body">{_paragraphs(story)}</div></div></main>
{_newsletter(look)}
{_tail(look, teasers)}"""
    return _page(story, look, head, body)


def divs(story: DemoStory, url: str, look: PageLayout, teasers: Sequence[Teaser]) -> str:
    """A page of nameless boxes, classes as a build step leaves them; only the meta elements know the time."""
    local = _local(story.published_at, look)
    head = f"""<meta name="author" content="{escape(story.author)}">
<meta property="article:published_time" content="{local.isoformat()}">
<meta property="og:url" content="{url}">"""
    inner = "".join(f'<div class="x7a k2">{escape(paragraph)}</div>\n' for paragraph in story.paragraphs)
    body = f"""<div class="q1"><div class="q2"><div class="r9">{escape(story.title)}</div>
<div class="r4">{escape(story.author)} &middot; {local:%H:%M}</div>
<div class="v0">{inner}</div></div></div>
{_newsletter(look)}
{_nameless(_tail(look, teasers))}"""
    return _page(story, look, head, body)


def microdata(story: DemoStory, url: str, look: PageLayout, teasers: Sequence[Teaser]) -> str:
    """A page whose facts stand on its elements."""
    local = _local(story.published_at, look)
    head = f'<link rel="canonical" href="{url}">'
    body = f"""<div itemscope itemtype="https://schema.org/NewsArticle">
<meta itemprop="mainEntityOfPage" content="{url}">
<h1 itemprop="headline">{escape(story.title)}</h1>
<p itemprop="description">{escape(story.standfirst)}</p>
<p><span itemprop="author" itemscope itemtype="https://schema.org/Person">
<span itemprop="name">{escape(story.author)}</span></span>
<time itemprop="datePublished" datetime="{local.isoformat()}">{local:%H:%M}</time></p>
<div itemprop="articleBody">{_paragraphs(story)}</div>
</div>
{_newsletter(look)}
{_tail(look, teasers)}"""
    return _page(story, look, head, body)


def script(story: DemoStory, url: str, look: PageLayout, teasers: Sequence[Teaser]) -> str:  # noqa: ARG001  as its sisters
    """An application's empty root: the browser asks for the story (see `data`) and writes it."""
    return f"""<!DOCTYPE html>
<html lang="{look.language}"><head><meta charset="{look.charset}"><title>{escape(look.name)}</title></head>
<body><noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div>
<script>
var request = new XMLHttpRequest();
request.open("GET", "{url}.json");
request.onload = function () {{
  var story = JSON.parse(request.responseText), root = document.getElementById("root");
  var article = document.createElement("article"), title = document.createElement("h1");
  document.title = title.textContent = story.title;
  article.appendChild(title);
  var time = document.createElement("time");
  time.setAttribute("datetime", story.published_at);
  time.textContent = story.published_at.slice(0, 16).replace("T", " ");
  article.appendChild(time);
  story.paragraphs.forEach(function (words) {{
    var paragraph = document.createElement("p");
    paragraph.textContent = words;
    article.appendChild(paragraph);
  }});
  root.appendChild(article);
}};
setTimeout(function () {{ request.send(); }}, 300);
</script></body></html>"""


def data(story: DemoStory) -> bytes:
    """What the page in `script` style asks for."""
    return json.dumps(
        {
            "title": story.title,
            "published_at": story.published_at.isoformat(),
            "paragraphs": story.paragraphs,
        }
    ).encode()


STYLES: dict[str, Style] = {"plain": plain, "json-ld": json_ld, "divs": divs, "microdata": microdata}


# ---- pages that are no stories


def front(look: PageLayout, teasers: Sequence[Teaser], *, extra: str = "") -> str:
    """A home or section page."""
    items = "".join(
        f'<li><h2><a href="{t.url}">{escape(t.title)}</a></h2><p>{escape(t.words)}</p></li>\n' for t in teasers
    )
    return f"""<!DOCTYPE html>
<html lang="{look.language}"><head><meta charset="{look.charset}"><title>{escape(look.name)}</title>{extra}</head>
<body>{_navigation(look)}<main><ul class="river">{items}</ul></main>{_footer(look)}</body></html>"""


def video(look: PageLayout) -> str:
    """A page around a player, with no words of its own."""
    return f"""<!DOCTYPE html>
<html lang="{look.language}"><head><meta charset="{look.charset}"><title>Video | {escape(look.name)}</title>
<meta property="og:type" content="video.other"></head>
<body>{_navigation(look)}<main><h1>Watch: a tour of the recycling line</h1>
<video src="/media/tour.mp4" controls></video></main>{_footer(look)}</body></html>"""


# ---- what stands around every story


def _page(story: DemoStory, look: PageLayout, head: str, body: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="{look.language}"><head><meta charset="{look.charset}">
<title>{escape(story.title)} | {escape(look.name)}</title>
<meta name="description" content="{escape(story.standfirst)}">
{head}</head>
<body>{_navigation(look)}
<div class="cookie-notice" role="dialog"><p>{look.words.cookies}</p><button>{look.words.accept}</button></div>
{body}
{_footer(look)}</body></html>"""


def _navigation(look: PageLayout) -> str:
    links = "".join(f'<li><a href="{look.base}{section}">{escape(section)}</a></li>' for section in look.sections)
    return f'<header><a href="{look.base}">{escape(look.name)}</a><nav><ul>{links}</ul></nav></header>'


def _footer(look: PageLayout) -> str:
    return f"<footer><p>&copy; {escape(look.name)}. {look.words.rights}</p></footer>"


def _newsletter(look: PageLayout) -> str:
    return f'<div class="newsletter"><p>{look.words.newsletter}</p><form><input type="email"></form></div>'


def _tail(look: PageLayout, teasers: Sequence[Teaser]) -> str:
    items = "".join(f'<li><a href="{t.url}">{escape(t.title)}</a><p>{escape(t.words)}</p></li>\n' for t in teasers)
    return f"""<div class="share">{look.words.share} <a href="#">E-mail</a> <a href="#">Copy link</a></div>
<div class="recent"><h3>{look.words.recent}</h3><ul>{items}</ul></div>"""


def _nameless(html: str) -> str:
    """The same in boxes that do not tell what they are."""
    html = re.sub(r"<(/?)(?:p|li|ul|h3)>", r"<\1div>", html)
    return re.sub(r'class="(\w+)"', lambda name: f'class="z{len(name[1])}"', html)


def _paragraphs(story: DemoStory, *, insert: str = "") -> str:
    paragraphs = [f"<p>{escape(paragraph)}</p>" for paragraph in story.paragraphs]
    if insert:
        paragraphs.insert(min(2, len(paragraphs)), insert)
    return "\n".join(paragraphs)


def _local(moment: datetime, look: PageLayout) -> datetime:
    return moment.astimezone(timezone(look.zone))
