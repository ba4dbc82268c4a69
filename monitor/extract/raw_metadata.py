"""Collects the metadata that a page states, as strings of its markup."""

# ruff: noqa: SIM905  lists of words are easier to read in one string

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin

from lxml import etree

from monitor.extract.blocks import SENTENCE_END, alphabetic_length
from monitor.extract.phrases import begins_as_byline
from monitor.extract.regions import CAMEL_CASE_BOUNDARY_PATTERN, Region, regions
from monitor.extract.titles import HeadingPart
from monitor.extract.visible_metadata import UPDATE_LABEL_PATTERN
from monitor.urls import is_same_site, story_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.html import HtmlElement

_SPACE_PATTERN = re.compile(r"\s+")
# Regions whose dates and bylines belong to other stories or to the site.
_UNRELATED_REGIONS = (
    Region.RELATED | Region.COMMENTS | Region.FOOTER | Region.NAV | Region.ASIDE | Region.PROMO | Region.EMBED
)
# Regions whose bylines sign a picture.
_PICTURE_REGIONS = Region.CAPTION | Region.FIGURE
# Unrelated regions that a class may name of the whole page, such as "with-sidebar": not trusted around the h1.
_REGIONS_OF_PAGE_CLASSES = Region.RELATED | Region.ASIDE | Region.PROMO | Region.EMBED | _PICTURE_REGIONS
_METADATA_TAGS = frozenset({"a", "meta", "link", "script", "time", "title", "h1", "h2", "h3"})
_MAX_BYLINE_ELEMENTS = 300  # elements with microdata or an author's class that are read per page
_MAX_TIME_ELEMENTS = 50  # <time> elements that are read per page
_MAX_SUBHEADINGS = 10  # <h2> and <h3> elements that are read per page
_MAX_TEASER_CHARACTERS = 400  # text of a teaser's box: headline, summary and date
_MAX_PERSON_NAME_CHARACTERS = 24  # as `alphabetic_length`; a longer link text is a headline
# In the URL of a page about an author or topic, which is not a story.
_NON_STORY_PATH_PATTERN = re.compile(
    r"/(?:authors?|people|profiles?|categor(?:y|ies)|tags?|topics?|sections?)/", re.IGNORECASE
)
_LINE_TAGS = frozenset("address article br dd div dl dt figure footer h2 h3 h4 h5 h6 header li ol p section ul".split())
_POPUP_CLASS_PATTERN = re.compile(r"fly-?out|hover-?card|pop-?(?:over|up)\b|tool-?tip|drop-?down|modal", re.IGNORECASE)
_UPDATE_CLASS_PATTERN = re.compile(r"updat|modif|revis", re.IGNORECASE)
_PUBLICATION_CLASS_PATTERN = re.compile(r"publi|creat|issued", re.IGNORECASE)
_FRONT_PAGE_LINK_PATTERN = re.compile(r"\s*(?:(https?://[^/?#\s]+)/?|/)\s*")
_BIOGRAPHY_CLASS_PATTERN = re.compile(r"bio|box|(?<!v)card|info|about|desc", re.IGNORECASE)
# Text of a byline rather than a biography: starts with "by", or has digits, as in a date.
_BYLINE_TEXT_PATTERN = re.compile(r"\W*by\b|.*\d", re.IGNORECASE | re.DOTALL)
_BYLINE_CLASS_PATTERN = re.compile(
    r"(?:^|[\s_-])(?:by-?line|author(?:s|-?names?|-?links?)?|writer|autor|auteur)(?:[\s_-]|$)", re.IGNORECASE
)


@dataclass(slots=True)
class RawMetadata:
    """Strings of a page's markup by what they may state; `monitor.extract.metadata` chooses among them."""

    meta_contents: dict[str, list[str]] = field(default_factory=dict)  # contents of <meta> elements by lower-case name
    json_ld_scripts: list[str] = field(default_factory=list)  # texts of the JSON-LD scripts
    microdata_values: dict[str, list[str]] = field(default_factory=dict)
    # For each value of a property in `_SCOPED_PROPERTIES`, the innermost element with itemscope around it, if any; for
    # an author without one, the element around the byline.
    microdata_scopes: dict[str, list[HtmlElement | None]] = field(default_factory=dict)
    published_times: list[str] = field(default_factory=list)  # texts of <time> elements that may date the story
    # The text that a <time> or a date in microdata shows, by the value of its attribute.
    shown_times: dict[str, str] = field(default_factory=dict)
    update_times: list[str] = field(default_factory=list)  # texts of <time> elements that date an update
    unrelated_times: list[str] = field(default_factory=list)  # texts of <time> that date other stories or events
    time_element_count: int = 0  # number of <time> elements read
    canonical_urls: list[str] = field(default_factory=list)
    h1_texts: list[str] = field(default_factory=list)
    h1_parts: list[HeadingPart] = field(default_factory=list)  # the elements directly inside each <h1>
    subheadings: list[str] = field(default_factory=list)  # texts of the first <h2> and <h3>
    byline_texts: list[str] = field(default_factory=list)
    byline_container: HtmlElement | None = None  # an element around the first byline; others must be inside
    front_page_link_texts: list[str] = field(default_factory=list)  # probably the site's name
    title_element_text: str = ""


