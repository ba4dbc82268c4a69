"""What a page says of itself: JSON-LD, OpenGraph and other meta elements, microdata, ``<time>``, read in one pass."""

# ruff: noqa: SIM905  lists of words read best as words

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin, urlsplit

from lxml import etree

from monitor.extract import bylines, dates, jsonld, timezones, titles
from monitor.extract.blocks import SENTENCE_END, fold_letters, alphabetic_length
from monitor.extract.regions import CAMEL_CASE_BOUNDARY, Region, regions
from monitor.extract.visible_metadata import UPDATE_LABEL
from monitor.urls import same_site, story_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from lxml.html import HtmlElement

    from monitor.extract.jsonld import Item

_PUBLISHED = (
    "article:published_time article:published og:article:published_time og:published_time article.published"
    " datepublished parsely-pub-date sailthru.date publishdate publish-date publish_date publication_date"
    " publication-date pubdate publicationdate cxenseparse:recs:publishtime cxenseparse:publishtime"
    " dc.date.issued dcterms.issued dcterms.created dc.date.created dc.date date.issued article_date_original"
    " originalpublicationdate ptime date bt:pubdate rnews:datepublished vr:published_time datecreated date_published"
    " citation_publication_date article:create_at mediator_published_time weibo:article:create_at"
).split()
_MODIFIED = (
    "article:modified_time og:updated_time article:modified datemodified article.updated lastmod last-modified"
    " dcterms.modified dc.date.modified article:updated_time revised moddate cxenseparse:recs:modifiedtime"
).split()
_TITLES = "og:title twitter:title dc.title dcterms.title title parsely-title sailthru.title headline".split()
_AUTHORS = (
    "author article:author parsely-author sailthru.author byl dc.creator dcterms.creator dc.contributor authors"
    " og:article:author article:author_name mediator_author cxenseparse:author creator vr:author twitter:data1"
).split()
_SITES = (
    "og:site_name application-name apple-mobile-web-app-title dc.publisher publisher twitter:site copyright".split()
)
_DESCRIPTIONS = "og:description description twitter:description dc.description".split()
_KEYWORDS = "news_keywords keywords article:tag parsely-tags sailthru.tags".split()
_SECTIONS = "article:section parsely-section og:section section cxenseparse:recs:category category".split()
_IMAGES = "og:image og:image:secure_url og:image:url twitter:image twitter:image:src thumbnail".split()
_SPACE = re.compile(r"\s+")
_ELSEWHERE = Region.RELATED | Region.COMMENTS | Region.FOOTER | Region.NAV | Region.ASIDE | Region.PROMO | Region.EMBED
_SIGNED: Callable[[HtmlElement], list[HtmlElement]] = etree.XPath(  # type: ignore[assignment]  # of elements alone
    '//*[(@itemprop and not(self::meta)) or @rel="author" or contains(@class, "yline") or contains(@class, "uthor")]'
)
_TIMES = 50  # <time> elements that are looked at
_CARD = 400  # characters of a teaser with its headline, summary and date
_NAME = 24  # letters of a name, beyond which a link is a headline
_NO_STORY = re.compile(r"/(?:authors?|people|profiles?|categor(?:y|ies)|tags?|topics?|sections?)/", re.IGNORECASE)
_UPDATE = re.compile(r"updat|modif|revis", re.IGNORECASE)
_PUBLICATION = re.compile(r"publi|creat|issued", re.IGNORECASE)
_HOME = re.compile(r"\s*(?:(https?://[^/?#\s]+)/?|/)\s*")
_BIOGRAPHY = re.compile(r"bio|box|(?<!v)card|info|about|desc", re.IGNORECASE)
_SIGNATURE = re.compile(r"\W*by\b|.*\d", re.IGNORECASE | re.DOTALL)  # a byline, or one with its date
_BYLINE = re.compile(
    r"(?:^|[\s_-])(?:by-?line|author(?:s|-?names?|-?links?)?|writer|autor|auteur)(?:[\s_-]|$)", re.IGNORECASE
)


