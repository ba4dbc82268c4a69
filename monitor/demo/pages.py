"""Renders a demo story as an outlet's page, in several styles of markup.

Each page also has navigation, a cookie notice, a newsletter box, sharing links and teasers of other stories.
Extraction must leave their text out of the story.
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
class PageLabels:
    """The texts of navigation, cookie notice and footer on an outlet's pages, in the outlet's language."""

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
    """The properties that all pages of an outlet share."""

    name: str
    language: str
    base: str  # the outlet's URL, ending with a slash
    sections: tuple[str, ...] = ()
    labels: PageLabels = PageLabels()
    utc_offset: timedelta = timedelta(0)  # of the outlet's local time; positive east of UTC
    charset: str = "utf-8"


@dataclass(frozen=True, kw_only=True, slots=True)
class Teaser:
    """A link to a story with the story's first words, as shown on front pages and below other stories."""

    url: str
    title: str
    text: str


PageStyle: TypeAlias = Callable[["DemoStory", str, PageLayout, Sequence[Teaser]], str]


# ---- page styles: functions that take a story, its URL, the layout and teasers, and return HTML


def plain_page(story: DemoStory, url: str, layout: PageLayout, teasers: Sequence[Teaser]) -> str:
    """Returns a story page in semantic HTML: <article>, <time> and a byline."""
    local_time = _local_time(story.published_at, layout)
    head = f"""<meta property="og:title" content="{escape(story.title)} | {escape(layout.name)}">
<meta property="og:type" content="article"><meta property="og:site_name" content="{escape(layout.name)}">
<link rel="canonical" href="{url}">"""
    body = f"""<article>
<header><p class="kicker">{escape(story.section)}</p><h1>{escape(story.title)}</h1>
<p class="standfirst">{escape(story.standfirst)}</p>
<p class="byline">{layout.labels.by} <a rel="author" href="{layout.base}authors">{escape(story.author)}</a>
<time datetime="{local_time.isoformat()}">{local_time:%d.%m.%Y %H:%M}</time></p></header>
{_paragraphs_html(story, insert=_newsletter_html(layout))}
</article>
{_share_and_teasers_html(layout, teasers)}"""
    return _story_page(story, layout, head, body)


def json_ld_page(story: DemoStory, url: str, layout: PageLayout, teasers: Sequence[Teaser]) -> str:
    """Returns a story page with its metadata in JSON-LD, in a @graph as content management systems write it."""
    local_time = _local_time(story.published_at, layout)
    article = {
        "@type": "NewsArticle",
        "@id": f"{url}#article",
        "mainEntityOfPage": url,
        "headline": story.title,
        "description": story.standfirst,
        "datePublished": local_time.isoformat(),
        "dateModified": (local_time + timedelta(minutes=2)).isoformat(),
        "author": [{"@type": "Person", "name": story.author}],
        "publisher": {"@type": "NewsMediaOrganization", "name": layout.name},
        "articleSection": story.section,
        "inLanguage": layout.language,
    }
    graph = {"@context": "https://schema.org", "@graph": [{"@type": "WebSite", "name": layout.name}, article]}
    data = json.dumps(graph, ensure_ascii=False).replace("</", "<\\/")
    head = f'<link rel="canonical" href="{url}"><script type="application/ld+json">{data}</script>'
    body = f"""<main><div class="story"><h1>{escape(story.title)}</h1>
<div class="story-body">{_paragraphs_html(story)}</div></div></main>
{_newsletter_html(layout)}
{_share_and_teasers_html(layout, teasers)}"""
    return _story_page(story, layout, head, body)


def divs_page(story: DemoStory, url: str, layout: PageLayout, teasers: Sequence[Teaser]) -> str:
    """Returns a story page of <div> elements with meaningless class names; only <meta> elements contain the date."""
    local_time = _local_time(story.published_at, layout)
    head = f"""<meta name="author" content="{escape(story.author)}">
<meta property="article:published_time" content="{local_time.isoformat()}">
<meta property="og:url" content="{url}">"""
    paragraphs = "".join(f'<div class="x7a k2">{escape(paragraph)}</div>\n' for paragraph in story.paragraphs)
    body = f"""<div class="q1"><div class="q2"><div class="r9">{escape(story.title)}</div>
<div class="r4">{escape(story.author)} &middot; {local_time:%H:%M}</div>
<div class="v0">{paragraphs}</div></div></div>
{_newsletter_html(layout)}
{_html_without_semantics(_share_and_teasers_html(layout, teasers))}"""
    return _story_page(story, layout, head, body)


def microdata_page(story: DemoStory, url: str, layout: PageLayout, teasers: Sequence[Teaser]) -> str:
    """Returns a story page with its metadata in microdata attributes (itemprop)."""
    local_time = _local_time(story.published_at, layout)
    head = f'<link rel="canonical" href="{url}">'
    body = f"""<div itemscope itemtype="https://schema.org/NewsArticle">
<meta itemprop="mainEntityOfPage" content="{url}">
<h1 itemprop="headline">{escape(story.title)}</h1>
<p itemprop="description">{escape(story.standfirst)}</p>
<p><span itemprop="author" itemscope itemtype="https://schema.org/Person">
<span itemprop="name">{escape(story.author)}</span></span>
<time itemprop="datePublished" datetime="{local_time.isoformat()}">{local_time:%H:%M}</time></p>
<div itemprop="articleBody">{_paragraphs_html(story)}</div>
</div>
{_newsletter_html(layout)}
{_share_and_teasers_html(layout, teasers)}"""
    return _story_page(story, layout, head, body)


