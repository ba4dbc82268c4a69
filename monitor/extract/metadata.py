"""Reads a page's metadata (title, authors, dates ...) from JSON-LD, <meta>, microdata, <time> and bylines."""

# ruff: noqa: SIM905  lists of words are easier to read in one string

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin, urlsplit

from lxml import etree

from monitor.extract import bylines, dates, jsonld, timezones, titles
from monitor.extract.blocks import SENTENCE_END, alphabetic_length, comparison_key
from monitor.extract.regions import CAMEL_CASE_BOUNDARY_PATTERN, Region, regions
from monitor.extract.visible_metadata import UPDATE_LABEL_PATTERN
from monitor.urls import is_same_site, story_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from lxml.html import HtmlElement

    from monitor.extract.jsonld import JsonLdObject

# Names of <meta> elements (property, name or http-equiv) by what they state, most trusted first.
_PUBLISHED_META_NAMES = (
    "article:published_time article:published og:article:published_time og:published_time article.published"
    " datepublished parsely-pub-date sailthru.date publishdate publish-date publish_date publication_date"
    " publication-date pubdate publicationdate cxenseparse:recs:publishtime cxenseparse:publishtime"
    " dc.date.issued dcterms.issued dcterms.created dc.date.created dc.date date.issued article_date_original"
    " originalpublicationdate ptime date bt:pubdate rnews:datepublished vr:published_time datecreated date_published"
    " citation_publication_date article:create_at mediator_published_time weibo:article:create_at"
).split()
_MODIFIED_META_NAMES = (
    "article:modified_time og:updated_time article:modified datemodified article.updated lastmod last-modified"
    " dcterms.modified dc.date.modified article:updated_time revised moddate cxenseparse:recs:modifiedtime"
).split()
_TITLE_META_NAMES = "og:title twitter:title dc.title dcterms.title title parsely-title sailthru.title headline".split()
_AUTHOR_META_NAMES = (
    "author article:author parsely-author sailthru.author byl dc.creator dcterms.creator dc.contributor authors"
    " og:article:author article:author_name mediator_author cxenseparse:author creator vr:author twitter:data1"
).split()
_SITE_META_NAMES = (
    "og:site_name application-name apple-mobile-web-app-title dc.publisher publisher twitter:site copyright".split()
)
_DESCRIPTION_META_NAMES = "og:description description twitter:description dc.description".split()
_KEYWORD_META_NAMES = "news_keywords keywords article:tag parsely-tags sailthru.tags".split()
_SECTION_META_NAMES = "article:section parsely-section og:section section cxenseparse:recs:category category".split()
_IMAGE_META_NAMES = "og:image og:image:secure_url og:image:url twitter:image twitter:image:src thumbnail".split()
_SPACE_PATTERN = re.compile(r"\s+")
# Regions whose dates and bylines belong to other stories or to the site.
_UNRELATED_REGIONS = (
    Region.RELATED | Region.COMMENTS | Region.FOOTER | Region.NAV | Region.ASIDE | Region.PROMO | Region.EMBED
)
_find_byline_elements: Callable[[HtmlElement], list[HtmlElement]] = etree.XPath(  # type: ignore[assignment]  # the expression returns elements only
    '//*[(@itemprop and not(self::meta)) or @rel="author" or contains(@class, "yline") or contains(@class, "uthor")]'
)
_MAX_TIME_ELEMENTS = 50  # <time> elements that are read per page
_MAX_TEASER_CHARACTERS = 400  # text of a teaser's box: headline, summary and date
_MAX_PERSON_NAME_CHARACTERS = 24  # as `alphabetic_length`; a longer link text is a headline
# In the URL of a page about an author or topic, which is not a story.
_NON_STORY_PATH_PATTERN = re.compile(
    r"/(?:authors?|people|profiles?|categor(?:y|ies)|tags?|topics?|sections?)/", re.IGNORECASE
)
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
class Metadata:
    """What a page states about its article; a field that the page does not state is empty, None or False."""

    title: str = ""
    all_titles: tuple[str, ...] = ()  # all different titles that the page states, unordered
    authors: tuple[str, ...] = ()  # persons named in bylines
    newsroom_signature: tuple[str, ...] = ()  # one name from a byline, such as the outlet's, if `authors` is empty
    published_at: datetime | None = None
    is_dated_by_time_element: bool = False  # no <meta> or JSON-LD states the publication time, but a <time> element
    unrelated_dates: tuple[str, ...] = ()  # texts of <time> elements that date other stories or events
    modified_at: datetime | None = None
    description: str = ""
    section: str | None = None
    tags: tuple[str, ...] = ()
    image: str | None = None
    declared_urls: tuple[str, ...] = ()  # URLs that the page states as its own, most trusted first
    json_ld_body: str = ""  # articleBody of the JSON-LD article
    og_type: str = ""
    json_ld_types: frozenset[str] = frozenset()
    is_live_blog: bool = False
    is_declared_paid: bool = False  # the page declares that reading costs money
    has_own_json_ld: bool = False  # a JSON-LD article has the page's URL or its title
    json_ld_article_count: int = 0
    has_json_ld: bool = False  # a JSON-LD object describes the article