@dataclass(slots=True)
class Metadata:
    title: str = ""
    titles: tuple[str, ...] = ()  # every title the page gives itself
    authors: tuple[str, ...] = ()  # people
    newsroom: tuple[str, ...] = ()  # who signs where no person does
    published_at: datetime | None = None
    is_dated_by_time_element: bool = False  # of when it came out, only a <time> tells
    unrelated_dates: tuple[str, ...] = ()  # dates of other stories and of what happened
    modified_at: datetime | None = None
    description: str = ""
    section: str | None = None
    tags: tuple[str, ...] = ()
    image: str | None = None
    declared_urls: tuple[str, ...] = ()  # it claims for itself, most trusted first
    json_ld_body: str = ""  # JSON-LD's articleBody
    og_type: str = ""  # og:type
    json_ld_types: frozenset[str] = frozenset()  # of its JSON-LD
    is_live_blog: bool = False
    is_paid: bool = False  # it says it is not free to read
    has_own_json_ld: bool = False  # one of its JSON-LD's articles has its address or its title
    json_ld_article_count: int = 0  # how many articles its JSON-LD tells of
    is_redirect: bool = False
    sources: list[str] = field(default_factory=list)  # which sources spoke: "json-ld", "meta" ...


@dataclass(slots=True)
class _RawMetadata:
    meta: dict[str, list[str]] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)
    props: dict[str, list[str]] = field(default_factory=dict)  # microdata
    times: list[str] = field(default_factory=list)  # of <time>, beside the title or the text
    updates: list[str] = field(default_factory=list)  # of <time>, where it tells of a later version
    canonical: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    bylines: list[str] = field(default_factory=list)
    signed: HtmlElement | None = None  # what the first byline stands in
    home: list[str] = field(default_factory=list)  # what its links to the site's first page say
    page_title: str = ""
    others: list[str] = field(default_factory=list)  # of <time>, where it tells of something else
    looked: int = 0  # at how many <time> elements


def read_metadata(root: HtmlElement, url: str, *, outlet: str = "", latest: datetime, country: str | None = None) -> Metadata:
    """All facts of the page at ``url``.

    Dates after ``latest`` are not believed; they are read as ``country`` writes them, and times without a zone off its
    clock.
    """
    raw = _gather(root, url)
    things = jsonld.items(raw.scripts)
    describes = _describes(url, raw)
    thing = _article(things, describes)
    facts = Metadata()
    facts.json_ld_types = frozenset(name for item in things for name in jsonld.item_types(item))
    facts.has_own_json_ld = bool(thing) and jsonld.is_article(thing) and describes(thing) > 0
    facts.json_ld_article_count = sum(1 for item in things if jsonld.is_article(item))
    if thing:
        facts.sources.append("json-ld")
    sites = _sites(raw, things, url, outlet)
    headline = jsonld.property_text(thing.get("headline") or "") or jsonld.property_text(thing.get("name") or "")
    offered = [headline, *_first(raw.meta, _TITLES), *raw.props.get("headline", ())[:1]]
    facts.title = titles.choose(offered, raw.headings, raw.page_title, sites)
    facts.titles = tuple(
        {
            text
            for text in (*offered, *raw.headings, raw.page_title, facts.title, *raw.props.get("headline", ()))
            if text
        }
    )
    credited = _bylines(thing, raw)
    facts.authors = bylines.names(credited, sites)
    facts.newsroom = () if facts.authors else bylines.newsroom(credited)
    parse, clock = partial(dates.parse_date, country=country, latest=latest), timezones.of_country(country)
    published = [*_stated(thing, "datePublished", raw, _PUBLISHED), *raw.times[:4], *_created(thing, raw)]
    facts.published_at = dates.choose_time(list(filter(None, map(parse, published))), latest=latest, default_timezone=clock)
    facts.unrelated_dates = tuple(raw.others)
    facts.is_dated_by_time_element = bool(raw.times) and published[0] == raw.times[0]
    modified = [*_stated(thing, "dateModified", raw, _MODIFIED), *raw.updates[:1]]
    facts.modified_at = dates.choose_time(list(filter(None, map(parse, modified))), latest=latest, default_timezone=clock)
    facts.description = titles.clean(
        next(iter(_first(raw.meta, _DESCRIPTIONS)), "") or jsonld.property_text(thing.get("description") or "")
    )
    section = jsonld.property_text(thing.get("articleSection") or "") or next(iter(_first(raw.meta, _SECTIONS)), "")
    facts.section = titles.clean(section)[:100] or None
    facts.tags = _tags(thing, raw)
    image = _image(thing) or next(iter(_first(raw.meta, _IMAGES)), "")
    facts.image = _web(url, image)
    addresses = [
        *raw.canonical,
        *raw.meta.get("og:url", ()),
        jsonld.property_text(thing.get("url") or ""),
        jsonld.property_text(thing.get("mainEntityOfPage") or ""),
    ]
    facts.declared_urls = tuple(address for address in addresses if address)
    facts.json_ld_body = jsonld.property_text(thing.get("articleBody") or "")
    facts.og_type = next(iter(raw.meta.get("og:type", ())), "").lower()
    facts.is_live_blog = any(jsonld.is_live_blog(item) for item in things)
    facts.is_paid = _paid(thing, raw)
    refresh = next(iter(raw.meta.get("refresh", ())), "")
    facts.is_redirect = bool(re.match(r"\s*[0-5]\s*;\s*url=", refresh, re.IGNORECASE))
    return facts


