"""Is a page a story at all, and what is to be said of it if it is."""

# ruff: noqa: E501, SIM905  as in phrases.py: vocabularies

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.extract import phrases, titles
from monitor.extract.blocks import total_weight
from monitor.extract.regions import Region
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
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*(?:<\?[^>]{0,500}\?>\s*|<!--.{0,500}?-->\s*)*)?<(?:rss|feed|urlset|sitemapindex|rdf:RDF)\b",
    re.DOTALL,
)
_LISTING = re.compile(
    r"/(?:tags?|topics?|categor(?:y|ies|ia|ie)|sections?|authors?|autor(?:es)?|search|suche|buscar|archive[s]?|themen?|thema|rubri[ck]s?|rubrique|temas?|hashtag|label|page|latest|all-news|stories)(?:/|$)"
    r"|[?&](?:s|q|query|search|tag|cat|category|author|page|paged)=",
    re.IGNORECASE,
)
_VIDEO = re.compile(
    r"/(?:video|videos|watch|live-tv|tv|mediathek|podcasts?|audio|gallery|galleries|photos?|fotos?|slideshow|bildergalerie)(?:/|$|-)",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"\b(?:404|403|410|500|502|503)\b.{0,40}(?:error|not found|forbidden|gone|unavailable)|\b(?:error|fehler|erreur|ошибка|błąd) (?:404|403|410|500)|page (?:not|cannot be|can.t be|could not be|isn.t) (?:found|available)"
    r"|not found|access denied|forbidden|just a moment|attention required|are you (?:a )?(?:human|robot)|pardon our interruption|service unavailable|bad gateway"
    r"|seite (?:wurde )?nicht gefunden|page (?:introuvable|non trouvée)|página no encontrada|página não encontrada|pagina (?:non trovata|niet gevonden)|страница не (?:найдена|существует)|сторінк\w+ не знайдено|nie znaleziono|sayfa bulunamadı|页面不存在|ページが見つかりません|페이지를 찾을 수 없",
    re.IGNORECASE,
)
_SCRIPT = re.compile(
    r"(?:enable|activate|turn on|requires?|without|need) (?:\w+ ){0,3}javascript|javascript (?:is|must be|to be|deaktiviert|désactivé|отключен)|включите javascript|bitte aktivieren sie javascript",
    re.IGNORECASE,
)
_CONSENT = re.compile(
    r"we (?:and our (?:\d+ )?(?:partners|vendors)|value your privacy|use cookies|care about your privacy)|before you continue|accept (?:all )?cookies|your privacy (?:choices|matters)|manage (?:your )?consent"
    r"|wir (?:und unsere (?:\d+ )?partner|verwenden cookies|benötigen ihre zustimmung)|mit werbung weiterlesen|zustimmung|nous et nos (?:\d+ )?partenaires|nous utilisons des cookies|continuer sans accepter"
    r"|nosotros y nuestros socios|utilizamos cookies|noi e i nostri (?:\d+ )?(?:partner|fornitori)|utilizziamo (?:i )?cookie|wij en onze (?:\d+ )?partners|мы используем (?:файлы )?cookie|używamy (?:plików )?cookie",
    re.IGNORECASE,
)
_WALL = re.compile(
    r"(?:subscribe|sign in|log in|register|become a (?:member|subscriber)) (?:now |today |here )?(?:to|and) (?:continue|keep|read|access|unlock|view)|to (?:continue|keep) reading|(?:this|the) (?:article|content|story) is (?:for|available to|exclusive|reserved|only)|subscribers? only|already a (?:subscriber|member)|unlock this|you.ve (?:reached|read) your"
    r"|weiterlesen mit|jetzt weiterlesen|um (?:diesen|den) artikel (?:zu|weiter)|nur für abonnenten|bereits abonnent|exklusiv für abonnenten|réservé aux abonnés|pour lire la suite|il vous reste .{0,20} à lire|déjà abonné|contenido (?:exclusivo|para suscriptores)|solo para suscriptores|suscríbete para|conteúdo exclusivo|assine para|contenuto riservato|abbonati per"
    r"|доступно (?:только )?(?:по подписке|подписчикам)|только для подписчиков|dostęp tylko dla|artykuł dostępny|alleen voor abonnees|kun for abonnenter|för prenumeranter|tilaajille|会員限定|有料会員|残り\d+文字|구독자 전용|订阅后",
    re.IGNORECASE,
)
_WALLS = re.compile(f"{_CONSENT.pattern}|{_SCRIPT.pattern}|{_WALL.pattern}", re.IGNORECASE)
_ENDS_OPEN = re.compile(r"(?:…|\.\.\.|\[…\]|\[\.\.\.\])\W{0,3}$")
_SHORT = 140  # characters of running text below which nothing but its facts makes a page a story
_HARDLY = 60  # the same below which it is none
_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r"[^\W\d]+")
# What an error's title says besides.
_PADDING = frozenset(
    "a an the this that it we you your i is are was were be has have been for on of at to looking requested page url file content resource document link server site website sorry oops whoops ooops uh oh error http https status code".split()
)
_LOGIN = re.compile(
    r"/(?:login|signin|sign-in|log-in|anmelden|account|register|subscribe|abo)(?:[/?.]|$)", re.IGNORECASE
)