@dataclass(slots=True)
class _RawMetadata:
    meta_contents: dict[str, list[str]] = field(default_factory=dict)  # contents of <meta> elements by lower-case name
    json_ld_scripts: list[str] = field(default_factory=list)  # texts of the JSON-LD scripts
    microdata_values: dict[str, list[str]] = field(default_factory=dict)
    published_times: list[str] = field(default_factory=list)  # texts of <time> elements that may date the story
    update_times: list[str] = field(default_factory=list)  # texts of <time> elements that date an update
    unrelated_times: list[str] = field(default_factory=list)  # texts of <time> that date other stories or events
    time_element_count: int = 0  # number of <time> elements read
    canonical_urls: list[str] = field(default_factory=list)
    h1_texts: list[str] = field(default_factory=list)
    byline_texts: list[str] = field(default_factory=list)
    byline_container: HtmlElement | None = None  # an element around the first byline; others must be inside
    front_page_link_texts: list[str] = field(default_factory=list)  # probably the site's name
    title_element_text: str = ""


def read_metadata(
    root: HtmlElement, url: str, *, outlet_name: str = "", latest: datetime, country: str | None = None
) -> Metadata:
    """Returns the metadata of the page at ``url`` whose root element is ``root``.

    Dates after ``latest`` are ignored.  ``country`` (ISO 3166) sets the order of day and month, and the time zone of
    times without one.  ``outlet_name`` is removed from titles and authors.
    """
    raw = _collect_raw_metadata(root, url)
    items = jsonld.objects_in_scripts(raw.json_ld_scripts)
    count_matches = _page_match_counter(url, raw)
    article = _article_object(items, count_matches)
    metadata = Metadata()
    metadata.json_ld_types = frozenset(name for item in items for name in jsonld.object_types(item))
    metadata.has_own_json_ld = bool(article) and jsonld.is_article_object(article) and count_matches(article) > 0
    metadata.json_ld_article_count = sum(1 for item in items if jsonld.is_article_object(item))
    metadata.has_json_ld = bool(article)
    site_names = _site_names(raw, items, url, outlet_name)
    headline = jsonld.property_text(article.get("headline") or "") or jsonld.property_text(article.get("name") or "")
    stated_titles = [
        headline,
        *_first_value_per_name(raw.meta_contents, _TITLE_META_NAMES),
        *raw.microdata_values.get("headline", ())[:1],
    ]
    metadata.title = titles.choose_title(stated_titles, raw.h1_texts, raw.title_element_text, site_names)
    metadata.all_titles = tuple(
        {
            text
            for text in (
                *stated_titles,
                *raw.h1_texts,
                raw.title_element_text,
                metadata.title,
                *raw.microdata_values.get("headline", ()),
            )
            if text
        }
    )
    byline_texts = _byline_texts(article, raw)
    metadata.authors = bylines.author_names(byline_texts, site_names)
    metadata.newsroom_signature = () if metadata.authors else bylines.newsroom_signature(byline_texts)
    parse, default_timezone = (
        partial(dates.parse_date, country=country, latest=latest),
        timezones.timezone_of_country(country),
    )
    published = [
        *_date_texts(article, "datePublished", raw, _PUBLISHED_META_NAMES),
        *raw.published_times[:4],
        *_creation_date_texts(article, raw),
    ]
    metadata.published_at = dates.choose_plausible_time(
        list(filter(None, map(parse, published))), latest=latest, default_timezone=default_timezone
    )
    metadata.unrelated_dates = tuple(raw.unrelated_times)
    metadata.is_dated_by_time_element = bool(raw.published_times) and published[0] == raw.published_times[0]
    modified = [*_date_texts(article, "dateModified", raw, _MODIFIED_META_NAMES), *raw.update_times[:1]]
    metadata.modified_at = dates.choose_plausible_time(
        list(filter(None, map(parse, modified))), latest=latest, default_timezone=default_timezone
    )
    metadata.description = titles.clean_text(
        next(iter(_first_value_per_name(raw.meta_contents, _DESCRIPTION_META_NAMES)), "")
        or jsonld.property_text(article.get("description") or "")
    )
    section = jsonld.property_text(article.get("articleSection") or "") or next(
        iter(_first_value_per_name(raw.meta_contents, _SECTION_META_NAMES)), ""
    )
    metadata.section = titles.clean_text(section)[:100] or None
    metadata.tags = _story_tags(article, raw)
    image = _json_ld_image_url(article) or next(iter(_first_value_per_name(raw.meta_contents, _IMAGE_META_NAMES)), "")
    metadata.image = _absolute_web_url(url, image)
    declared_urls = [
        *raw.canonical_urls,
        *raw.meta_contents.get("og:url", ()),
        jsonld.property_text(article.get("url") or ""),
        jsonld.property_text(article.get("mainEntityOfPage") or ""),
    ]
    metadata.declared_urls = tuple(declared_url for declared_url in declared_urls if declared_url)
    metadata.json_ld_body = jsonld.property_text(article.get("articleBody") or "")
    metadata.og_type = next(iter(raw.meta_contents.get("og:type", ())), "").lower()
    metadata.is_live_blog = any(jsonld.is_live_blog_object(item) for item in items)
    metadata.is_declared_paid = _is_declared_paid(article, raw)
    return metadata


