"""Regions of a page (navigation, captions, comments ...), recognized by tags, roles, classes and ids of elements."""

from __future__ import annotations

import re
from functools import lru_cache

from monitor.extract.vocabulary import entries_by_heading


class Region:
    """Bits of a region mask, a sum of the regions that an element marks or stands in.

    Plain numbers, because the arithmetic of an IntFlag is 20 times slower.
    """

    NAV = 1 << 0  # menus, breadcrumbs, site header
    FOOTER = 1 << 1
    ASIDE = 1 << 2  # <aside>, sidebars, boxes
    RELATED = 1 << 3  # links to other stories
    PROMO = 1 << 4  # newsletters, subscriptions, advertisements, apps
    SHARE = 1 << 5  # buttons that share the story
    COMMENTS = 1 << 6  # readers' comments
    CAPTION = 1 << 7  # of images and videos
    META = 1 << 8  # byline, date, author's portrait
    TAGS = 1 << 9  # keywords of the story
    FORM = 1 << 10  # forms and buttons
    HIDDEN = 1 << 11  # not displayed
    TABLE = 1 << 12
    LIST = 1 << 13
    QUOTE = 1 << 14
    EMBED = 1 << 15  # posts of social networks
    CONSENT = 1 << 16  # consent dialogues
    PAYWALL = 1 << 17  # requests to pay
    BODY = 1 << 18  # class or itemprop of the article's body
    ARTICLE = 1 << 19  # <article>
    HEADER = 1 << 20  # <header>
    LEAD = 1 << 21  # standfirst: the summary below the title
    MAIN = 1 << 22  # <main>
    FIGURE = 1 << 23  # <figure>
    TITLE = 1 << 24  # the story's title


# Regions whose text does not belong to the story.
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

CAMEL_CASE_BOUNDARY_PATTERN = re.compile(r"(?<=[a-z\d])(?=[A-Z])")  # the empty place within "articleBody"


_REGION_BY_ROLE_OR_ITEMPROP = {
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
    """Returns the mask of the regions that an element marks by its tag, classes, ids and role; 0 if none.

    ``names`` holds the element's classes and id, separated by spaces; ``role`` its role or itemprop.
    """
    if len(names) + len(role) < 200:  # longer keys would make the cache large
        return _cached_regions(tag, names, role)
    return _cached_regions.__wrapped__(tag, names, role)


@lru_cache(maxsize=20_000)
def _cached_regions(tag: str, names: str, role: str) -> int:
    """Returns what `regions` returns, from a cache of 20,000 results."""
    mask = TAG_REGIONS.get(tag, 0)
    if role:
        mask |= _REGION_BY_ROLE_OR_ITEMPROP.get(role, 0)
    if names and tag not in {"html", "body"}:
        for name in names[:500].split():
            mask |= _regions_of_class_or_id(name)
    return mask


def _compile_patterns_by_first_letter() -> dict[str, list[tuple[int, re.Pattern[str]]]]:
    """Returns pairs of a region and its pattern for class names, keyed by the first letter that the pattern matches.

    The key saves time: for most words of class names there is no pattern with their first letter.
    """
    grouped: dict[str, dict[int, list[str]]] = {}
    for heading, entries in entries_by_heading("class_names").items():
        for entry in entries:
            grouped.setdefault(entry[0], {}).setdefault(getattr(Region, heading), []).append(entry)
    return {
        letter: [(region, re.compile(rf"(?:{'|'.join(entries)})(?=[-\d]|$)")) for region, entries in by_region.items()]
        for letter, by_region in grouped.items()
    }


_REGION_PATTERNS_BY_FIRST_LETTER = _compile_patterns_by_first_letter()
_WORD_START_PATTERN = re.compile(r"(?:^|(?<=-))[a-z]")


@lru_cache(maxsize=50_000)
def _regions_of_class_or_id(name: str) -> int:
    """Returns the mask of the regions that one class or id marks; 0 if none."""
    name = CAMEL_CASE_BOUNDARY_PATTERN.sub("-", name).lower().replace("_", "-")
    mask = 0
    for start in _WORD_START_PATTERN.finditer(name):
        for region, pattern in _REGION_PATTERNS_BY_FIRST_LETTER.get(start[0], ()):
            if not mask & region and pattern.match(name, start.start()):
                mask |= region
    return mask
