"""Extracts the article of a page: decodes and parses the page, reads its metadata, finds the text, judges its kind."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING

import lxml.html
from htmldate import find_date
from lxml import etree

from monitor import dates, timezones
from monitor.calendar import resolve_numeric_date
from monitor.countries import guess_country
from monitor.date_text import ParsedTime, first_date_in_line
from monitor.decoding import decode_page
from monitor.extract import (
    blocks,
    body,
    boilerplate,
    confidence,
    language,
    page_kinds,
    reference_text,
    visible_metadata,
)
from monitor.extract.article_pages import find_article_pages
from monitor.extract.metadata import read_metadata
from monitor.extract.person_names import is_person_name
from monitor.extract.text_limits import cut_characters, with_flag
from monitor.extract.trim import StoryHints
from monitor.models import Article, NotArticle
from monitor.urls import credible_canonical_url

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from monitor.extract.blocks import Block, Layout
    from monitor.extract.metadata import Metadata
    from monitor.extract.options import ExtractionOptions
    from monitor.models import Page

MAX_MARKUP_CHARACTERS = 4_000_000  # longer markup is cut off; the largest pages on the Web have two million
MAX_ATTRIBUTES_PER_ELEMENT = 1000  # tags with more are removed: the parser compares each attribute with all before it
_LONG_TAG_PATTERN = re.compile(r"<[A-Za-z][^>]{10000,}>?")
_MIN_CHARACTERS_WITHOUT_RETRY = 600  # of running text; if less remains without boilerplate, another choice is tried
ONE_DAY = timedelta(days=1)
# Gives all elements one class.  By default, lxml.html calls a Python function at each access to choose a class.
_ELEMENT_CLASS_LOOKUP = etree.ElementDefaultClassLookup(element=lxml.html.HtmlElement)

# htmldate logs errors for each bad page, which the result states too.
logging.getLogger("htmldate").setLevel(logging.CRITICAL)


def extract_article(page: Page, options: ExtractionOptions) -> Article | NotArticle:
    """Returns the page's article, or the page's kind if it has no article."""
    not_article = page_kinds.reject_non_html(page)
    if not_article:
        return not_article
    root = _parse_html(decode_page(page.body, page.encoding)[:MAX_MARKUP_CHARACTERS])
    if root is None:
        return NotArticle(kind="empty", detail="no markup")
    declared_language = root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang")
    if options.country is None:
        options = replace(options, country=guess_country(page.url, options.language or declared_language))
    for selector in options.remove_selectors:
        for element in root.cssselect(selector):
            _remove_element(element)
    metadata = read_metadata(
        root,
        page.url,
        outlet_name=options.outlet_name,
        latest=page.fetched_at + dates.MAX_CLOCK_SKEW,
        country=options.country,
    )
    layout = blocks.parse_layout(_extraction_root(root, options))
    story_blocks, method = _find_story_blocks(root, layout, metadata, page, options)
    story_blocks, block_hashes, removed_texts = boilerplate.drop_boilerplate(layout, story_blocks, options.boilerplate)
    is_nothing_removed = bool(block_hashes) and not removed_texts
    is_short = is_nothing_removed or blocks.total_weight(story_blocks) < _MIN_CHARACTERS_WITHOUT_RETRY
    # Tries the blocks chosen by markup if all blocks are boilerplate (then none was removed) or little text remains.
    if is_short and not options.boilerplate.isdisjoint(block_hashes):
        hints = StoryHints.of(metadata.title, metadata.all_titles, metadata.description)
        retry = boilerplate.drop_boilerplate(layout, body.choose_story_blocks(layout, "", hints), options.boilerplate)
        if retry[2] and (is_nothing_removed or blocks.total_weight(retry[0]) > blocks.total_weight(story_blocks)):
            (story_blocks, block_hashes, removed_texts), method = (
                retry,
                "blocks",
            )
    unshown_posts = confidence.unshown_posts(layout, metadata.live_posts, story_blocks)
    if unshown_posts:
        if blocks.total_weight(unshown_posts) > blocks.total_weight(story_blocks):
            method = "json-ld"
        story_blocks = [*story_blocks, *unshown_posts]

    uncut_text = "\n\n".join(block.text for block in story_blocks)
    text = cut_characters(uncut_text)
    not_article = page_kinds.reject_non_story(page, root, layout, metadata, story_blocks)
    if not_article:
        return page_kinds.with_described_story(not_article, metadata)
    text_language = language.detect_language(text, hint=options.language or declared_language)
    flags = page_kinds.story_flags(layout, metadata, story_blocks)
    pages = find_article_pages(root, page.url)
    return Article(
        title=metadata.title,
        text=text,
        canonical_url=credible_canonical_url(page.url, metadata.declared_urls),
        authors=_choose_authors(layout, story_blocks, metadata, options),
        published_at=_choose_published_at(root, layout, story_blocks, metadata, page=page, options=options),
        modified_at=metadata.modified_at,
        language=text_language,
        section=metadata.section,
        tags=metadata.tags,
        image=metadata.image,
        method=method,
        flags=flags if text == uncut_text else with_flag(flags, "truncated"),
        block_hashes=block_hashes,
        boilerplate=removed_texts,
        publisher=metadata.publisher,
        first_page=pages.first,
        next_page=pages.next,
        single_page=pages.single,
    )


def _parse_html(text: str) -> HtmlElement | None:
    """Returns the root element of a page's markup, without its comments; None if nothing else is in it."""
    text = _LONG_TAG_PATTERN.sub(lambda tag: " " if tag[0].count("=") > MAX_ATTRIBUTES_PER_ELEMENT else tag[0], text)
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False)
    parser.set_element_class_lookup(_ELEMENT_CLASS_LOOKUP)
    try:
        root = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, ValueError):  # the markup holds only white space or comments
        return None
    return root