def _gather(root: HtmlElement, url: str) -> _RawMetadata:  # noqa: PLR0912  one pass, a branch for each kind of element
    raw = _RawMetadata()
    for element in root.iter("a", "meta", "link", "script", "time", "title", "h1"):
        tag, attributes = element.tag, element.attrib
        if tag == "a":
            _home(element, url, raw)
        elif tag == "meta":
            content = attributes.get("content")
            if content:
                for key in ("property", "name", "itemprop", "http-equiv"):
                    name = attributes.get(key)
                    if name:
                        where = raw.props if key == "itemprop" else raw.meta
                        name = name if key == "itemprop" else name.lower()
                        values = where.setdefault(name, [])
                        if len(values) < 50:
                            values.append(content[:5000])
        elif tag == "link":
            if "canonical" in attributes.get("rel", "").lower().split() and attributes.get("href"):
                raw.canonical.append(attributes["href"])
        elif tag == "script":
            if "ld+json" in attributes.get("type", "").lower() and element.text:
                raw.scripts.append(element.text)
        elif tag == "time":
            _time(element, url, raw)
        elif tag == "title":
            if not raw.page_title and element.getparent() is not None and element.getparent().tag != "svg":
                raw.page_title = _text(element)[:500]
        elif len(raw.headings) < 5:
            heading = _text(element)[:500]
            if heading:
                raw.headings.append(heading)
    for element in _SIGNED(root)[:300]:
        _microdata(element, raw)
    return raw


def _home(link: HtmlElement, url: str, raw: _RawMetadata) -> None:
    home = _HOME.fullmatch(link.get("href", ""))
    if home and len(raw.home) < 10 and (not home[1] or same_site(home[1], url)):
        name = _text(link)
        if 5 <= len(name) <= 40:  # a shorter one may begin a headline
            raw.home.append(name)


def _time(element: HtmlElement, url: str, raw: _RawMetadata) -> None:
    stated = element.get("datetime") or element.get("content") or _text(element)
    if not stated or raw.looked >= _TIMES:
        return
    raw.looked += 1
    if not (_elsewhere(element) or _in_sentence(element) or _in_teaser(element, url)):
        (raw.updates if _of_update(element) else raw.times).append(stated)
    else:
        raw.others.append(stated)


def _in_sentence(element: HtmlElement) -> bool:
    """Whether the story itself speaks of that day."""
    around = next(element.iterancestors("p", "li", "blockquote"), None)
    text = _text(around) if around is not None else ""
    return len(text) > len(_text(element)) + 40 and SENTENCE_END.search(text) is not None


def _in_teaser(element: HtmlElement, url: str) -> bool:
    """Whether it stands beside a link to another page: what belongs to this date alone is no line under a title."""
    card = element
    for outer in islice(element.iterancestors(), 4):
        if len(list(islice(outer.iter("h1", "time"), 2))) > 1 or outer.tag in {"body", "html", "main", "article"}:
            break
        if next(outer.iter("h1"), None) is not None or len(_text(outer)) > _CARD:
            break
        card = outer
        if outer.tag == "li":
            break
    outer, before = card.getparent(), card.getprevious()
    listed = outer is not None and len(list(islice(outer.iter("time"), 3))) > 2 and next(outer.iter("h1"), None) is None
    links = [*islice(element.iterancestors("a"), 1), *card.iter("a")]
    if listed and before is not None:
        links += before.iter("a")
    links = [link for link in links if _leads_away(link, url)]
    names = [_text(link) for link in links]
    return any(listed or len(name.split()) > 3 or (name and alphabetic_length(name) > _NAME) for name in names)