def _collect_raw_metadata(root: HtmlElement, url: str) -> _RawMetadata:
    """Returns the metadata that the page at ``url`` states, as strings of the markup, in one pass over the elements."""
    raw = _RawMetadata()
    for element in root.iter("a", "meta", "link", "script", "time", "title", "h1"):
        tag = element.tag
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
        else:
            _collect_h1_text(element, raw)
    for element in _find_byline_elements(root)[:300]:
        _collect_microdata_or_byline(element, raw)
    return raw


def _collect_meta_element(element: HtmlElement, raw: _RawMetadata) -> None:
    """Adds the content of a <meta> to ``raw`` under each of its names: at most 50 values of 5,000 characters a name."""
    content = element.get("content")
    if not content:
        return
    for key in ("property", "name", "itemprop", "http-equiv"):
        name = element.get(key)
        if name:
            is_microdata = key == "itemprop"
            values_by_name = raw.microdata_values if is_microdata else raw.meta_contents
            values = values_by_name.setdefault(name if is_microdata else name.lower(), [])
            if len(values) < 50:
                values.append(content[:5000])


def _collect_canonical_url(link: HtmlElement, raw: _RawMetadata) -> None:
    """Adds the URL of a <link rel="canonical"> to ``raw``."""
    if "canonical" in link.get("rel", "").lower().split() and link.get("href"):
        raw.canonical_urls.append(link.get("href"))