def _remove_element(element: HtmlElement) -> None:
    """Removes an element with its content from its document, but not the text that follows it."""
    if element.getparent() is not None:
        element.drop_tree()


def _extraction_root(root: HtmlElement, options: ExtractionOptions) -> HtmlElement:
    """Returns the longest element that matches the configured ``article_selector``.

    Returns ``root`` if no selector is configured or no element with more than 100 characters matches.
    """
    if options.article_selector:
        container = max(root.cssselect(options.article_selector), key=lambda e: len(e.text_content()), default=None)
        if container is not None and len(container.text_content()) > 100:
            return container
    return root


def _find_story_blocks(
    root: HtmlElement, layout: Layout, metadata: Metadata, page: Page, options: ExtractionOptions
) -> tuple[list[Block], str]:
    """Returns the story's blocks and the name of the method that found them, see `Article.method`."""
    hints = StoryHints.of(metadata.title, metadata.all_titles, metadata.description)
    if options.article_selector and layout.nodes and layout.nodes[0].element is not root:
        return body.choose_story_blocks(layout, "", hints), "selector"
    json_ld_text = (
        metadata.json_ld_body
        if not metadata.is_live_blog and confidence.is_complete_story_text(layout, metadata.json_ld_body)
        else ""
    )
    if json_ld_text:
        return body.choose_story_blocks(layout, json_ld_text, hints), "json-ld"
    markup_blocks = body.choose_story_blocks(layout, "", hints)
    if confidence.is_markup_conclusive(layout, markup_blocks):
        return markup_blocks, "markup"
    text = reference_text.find_reference_text(root, layout, page.url, markup_blocks)
    story_blocks = body.choose_story_blocks(layout, text, hints)
    if (
        metadata.has_own_json_ld
        and not metadata.is_live_blog
        and blocks.total_weight(story_blocks) < 0.5 * len(metadata.json_ld_body)
    ):
        # The page shows only the beginning of the text that its metadata states in full.
        return confidence.blocks_from_text(metadata.json_ld_body, story_blocks), "json-ld"
    if confidence.is_suspiciously_short(layout, story_blocks) and blocks.total_weight(
        markup_blocks
    ) > 2 * blocks.total_weight(story_blocks):
        return markup_blocks, "blocks"
    missed_blocks = confidence.missed_blocks(layout, markup_blocks, story_blocks, hints)
    if blocks.total_weight(missed_blocks) > 0.5 * blocks.total_weight(story_blocks):
        return markup_blocks, "blocks"  # trafilatura chose boxes inside the story, or readers' comments below it
    return story_blocks, "trafilatura"


