"""Is a page a story at all, and what is to be said of it if it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.extract import phrases, titles
from monitor.extract.blocks import amount
from monitor.extract.regions import Region
from monitor.extract.vocabulary import alternatives, entries
from monitor.models import NotArticle
from monitor.urls import is_home

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.html import HtmlElement

    from monitor.extract.blocks import Block, Layout
    from monitor.extract.metadata import Metadata
    from monitor.models import Page

_MEDIA = re.compile(
    rb"\s*(?:%PDF|\x89PNG|\xff\xd8\xff|GIF8|RIFF|PK\x03\x04|\x1f\x8b|OggS|ID3|\x00\x00\x00.ftyp)", re.DOTALL
)
_FEED = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*(?:<\?[^>]{0,500}\?>\s*|<!--.{0,500}?-->\s*)*)?"
    rb"<(?:rss|feed|urlset|sitemapindex|rdf:RDF)\b",
    re.DOTALL,
)
_LISTING = re.compile(
    rf"/(?:{alternatives('index_paths')})(?:/|$)|[?&](?:s|q|query|search|tag|cat|category|author|page|paged)=",
    re.IGNORECASE,
)
_VIDEO = re.compile(
    r"/(?:video|videos|watch|live-tv|tv|mediathek|podcasts?|audio|gallery|galleries|photos?|fotos?|slideshow"
    r"|bildergalerie)(?:/|$|-)",
    re.IGNORECASE,
)
_ERROR = re.compile(alternatives("error_titles"), re.IGNORECASE)
_SCRIPT = re.compile(alternatives("javascript_walls"), re.IGNORECASE)
_CONSENT = re.compile(alternatives("consent_walls"), re.IGNORECASE)
_WALL = re.compile(alternatives("paywalls"), re.IGNORECASE)
_WALLS = re.compile(f"{_CONSENT.pattern}|{_SCRIPT.pattern}|{_WALL.pattern}", re.IGNORECASE)
_ENDS_OPEN = re.compile(r"(?:…|\.\.\.|\[…\]|\[\.\.\.\])\W{0,3}$")
_SHORT = 140  # characters of running text below which nothing but its facts makes a page a story
_HARDLY = 60  # the same below which it is none
_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r"[^\W\d]+")
# What an error's title says besides.
_PADDING = frozenset(entries("error_fillers"))
_LOGIN = re.compile(
    r"/(?:login|signin|sign-in|log-in|anmelden|account|register|subscribe|abo)(?:[/?.]|$)", re.IGNORECASE
)


def reject_bytes(page: Page) -> NotArticle | None:
    """What is no page at all, told by its first bytes and its content type."""
    kind = page.content_type.lower()
    if _MEDIA.match(page.body[:100]) or kind.startswith(("image/", "video/", "audio/", "application/pdf")):
        return NotArticle(kind="media", detail=kind or "by its first bytes")
    if _FEED.match(page.body[:2000].lstrip(b"\xef\xbb\xbf")):
        return NotArticle(kind="index", detail="a feed or sitemap")
    if kind.startswith("application/json") and page.body.lstrip()[:1] in {b"{", b"["}:
        return NotArticle(kind="media", detail="JSON")
    if not page.body.strip():
        return NotArticle(kind="empty", detail="no bytes")
    return None


def reject_page(
    page: Page, root: HtmlElement, layout: Layout, metadata: Metadata, kept: Sequence[Block]
) -> NotArticle | None:
    """What kind of page it is where it is no story; None where it is one."""
    length = amount(kept)
    path = urlsplit(page.url).path
    claims = bool(metadata.types & _STORY_TYPES) or metadata.kind == "article" or "json-ld" in metadata.found
    # Only short texts are doubted.
    proven = length < 600 and (claims or metadata.published_at is not None) and _tells_of_title(metadata, kept)

    if (
        length < 600
        and not proven
        and not metadata.published_at
        and any(map(_is_error, (metadata.title, *metadata.titles)))
    ):
        return NotArticle(kind="error", detail=metadata.title[:200])
    if length < 600 and not proven and _looks_like_consent(layout, kept, length):
        return NotArticle(kind="consent", detail=" ".join(block.text for block in layout.blocks[:40])[:200])
    if length < 400 and not claims and _asks_for_password(root, path, proven=proven):
        return NotArticle(kind="login", detail=metadata.title[:200])
    if _is_listing(layout, metadata, page.url, length, claims=claims) or _is_cards(layout, metadata, kept):
        return NotArticle(kind="tag" if _LISTING.search(page.url) else "index", detail=metadata.title[:200])
    if length < 300 and (metadata.kind.startswith("video") or (_VIDEO.search(path) and length < _SHORT)):
        return NotArticle(kind="video", detail=metadata.title[:200])
    if length < _SHORT and "VideoObject" in metadata.types:
        return NotArticle(kind="video", detail=metadata.title[:200])
    if length < _SHORT and not proven and _SCRIPT.search(_said(root, layout, length)):
        return NotArticle(kind="script", detail="asks for JavaScript")
    if not kept or length < _HARDLY:
        scripted = sum(len(block.text) for block in layout.blocks) < 400 and len(root.findall(".//script")) > 2
        return NotArticle(
            kind="script" if scripted else "empty", detail=f"{len(layout.blocks)} blocks, no running text"
        )
    return None


_STORY_TYPES = frozenset(
    {
        "NewsArticle",
        "Article",
        "ReportageNewsArticle",
        "LiveBlogPosting",
        "BlogPosting",
        "OpinionNewsArticle",
        "AnalysisNewsArticle",
    }
)
_LIST_TYPES = frozenset({"CollectionPage", "SearchResultsPage", "ProfilePage"})


def _is_listing(layout: Layout, known: Metadata, url: str, length: float, *, claims: bool) -> bool:
    """Many linked headlines, and little text of its own."""
    if claims and known.articles <= 2 and known.published_at:
        return False
    headlines = sum(
        1
        for block in layout.blocks
        if block.density > 0.8 and 25 <= len(block.text) <= 200 and not block.region & (Region.NAV | Region.FOOTER)
    )
    if known.articles > 5 and headlines >= 10 and not known.own:
        return length < 1500
    if claims:
        return False
    if _LISTING.search(url) or known.types & _LIST_TYPES:
        return headlines >= 5 and length < 60 * headlines and length < 1500
    return headlines >= (8 if is_home(url) else 15) and length < min(400, 25 * headlines)


def _is_cards(layout: Layout, known: Metadata, kept: Sequence[Block]) -> bool:
    """Nearly all of its text stands below linked headlines, and nothing says that it is a story told so."""
    if known.own or known.kind == "article" or (0 < known.articles <= 2 and known.published_at):
        return False
    cards = [block for block in kept if block.weight and len(block.text) <= 400 and _below_headline(layout, block)]
    return len(cards) >= 5 and amount(cards) > 0.7 * amount(kept)


def _below_headline(layout: Layout, block: Block) -> bool:
    near = layout.blocks[max(0, block.index - 2) : block.index]  # a date may stand between
    return any(title.density > 0.9 and 25 <= len(title.text) <= 200 for title in near)


def _tells_of_title(known: Metadata, kept: Sequence[Block]) -> bool:
    """Whether a paragraph speaks of what the title does, as no wall or dialogue in its place would: of two things where
    it could be either."""
    title = _stems(known.title)
    return any(
        block.weight and len(title & _stems(block.text)) >= (2 if _WALLS.search(block.text) else 1) for block in kept
    )


def _stems(text: str) -> set[str]:
    """The beginnings of its longer words, which inflection leaves alone."""
    return {word[:5] for word in _WORD.findall(text.casefold()) if len(word) > 3}


def _is_error(title: str) -> bool:
    """Whether a title, or a part of it beside the site's name, says nothing but that there is no such page."""
    return any(
        _ERROR.search(part) and not set(_LETTERS.findall(_ERROR.sub(" ", part).casefold())) - _PADDING
        for part in titles.SEPARATOR.split(title)
        if part
    )


