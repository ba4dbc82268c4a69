"""One page to one article: decode, parse once, read the facts, find the text, tell whether it is a story at all."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING

import lxml.html
from htmldate import find_date
from lxml import etree
from trafilatura import bare_extraction

from monitor.calendar import day_of
from monitor.extract import (
    blocks,
    body,
    boilerplate,
    confidence,
    dates,
    language,
    metadata,
    page_kinds,
    timezones,
    visible_metadata,
)
from monitor.extract.decoding import decode
from monitor.extract.trim import Hints
from monitor.models import Article, NotArticle
from monitor.urls import declared_canonical

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from monitor.extract.blocks import Block, Layout
    from monitor.extract.metadata import Metadata
    from monitor.extract.options import ExtractionOptions
    from monitor.models import Page

MAX_CHARACTERS = 4_000_000  # of markup that is read; the largest real pages have two million
MAX_ELEMENTS = 25_000  # beyond, the page is not shown to trafilatura, whose time grows faster than the page
MAX_DEPTH = 240  # levels of elements, for the same reason
MAX_ATTRIBUTES = 1000  # of one element: the parser compares each with all before it
_LONG_TAG = re.compile(r"<[A-Za-z][^>]{10000,}>?")
_LITTLE = 600  # characters of running text, of which a story may have lost most
DAY = timedelta(days=1)
# One class for all elements: lxml.html would ask a function of Python for the class of each, at every look.
_PLAIN = etree.ElementDefaultClassLookup(element=lxml.html.HtmlElement, comment=lxml.html.HtmlComment)

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # remarks on every bad page; the outcome tells what matters
logging.getLogger("htmldate").setLevel(logging.CRITICAL)


def extract_article(page: Page, reading: ExtractionOptions) -> Article | NotArticle:
    """What the page is, and what it says where it is a story."""
    refused = page_kinds.reject_bytes(page)
    if refused:
        return refused
    root = _parse(decode(page.body, page.encoding)[:MAX_CHARACTERS])
    if root is None:
        return NotArticle(kind="empty", detail="no markup")
    for selector in reading.remove_selectors:
        for element in root.cssselect(selector):
            _drop(element)
    known = metadata.read_metadata(root, page.url, outlet=reading.outlet_name, latest=page.fetched_at + DAY, country=reading.country)
    layout = blocks.parse_layout(_story_root(root, reading))
    kept, method = _text(root, layout, known, page, reading)
    kept, names, left_out = boilerplate.drop_recurring(layout, kept, reading.boilerplate)
    gave_up = bool(names) and not left_out
    if (gave_up or blocks.total_weight(kept) < _LITTLE) and not reading.boilerplate.isdisjoint(names):
        hints = Hints.of(known.title, known.titles, known.description)
        again = boilerplate.drop_recurring(layout, body.choose_blocks(layout, "", hints), reading.boilerplate)
        if again[2] and (gave_up or blocks.total_weight(again[0]) > blocks.total_weight(kept)):
            (kept, names, left_out), method = again, "blocks"  # it was boxes that were taken for the story

    text = "\n\n".join(block.text for block in kept)
    refused = page_kinds.reject_page(page, root, layout, known, kept)
    if refused:
        return refused
    spoken = language.detect(
        text, hint=reading.language or root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang")
    )
    return Article(
        title=known.title,
        text=text,
        canonical_url=declared_canonical(page.url, known.declared_urls),
        authors=known.authors or _signed(layout, kept, reading) or known.newsroom,
        published_at=_published(root, layout, kept, known, page=page, reading=reading),
        modified_at=known.modified_at,
        language=spoken,
        section=known.section,
        tags=known.tags,
        image=known.image,
        method=method,
        flags=page_kinds.flags(layout, known, kept),
        block_hashes=names,
        boilerplate=left_out,
    )


def _parse(text: str) -> HtmlElement | None:
    text = _LONG_TAG.sub(lambda tag: " " if tag[0].count("=") > MAX_ATTRIBUTES else tag[0], text)
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_pis=True)
    parser.set_element_class_lookup(_PLAIN)
    try:
        root = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, ValueError):  # nothing but blanks or comments
        return None
    return root if isinstance(root.tag, str) else None


def _drop(element: HtmlElement) -> None:
    """Removes an element and leaves the text behind it."""
    if element.getparent() is not None:
        element.drop_tree()


def _story_root(root: HtmlElement, reading: ExtractionOptions) -> HtmlElement:
    """The container that the configuration names, where the page has it with any text in it."""
    if reading.article_selector:
        found = max(root.cssselect(reading.article_selector), key=lambda e: len(e.text_content()), default=None)
        if found is not None and len(found.text_content()) > 100:
            return found
    return root


def _text(
    root: HtmlElement, layout: Layout, known: Metadata, page: Page, reading: ExtractionOptions
) -> tuple[list[Block], str]:
    """The story's blocks, and what found them."""
    hints = Hints.of(known.title, known.titles, known.description)
    if reading.article_selector and layout.nodes and layout.nodes[0].element is not root:
        return body.choose_blocks(layout, "", hints), "selector"
    stated = known.json_ld_body if not known.is_live_blog and confidence.is_complete_text(layout, known.json_ld_body) else ""
    if stated:
        return body.choose_blocks(layout, stated, hints), "json-ld"
    own = body.choose_blocks(layout, "", hints)
    if confidence.is_certain(layout, own):
        return own, "markup"
    kept = body.choose_blocks(layout, _trafilatura(root, layout, page.url), hints)
    if known.has_own_json_ld and not known.is_live_blog and blocks.total_weight(kept) < 0.5 * len(known.json_ld_body):
        return confidence.blocks_from_text(
            known.json_ld_body, kept
        ), "json-ld"  # the page writes its text with JavaScript, or holds it back
    if confidence.is_poor(layout, kept) and blocks.total_weight(own) > 2 * blocks.total_weight(kept):
        return own, "blocks"
    if blocks.total_weight(confidence.missed_blocks(layout, own, kept, hints)) > 0.5 * blocks.total_weight(kept):
        return own, "blocks"  # what trafilatura found is boxes among the story, or readers' comments below it
    return kept, "trafilatura"


