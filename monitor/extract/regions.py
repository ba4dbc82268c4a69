"""What the markup says of a place in a page: its tags, and the words that publishers' style sheets use."""

# ruff: noqa: E501  as in phrases.py: a vocabulary

from __future__ import annotations

import re
from functools import lru_cache


class Region:
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


# Places whose text is not the story's.
FOREIGN_REGIONS = (
    Region.NAV
    | Region.FOOTER
    | Region.RELATED
    | Region.PROMO
    | Region.SHARE
    | Region.COMMENTS
    | Region.CAPTION
    | Region.META
    | Region.TAGS
    | Region.FORM
    | Region.CONSENT
    | Region.HIDDEN
    | Region.ASIDE
)

TAG_REGIONS = {
    "nav": Region.NAV,
    "footer": Region.FOOTER,
    "aside": Region.ASIDE,
    "form": Region.FORM,
    "button": Region.FORM,
    "fieldset": Region.FORM,
    "label": Region.FORM,
    "figcaption": Region.CAPTION,
    "caption": Region.CAPTION,
    "figure": Region.FIGURE,
    "table": Region.TABLE,
    "ul": Region.LIST,
    "ol": Region.LIST,
    "dl": Region.LIST,
    "blockquote": Region.QUOTE,
    "article": Region.ARTICLE,
    "main": Region.MAIN,
    "header": Region.HEADER,
    "menu": Region.NAV,
    "dialog": Region.CONSENT,
    "address": Region.META,
    "h1": Region.TITLE,
}