def collect_raw_metadata(root: HtmlElement, url: str) -> RawMetadata:
    """Returns the metadata that the page at ``url`` states, as strings of the markup, in one pass over the elements."""
    raw = RawMetadata()
    byline_elements = []
    for element in root.iter(etree.Element):
        tag = element.tag
        if tag in _METADATA_TAGS:
            _collect_metadata_element(element, tag, url, raw)
        if tag != "meta" and _may_be_byline(element):
            byline_elements.append(element)
    for element in byline_elements[:_MAX_BYLINE_ELEMENTS]:
        _collect_microdata_or_byline(element, raw)
    for name, scopes in raw.microdata_scopes.items():
        raw.microdata_values[name] = _values_of_main_scope(raw.microdata_values[name], scopes)
    return raw


def _collect_metadata_element(element: HtmlElement, tag: str, url: str, raw: RawMetadata) -> None:
    """Adds to ``raw`` what an element of one of `_METADATA_TAGS` states."""
    if tag == "a":
        _collect_front_page_link(element, url, raw)
    elif tag == "meta":
        _collect_meta_element(element, raw)
    elif tag == "link":
        _collect_canonical_url(element, raw)
    elif tag == "script":
        _collect_json_ld_script(element, raw)
    elif tag == "time":
        _collect_time_element(element, url, raw)
    elif tag == "title":
        _collect_title_element(element, raw)
    elif tag == "h1":
        _collect_h1_text(element, raw)
    elif len(raw.subheadings) < _MAX_SUBHEADINGS:
        raw.subheadings.append(_element_text(element)[:500])


def _may_be_byline(element: HtmlElement) -> bool:
    """Returns True if the element has a microdata property, or the relation or a class of an author."""
    names = element.get("class")
    if names and ("yline" in names or "uthor" in names):
        return True
    return element.get("itemprop") is not None or element.get("rel") == "author"


def _collect_meta_element(element: HtmlElement, raw: RawMetadata) -> None:
    """Adds the content of a <meta> to ``raw`` under each of its names: at most 50 values of 5,000 characters a name."""
    content = element.get("content")
    if not content:
        return
    for key in ("property", "name", "itemprop", "http-equiv"):
        name = element.get(key)
        if name:
            if key == "itemprop":
                _add_microdata_value(element, name, content[:5000], raw)
                continue
            values = raw.meta_contents.setdefault(name.lower(), [])
            if len(values) < 50:
                values.append(content[:5000])


def _add_microdata_value(element: HtmlElement, name: str, value: str, raw: RawMetadata) -> None:
    """Adds a microdata property to ``raw``, at most 50 values a name, unless it describes a picture or a comment."""
    values = raw.microdata_values.setdefault(name, [])
    if len(values) >= 50:
        return
    if name in _SCOPED_PROPERTIES:
        scope = next((outer for outer in element.iterancestors() if "itemscope" in outer.attrib), None)
        if scope is None and name == "author":
            scope = _byline_container(list(islice(element.iterancestors(), 3)))
        if scope is not None and _UNRELATED_ITEM_TYPE_PATTERN.search(scope.get("itemtype", "")):
            return
        raw.microdata_scopes.setdefault(name, []).append(scope)
    values.append(value)


def _values_of_main_scope(values: list[str], scopes: list[HtmlElement | None]) -> list[str]:
    """Returns the values of the page's article: those whose scope contains an h1, else those of the first scope.

    Other scopes are those of teasers.
    """
    if len({id(scope) for scope in scopes}) <= 1:
        return values
    main = [scope for scope in scopes if scope is not None and next(scope.iter("h1"), None) is not None] or scopes[:1]
    return [value for value, scope in zip(values, scopes, strict=True) if any(scope is kept for kept in main)]