def _collect_json_ld_script(script: HtmlElement, raw: _RawMetadata) -> None:
    """Adds the text of a JSON-LD <script> to ``raw``."""
    if "ld+json" in script.get("type", "").lower() and script.text:
        raw.json_ld_scripts.append(script.text)


def _collect_title_element(title: HtmlElement, raw: _RawMetadata) -> None:
    """Sets the first 500 characters of the first <title> that is not part of an SVG image."""
    parent = title.getparent()
    if not raw.title_element_text and parent is not None and parent.tag != "svg":
        raw.title_element_text = _element_text(title)[:500]


def _collect_h1_text(h1: HtmlElement, raw: _RawMetadata) -> None:
    """Adds the first 500 characters of an <h1> to ``raw``, for the first five that have text."""
    if len(raw.h1_texts) < 5:
        heading = _element_text(h1)[:500]
        if heading:
            raw.h1_texts.append(heading)


def _collect_front_page_link(link: HtmlElement, url: str, raw: _RawMetadata) -> None:
    """Adds the text of a link to ``raw`` if it leads to the front page of the site of ``url``."""
    match = _FRONT_PAGE_LINK_PATTERN.fullmatch(link.get("href", ""))
    if match and len(raw.front_page_link_texts) < 10 and (not match[1] or is_same_site(match[1], url)):
        text = _element_text(link)
        if 5 <= len(text) <= 40:  # a shorter text may be the first word of a headline
            raw.front_page_link_texts.append(text)


def _collect_time_element(element: HtmlElement, url: str, raw: _RawMetadata) -> None:
    """Adds the date of a <time> element to the published, update or unrelated times of ``raw``."""
    stated = element.get("datetime") or element.get("content") or _element_text(element)
    if not stated or raw.time_element_count >= _MAX_TIME_ELEMENTS:
        return
    raw.time_element_count += 1
    if not (_is_in_unrelated_region(element) or _is_in_sentence(element) or _is_in_teaser(element, url)):
        (raw.update_times if _is_update_time(element) else raw.published_times).append(stated)
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
    while previous is not None and not isinstance(previous.tag, str) and not (previous.tail or "").strip():
        previous = previous.getprevious()  # skips comments
    if previous is not None:
        is_label = isinstance(previous.tag, str) and previous.tag != "time"
        label = (previous.tail or "").strip() or (_element_text(previous) if is_label else "")
    else:
        label = (parent.text or "") if parent is not None else ""
    return UPDATE_LABEL_PATTERN.match(label) is not None


def _is_in_unrelated_region(element: HtmlElement) -> bool:
    """Returns True if one of the six innermost elements around the element is marked as one of `_UNRELATED_REGIONS`."""
    enclosing_regions, outer = 0, element.getparent()
    for _ in range(6):
        if outer is None or not isinstance(outer.tag, str):
            break
        class_and_id = f"{outer.get('class', '')} {outer.get('id', '')}".strip()
        enclosing_regions |= regions(outer.tag, class_and_id, outer.get("itemprop") or "")
        outer = outer.getparent()
    return bool(enclosing_regions & _UNRELATED_REGIONS)


def _collect_microdata_or_byline(element: HtmlElement, raw: _RawMetadata) -> None:
    """Adds to ``raw`` the element's microdata property, or its text if its rel or class marks it as a byline."""
    name = element.get("itemprop")
    if name in _PROPERTIES_SHARED_WITH_COMMENTS and _is_in_comment(element):
        return
    if name in {"datePublished", "dateModified", "dateCreated"}:
        value = element.get("content") or element.get("datetime") or _element_text(element)
        raw.microdata_values.setdefault(name, []).append(value[:100])
    elif name == "author":
        author_names = element.xpath('.//*[@itemprop="name"]')
        value = " ; ".join(
            filter(None, ((n.get("content") or _element_text(n)) for n in author_names))
        ) or _element_text(element)
        raw.microdata_values.setdefault(name, []).append(value[:300])
    elif name in {"headline", "articleSection"}:
        raw.microdata_values.setdefault(name, []).append((element.get("content") or _element_text(element))[:500])
    elif (element.get("rel") == "author" or _has_byline_class(element)) and len(raw.byline_texts) < 20:
        text = _element_text(element)
        has_biography_class = _BIOGRAPHY_CLASS_PATTERN.search(element.get("class", "")) and len(text.split()) > 6
        is_biography = has_biography_class and not _BYLINE_TEXT_PATTERN.match(text)
        ancestors = list(islice(element.iterancestors(), 6))
        # A byline outside of the element around the first one belongs to another story.
        is_near_first = raw.byline_container is None or raw.byline_container in ancestors
        if 3 <= len(text) <= 150 and not is_biography and is_near_first and not _is_in_unrelated_region(element):
            raw.byline_texts.append(text)
            raw.byline_container = raw.byline_container if raw.byline_container is not None else ancestors[:3][-1]


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


