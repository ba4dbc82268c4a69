"""Reads a page's metadata from JSON-LD, OpenGraph and other meta elements, microdata and ``<time>``, in one pass."""

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
from monitor.extract.blocks import SENTENCE_END, alphabetic_length, fold_letters
from monitor.extract.regions import CAMEL_CASE_BOUNDARY_PATTERN, Region, regions
from monitor.extract.visible_metadata import UPDATE_LABEL_PATTERN
from monitor.urls import is_same_site, story_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from lxml.html import HtmlElement

    from monitor.extract.jsonld import JsonLdObject

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
_UNRELATED_REGIONS = (
    Region.RELATED | Region.COMMENTS | Region.FOOTER | Region.NAV | Region.ASIDE | Region.PROMO | Region.EMBED
)
_find_byline_elements: Callable[[HtmlElement], list[HtmlElement]] = etree.XPath(  # type: ignore[assignment]  # the expression returns elements only
    '//*[(@itemprop and not(self::meta)) or @rel="author" or contains(@class, "yline") or contains(@class, "uthor")]'
)
_MAX_TIME_ELEMENTS = 50  # of a page
_MAX_TEASER_CHARACTERS = 400  # with its headline, summary and date
_MAX_PERSON_NAME_CHARACTERS = 24  # in alphabetic characters; a longer link text is a headline
_NON_STORY_PATH_PATTERN = re.compile(
    r"/(?:authors?|people|profiles?|categor(?:y|ies)|tags?|topics?|sections?)/", re.IGNORECASE
)
_UPDATE_CLASS_PATTERN = re.compile(r"updat|modif|revis", re.IGNORECASE)
_PUBLICATION_CLASS_PATTERN = re.compile(r"publi|creat|issued", re.IGNORECASE)
_FRONT_PAGE_LINK_PATTERN = re.compile(r"\s*(?:(https?://[^/?#\s]+)/?|/)\s*")
_BIOGRAPHY_CLASS_PATTERN = re.compile(r"bio|box|(?<!v)card|info|about|desc", re.IGNORECASE)
# A byline starts with "by", or has the digits of a date.
_BYLINE_TEXT_PATTERN = re.compile(r"\W*by\b|.*\d", re.IGNORECASE | re.DOTALL)
_BYLINE_CLASS_PATTERN = re.compile(
    r"(?:^|[\s_-])(?:by-?line|author(?:s|-?names?|-?links?)?|writer|autor|auteur)(?:[\s_-]|$)", re.IGNORECASE
)


@dataclass(slots=True)
class Metadata:
    """The statements of a page about its article; a field is empty if the page states nothing."""

    title: str = ""
    all_titles: tuple[str, ...] = ()  # all titles that the page states, in no order
    authors: tuple[str, ...] = ()  # persons
    newsroom_signature: tuple[str, ...] = ()  # the first byline, if none names a person
    published_at: datetime | None = None
    is_dated_by_time_element: bool = False  # only a <time> element states `published_at`
    unrelated_dates: tuple[str, ...] = ()  # dates of other stories and of events
    modified_at: datetime | None = None
    description: str = ""
    section: str | None = None
    tags: tuple[str, ...] = ()
    image: str | None = None
    declared_urls: tuple[str, ...] = ()  # its canonical and other declared URLs, most trusted first
    json_ld_body: str = ""  # articleBody
    og_type: str = ""
    json_ld_types: frozenset[str] = frozenset()
    is_live_blog: bool = False
    is_declared_paid: bool = False  # it declares that it is not free to read
    has_own_json_ld: bool = False  # a JSON-LD article has the page's URL or its title
    json_ld_article_count: int = 0
    is_meta_refresh_redirect: bool = False
    sources: list[str] = field(default_factory=list)  # "json-ld" if it describes the article


@dataclass(slots=True)
class _RawMetadata:
    meta_contents: dict[str, list[str]] = field(default_factory=dict)  # contents of meta elements by lower-case name
    json_ld_scripts: list[str] = field(default_factory=list)  # JSON-LD
    microdata_values: dict[str, list[str]] = field(default_factory=dict)
    published_times: list[str] = field(default_factory=list)  # of <time> next to the title or the text
    update_times: list[str] = field(default_factory=list)  # of <time> that states an update
    unrelated_times: list[str] = field(default_factory=list)  # of <time> that states anything else
    time_element_count: int = 0  # <time> elements read
    canonical_urls: list[str] = field(default_factory=list)
    h1_texts: list[str] = field(default_factory=list)
    byline_texts: list[str] = field(default_factory=list)
    byline_container: HtmlElement | None = None  # of the first byline
    front_page_link_texts: list[str] = field(default_factory=list)  # of links to the site's front page
    title_element_text: str = ""