def _collect_canonical_url(link: HtmlElement, raw: RawMetadata) -> None:
    """Adds the URL of a <link rel="canonical"> to ``raw``."""
    if "canonical" in link.get("rel", "").lower().split() and link.get("href"):
        raw.canonical_urls.append(link.get("href"))


def _collect_json_ld_script(script: HtmlElement, raw: RawMetadata) -> None:
    """Adds the text of a JSON-LD <script> to ``raw``."""
    if "ld+json" in script.get("type", "").lower() and script.text:
        raw.json_ld_scripts.append(script.text)


def _collect_title_element(title: HtmlElement, raw: RawMetadata) -> None:
    """Sets the first 500 characters of the first <title> that is not part of an SVG image."""
    parent = title.getparent()
    if not raw.title_element_text and parent is not None and parent.tag != "svg":
        raw.title_element_text = _element_text(title)[:500]


def _collect_h1_text(h1: HtmlElement, raw: RawMetadata) -> None:
    """Adds the first 500 characters of an <h1> to ``raw``, for the first five that have text."""
    if len(raw.h1_texts) < 5:
        heading = _element_text(h1)[:500]
        if heading:
            raw.h1_texts.append(heading)
            raw.h1_parts += [part for part in _heading_parts(h1) if part.text != heading]


def _heading_parts(h1: HtmlElement) -> Iterator[HeadingPart]:
    """Yields the texts of the first five elements directly inside an <h1> and the texts between them."""
    for element in islice(h1, 5):
        text = _element_text(element)[:500]
        if text:
            is_kicker = bool(regions("span", element.get("class", ""), "") & Region.META)
            yield HeadingPart(text, is_element=True, is_kicker=is_kicker)
    for text in (h1.text, *(element.tail for element in islice(h1, 5))):
        if text and not text.isspace():
            yield HeadingPart(_SPACE_PATTERN.sub(" ", text).strip()[:500], is_element=False, is_kicker=False)


def _collect_front_page_link(link: HtmlElement, url: str, raw: RawMetadata) -> None:
    """Adds the text of a link to ``raw`` if it leads to the front page of the site of ``url``."""
    href = link.get("href", "")
    if href.startswith(("/", "#")) and href.strip() != "/":  # as most links do
        return
    match = _FRONT_PAGE_LINK_PATTERN.fullmatch(href)
    if match and len(raw.front_page_link_texts) < 10 and (not match[1] or is_same_site(match[1], url)):
        text = _element_text(link)
        if 5 <= len(text) <= 40:  # a shorter text may be the first word of a headline
            raw.front_page_link_texts.append(text)


def _collect_time_element(element: HtmlElement, url: str, raw: RawMetadata) -> None:
    """Adds the date of a <time> element to the published, update or unrelated times of ``raw``."""
    stated = element.get("datetime") or element.get("content") or _element_text(element)
    if not stated or raw.time_element_count >= _MAX_TIME_ELEMENTS:
        return
    raw.time_element_count += 1
    is_unrelated = _is_in_region(element, _UNRELATED_REGIONS) and not _is_beside_h1(element)
    if not (is_unrelated or _is_in_sentence(element) or _is_in_teaser(element, url)):
        if _is_update_time(element):
            raw.update_times.append(stated)
        else:
            raw.published_times.append(stated)
            raw.shown_times[stated] = f"{_element_text(element)} {(element.tail or '')[:20]}".strip()[:80]
    else:
        raw.unrelated_times.append(stated)


def _is_in_sentence(element: HtmlElement) -> bool:
    """Returns True if a <time> element stands in a sentence of a paragraph, list item or quotation."""
    paragraph = next(element.iterancestors("p", "li", "blockquote"), None)
    text = _element_text(paragraph) if paragraph is not None else ""
    return len(text) > len(_element_text(element)) + 40 and SENTENCE_END.search(text) is not None


