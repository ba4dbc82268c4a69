"""Regions of a page (navigation, captions, comments ...), recognized by tags, roles, classes and ids of elements."""

from __future__ import annotations

import re
from functools import lru_cache

from monitor.extract.vocabulary import entries_by_heading


class Region:
    """Bits of a region mask, a sum of the regions that an element marks or stands in.

    Plain numbers, because the arithmetic of an IntFlag is 20 times slower.
    """

    NAV = 1  # menus, breadcrumbs, site header
    FOOTER = 2
    ASIDE = 4  # <aside>, sidebars, boxes
    RELATED = 8  # links to other stories
    PROMO = 16  # newsletters, subscriptions, advertisements, apps
    SHARE = 32  # buttons that share the story
    COMMENTS = 64  # readers' comments
    CAPTION = 128  # of images and videos
    META = 256  # byline, date, author's portrait
    TAGS = 512  # keywords of the story
    FORM = 1024  # forms and buttons
    HIDDEN = 2048  # not displayed
    TABLE = 4096
    LIST = 8192
    QUOTE = 16384
    EMBED = 32768  # posts of social networks
    CONSENT = 65536  # consent dialogues
    PAYWALL = 131072  # requests to pay
    BODY = 262144  # class or itemprop of the article's body
    ARTICLE = 524288  # <article>
    HEADER = 1048576  # <header>
    LEAD = 2097152  # standfirst: the summary below the title
    MAIN = 4194304  # <main>
    FIGURE = 8388608  # <figure>
    TITLE = 16777216  # the story's title


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