def _asks_for_password(root: HtmlElement, path: str, *, proven: bool) -> bool:
    return bool(_LOGIN.search(path)) or (not proven and bool(root.xpath('boolean(//input[@type="password"])')))


def _said(root: HtmlElement, layout: Layout, length: float) -> str:
    """What the page shows; with hardly any text in it, also what it would show without its scripts."""
    if length < _HARDLY:
        return str(root.text_content())[:200_000]
    return "\n".join(block.text for block in layout.blocks)[:200_000]


def _looks_like_consent(layout: Layout, kept: Sequence[Block], length: float) -> bool:
    if kept and _CONSENT.search(" ".join(block.text for block in kept[:3])):
        return True
    shown = [block for block in layout.blocks[:40] if length < _HARDLY or not block.region & Region.CONSENT]
    return length < _SHORT and bool(_CONSENT.search(" ".join(block.text for block in shown)[:4000]))


def flags(layout: Layout, metadata: Metadata, kept: Sequence[Block]) -> tuple[str, ...]:
    """What a reader of the story should know: its text may be cut, paid for, a dialogue's, or still growing."""
    found = []
    near = layout.blocks[kept[0].index : kept[-1].index + 15] if kept else layout.blocks
    length = amount(kept)
    told = near if length < 1500 else [block for block in near if block.region & Region.PAYWALL]
    walls = [block for block in told if len(block.text) < 300 and _WALL.search(block.text)]
    walled = any(block.region & Region.PAYWALL for block in walls) or (bool(walls) and length < 1500)
    if metadata.paid or walled:
        found.append("paywall")
    last = kept[-1].text if kept else ""
    states_more = bool(kept) and len(metadata.body) > max(400, 2 * sum(len(block.text) for block in kept))
    if _ENDS_OPEN.search(last) or (walled and length < 1200) or (metadata.paid and length < 600) or states_more:
        found.append("truncated")
    if any(_CONSENT.search(block.text) for block in kept[:2]):
        found.append("consent")
    if metadata.live or (phrases.LIVE_TITLE.search(metadata.title) and len(kept) > 20):
        found.append("live")
    return tuple(found)