def script_page(story: DemoStory, url: str, layout: PageLayout, teasers: Sequence[Teaser]) -> str:  # noqa: ARG001  PageStyle's signature
    """Returns an empty page with a script that requests the story (`script_page_data`) and inserts its text."""
    return f"""<!DOCTYPE html>
<html lang="{layout.language}"><head><meta charset="{layout.charset}"><title>{escape(layout.name)}</title></head>
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


def script_page_data(story: DemoStory) -> bytes:
    """Returns the story as the JSON that a page of `script_page` requests."""
    return json.dumps(
        {
            "title": story.title,
            "published_at": story.published_at.isoformat(),
            "paragraphs": story.paragraphs,
        }
    ).encode()


PAGE_STYLES: dict[str, PageStyle] = {
    "plain": plain_page,
    "json-ld": json_ld_page,
    "divs": divs_page,
    "microdata": microdata_page,
}


# ---- pages that are not stories


def front_page(layout: PageLayout, teasers: Sequence[Teaser], *, head: str = "") -> str:
    """Returns a home or section page that lists the teasers; ``head`` is HTML for the end of <head>."""
    items = "".join(
        f'<li><h2><a href="{t.url}">{escape(t.title)}</a></h2><p>{escape(t.text)}</p></li>\n' for t in teasers
    )
    return f"""<!DOCTYPE html>
<html lang="{layout.language}"><head><meta charset="{layout.charset}"><title>{escape(layout.name)}</title>{head}</head>
<body>{_navigation_html(layout)}<main><ul class="river">{items}</ul></main>{_footer_html(layout)}</body></html>"""


def video_page(layout: PageLayout) -> str:
    """Returns a page with a video player and no story text."""
    return f"""<!DOCTYPE html>
<html lang="{layout.language}"><head><meta charset="{layout.charset}"><title>Video | {escape(layout.name)}</title>
<meta property="og:type" content="video.other"></head>
<body>{_navigation_html(layout)}<main><h1>Watch: a tour of the recycling line</h1>
<video src="/media/tour.mp4" controls></video></main>{_footer_html(layout)}</body></html>"""


# ---- parts of every story page


def _story_page(story: DemoStory, layout: PageLayout, head: str, body: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="{layout.language}"><head><meta charset="{layout.charset}">
<title>{escape(story.title)} | {escape(layout.name)}</title>
<meta name="description" content="{escape(story.standfirst)}">
{head}</head>
<body>{_navigation_html(layout)}
<div class="cookie-notice" role="dialog"><p>{layout.labels.cookies}</p><button>{layout.labels.accept}</button></div>
{body}
{_footer_html(layout)}</body></html>"""


def _navigation_html(layout: PageLayout) -> str:
    links = "".join(f'<li><a href="{layout.base}{section}">{escape(section)}</a></li>' for section in layout.sections)
    return f'<header><a href="{layout.base}">{escape(layout.name)}</a><nav><ul>{links}</ul></nav></header>'


def _footer_html(layout: PageLayout) -> str:
    return f"<footer><p>&copy; {escape(layout.name)}. {layout.labels.rights}</p></footer>"


def _newsletter_html(layout: PageLayout) -> str:
    return f'<div class="newsletter"><p>{layout.labels.newsletter}</p><form><input type="email"></form></div>'


def _share_and_teasers_html(layout: PageLayout, teasers: Sequence[Teaser]) -> str:
    items = "".join(f'<li><a href="{t.url}">{escape(t.title)}</a><p>{escape(t.text)}</p></li>\n' for t in teasers)
    return f"""<div class="share">{layout.labels.share} <a href="#">E-mail</a> <a href="#">Copy link</a></div>
<div class="recent"><h3>{layout.labels.recent}</h3><ul>{items}</ul></div>"""


def _html_without_semantics(html: str) -> str:
    """Returns the HTML with <p>, <ul>, <li> and <h3> replaced by <div>, and class names by meaningless ones."""
    html = re.sub(r"<(/?)(?:p|li|ul|h3)>", r"<\1div>", html)
    return re.sub(r'class="(\w+)"', lambda name: f'class="z{len(name[1])}"', html)


def _paragraphs_html(story: DemoStory, *, insert: str = "") -> str:
    paragraphs = [f"<p>{escape(paragraph)}</p>" for paragraph in story.paragraphs]
    if insert:
        paragraphs.insert(min(2, len(paragraphs)), insert)
    return "\n".join(paragraphs)


def _local_time(time: datetime, layout: PageLayout) -> datetime:
    return time.astimezone(timezone(layout.utc_offset))
