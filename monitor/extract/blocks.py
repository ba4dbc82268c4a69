"""A page as its blocks of text: one walk over the parsed tree that everything after it reads.

A block is the text between two boundaries of block elements, with what surrounds it: how much of it is links, which
kinds of places it stands in (navigation, a list of related stories, a caption ...) and in which container.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from lxml.html import HtmlElement


class Zone:
    """What the markup says of a place; several may hold.  Plain numbers: an IntFlag's arithmetic is 20 times slower."""

    NAV = 1  # menus, breadcrumbs, site header
    FOOTER = 2
    ASIDE = 4  # <aside>, sidebars, boxes
    RELATED = 8  # other stories
    PROMO = 16  # newsletters, subscriptions, advertisements, apps
    SHARE = 32
    COMMENTS = 64
    CAPTION = 128  # of images and videos
    META = 256  # byline, date, author's portrait
    TAGS = 512
    FORM = 1024  # forms and buttons
    HIDDEN = 2048
    TABLE = 4096
    LIST = 8192
    QUOTE = 16384
    EMBED = 32768  # posts of social networks
    CONSENT = 65536
    PAYWALL = 131072
    BODY = 262144  # what the markup itself calls the article's body
    ARTICLE = 524288
    HEADER = 1048576  # <header>
    LEAD = 2097152  # standfirst
    MAIN = 4194304
    FIGURE = 8388608
    TITLE = 16777216
    LINKED = 33554432  # inside one <a> that holds the whole block


MOST_BLOCKS = 6000  # the richest of 500 real pages had 3,000
_INHERITED = ~(Zone.LEAD | Zone.TITLE)

_SKIPPED = frozenset(
    "script style noscript template svg math canvas iframe object embed applet audio video source track map area select"
    " option optgroup datalist input textarea head title meta link base frame frameset noframes progress meter".split()
)
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark meter nobr q rp rt ruby s samp"
    " small span strike strong sub sup time tt u var wbr amp-img picture center-span o:p".split()
)
_TAG_ZONES = {
    "nav": Zone.NAV,
    "footer": Zone.FOOTER,
    "aside": Zone.ASIDE,
    "form": Zone.FORM,
    "button": Zone.FORM,
    "fieldset": Zone.FORM,
    "label": Zone.FORM,
    "figcaption": Zone.CAPTION,
    "caption": Zone.CAPTION,
    "figure": Zone.FIGURE,
    "table": Zone.TABLE,
    "ul": Zone.LIST,
    "ol": Zone.LIST,
    "dl": Zone.LIST,
    "blockquote": Zone.QUOTE,
    "article": Zone.ARTICLE,
    "main": Zone.MAIN,
    "header": Zone.HEADER,
    "menu": Zone.NAV,
    "dialog": Zone.CONSENT,
    "address": Zone.META,
    "h1": Zone.TITLE,
}


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[-_\s])(?:{text})(?=[-_\s\d]|$)")


