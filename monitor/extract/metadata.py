"""Reads a page's metadata (title, authors, dates ...) from JSON-LD, <meta>, microdata, <time> and bylines."""

# ruff: noqa: SIM905  lists of words are easier to read in one string

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from monitor import dates, timezones
from monitor.calendar import resolve_numeric_date
from monitor.date_text import first_date_in_line
from monitor.extract import bylines, jsonld, titles
from monitor.extract.blocks import comparison_key
from monitor.extract.person_names import is_person_name
from monitor.extract.raw_metadata import collect_raw_metadata
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from lxml.html import HtmlElement

    from monitor.date_text import NumericDateResolver, ParsedTime
    from monitor.extract.jsonld import JsonLdObject
    from monitor.extract.raw_metadata import RawMetadata

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


@dataclass(slots=True)
class Metadata:
    """What a page states about its article; a field that the page does not state is empty, None or False."""

    title: str = ""
    all_titles: tuple[str, ...] = ()  # all different titles that the page states, unordered
    authors: tuple[str, ...] = ()  # persons named in bylines
    byline_authors: tuple[str, ...] = ()  # persons named in microdata or in elements with a byline class
    has_json_ld_person: bool = False  # JSON-LD states that a person is the author
    newsroom_signature: tuple[str, ...] = ()  # one name from a byline, such as the outlet's, if `authors` is empty
    published_at: datetime | None = None
    has_future_date: bool = False  # a stated publication time is in the future
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
    publisher: str = ""  # name of the site, from <meta> or JSON-LD
    live_posts: tuple[tuple[str, str], ...] = ()  # (headline, text) of the posts that JSON-LD states
    is_declared_paid: bool = False  # the page declares that reading costs money
    has_own_json_ld: bool = False  # a JSON-LD article has the page's URL or its title
    json_ld_article_count: int = 0
    has_json_ld: bool = False  # a JSON-LD object describes the article