def _leads_away(link: HtmlElement, url: str) -> bool:
    href = link.get("href", "").strip()
    if not href or href.startswith(("#", "javascript:", "mailto:")) or _byline(link):
        return False
    if _NO_STORY.search(href) or {"author", "tag", "category"}.intersection(link.get("rel", "").split()):
        return False
    try:
        return story_id(urljoin(url, href)) != story_id(url)
    except ValueError:
        return False


def _of_update(element: HtmlElement) -> bool:
    """Whether its name, or the words before it, say that it tells of a later version."""
    outer, previous = element.getparent(), element.getprevious()
    names = f"{element.get('class', '')} {element.get('itemprop', '')}"
    if outer is not None and outer.tag == "span":
        names += f" {outer.get('class', '')}"
    if _UPDATE.search(names):
        return not _PUBLICATION.search(names)
    while previous is not None and not isinstance(previous.tag, str) and not (previous.tail or "").strip():
        previous = previous.getprevious()  # a comment
    if previous is not None:
        named = isinstance(previous.tag, str) and previous.tag != "time"
        label = (previous.tail or "").strip() or (_text(previous) if named else "")
    else:
        label = (outer.text or "") if outer is not None else ""
    return UPDATE_LABEL.match(label) is not None


def _elsewhere(element: HtmlElement) -> bool:
    """Whether it stands in a place that speaks of other stories, or of none."""
    place, outer = 0, element.getparent()
    for _ in range(6):
        if outer is None or not isinstance(outer.tag, str):
            break
        names = f"{outer.get('class', '')} {outer.get('id', '')}".strip()
        place |= regions(outer.tag, names, outer.get("itemprop") or "")
        outer = outer.getparent()
    return bool(place & _ELSEWHERE)


def _microdata(element: HtmlElement, raw: _RawMetadata) -> None:
    prop = element.get("itemprop")
    if prop in _OF_COMMENTS and _commented(element):
        return
    if prop in {"datePublished", "dateModified", "dateCreated"}:
        value = element.get("content") or element.get("datetime") or _text(element)
        raw.props.setdefault(prop, []).append(value[:100])
    elif prop == "author":
        named = element.xpath('.//*[@itemprop="name"]')
        value = " ; ".join(filter(None, ((n.get("content") or _text(n)) for n in named))) or _text(element)
        raw.props.setdefault(prop, []).append(value[:300])
    elif prop in {"headline", "articleSection"}:
        raw.props.setdefault(prop, []).append((element.get("content") or _text(element))[:500])
    elif (element.get("rel") == "author" or _byline(element)) and len(raw.bylines) < 20:
        text = _text(element)
        biography = _BIOGRAPHY.search(element.get("class", "")) and len(text.split()) > 6
        told = biography and not _SIGNATURE.match(text)
        around = list(islice(element.iterancestors(), 6))
        beside = raw.signed is None or raw.signed in around  # others sign other stories
        if 3 <= len(text) <= 150 and not told and beside and not _elsewhere(element):
            raw.bylines.append(text)
            raw.signed = raw.signed if raw.signed is not None else around[:3][-1]


_OF_COMMENTS = frozenset({"author", "datePublished", "dateModified", "dateCreated"})


def _commented(element: HtmlElement) -> bool:
    """Whether it tells of a reader's comment."""
    for outer in islice(element.iterancestors(), 8):
        if outer.get("itemprop") == "comment":
            return True
        names = f"{outer.get('class', '')} {outer.get('id', '')}".strip()
        if regions(outer.tag, names, "") & Region.COMMENTS:
            return next(outer.iter("h1"), None) is None  # "has-comments" is the page's
    return False


def _byline(element: HtmlElement) -> bool:
    return bool(_BYLINE.search(CAMEL_CASE_BOUNDARY.sub("-", element.get("class", ""))))


def _article(things: Sequence[Item], describes: Callable[[Item], int]) -> Item:
    """The object that describes this page: the one with its address or title, not one that it only points to."""
    articles = [thing for thing in things if jsonld.is_article(thing)]
    if len(articles) <= 1:
        if articles:
            return articles[0]
        dated = [
            t
            for t in things
            if t.get("datePublished") and not {"VideoObject", "ImageObject", "Comment"} & set(jsonld.item_types(t))
        ]
        return dated[0] if dated else {}

    def fits(thing: Item) -> int:
        complete = sum(key in thing for key in ("datePublished", "author", "headline", "articleBody"))
        return 8 * describes(thing) + complete

    best = max(articles, key=fits)
    # A page may split what it says of one article over several objects.
    merged = dict(best)
    for other in articles:
        if fits(other) >= 8:
            for key, value in other.items():
                merged.setdefault(key, value)
    return merged