def _is_in_teaser(element: HtmlElement, url: str) -> bool:
    """Returns True if a <time> element dates a teaser: its box links to another page and holds no other date or h1.

    ``url`` is the URL of this page.
    """
    box = element
    for outer in islice(element.iterancestors(), 4):
        if len(list(islice(outer.iter("h1", "time"), 2))) > 1 or outer.tag in {"body", "html", "main", "article"}:
            break
        if next(outer.iter("h1"), None) is not None or len(_element_text(outer)) > _MAX_TEASER_CHARACTERS:
            break
        box = outer
        if outer.tag == "li":
            break
    parent, previous = box.getparent(), box.getprevious()
    is_in_list = (
        parent is not None and len(list(islice(parent.iter("time"), 3))) > 2 and next(parent.iter("h1"), None) is None
    )
    links = [*islice(element.iterancestors("a"), 1), *box.iter("a")]
    if is_in_list and previous is not None:
        links += previous.iter("a")
    links = [link for link in links if _links_to_other_page(link, url)]
    link_texts = [_element_text(link) for link in links]
    return any(
        is_in_list or len(text.split()) > 3 or (text and alphabetic_length(text) > _MAX_PERSON_NAME_CHARACTERS)
        for text in link_texts
    )


def _links_to_other_page(link: HtmlElement, url: str) -> bool:
    """Returns True if the link may lead to another story than that at ``url``; False for links to authors or topics."""
    href = link.get("href", "").strip()
    if not href or href.startswith(("#", "javascript:", "mailto:")) or _has_byline_class(link):
        return False
    if _NON_STORY_PATH_PATTERN.search(href) or {"author", "tag", "category"}.intersection(link.get("rel", "").split()):
        return False
    try:
        return story_id(urljoin(url, href)) != story_id(url)
    except ValueError:
        return False


def _is_update_time(element: HtmlElement) -> bool:
    """Returns True if the class of a <time> element, or the label before it, says that it dates an update."""
    parent, previous = element.getparent(), element.getprevious()
    names = f"{element.get('class', '')} {element.get('itemprop', '')}"
    if parent is not None and parent.tag == "span":
        names += f" {parent.get('class', '')}"
    if _UPDATE_CLASS_PATTERN.search(names):
        return not _PUBLICATION_CLASS_PATTERN.search(names)
    if previous is not None:
        label = (previous.tail or "").strip() or (_element_text(previous) if previous.tag != "time" else "")
    else:
        label = (parent.text or "") if parent is not None else ""
    return UPDATE_LABEL_PATTERN.match(label) is not None


def _is_in_region(element: HtmlElement, unrelated_regions: int) -> bool:
    """Returns True if one of the six innermost elements around the element is marked as one of ``unrelated_regions``.

    The class of an element that contains an h1 names the page rather than a place of it: only menus and footers count.
    """
    for outer in islice(element.iterancestors(), 6):
        class_and_id = f"{outer.get('class', '')} {outer.get('id', '')}".strip()
        outer_regions = regions(outer.tag, class_and_id, outer.get("itemprop") or "") & unrelated_regions
        if outer_regions & ~_REGIONS_OF_PAGE_CLASSES or (outer_regions and next(outer.iter("h1"), None) is None):
            return True
    return False


def _is_beside_h1(element: HtmlElement) -> bool:
    """Returns True if the element, or one of the two innermost around it, is directly before or after an h1."""
    for outer in (element, *islice(element.iterancestors(), 2)):
        neighbours = (outer.getprevious(), outer.getnext())
        if any(neighbour is not None and neighbour.tag == "h1" for neighbour in neighbours):
            return True
    return False


def _collect_microdata_or_byline(element: HtmlElement, raw: RawMetadata) -> None:
    """Adds to ``raw`` the element's microdata property, or its text if its rel or class marks it as a byline."""
    name = element.get("itemprop")
    if name in _PROPERTIES_SHARED_WITH_COMMENTS and _is_in_comment(element):
        return
    if name in {"datePublished", "dateModified", "dateCreated"}:
        value = element.get("content") or element.get("datetime") or _element_text(element)
        _add_microdata_value(element, name, value[:100], raw)
        raw.shown_times.setdefault(value[:100], _element_text(element)[:80])
    elif name == "author":
        author_names = element.xpath('.//*[@itemprop="name"]')
        value = " ; ".join(
            filter(None, ((n.get("content") or _element_text(n)) for n in author_names))
        ) or _element_text(element)
        _add_microdata_value(element, name, value[:300], raw)
    elif name in {"headline", "articleSection"}:
        raw.microdata_values.setdefault(name, []).append((element.get("content") or _element_text(element))[:500])
    elif (element.get("rel") == "author" or _has_byline_class(element)) and len(raw.byline_texts) < 20:
        text = _byline_lines(_signed_line(element))
        is_unrelated = (
            bool(regions("span", element.get("class", ""), "") & Region.CAPTION)
            or _is_in_region(element, _UNRELATED_REGIONS | _PICTURE_REGIONS)
            or _is_in_popup(element)
        )
        has_biography_class = _BIOGRAPHY_CLASS_PATTERN.search(element.get("class", "")) and len(text.split()) > 6
        is_biography = has_biography_class and not _BYLINE_TEXT_PATTERN.match(text)
        ancestors = list(islice(element.iterancestors(), 6))
        # A byline outside of the element around the first one belongs to another story.
        is_near_first = raw.byline_container is None or raw.byline_container in ancestors
        if 3 <= len(text) <= 150 and not is_biography and is_near_first and not is_unrelated:
            raw.byline_texts.append(text)
            raw.byline_container = (
                raw.byline_container if raw.byline_container is not None else _byline_container(ancestors)
            )