# Words that publishers' style sheets use, wherever in a class or id they stand between hyphens, capitals or spaces.
_WORDS = (
    (Zone.NAV, _words(r"nav|navs|navigation|navbar|subnav|menu|menus|bread-?crumbs?|topbar|masthead|pagination|pager|paging|skip-?link|toc|site-header|page-header|jump-?links?|prev-?next|post-navigation")),
    (Zone.FOOTER, _words(r"footer|foot|colophon|copyright|disclaimer|imprint|impressum|site-info|bottom-bar|legal")),
    (Zone.ASIDE, _words(r"aside|sidebar|side-?bar|rail|right-?(?:col|column|rail|side)|left-?(?:col|column|rail)|factbox|fact-?box|infobox|info-?box|widget-?area|widgets?(?!-container|-wrap)|drawer|ticker|popup|modal|lightbox|overlay|tooltip")),
    (Zone.RELATED, _words(r"related|relateds|related-?\w*|relacionad[oa]s?|similar|recommend(?:ed|ations?|er)?|recomendad[oa]s?|more-?(?:on|from|stories|news|articles|like|reading|about)|read-?(?:more|also|next|on)|see-?also|also-?(?:read|see|in)|most-?(?:read|popular|viewed|shared|recent|commented)|popular|trending|trends|latest(?:-?\w+)?|recent(?:-?\w+)?|top-?stories|other-?(?:news|stories|articles)|you-?may(?:-\w+)*|next-?(?:up|article|story|post)|prev(?:ious)?-?(?:article|story|post)|teasers?|teaser-?\w*|promo-?(?:list|items?)|outbrain|taboola|zergnet|revcontent|mgid|onward|keep-?reading|further-?reading|suggested|suggestions|story-?list|news-?list|article-?list|post-?list|headline-?list|card-?list|river|up-?next|linkbox|link-?list|read-?too|lire-?aussi|lees-?ook|mehr-?zum-?thema|crosslinks?|backlinks?|inline-?(?:related|link|promo)|in-?article-?(?:links?|related)|infinite-?scroll")),
    (Zone.PROMO, _words(r"newsletters?|newsletter-?\w*|sign-?up|signup-?\w*|subscribe|subscriptions?|subscriber|subscribe-?\w*|promos?|promotions?|promo-?\w*|advert\w*|ads?|ad-?(?:slot|unit|box|container|wrapper|label|text|block|zone|space|placement)|advertorial|sponsor(?:ed|s)?|dfp|gpt|banner|banners|donat(?:e|ion|ions)|membership|app-?(?:promo|banner|download)|cta|call-?to-?action|follow-?(?:us|me)?|push|notification|upsell|marketing|affiliate|deals-?box|shop(?:ping)?|store-?links|merch|kiosk|mailchimp|optin|opt-?in|piano|contribute|contribution|support-?us|apoya|werbung|anzeige|publicidad|publicite|reklama|reklam")),
    (Zone.SHARE, _words(r"share|shares|sharing|sharedaddy|share-?\w*|social|socials|social-?\w*|sociable|addthis|addtoany|a2a|jp-relatedposts|likes?|like-?(?:button|box)|reactions?|rate|rating|ratings|vote|votes|tools?|toolbar|article-?tools|print|email-?(?:link|this)|bookmark|save|copy-?link|whatsapp|telegram-?(?:link|button)?|font-?size|listen|audio-?player|tts|text-?to-?speech|speak")),
    (Zone.COMMENTS, _words(r"comments?|comments?-?(?:list|area|section|form|wrapper|container|body|thread|count|box|content)|commentlist|respond|disqus|disqus-?thread|livefyre|replies|coral|fb-comments|discussion|kommentare?|comentarios|commentaires")),
    (Zone.CAPTION, _words(r"captions?|figcaption|caption-?\w*|wp-caption-text|image-?(?:caption|credit|credits|copyright|description|source|info|text)|photo-?(?:caption|credit|credits|by|info|desc|description)|img-?(?:caption|credit|desc)|picture-?(?:caption|credit)|media-?(?:caption|credit|info|description)|credits?|photographer|copyright-?(?:holder|image)|video-?(?:caption|description|title|info|meta)|gallery-?(?:caption|text)|slideshow|gallery|carousel|slider|bildunterschrift|bildtext|bu|legende|pie-?(?:de-)?foto|rights|duration|player|video-?player|jw-?player|vjs-?\w*")),
    (Zone.META, _words(r"by-?line|bylines|author|authors|author-?\w*|writer|contributors?|about-?(?:the-)?author|bio|biography|date-?line|datetime|date|dates|time-?stamp|timestamp|pub-?date|publish(?:ed)?(?:-?\w+)?|post-?(?:meta|info|date|author)|entry-?meta|article-?(?:meta|info|infos|date|author|metadata)|meta|metadata|meta-?\w*|updated|last-?(?:updated|modified)|reading-?time|read-?time|story-?(?:meta|info|date)|kicker|eyebrow|overline|supertitle|category|categories|cat-?links|section-?(?:name|label|title)|rubric|channel|source|views?-?count|view-?count|autor|auteur|autore|fecha|datum|dachzeile|profile|user-?(?:info|profile)|correspondent|editor|credits-?\w+")),
    (Zone.TAGS, _words(r"tags?|tag-?(?:list|links|cloud|s)|article-?tags|post-?tags|entry-?tags|topics?|topic-?(?:list|tags|links)|keywords?|labels|hashtags?|etiquetas|schlagworte|themen")),
    (Zone.FORM, _words(r"form|search-?(?:form|box|bar)|login|log-?in|sign-?in|register|registration|btn|button|buttons|poll|survey|quiz|vote-?box|captcha|subscribe-?form|feedback|report-?(?:error|mistake)|error-?report|correction-?form|umfrage")),
    (Zone.CONSENT, _words(r"cookies?|cookie-?\w*|consent|consent-?\w*|gdpr|ccpa|privacy|cmp|onetrust|didomi|qc-cmp2?|tcf|sp-message|cookiebot|usercentrics|truste|evidon")),
    (Zone.PAYWALL, _words(r"paywall|pay-?wall|paywall-?\w*|premium-?(?:wall|box|teaser|message|notice|offer)|regwall|reg-?wall|subscriber-?only|metered|meter|metering|gate|gateway|locked|unlock|abo-?(?:box|wall|teaser)|barrier|offer|offers")),
    (Zone.EMBED, _words(r"twitter-(?:tweet|video)|tweet|instagram-media|fb-post|tiktok-embed|embed|embeds|embed-?\w*|oembed|embedded|bluesky-embed|telegram-post|reddit-(?:embed|card)")),
    (Zone.BODY, _words(r"articlebody|article-?body|article-?body-?\w*|story-?body|story-?body-?\w*|story-?content|article-?(?:text|content|copy)|entry-?content|post-?(?:content|body|text)|body-?(?:text|copy|content)|content-?(?:body|text)|news-?(?:text|body|content)|single-?content|main-?text|rich-?text|full-?text|text-?content|articletext|detail-?(?:text|content|body)|artikel-?(?:text|body)|article-?main|field-name-body|field-body|paywall-?content|content-?article")),
    (Zone.LEAD, _words(r"standfirst|stand-?first|lead|lede|deck|dek|intro|introduction|sub-?title|sub-?headline|sub-?head|sub-?heading|subhed|summary|excerpt|abstract|teaser-?text|article-?(?:summary|lead|intro|description|subtitle|sub-?title)|chapo|chapeau|perex|vorspann|anrisstext|sapo|bajada|entradilla|ingress|manchet|sommario|occhiello|description|article-?desc|sinopsis|copete|headline-?text|untertitel|preamble|strapline|synopsis")),
)  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SCREEN_READER = _words(
    r"sr-only|visually-?hidden|screen-?reader(?:-text)?|a11y|assistive|offscreen|hide-?visually|accessibility-?text|hidden-?accessible"
)
_SPACE = re.compile(r"\s+")