def _describes(url: str, raw: _RawMetadata) -> Callable[[Item], int]:
    """Tells of an object whether it has the page's address, its title, or both: 0 to 2."""
    here = story_id(url)
    shown = {fold_letters(text) for text in (*raw.headings, *raw.meta.get("og:title", ()))}

    def tells(thing: Item) -> int:
        addresses = [jsonld.property_text(thing.get(key) or "") for key in ("url", "@id", "mainEntityOfPage")]
        same = any(address and story_id(urljoin(url, address)) == here for address in addresses)
        title = fold_letters(jsonld.property_text(thing.get("headline") or thing.get("name") or ""))
        return same + bool(title and title in shown)

    return tells


def _stated(thing: Item, key: str, raw: _RawMetadata, names: Iterable[str]) -> list[str]:
    """What each source says of when it was, most trusted first."""
    stated = [jsonld.property_text(thing.get(key) or ""), *_first(raw.meta, names), *raw.props.get(key, ())]
    return [text for text in stated if text]


def _created(thing: Item, raw: _RawMetadata) -> list[str]:
    stated = [jsonld.property_text(thing.get("dateCreated") or ""), *raw.props.get("dateCreated", ())]
    return [text for text in stated if text]


def _bylines(thing: Item, raw: _RawMetadata) -> tuple[list[str], ...]:
    """What each source says of who wrote it, most trusted first."""
    stated = thing.get("author") or thing.get("creator") or []
    return (
        [jsonld.property_text(item) for item in (stated if isinstance(stated, list) else [stated])],
        [value for name in _AUTHORS for value in raw.meta.get(name, ())],
        raw.props.get("author", []),
        raw.bylines[:2],
    )


def _sites(raw: _RawMetadata, things: Iterable[Item], url: str, outlet: str) -> list[str]:
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    names = [outlet, host, *host.split(".")[:-1], *raw.home, *_first(raw.meta, _SITES)]
    for thing in things:
        kinds = set(jsonld.item_types(thing))
        if kinds & {"Organization", "NewsMediaOrganization", "WebSite"}:
            names += [jsonld.property_text(thing.get("name") or ""), *jsonld.property_texts(thing.get("alternateName") or [])]
        names.append(jsonld.property_text(thing.get("publisher") or ""))
    return [name.lstrip("@") for name in names if name and len(name) > 1]


def _tags(thing: Item, raw: _RawMetadata) -> tuple[str, ...]:
    values = jsonld.property_texts(thing.get("keywords") or []) or [v for name in _KEYWORDS for v in raw.meta.get(name, ())]
    found: dict[str, str] = {}
    for value in values:
        for tag in re.split(r"[,;]", value):
            text = titles.clean(tag)
            if 1 < len(text) <= 60:
                found.setdefault(text.casefold(), text)
    return tuple(found.values())[:30]


def _image(thing: Item) -> str:
    image = thing.get("image") or thing.get("thumbnailUrl") or ""
    if isinstance(image, list):
        image = image[0] if image else ""
    if isinstance(image, dict):
        image = image.get("url") or image.get("contentUrl") or ""
    return jsonld.property_text(image)


def _paid(thing: Item, raw: _RawMetadata) -> bool:
    free = jsonld.property_text(thing.get("isAccessibleForFree") if isinstance(thing.get("isAccessibleForFree"), str) else "")
    if thing.get("isAccessibleForFree") is False or free.lower() in {"false", "http://schema.org/false"}:
        return True
    tier = next(iter(_first(raw.meta, ("article:content_tier", "og:article:content_tier"))), "").lower()
    return tier in {"locked", "metered"}


def _first(values: dict[str, list[str]], names: Iterable[str]) -> list[str]:
    """The first value of each name that has any."""
    return [values[name][0] for name in names if values.get(name)]


def _web(base: str, address: str) -> str | None:
    try:
        url = urljoin(base, address.strip()) if address else ""
    except ValueError:
        return None
    return url if url.startswith(("http://", "https://")) and len(url) < 2000 else None


_READ = etree.XPath("descendant::text()[not(parent::script or parent::style)]")


def _text(element: HtmlElement) -> str:
    return _SPACE.sub(" ", " ".join(cast("list[str]", _READ(element)))).strip()
