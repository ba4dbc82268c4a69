"""What the markup says of a place in a page: its tags, and the words that publishers' style sheets use."""

from __future__ import annotations

import re
from functools import lru_cache

from monitor.extract.vocabulary import sections


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


CAMEL_CASE_BOUNDARY = re.compile(r"(?<=[a-z\d])(?=[A-Z])")


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


def _by_letter() -> dict[str, list[tuple[int, re.Pattern[str]]]]:
    """The patterns by the letter they begin with: a name has few beginnings, and most fit no pattern at all."""
    grouped: dict[str, dict[int, list[str]]] = {}
    for zone, words in sections("class_names").items():
        for word in words:
            grouped.setdefault(word[0], {}).setdefault(getattr(Region, zone), []).append(word)
    return {
        letter: [(zone, re.compile(rf"(?:{'|'.join(words)})(?=[-\d]|$)")) for zone, words in zones.items()]
        for letter, zones in grouped.items()
    }


_PATTERNS = _by_letter()
_BEGINNING = re.compile(r"(?:^|(?<=-))[a-z]")


@lru_cache(maxsize=50_000)
def _named(name: str) -> int:
    """The zones that one class or id stands for."""
    name = CAMEL_CASE_BOUNDARY.sub("-", name).lower().replace("_", "-")
    found = 0
    for beginning in _BEGINNING.finditer(name):
        for zone, words in _PATTERNS.get(beginning[0], ()):
            if not found & zone and words.match(name, beginning.start()):
                found |= zone
    return found