# Words that publishers' style sheets use, wherever in a class or id they stand between hyphens, capitals or spaces.
_WORDS = (
    (Region.NAV, r"nav|navs|navigation|navbar|subnav|menu|menus|bread-?crumbs?|topbar|masthead|pagination|pager|paging|skip-?link|toc|site-header|page-header|jump-?links?|prev-?next|post-navigation"),
    (Region.FOOTER, r"footer|foot|colophon|copyright|disclaimer|imprint|impressum|site-info|bottom-bar|legal"),
    (Region.ASIDE, r"aside|sidebar|side-?bar|rail|right-?(?:col|column|rail|side)|left-?(?:col|column|rail)|factbox|fact-?box|infobox|info-?box|widget-?area|widgets?(?!-container|-wrap)|drawer|ticker|popup|modal|lightbox|overlay|tooltip"),
    (Region.RELATED, r"related|relateds|related-?\w*|relacionad[oa]s?|similar|recommend(?:ed|ations?|er)?|recomendad[oa]s?|more-?(?:on|from|stories|news|articles|like|reading|about)|read-?(?:more|also|next|on)|see-?also|also-?(?:read|see|in)|most-?(?:read|popular|viewed|shared|recent|commented)|popular|trending|trends|latest(?:-?\w+)?|recent(?:-?\w+)?|top-?stories|other-?(?:news|stories|articles)|you-?may(?:-\w+)*|next-?(?:up|article|story|post)|prev(?:ious)?-?(?:article|story|post)|teasers?|teaser-?\w*|promo-?(?:list|items?)|outbrain|taboola|zergnet|revcontent|mgid|onward|keep-?reading|further-?reading|suggested|suggestions|story-?list|news-?list|article-?list|post-?list|headline-?list|card-?list|river|up-?next|linkbox|link-?list|read-?too|lire-?aussi|lees-?ook|mehr-?zum-?thema|crosslinks?|backlinks?|inline-?(?:related|link|promo)|in-?article-?(?:links?|related)|infinite-?scroll"),
    (Region.PROMO, r"newsletters?|newsletter-?\w*|sign-?up|signup-?\w*|subscribe|subscriptions?|subscriber|subscribe-?\w*|promos?|promotions?|promo-?\w*|advert\w*|ads?|ad-?(?:slot|unit|box|container|wrapper|label|text|block|zone|space|placement)|advertorial|sponsor(?:ed|s)?|dfp|gpt|banner|banners|donat(?:e|ion|ions)|membership|app-?(?:promo|banner|download)|cta|call-?to-?action|follow-?(?:us|me)?|push|notification|upsell|marketing|affiliate|deals-?box|shop(?:ping)?|store-?links|merch|kiosk|mailchimp|optin|opt-?in|piano|contribute|contribution|support-?us|apoya|werbung|anzeige|publicidad|publicite|reklama|reklam"),
    (Region.SHARE, r"share|shares|sharing|sharedaddy|share-?\w*|social|socials|social-?\w*|sociable|addthis|addtoany|a2a|jp-relatedposts|likes?|like-?(?:button|box)|reactions?|rate|rating|ratings|vote|votes|tools?|toolbar|article-?tools|print|email-?(?:link|this)|bookmark|save|copy-?link|whatsapp|telegram-?(?:link|button)?|font-?size|listen|audio-?player|tts|text-?to-?speech|speak"),
    (Region.COMMENTS, r"comments?|comments?-?(?:list|area|section|form|wrapper|container|body|thread|count|box|content)|commentlist|respond|disqus|disqus-?thread|livefyre|replies|coral|fb-comments|discussion|kommentare?|comentarios|commentaires"),
    (Region.CAPTION, r"captions?|figcaption|caption-?\w*|wp-caption-text|image-?(?:caption|credit|credits|copyright|description|source|info|text)|photo-?(?:caption|credit|credits|by|info|desc|description)|img-?(?:caption|credit|desc)|picture-?(?:caption|credit)|media-?(?:caption|credit|info|description)|credits?|photographer|copyright-?(?:holder|image)|video-?(?:caption|description|title|info|meta)|gallery-?(?:caption|text)|slideshow|gallery|carousel|slider|bildunterschrift|bildtext|bu|legende|pie-?(?:de-)?foto|rights|duration|player|video-?player|jw-?player|vjs-?\w*"),
    (Region.META, r"by-?line|bylines|author|authors|author-?\w*|writer|contributors?|about-?(?:the-)?author|bio|biography|date-?line|datetime|date|dates|time-?stamp|timestamp|pub-?date|publish(?:ed)?(?:-?\w+)?|post-?(?:meta|info|date|author)|entry-?meta|article-?(?:meta|info|infos|date|author|metadata)|meta|metadata|meta-?\w*|updated|last-?(?:updated|modified)|reading-?time|read-?time|story-?(?:meta|info|date)|kicker|eyebrow|overline|supertitle|category|categories|cat-?links|section-?(?:name|label|title)|rubric|channel|source|views?-?count|view-?count|autor|auteur|autore|fecha|datum|dachzeile|profile|user-?(?:info|profile)|correspondent|editor|credits-?\w+"),
    (Region.TAGS, r"tags?|tag-?(?:list|links|cloud|s)|article-?tags|post-?tags|entry-?tags|topics?|topic-?(?:list|tags|links)|keywords?|labels|hashtags?|etiquetas|schlagworte|themen"),
    (Region.FORM, r"form|search-?(?:form|box|bar)|login|log-?in|sign-?in|register|registration|btn|button|buttons|poll|survey|quiz|vote-?box|captcha|subscribe-?form|feedback|report-?(?:error|mistake)|error-?report|correction-?form|umfrage"),
    (Region.CONSENT, r"cookies?|cookie-?\w*|consent|consent-?\w*|gdpr|ccpa|privacy|cmp|onetrust|didomi|qc-cmp2?|tcf|sp-message|cookiebot|usercentrics|truste|evidon"),
    (Region.PAYWALL, r"paywall|pay-?wall|paywall-?\w*|premium-?(?:wall|box|teaser|message|notice|offer)|regwall|reg-?wall|subscriber-?only|metered|meter|metering|gate|gateway|locked|unlock|abo-?(?:box|wall|teaser)|barrier|offer|offers"),
    (Region.EMBED, r"twitter-(?:tweet|video)|tweet|instagram-media|fb-post|tiktok-embed|embed|embeds|embed-?\w*|oembed|embedded|bluesky-embed|telegram-post|reddit-(?:embed|card)"),
    (Region.BODY, r"articlebody|article-?body|article-?body-?\w*|story-?body|story-?body-?\w*|story-?content|article-?(?:text|content|copy)|entry-?content|post-?(?:content|body|text)|body-?(?:text|copy|content)|content-?(?:body|text)|news-?(?:text|body|content)|single-?content|main-?text|rich-?text|full-?text|text-?content|articletext|detail-?(?:text|content|body)|artikel-?(?:text|body)|article-?main|field-name-body|field-body|paywall-?content|content-?article"),
    (Region.LEAD, r"standfirst|stand-?first|lead|lede|deck|dek|intro|introduction|sub-?title|sub-?headline|sub-?head|sub-?heading|subhed|summary|excerpt|abstract|teaser-?text|article-?(?:summary|lead|intro|description|subtitle|sub-?title)|chapo|chapeau|perex|vorspann|anrisstext|sapo|bajada|entradilla|ingress|manchet|sommario|occhiello|description|article-?desc|sinopsis|copete|headline-?text|untertitel|preamble|strapline|synopsis"),
    (Region.HIDDEN, r"sr-only|visually-?hidden|screen-?reader(?:-text)?|a11y|assistive|offscreen|hide-?visually|accessibility-?text|hidden-?accessible"),
)  # fmt: skip
CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])")