def read_metadata(
    root: HtmlElement, url: str, *, outlet_name: str = "", latest: datetime, country: str | None = None
) -> Metadata:
    """Returns the metadata of the page at ``url``.

    Dates after ``latest`` are ignored.  ``country`` sets the order of day and month, and the time zone of times that
    state none.  ``outlet_name`` is removed from titles and authors.
    """
    raw = _collect_raw_metadata(root, url)
    items = jsonld.objects_in_scripts(raw.json_ld_scripts)
    count_matches = _page_match_counter(url, raw)
    article = _article_object(items, count_matches)
    metadata = Metadata()
    metadata.json_ld_types = frozenset(name for item in items for name in jsonld.object_types(item))
    metadata.has_own_json_ld = bool(article) and jsonld.is_article_object(article) and count_matches(article) > 0
    metadata.json_ld_article_count = sum(1 for item in items if jsonld.is_article_object(item))
    if article:
        metadata.sources.append("json-ld")
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
    refresh = next(iter(raw.meta_contents.get("refresh", ())), "")
    metadata.is_meta_refresh_redirect = bool(re.match(r"\s*[0-5]\s*;\s*url=", refresh, re.IGNORECASE))
    return metadata


def _collect_raw_metadata(root: HtmlElement, url: str) -> _RawMetadata:  # noqa: PLR0912  one pass, a branch for each kind of element
    raw = _RawMetadata()
    for element in root.iter("a", "meta", "link", "script", "time", "title", "h1"):
        tag, attributes = element.tag, element.attrib
        if tag == "a":
            _collect_front_page_link(element, url, raw)
        elif tag == "meta":
            content = attributes.get("content")
            if content:
                for key in ("property", "name", "itemprop", "http-equiv"):
                    name = attributes.get(key)
                    if name:
                        values_by_name = raw.microdata_values if key == "itemprop" else raw.meta_contents
                        name = name if key == "itemprop" else name.lower()
                        values = values_by_name.setdefault(name, [])
                        if len(values) < 50:
                            values.append(content[:5000])
        elif tag == "link":
            if "canonical" in attributes.get("rel", "").lower().split() and attributes.get("href"):
                raw.canonical_urls.append(attributes["href"])
        elif tag == "script":
            if "ld+json" in attributes.get("type", "").lower() and element.text:
                raw.json_ld_scripts.append(element.text)
        elif tag == "time":
            _collect_time_element(element, url, raw)
        elif tag == "title":
            if not raw.title_element_text and element.getparent() is not None and element.getparent().tag != "svg":
                raw.title_element_text = _element_text(element)[:500]
        elif len(raw.h1_texts) < 5:
            heading = _element_text(element)[:500]
            if heading:
                raw.h1_texts.append(heading)
    for element in _find_byline_elements(root)[:300]:
        _collect_microdata_or_byline(element, raw)
    return raw


def _collect_front_page_link(link: HtmlElement, url: str, raw: _RawMetadata) -> None:
    match = _FRONT_PAGE_LINK_PATTERN.fullmatch(link.get("href", ""))
    if match and len(raw.front_page_link_texts) < 10 and (not match[1] or is_same_site(match[1], url)):
        text = _element_text(link)
        if 5 <= len(text) <= 40:  # a shorter one may be the start of a headline
            raw.front_page_link_texts.append(text)


def _collect_time_element(element: HtmlElement, url: str, raw: _RawMetadata) -> None:
    stated = element.get("datetime") or element.get("content") or _element_text(element)
    if not stated or raw.time_element_count >= _MAX_TIME_ELEMENTS:
        return
    raw.time_element_count += 1
    if not (_is_in_unrelated_region(element) or _is_in_sentence(element) or _is_in_teaser(element, url)):
        (raw.update_times if _is_update_time(element) else raw.published_times).append(stated)
    else:
        raw.unrelated_times.append(stated)


def _is_in_sentence(element: HtmlElement) -> bool:
    """Returns True if the story's own text states the date."""
    paragraph = next(element.iterancestors("p", "li", "blockquote"), None)
    text = _element_text(paragraph) if paragraph is not None else ""
    return len(text) > len(_element_text(element)) + 40 and SENTENCE_END.search(text) is not None


def _is_in_teaser(element: HtmlElement, url: str) -> bool:
    """Returns True if the element stands next to a link to another page, in a box that holds no other date or title."""
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
    """Returns True if the element's class, or the text before it, says that it dates an update."""
    parent, previous = element.getparent(), element.getprevious()
    names = f"{element.get('class', '')} {element.get('itemprop', '')}"
    if parent is not None and parent.tag == "span":
        names += f" {parent.get('class', '')}"
    if _UPDATE_CLASS_PATTERN.search(names):
        return not _PUBLICATION_CLASS_PATTERN.search(names)
    while previous is not None and not isinstance(previous.tag, str) and not (previous.tail or "").strip():
        previous = previous.getprevious()  # a comment
    if previous is not None:
        is_label = isinstance(previous.tag, str) and previous.tag != "time"
        label = (previous.tail or "").strip() or (_element_text(previous) if is_label else "")
    else:
        label = (parent.text or "") if parent is not None else ""
    return UPDATE_LABEL_PATTERN.match(label) is not None