def _article_object(items: Sequence[JsonLdObject], count_matches: Callable[[JsonLdObject], int]) -> JsonLdObject:
    """Returns the JSON-LD object that describes the page's article; {} if there is none.

    Among several articles, chooses the one that matches the page best (``count_matches``) and adds properties of the
    other ones that match.  Without an article, chooses the first dated object that is no media object or comment.
    """
    articles = [item for item in items if jsonld.is_article_object(item)]
    if len(articles) <= 1:
        if articles:
            return articles[0]
        dated = [
            item
            for item in items
            if item.get("datePublished")
            and not {"VideoObject", "ImageObject", "Comment"} & set(jsonld.object_types(item))
        ]
        return dated[0] if dated else {}

    def match_score(item: JsonLdObject) -> int:
        """Returns 8 for each match with the page's URL or title, and 1 for each property that articles have."""
        properties = sum(key in item for key in ("datePublished", "author", "headline", "articleBody"))
        return 8 * count_matches(item) + properties

    best_article = max(articles, key=match_score)
    # A page may spread the properties of one article over several items.
    merged = dict(best_article)
    for article in articles:
        if match_score(article) >= 8:
            for key, value in article.items():
                merged.setdefault(key, value)
    return merged


def _page_match_counter(url: str, raw: _RawMetadata) -> Callable[[JsonLdObject], int]:
    """Returns a function that counts the matches of a JSON-LD object with the page: 1 for its URL, 1 for its title."""
    page_id = story_id(url)
    page_titles = {comparison_key(text) for text in (*raw.h1_texts, *raw.meta_contents.get("og:title", ()))}

    def count_matches(item: JsonLdObject) -> int:
        urls = [jsonld.property_text(item.get(key) or "") for key in ("url", "@id", "mainEntityOfPage")]
        has_page_url = any(item_url and story_id(urljoin(url, item_url)) == page_id for item_url in urls)
        title = comparison_key(jsonld.property_text(item.get("headline") or item.get("name") or ""))
        return has_page_url + bool(title and title in page_titles)

    return count_matches


def _date_texts(article: JsonLdObject, key: str, raw: _RawMetadata, names: Iterable[str]) -> list[str]:
    """Returns the texts that state a date, most trusted first.

    Reads the property ``key`` of the JSON-LD article and of the microdata, and the <meta> elements called ``names``.
    """
    texts = [
        jsonld.property_text(article.get(key) or ""),
        *_first_value_per_name(raw.meta_contents, names),
        *raw.microdata_values.get(key, ()),
    ]
    return [text for text in texts if text]


def _creation_date_texts(article: JsonLdObject, raw: _RawMetadata) -> list[str]:
    """Returns the texts of the property dateCreated in JSON-LD and microdata, in this order."""
    texts = [jsonld.property_text(article.get("dateCreated") or ""), *raw.microdata_values.get("dateCreated", ())]
    return [text for text in texts if text]