_ROLES = {
    "navigation": Zone.NAV,
    "menu": Zone.NAV,
    "menubar": Zone.NAV,
    "search": Zone.NAV,
    "banner": Zone.NAV,
    "contentinfo": Zone.FOOTER,
    "complementary": Zone.ASIDE,
    "dialog": Zone.CONSENT,
    "alertdialog": Zone.CONSENT,
    "form": Zone.FORM,
    "articleBody": Zone.BODY,
    "headline": Zone.TITLE,
    "author": Zone.META,
    "datePublished": Zone.META,
    "dateModified": Zone.META,
    "publisher": Zone.META,
    "alternativeHeadline": Zone.LEAD,
    "description": Zone.LEAD,
    "caption": Zone.CAPTION,
    "comment": Zone.COMMENTS,
    "keywords": Zone.TAGS,
}


def zones(tag: str, names: str, role: str) -> int:
    """The zones that an element opens; ``names`` are its class and id, ``role`` its role or itemprop."""
    found = _TAG_ZONES.get(tag, 0)
    if role:
        found |= _ROLES.get(role, 0)
    if names and tag not in {"html", "body"}:
        for name in names[:500].split():
            found |= _named(name)
    return found


@lru_cache(maxsize=50_000)
def _named(name: str) -> int:
    """The zones that one class or id stands for."""
    name = _CAMEL.sub("-", name).lower().replace("_", "-")
    found = Zone.HIDDEN if _SCREEN_READER.search(name) else 0
    for zone, words in _WORDS:
        if words.search(name):
            found |= zone
    return found


@dataclass(slots=True)
class Node:
    """A block element that holds text somewhere below it."""

    parent: int  # index of the block element around it, -1 for the outermost
    tag: str
    names: str  # class and id as written
    markup: int  # zones it opens by its tag and names
    own: int  # those of them that are believed, see `body.settle`
    zone: int  # zones it stands in, its own included
    element: HtmlElement
    depth: int


@dataclass(slots=True)
class Block:
    text: str
    node: int
    zone: int
    tag: str  # the nearest block element's
    linked: int  # characters inside links
    bold: bool
    inline: int = 0  # the zones of inline elements around it
    index: int = 0
    letters: str = ""  # the text's letters and digits alone, folded: what two copies of it share

    @property
    def density(self) -> float:
        """The share of the text that is links."""
        return self.linked / max(1, len(self.text))