def _is_in_unrelated_region(element: HtmlElement) -> bool:
    """Returns True if the element stands in a region that belongs to other stories, or to none."""
    enclosing_regions, outer = 0, element.getparent()
    for _ in range(6):
        if outer is None or not isinstance(outer.tag, str):
            break
        class_and_id = f"{outer.get('class', '')} {outer.get('id', '')}".strip()
        enclosing_regions |= regions(outer.tag, class_and_id, outer.get("itemprop") or "")
        outer = outer.getparent()
    return bool(enclosing_regions & _UNRELATED_REGIONS)


def _collect_microdata_or_byline(element: HtmlElement, raw: _RawMetadata) -> None:
    """Adds the element's microdata property, or its text if it is a byline."""
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
        is_near_first = raw.byline_container is None or raw.byline_container in ancestors  # others sign other stories
        if 3 <= len(text) <= 150 and not is_biography and is_near_first and not _is_in_unrelated_region(element):
            raw.byline_texts.append(text)
            raw.byline_container = raw.byline_container if raw.byline_container is not None else ancestors[:3][-1]


_PROPERTIES_SHARED_WITH_COMMENTS = frozenset({"author", "datePublished", "dateModified", "dateCreated"})


def _is_in_comment(element: HtmlElement) -> bool:
    """Returns True if the element belongs to a reader's comment."""
    for outer in islice(element.iterancestors(), 8):
        if outer.get("itemprop") == "comment":
            return True
        class_and_id = f"{outer.get('class', '')} {outer.get('id', '')}".strip()
        if regions(outer.tag, class_and_id, "") & Region.COMMENTS:
            return next(outer.iter("h1"), None) is None  # around an h1, a name such as "has-comments" is the page's
    return False


def _has_byline_class(element: HtmlElement) -> bool:
    return bool(_BYLINE_CLASS_PATTERN.search(CAMEL_CASE_BOUNDARY_PATTERN.sub("-", element.get("class", ""))))


def _article_object(items: Sequence[JsonLdObject], count_matches: Callable[[JsonLdObject], int]) -> JsonLdObject:
    """Returns the JSON-LD item that describes this page, rather than one that it refers to; {} if there is none."""
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
    """Returns a function that counts how an item matches the page: 1 for its URL and 1 for its title."""
    page_id = story_id(url)
    page_titles = {fold_letters(text) for text in (*raw.h1_texts, *raw.meta_contents.get("og:title", ()))}

    def count_matches(item: JsonLdObject) -> int:
        urls = [jsonld.property_text(item.get(key) or "") for key in ("url", "@id", "mainEntityOfPage")]
        has_page_url = any(item_url and story_id(urljoin(url, item_url)) == page_id for item_url in urls)
        title = fold_letters(jsonld.property_text(item.get("headline") or item.get("name") or ""))
        return has_page_url + bool(title and title in page_titles)

    return count_matches


def _date_texts(article: JsonLdObject, key: str, raw: _RawMetadata, names: Iterable[str]) -> list[str]:
    """Returns the texts that state a date in JSON-LD, meta elements and microdata, most trusted first."""
    texts = [
        jsonld.property_text(article.get(key) or ""),
        *_first_value_per_name(raw.meta_contents, names),
        *raw.microdata_values.get(key, ()),
    ]
    return [text for text in texts if text]


def _creation_date_texts(article: JsonLdObject, raw: _RawMetadata) -> list[str]:
    texts = [jsonld.property_text(article.get("dateCreated") or ""), *raw.microdata_values.get("dateCreated", ())]
    return [text for text in texts if text]


def _byline_texts(article: JsonLdObject, raw: _RawMetadata) -> tuple[list[str], ...]:
    """Returns the byline texts of each source, most trusted source first."""
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
    image = article.get("image") or article.get("thumbnailUrl") or ""
    if isinstance(image, list):
        image = image[0] if image else ""
    if isinstance(image, dict):
        image = image.get("url") or image.get("contentUrl") or ""
    return jsonld.property_text(image)


def _is_declared_paid(article: JsonLdObject, raw: _RawMetadata) -> bool:
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
    """Returns the first value of each name that has one."""
    return [values[name][0] for name in names if values.get(name)]


def _absolute_web_url(base_url: str, address: str) -> str | None:
    try:
        url = urljoin(base_url, address.strip()) if address else ""
    except ValueError:
        return None
    return url if url.startswith(("http://", "https://")) and len(url) < 2000 else None


_find_visible_text_nodes = etree.XPath("descendant::text()[not(parent::script or parent::style)]")


def _element_text(element: HtmlElement) -> str:
    return _SPACE_PATTERN.sub(" ", " ".join(cast("list[str]", _find_visible_text_nodes(element)))).strip()