def _trafilatura(root: HtmlElement, layout: Layout, url: str) -> str:
    if layout.is_truncated or layout.element_count > MAX_ELEMENTS or layout.max_depth > MAX_DEPTH:
        return ""
    document = bare_extraction(root, url=url, fast=True, include_comments=False)
    return getattr(document, "text", None) or ""


def _published(
    root: HtmlElement,
    layout: Layout,
    kept: list[Block],
    known: Metadata,
    *,
    page: Page,
    reading: ExtractionOptions,
) -> datetime | None:
    """When the story came out: as the page's facts say, else the feed that led to it, else the line beside its text.

    Facts that only tell the day take the time from the others where they speak of that day.  Facts that lie a day or
    more from the feed's word are believed unless they are later, no more than a <time>, or the line on the page bears
    the feed out.
    """
    latest, clock = page.fetched_at + DAY, timezones.of_country(reading.country)
    stated, listed = known.published_at, reading.listed_at
    if listed is not None and not dates.EARLIEST_TIME <= listed <= latest:
        listed = None
    told = (
        dates.ParsedTime(listed.astimezone(clock or UTC), has_time=listed.time() != time(0), has_timezone=True)
        if listed
        else None
    )
    whole = stated is None or stated.time() == time(0)
    doubted = stated is not None and listed is not None and abs(stated - listed) > 1.5 * DAY
    if not (whole or doubted):
        return stated
    told_as = partial(day_of, country=reading.country, latest=latest)
    seen = visible_metadata.find_published(layout.blocks, kept, known.titles, told_as) if kept else None
    seen = seen.with_default_timezone(clock) if seen else None
    if stated is not None and listed is not None and doubted:
        borne_out = seen is not None and abs(seen.time - listed) < 1.5 * DAY
        return listed if stated > listed or known.is_dated_by_time_element or borne_out else stated
    day = dates.ParsedTime(stated, has_time=False, has_timezone=False) if stated else None
    best = dates.choose_time([moment for moment in (day, told, seen) if moment], latest=latest)
    if best is not None or layout.is_truncated or layout.element_count > MAX_ELEMENTS:
        return best
    found = find_date(
        root, url=page.url, original_date=True, extensive_search=False, max_date=latest.strftime("%Y-%m-%d")
    )
    if not found:
        return None
    guess = datetime.fromisoformat(found).replace(tzinfo=UTC)
    # htmldate looks at titles and at every <time>, too.
    others = (*(visible_metadata.first_date(title, told_as) for title in known.titles), *map(dates.parse_date, known.unrelated_dates))
    return None if any(moment and moment.time.date() == guess.date() for moment in others) else guess


def _signed(layout: Layout, kept: list[Block], reading: ExtractionOptions) -> tuple[str, ...]:
    return visible_metadata.find_authors(layout, kept[0].index, kept[-1].index, [reading.outlet_name]) if kept else ()