def of_bytes(page: Page) -> NotArticle | None:
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


def refuse(page: Page, root: HtmlElement, layout: Layout, known: Metadata, kept: Sequence[Block]) -> NotArticle | None:
    """What kind of page it is where it is no story; None where it is one."""
    length = total_weight(kept)
    path = urlsplit(page.url).path
    claims = bool(known.json_ld_types & _STORY_TYPES) or known.og_type == "article" or "json-ld" in known.sources
    # Only short texts are doubted.
    proven = length < 600 and (claims or known.published_at is not None) and _tells_of_title(known, kept)

    if length < 600 and not proven and not known.published_at and any(map(_is_error, (known.title, *known.titles))):
        return NotArticle(kind="error", detail=known.title[:200])
    if length < 600 and not proven and _looks_like_consent(layout, kept, length):
        return NotArticle(kind="consent", detail=" ".join(block.text for block in layout.blocks[:40])[:200])
    if length < 400 and not claims and _asks_for_password(root, path, proven=proven):
        return NotArticle(kind="login", detail=known.title[:200])
    if _is_listing(layout, known, page.url, length, claims=claims) or _is_cards(layout, known, kept):
        return NotArticle(kind="tag" if _LISTING.search(page.url) else "index", detail=known.title[:200])
    if length < 300 and (known.og_type.startswith("video") or (_VIDEO.search(path) and length < _SHORT)):
        return NotArticle(kind="video", detail=known.title[:200])
    if length < _SHORT and "VideoObject" in known.json_ld_types:
        return NotArticle(kind="video", detail=known.title[:200])
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
    if claims and known.json_ld_article_count <= 2 and known.published_at:
        return False
    headlines = sum(
        1
        for block in layout.blocks
        if block.link_density > 0.8 and 25 <= len(block.text) <= 200 and not block.region & (Region.NAV | Region.FOOTER)
    )
    if known.json_ld_article_count > 5 and headlines >= 10 and not known.has_own_json_ld:
        return length < 1500
    if claims:
        return False
    if _LISTING.search(url) or known.json_ld_types & _LIST_TYPES:
        return headlines >= 5 and length < 60 * headlines and length < 1500
    return headlines >= (8 if is_home(url) else 15) and length < min(400, 25 * headlines)


def _is_cards(layout: Layout, known: Metadata, kept: Sequence[Block]) -> bool:
    """Nearly all of its text stands below linked headlines, and nothing says that it is a story told so."""
    if (
        known.has_own_json_ld
        or known.og_type == "article"
        or (0 < known.json_ld_article_count <= 2 and known.published_at)
    ):
        return False
    cards = [block for block in kept if block.weight and len(block.text) <= 400 and _below_headline(layout, block)]
    return len(cards) >= 5 and total_weight(cards) > 0.7 * total_weight(kept)


def _below_headline(layout: Layout, block: Block) -> bool:
    near = layout.blocks[max(0, block.index - 2) : block.index]  # a date may stand between
    return any(title.link_density > 0.9 and 25 <= len(title.text) <= 200 for title in near)


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


def flags(layout: Layout, known: Metadata, kept: Sequence[Block]) -> tuple[str, ...]:
    """What a reader of the story should know: its text may be cut, paid for, a dialogue's, or still growing."""
    found = []
    near = layout.blocks[kept[0].index : kept[-1].index + 15] if kept else layout.blocks
    length = total_weight(kept)
    told = near if length < 1500 else [block for block in near if block.region & Region.PAYWALL]
    walls = [block for block in told if len(block.text) < 300 and _WALL.search(block.text)]
    walled = any(block.region & Region.PAYWALL for block in walls) or (bool(walls) and length < 1500)
    if known.is_paid or walled:
        found.append("paywall")
    last = kept[-1].text if kept else ""
    states_more = bool(kept) and len(known.json_ld_body) > max(400, 2 * sum(len(block.text) for block in kept))
    if _ENDS_OPEN.search(last) or (walled and length < 1200) or (known.is_paid and length < 600) or states_more:
        found.append("truncated")
    if any(_CONSENT.search(block.text) for block in kept[:2]):
        found.append("consent")
    if known.is_live_blog or (phrases.LIVE.search(known.title) and len(kept) > 20):
        found.append("live")
    return tuple(found)