_ROLES = {
    "navigation": Region.NAV,
    "menu": Region.NAV,
    "menubar": Region.NAV,
    "search": Region.NAV,
    "banner": Region.NAV,
    "contentinfo": Region.FOOTER,
    "complementary": Region.ASIDE,
    "dialog": Region.CONSENT,
    "alertdialog": Region.CONSENT,
    "form": Region.FORM,
    "articleBody": Region.BODY,
    "headline": Region.TITLE,
    "author": Region.META,
    "datePublished": Region.META,
    "dateModified": Region.META,
    "publisher": Region.META,
    "alternativeHeadline": Region.LEAD,
    "description": Region.LEAD,
    "caption": Region.CAPTION,
    "comment": Region.COMMENTS,
    "keywords": Region.TAGS,
}


def regions(tag: str, names: str, role: str) -> int:
    """The zones that an element opens; ``names`` are its class and id, ``role`` its role or itemprop."""
    if len(names) + len(role) < 200:  # what is remembered has a bound
        return _opened(tag, names, role)
    return _opened.__wrapped__(tag, names, role)


@lru_cache(maxsize=20_000)
def _opened(tag: str, names: str, role: str) -> int:
    found = TAG_REGIONS.get(tag, 0)
    if role:
        found |= _ROLES.get(role, 0)
    if names and tag not in {"html", "body"}:
        for name in names[:500].split():
            found |= _named(name)
    return found


def _alternatives(words: str) -> list[str]:
    """The pattern's alternatives, split where no bracket is open."""
    found, depth, start = [], 0, 0
    for place, character in enumerate(words):
        depth += (character == "(") - (character == ")")
        if character == "|" and not depth:
            found.append(words[start:place])
            start = place + 1
    return [*found, words[start:]]


def _by_letter() -> dict[str, list[tuple[int, re.Pattern[str]]]]:
    """The patterns by the letter they begin with: a name has few beginnings, and most fit no pattern at all."""
    grouped: dict[str, dict[int, list[str]]] = {}
    for zone, words in _WORDS:
        for word in _alternatives(words):
            grouped.setdefault(word[0], {}).setdefault(zone, []).append(word)
    return {
        letter: [(zone, re.compile(rf"(?:{'|'.join(words)})(?=[-\d]|$)")) for zone, words in zones.items()]
        for letter, zones in grouped.items()
    }


_PATTERNS = _by_letter()
_BEGINNING = re.compile(r"(?:^|(?<=-))[a-z]")


@lru_cache(maxsize=50_000)
def _named(name: str) -> int:
    """The zones that one class or id stands for."""
    name = CAMEL.sub("-", name).lower().replace("_", "-")
    found = 0
    for beginning in _BEGINNING.finditer(name):
        for zone, words in _PATTERNS.get(beginning[0], ()):
            if not found & zone and words.match(name, beginning.start()):
                found |= zone
    return found