def _byline_texts(article: JsonLdObject, raw: _RawMetadata) -> tuple[list[str], ...]:
    """Returns four lists of byline texts: of JSON-LD, <meta>, microdata, and elements with a byline class."""
    json_ld_authors = article.get("author") or article.get("creator") or []
    return (
        [
            jsonld.property_text(author)
            for author in (json_ld_authors if isinstance(json_ld_authors, list) else [json_ld_authors])
        ],
        [value for name in _AUTHOR_META_NAMES for value in raw.meta_contents.get(name, ())],
        raw.microdata_values.get("author", []),
        raw.byline_texts[:2],
    )


def _site_names(raw: _RawMetadata, items: Iterable[JsonLdObject], url: str, outlet_name: str) -> list[str]:
    """Returns the names of the site by outlet, host, front page links, <meta> and JSON-LD; a name may occur twice."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    names = [
        outlet_name,
        host,
        *host.split(".")[:-1],
        *raw.front_page_link_texts,
        *_first_value_per_name(raw.meta_contents, _SITE_META_NAMES),
    ]
    for item in items:
        types = set(jsonld.object_types(item))
        if types & {"Organization", "NewsMediaOrganization", "WebSite"}:
            names += [
                jsonld.property_text(item.get("name") or ""),
                *jsonld.property_texts(item.get("alternateName") or []),
            ]
        names.append(jsonld.property_text(item.get("publisher") or ""))
    return [name.lstrip("@") for name in names if name and len(name) > 1]


def _story_tags(article: JsonLdObject, raw: _RawMetadata) -> tuple[str, ...]:
    """Returns up to 30 different keywords of the JSON-LD article, or of <meta> elements if it has none."""
    values = jsonld.property_texts(article.get("keywords") or []) or [
        value for name in _KEYWORD_META_NAMES for value in raw.meta_contents.get(name, ())
    ]
    tags: dict[str, str] = {}
    for value in values:
        for part in re.split(r"[,;]", value):
            tag = titles.clean_text(part)
            if 1 < len(tag) <= 60:
                tags.setdefault(tag.casefold(), tag)
    return tuple(tags.values())[:30]


def _json_ld_image_url(article: JsonLdObject) -> str:
    """Returns the URL of the first image of the JSON-LD article, which may be relative; "" without an image."""
    image = article.get("image") or article.get("thumbnailUrl") or ""
    if isinstance(image, list):
        image = image[0] if image else ""
    if isinstance(image, dict):
        image = image.get("url") or image.get("contentUrl") or ""
    return jsonld.property_text(image)


def _is_declared_paid(article: JsonLdObject, raw: _RawMetadata) -> bool:
    """Returns True if JSON-LD says that the article is not free, or a <meta> that it is locked or metered."""
    accessible_for_free = jsonld.property_text(
        article.get("isAccessibleForFree") if isinstance(article.get("isAccessibleForFree"), str) else ""
    )
    if article.get("isAccessibleForFree") is False or accessible_for_free.lower() in {
        "false",
        "http://schema.org/false",
    }:
        return True
    tier = next(
        iter(_first_value_per_name(raw.meta_contents, ("article:content_tier", "og:article:content_tier"))), ""
    ).lower()
    return tier in {"locked", "metered"}


def _first_value_per_name(values: dict[str, list[str]], names: Iterable[str]) -> list[str]:
    """Returns the first value of each of ``names`` that has values, in the order of ``names``."""
    return [values[name][0] for name in names if values.get(name)]


def _absolute_web_url(base_url: str, address: str) -> str | None:
    """Returns the address as absolute http or https URL; None if empty, invalid or longer than 2000 characters."""
    try:
        url = urljoin(base_url, address.strip()) if address else ""
    except ValueError:
        return None
    return url if url.startswith(("http://", "https://")) and len(url) < 2000 else None


# Returns the texts inside an element that are not in scripts or styles.
_find_visible_text_nodes = etree.XPath("descendant::text()[not(parent::script or parent::style)]")


def _element_text(element: HtmlElement) -> str:
    """Returns the text inside an element, without scripts and styles, with white space collapsed."""
    return _SPACE_PATTERN.sub(" ", " ".join(cast("list[str]", _find_visible_text_nodes(element)))).strip()