@dataclass(slots=True)
class Layout:
    """All blocks of a page in order, and the block elements around them."""

    blocks: list[Block] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    elements: int = 0
    deepest: int = 0  # levels of elements
    cut: bool = False  # there was more than is read

    def chain(self, node: int) -> list[int]:
        """The block elements around, innermost first."""
        found = []
        while node >= 0:
            found.append(node)
            node = self.nodes[node].parent
        return found

    def place(self, block: Block) -> str:
        """A name of the block's place that its neighbours on the site's other pages share."""
        parts = []
        for index in self.chain(block.node)[:6]:
            node = self.nodes[index]
            parts.append(node.tag + "." + _DIGITS.sub("", node.names))
        return blake2b("/".join(parts).encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


_DIGITS = re.compile(r"[\d]+|[0-9a-f]{8,}|css-\w+|sc-\w+")
_NOT_LETTERS = re.compile(r"[\W_]+")


def letters(text: str) -> str:
    return _NOT_LETTERS.sub("", text).casefold()


def read(root: HtmlElement, limit: int = MOST_BLOCKS) -> Layout:
    """The page's blocks, up to ``limit`` of them."""
    layout = Layout()
    nodes, blocks = layout.nodes, layout.blocks
    current = -1
    pieces: list[str] = []
    linked = bold = 0
    inside_a = inside_bold = 0
    breaks = level = 0
    inline_zone: list[tuple[HtmlElement, int]] = []

    def flush() -> None:
        nonlocal linked, bold, breaks
        breaks = 0
        if not pieces:
            return
        text = _SPACE.sub(" ", "".join(pieces)).replace(" \x00 ", "\n").replace("\x00 ", "\n").replace(" \x00", "\n")
        text = text.replace("\x00", "\n").strip()
        if text:
            node = nodes[current] if current >= 0 else None
            inline = 0
            for _, own in inline_zone:
                inline |= own
            blocks.append(
                Block(
                    text=text,
                    node=current,
                    zone=(node.zone if node else 0) | inline,
                    inline=inline,
                    tag=node.tag if node else "body",
                    linked=min(linked, len(text)),
                    bold=bold * 10 > len(text) * 9,
                    index=len(blocks),
                    letters=letters(text),
                )
            )
        pieces.clear()
        linked = bold = 0

    def add(text: str | None) -> None:
        nonlocal linked, bold, breaks
        if not text:
            return
        pieces.append(text)
        if not text.isspace():
            breaks = 0
            if inside_a:
                linked += len(text)
            if inside_bold:
                bold += len(text)

    walker = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    for event, element in walker:
        tag = element.tag
        if not isinstance(tag, str):  # what follows a comment is text of its parent
            layout.elements += 1
            add(element.tail)
            continue
        if event == "start":
            layout.elements += 1
            level += 1
            if level > layout.deepest:
                layout.deepest = level
            if tag in _SKIPPED:
                walker.skip_subtree()
                continue
            if tag == "br":
                breaks += 1
                if breaks >= 2:
                    flush()
                elif pieces:
                    pieces.append("\x00")
                continue
            if tag == "hr":
                flush()
                continue
            attributes = element.attrib
            names, role = "", ""
            if attributes:
                names = attributes.get("class", "")
                if "id" in attributes:
                    names = f"{names} {attributes['id']}"
                role = attributes.get("role") or attributes.get("itemprop") or attributes.get("data-component") or ""
            own = zones(tag, names.strip(), role)
            if attributes and (
                "hidden" in attributes
                or attributes.get("aria-hidden") == "true"
                or ("style" in attributes and _HIDDEN.search(attributes["style"]))
            ):
                own |= Zone.HIDDEN
            if tag in _INLINE:
                if tag == "a":
                    inside_a += 1
                elif tag in {"b", "strong"}:
                    inside_bold += 1
                if own and tag != "a":
                    inline_zone.append((element, own))
            else:
                flush()
                if len(blocks) >= limit:
                    layout.cut = True
                    break
                outer = nodes[current] if current >= 0 else None
                zone = own | ((outer.zone & _INHERITED) if outer else 0)
                nodes.append(
                    Node(
                        parent=current,
                        tag=tag,
                        names=names,
                        markup=own,
                        own=own,
                        zone=zone,
                        element=element,
                        depth=outer.depth + 1 if outer else 0,
                    )
                )
                current = len(nodes) - 1
            add(element.text)
        else:
            level -= 1
            if tag in _SKIPPED or tag in {"br", "hr"}:
                pass
            elif tag in _INLINE:
                if tag == "a":
                    inside_a -= 1
                elif tag in {"b", "strong"}:
                    inside_bold -= 1
                if inline_zone and inline_zone[-1][0] is element:
                    inline_zone.pop()
            else:
                flush()
                current = nodes[current].parent
            if element is not root:
                add(element.tail)
    flush()
    return layout