def read_metadata(
    root: HtmlElement, url: str, *, outlet_name: str = "", latest: datetime, country: str | None = None
) -> Metadata:
    """Returns the metadata of the page at ``url`` whose root element is ``root``.

    Dates after ``latest`` are ignored.  ``country`` (ISO 3166) sets the order of day and month, and the time zone of
    times without one.  ``outlet_name`` is removed from titles and authors.
    """
    raw = collect_raw_metadata(root, url)
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
    metadata.title = titles.choose_title(
        stated_titles,
        raw.h1_texts,
        raw.title_element_text,
        site_names,
        heading_parts=raw.h1_parts,
        subheadings=raw.subheadings,
    )
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
    byline_texts = _byline_texts(article, raw, site_names)
    metadata.authors = bylines.author_names(byline_texts, site_names)
    metadata.byline_authors = bylines.author_names(byline_texts[2:], site_names)
    metadata.has_json_ld_person = any(map(is_person_name, bylines.author_names(byline_texts[:1], site_names)))
    metadata.newsroom_signature = () if metadata.authors else bylines.newsroom_signature(byline_texts)
    parse, default_timezone = (
        partial(dates.parse_date, country=country, latest=latest, url_date=dates.find_url_date(url)),
        timezones.timezone_of_country(country),
    )
    published = [
        *_date_texts(article, "datePublished", raw, _PUBLISHED_META_NAMES),
        *raw.published_times[:4],
        *_creation_date_texts(article, raw),
    ]
    published_times = [
        _with_shown_time(parsed, raw.shown_times.get(text, ""), parse) for text in published if (parsed := parse(text))
    ]
    if not published_times:
        published_times = _byline_times(raw, partial(resolve_numeric_date, country=country, latest=latest))
    metadata.published_at = dates.choose_plausible_time(
        published_times, latest=latest, default_timezone=default_timezone
    )
    metadata.has_future_date = any(
        dates.in_timezone(parsed, default_timezone, latest=latest).time > latest for parsed in published_times
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
    metadata.publisher = titles.clean_text(
        next(iter(_first_value_per_name(raw.meta_contents, ("og:site_name",))), "")
        or jsonld.property_text(article.get("publisher") or "")
    )[:100]
    metadata.live_posts = jsonld.live_blog_posts(items)
    metadata.is_declared_paid = _is_declared_paid(article, raw)
    return metadata


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


def _page_match_counter(url: str, raw: RawMetadata) -> Callable[[JsonLdObject], int]:
    """Returns a function that counts the matches of a JSON-LD object with the page: 1 for its URL, 1 for its title."""
    page_id = story_id(url)
    page_titles = {comparison_key(text) for text in (*raw.h1_texts, *raw.meta_contents.get("og:title", ()))}

    def count_matches(item: JsonLdObject) -> int:
        urls = [jsonld.property_text(item.get(key) or "") for key in ("url", "@id", "mainEntityOfPage")]
        has_page_url = any(item_url and story_id(urljoin(url, item_url)) == page_id for item_url in urls)
        title = comparison_key(jsonld.property_text(item.get("headline") or item.get("name") or ""))
        return has_page_url + bool(title and title in page_titles)

    return count_matches


def _date_texts(article: JsonLdObject, key: str, raw: RawMetadata, names: Iterable[str]) -> list[str]:
    """Returns the texts that state a date, most trusted first.

    Reads the property ``key`` of the JSON-LD article and of the microdata, and the <meta> elements called ``names``.
    """
    texts = [
        jsonld.property_text(article.get(key) or ""),
        *_first_value_per_name(raw.meta_contents, names),
        *raw.microdata_values.get(key, ()),
    ]
    return [text for text in texts if text]


def _with_shown_time(parsed: ParsedTime, shown: str, parse: Callable[[str], ParsedTime | None]) -> ParsedTime:
    """Returns the time that a <time> element shows, if its attribute lacks the time zone or the time of day.

    Returns ``parsed``, which the attribute states, if ``shown`` lacks them too or is the text of no such element.
    """
    if parsed.has_timezone or not any(character.isdigit() for character in shown):
        return parsed
    shown_time = parse(shown) or parse(f"{parsed.time:%Y-%m-%d} {shown}")
    if shown_time is None or not shown_time.has_time or abs(shown_time.time - parsed.time) > timedelta(days=1.5):
        return parsed
    return shown_time if shown_time.has_timezone or not parsed.has_time else parsed


def _byline_times(raw: RawMetadata, day_of: NumericDateResolver) -> list[ParsedTime]:
    """Returns the dates with a time of day in the lines of the first byline."""
    lines = [line for text in raw.byline_texts[:1] for line in text.split("\n")]
    times = [first_date_in_line(line, day_of) for line in lines]
    return [time for time in times if time is not None and time.has_time]


def _creation_date_texts(article: JsonLdObject, raw: RawMetadata) -> list[str]:
    """Returns the texts of the property dateCreated in JSON-LD and microdata, in this order."""
    texts = [jsonld.property_text(article.get("dateCreated") or ""), *raw.microdata_values.get("dateCreated", ())]
    return [text for text in texts if text]


def _byline_texts(article: JsonLdObject, raw: RawMetadata, site_names: Sequence[str]) -> tuple[list[str], ...]:
    """Returns four lists of byline texts: of JSON-LD, <meta>, microdata, and elements with a byline class."""
    json_ld_authors = article.get("author") or article.get("creator") or []
    json_ld_texts = [
        jsonld.property_text(author)
        for author in (json_ld_authors if isinstance(json_ld_authors, list) else [json_ld_authors])
    ]
    visible_texts = [*raw.microdata_values.get("author", []), *raw.byline_texts[:2]]
    return (
        json_ld_texts,
        _confirmed_meta_authors(raw, [*json_ld_texts, *visible_texts], site_names),
        raw.microdata_values.get("author", []),
        raw.byline_texts[:2],
    )


def _confirmed_meta_authors(raw: RawMetadata, other_texts: list[str], site_names: Sequence[str]) -> list[str]:
    """Returns the byline texts of the <meta> elements that name authors.

    Where these elements disagree, some name a publisher or a user of the publishing system: returns the texts of those
    that share a name with ``other_texts``, else of those that name a person, else all.
    """
    texts_by_meta = [raw.meta_contents[name] for name in _AUTHOR_META_NAMES if raw.meta_contents.get(name)]
    names_by_meta = [set(map(comparison_key, bylines.author_names([texts], site_names))) for texts in texts_by_meta]
    if len({frozenset(names) for names in names_by_meta if names}) > 1:
        other_names = set(map(comparison_key, bylines.author_names([other_texts], site_names)))
        is_confirmed = [bool(names & other_names) for names in names_by_meta]
        if not any(is_confirmed):
            is_confirmed = [any(map(is_person_name, bylines.author_names([t], site_names))) for t in texts_by_meta]
        if any(is_confirmed):
            texts_by_meta = [texts for texts, kept in zip(texts_by_meta, is_confirmed, strict=True) if kept]
    return [text for texts in texts_by_meta for text in texts]


def _site_names(raw: RawMetadata, items: Iterable[JsonLdObject], url: str, outlet_name: str) -> list[str]:
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


def _story_tags(article: JsonLdObject, raw: RawMetadata) -> tuple[str, ...]:
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


def _is_declared_paid(article: JsonLdObject, raw: RawMetadata) -> bool:
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