def _signed_line(element: HtmlElement) -> HtmlElement:
    """Returns the element around a byline if it is a short line that begins with "By", else the byline itself.

    Of several authors, only the last may have a page of its own: "By Anna, Bert and <a rel=author>Carla</a>".
    """
    line = element.getparent() if element.tag in {"a", "span"} else None
    text = _element_text(line) if line is not None and line.tag in {"p", "span", "div"} else ""
    return line if line is not None and len(text) <= 150 and begins_as_byline(text) else element


def _byline_container(ancestors: list[HtmlElement]) -> HtmlElement:
    """Returns the third of the elements around a byline, innermost first, or an <article> further inside."""
    return next((outer for outer in ancestors[:3] if outer.tag == "article"), ancestors[:3][-1])


# Microdata properties that teasers have too: each value belongs to an item, see `_values_of_main_scope`.
_SCOPED_PROPERTIES = frozenset({"author", "datePublished", "dateModified", "dateCreated"})
_UNRELATED_ITEM_TYPE_PATTERN = re.compile(r"/(?:\w*(?:Image|Video|Audio|Media)Object|\w*Comments?|Answer)$")
# Microdata properties that readers' comments may have too.
_PROPERTIES_SHARED_WITH_COMMENTS = frozenset({"author", "datePublished", "dateModified", "dateCreated"})


def _is_in_comment(element: HtmlElement) -> bool:
    """Returns True if one of the eight innermost elements around the element is marked as readers' comments."""
    for outer in islice(element.iterancestors(), 8):
        if outer.get("itemprop") == "comment":
            return True
        class_and_id = f"{outer.get('class', '')} {outer.get('id', '')}".strip()
        if regions(outer.tag, class_and_id, "") & Region.COMMENTS:
            return next(outer.iter("h1"), None) is None
    return False


def _has_byline_class(element: HtmlElement) -> bool:
    """Returns True if a class of the element is that of a byline or author's name."""
    return bool(_BYLINE_CLASS_PATTERN.search(CAMEL_CASE_BOUNDARY_PATTERN.sub("-", element.get("class", ""))))


def _is_in_popup(element: HtmlElement) -> bool:
    """Returns True if the element is or stands in a box that opens over the page, such as a card about the author."""
    return any(
        _POPUP_CLASS_PATTERN.search(outer.get("class", "")) and next(outer.iter("h1"), None) is None
        for outer in (element, *islice(element.iterancestors(), 3))
    )


def _byline_lines(element: HtmlElement) -> str:
    """Returns the text inside a byline, each block element on a line of its own, without scripts and popups."""
    pieces: list[str] = []
    walker = etree.iterwalk(element, events=("start", "end"))
    for event, inner in walker:
        is_line = inner.tag in _LINE_TAGS
        if event == "start":
            if inner.tag in {"script", "style"} or (
                inner is not element and _POPUP_CLASS_PATTERN.search(inner.get("class", ""))
            ):
                walker.skip_subtree()
                continue
            pieces += ["\x00" if is_line else " ", inner.text or ""]
        else:
            pieces += ["\x00" if is_line else " ", (inner.tail or "") if inner is not element else ""]
    lines = (_SPACE_PATTERN.sub(" ", line).strip() for line in "".join(pieces).split("\x00"))
    return "\n".join(filter(None, lines))


# Returns the texts inside an element that are not in scripts or styles.
_find_visible_text_nodes = etree.XPath("descendant::text()[not(parent::script or parent::style)]")


def _element_text(element: HtmlElement) -> str:
    """Returns the text inside an element, without scripts and styles, with white space collapsed."""
    return _SPACE_PATTERN.sub(" ", " ".join(cast("list[str]", _find_visible_text_nodes(element)))).strip()