def _choose_published_at(
    root: HtmlElement,
    layout: Layout,
    story_blocks: list[Block],
    metadata: Metadata,
    *,
    page: Page,
    options: ExtractionOptions,
) -> datetime | None:
    """Returns the publication time in UTC from the page's metadata, else the feed, else the visible text; None if none.

    Metadata that states only a day is made precise by the feed's time or a visible time on the same day.  If metadata
    and feed differ by more than a day and a half, returns the feed's time if the metadata's is later, if only a <time>
    element states it, or if a visible date confirms the feed; else the metadata's.  The last resort is htmldate.
    """
    latest, default_timezone = page.fetched_at + dates.MAX_CLOCK_SKEW, timezones.timezone_of_country(options.country)
    stated_at, listed_at = metadata.published_at, options.listed_at
    if listed_at is not None and not dates.MIN_PLAUSIBLE_TIME <= listed_at <= latest:
        listed_at = None
    listed_time = (
        ParsedTime(
            listed_at.astimezone(default_timezone or UTC), has_time=listed_at.time() != time(0), has_timezone=True
        )
        if listed_at
        else None
    )
    is_day_only = stated_at is None or stated_at.time() == time(0)
    is_contradicted = stated_at is not None and listed_at is not None and abs(stated_at - listed_at) > 1.5 * ONE_DAY
    if not (is_day_only or is_contradicted):
        return stated_at
    outlet_day_of = partial(
        resolve_numeric_date, country=options.country, latest=latest, url_date=dates.find_url_date(page.url)
    )
    visible_time = (
        visible_metadata.find_visible_published_time(layout.blocks, story_blocks, metadata.all_titles, outlet_day_of)
        if story_blocks
        else None
    )
    visible_time = dates.in_timezone(visible_time, default_timezone, latest=latest) if visible_time else None
    if stated_at is not None and listed_at is not None and is_contradicted:
        is_feed_confirmed = visible_time is not None and abs(visible_time.time - listed_at) < 1.5 * ONE_DAY
        return (
            listed_at if stated_at > listed_at or metadata.is_dated_by_time_element or is_feed_confirmed else stated_at
        )
    stated_day = ParsedTime(stated_at, has_time=False, has_timezone=False) if stated_at else None
    published_at = dates.choose_plausible_time(
        [parsed for parsed in (stated_day, listed_time, visible_time) if parsed], latest=latest
    )
    if published_at is not None or layout.is_truncated or layout.element_count > reference_text.MAX_ELEMENTS:
        return published_at
    if metadata.has_future_date:  # htmldate would give the first day of its month
        return None
    htmldate_day = find_date(
        root, url=page.url, original_date=True, extensive_search=False, max_date=latest.strftime("%Y-%m-%d")
    )
    if not htmldate_day:
        return None
    guessed_at = datetime.fromisoformat(htmldate_day).replace(tzinfo=UTC)
    # A date that htmldate found in a title or a <time> element of another story is not the publication date.
    unrelated_times = (
        *(first_date_in_line(title, outlet_day_of) for title in metadata.all_titles),
        *map(dates.parse_date, metadata.unrelated_dates),
    )
    if any(parsed and parsed.time.date() == guessed_at.date() for parsed in unrelated_times):
        return None
    return guessed_at


def _choose_authors(
    layout: Layout, story_blocks: list[Block], metadata: Metadata, options: ExtractionOptions
) -> tuple[str, ...]:
    """Returns the authors of the metadata, else of lines beside the story, else the newsroom's name.

    Persons whom the page shows in a byline precede authors that only <meta> elements state: these are often publishers
    or users of the publishing system.
    """
    visible = _visible_authors(layout, story_blocks, options) if not metadata.authors else ()
    is_doubtful = bool(metadata.authors) and not metadata.has_json_ld_person
    if is_doubtful and not visible_metadata.shows_author(layout.blocks, metadata.authors):
        visible = metadata.byline_authors or _visible_authors(layout, story_blocks, options)
        visible = visible if all(map(is_person_name, visible)) else ()
    return visible or metadata.authors or metadata.newsroom_signature


def _visible_authors(layout: Layout, story_blocks: list[Block], options: ExtractionOptions) -> tuple[str, ...]:
    """Returns the authors named in lines next to the story, see `visible_metadata.find_visible_authors`."""
    if not story_blocks:
        return ()
    return visible_metadata.find_visible_authors(layout, story_blocks, [options.outlet_name])
