"""Decides whether a page is a story, and which flags the story gets (paywall, truncated, consent, live)."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.dates import find_url_date
from monitor.extract import phrases, titles
from monitor.extract.blocks import SUBHEADING_TAGS, alphabetic_length, comparison_key, total_weight
from monitor.extract.regions import Region
from monitor.extract.vocabulary import all_entries, regex_alternatives
from monitor.models import NotArticle
from monitor.urls import is_front_page_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.html import HtmlElement

    from monitor.extract.blocks import Block, Layout
    from monitor.extract.metadata import Metadata
    from monitor.models import Page

# First bytes of images, audio, video, PDF and archives.
_BINARY_FILE_SIGNATURE_PATTERN = re.compile(
    rb"\s*(?:%PDF|\x89PNG|\xff\xd8\xff|GIF8|RIFF|PK\x03\x04|\x1f\x8b|OggS|ID3|\x00\x00\x00.ftyp)", re.DOTALL
)
# First bytes of an RSS or Atom feed or of a sitemap.
_FEED_START_PATTERN = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*(?:<\?[^>]{0,500}\?>\s*|<!--.{0,500}?-->\s*)*)?"
    rb"<(?:rss|feed|urlset|sitemapindex|rdf:RDF)\b",
    re.DOTALL,
)
_INDEX_URL_PATTERN = re.compile(
    rf"/(?:{regex_alternatives('index_paths')})(?:/|$)|[?&](?:s|q|query|search|tag|cat|category|author|page|paged)=",
    re.IGNORECASE,
)
_VIDEO_PATH_PATTERN = re.compile(
    r"/(?:video|videos|watch|live-tv|tv|mediathek|podcasts?|audio|gallery|galleries|photos?|fotos?|slideshow"
    r"|bildergalerie)(?:/|$|-)",
    re.IGNORECASE,
)
_LOGIN_PATH_PATTERN = re.compile(
    r"/(?:login|signin|sign-in|log-in|anmelden|account|register|subscribe|abo)(?:[/?.]|$)", re.IGNORECASE
)
_ERROR_TITLE_PATTERN = re.compile(regex_alternatives("error_titles"), re.IGNORECASE)
_ERROR_TITLE_FILLER_WORDS = frozenset(all_entries("error_fillers"))
_JAVASCRIPT_WALL_PATTERN = re.compile(regex_alternatives("javascript_walls"), re.IGNORECASE)
_CONSENT_WALL_PATTERN = re.compile(regex_alternatives("consent_walls"), re.IGNORECASE)
_PAYWALL_PATTERN = re.compile(regex_alternatives("paywalls"), re.IGNORECASE)
_DISCLAIMER_PATTERN = re.compile(regex_alternatives("disclaimers"), re.IGNORECASE)
_UNSPACED_WORD_PATTERN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_ANY_WALL_PATTERN = re.compile(
    f"{_CONSENT_WALL_PATTERN.pattern}|{_JAVASCRIPT_WALL_PATTERN.pattern}|{_PAYWALL_PATTERN.pattern}",
    re.IGNORECASE,
)
_TRAILING_ELLIPSIS_PATTERN = re.compile(r"(?:…|\.\.\.|\[…\]|\[\.\.\.\])\W{0,3}$")
_MIN_UNPROVEN_STORY_CHARACTERS = 140  # of running text; a page with less is a story only if metadata and title prove it
_MIN_STORY_CHARACTERS = 60  # of running text; a page with less is never a story
_WORD_PATTERN = re.compile(r"\w+")
_LETTERS_PATTERN = re.compile(r"[^\W\d]+")
_STORY_JSON_LD_TYPES = frozenset(
    {
        "NewsArticle",
        "Article",
        "ReportageNewsArticle",
        "LiveBlogPosting",
        "BlogPosting",
        "OpinionNewsArticle",
        "AnalysisNewsArticle",
    }
)
# Types of JSON-LD objects that describe a site or its front page.
_SITE_JSON_LD_TYPES = frozenset(
    {"WebSite", "Organization", "NewsMediaOrganization", "CollectionPage", "SiteNavigation"}
)
_MIN_FRONT_PAGE_HEADLINES = 8  # linked, of a front page without metadata
_MIN_HEADLINES_BEFORE_DISCLAIMER = 5  # linked, between a title and a text that is not about it
_MAX_REQUIRED_WORDS = 3  # of the title that a text must repeat to be about it
_MIN_BUTTONS = 3  # of a page that advertises
_LANGUAGE_FRONT_PAGE_PATH_PATTERN = re.compile(r"/[a-z]{2}(?:[-_][a-z]{2})?/?", re.IGNORECASE)
_MIN_SECTION_HEADLINES = 8  # linked, of a section page
_MAX_SECTION_CHARACTERS = 3000  # of running text of a section or landing page
_MIN_DATED_LINKS = 8  # of a list of headlines with their times
_MAX_DISCLAIMER_CHARACTERS = 1000  # of running text, up to which a page may hold nothing but a disclaimer
_INDEX_JSON_LD_TYPES = frozenset({"CollectionPage", "SearchResultsPage", "ProfilePage"})


def reject_non_html(page: Page) -> NotArticle | None:
    """Returns the page's kind if its first bytes or its content type show that it is not HTML; None otherwise."""
    content_type = page.content_type.lower()
    if _BINARY_FILE_SIGNATURE_PATTERN.match(page.body[:100]) or content_type.startswith(
        ("image/", "video/", "audio/", "application/pdf")
    ):
        return NotArticle(kind="media", detail=content_type or "by its first bytes")
    if _FEED_START_PATTERN.match(page.body[:2000].lstrip(b"\xef\xbb\xbf")):
        return NotArticle(kind="index", detail="a feed or sitemap")
    if content_type.startswith("application/json") and page.body.lstrip()[:1] in {b"{", b"["}:
        return NotArticle(kind="media", detail="JSON")
    if not page.body or page.body.isspace():
        return NotArticle(kind="empty", detail="no bytes")
    return None


def reject_non_story(
    page: Page, root: HtmlElement, layout: Layout, metadata: Metadata, kept: Sequence[Block]
) -> NotArticle | None:
    """Returns the page's kind if it is not a story; None if it is.

    ``kept`` holds the blocks that were chosen as the story's text.
    """
    length = total_weight(kept)
    path = urlsplit(page.url).path
    claims_story = (
        bool(metadata.json_ld_types & _STORY_JSON_LD_TYPES) or metadata.og_type == "article" or metadata.has_json_ld
    )
    # Proof that a short text is a story; `proven` is not used for texts of 600 or more characters.
    proven = (
        length < 600
        and (claims_story or metadata.published_at is not None)
        and _shares_words_with_title(metadata, kept)
    )

    if (
        length < 600
        and not proven
        and not metadata.published_at
        and any(map(_is_error_title, (metadata.title, *metadata.all_titles)))
    ):
        return NotArticle(kind="error", detail=metadata.title[:200])
    if length < 600 and not proven and _is_consent_wall(layout, kept, length):
        return NotArticle(kind="consent", detail=" ".join(block.text for block in layout.blocks[:40])[:200])
    if length < 400 and not claims_story and _is_login_page(root, path, proven=proven):
        return NotArticle(kind="login", detail=metadata.title[:200])
    if (
        (
            _is_index_page(layout, metadata, page.url, length, claims_story=claims_story)
            and not _is_brief(layout, metadata, page.url, kept)
        )
        or _is_teaser_list_page(layout, metadata, kept)
        or _is_list_with_times(layout, metadata, kept)
        or _is_front_or_landing_page(layout, metadata, page.url, kept)
    ):
        return NotArticle(kind="tag" if _INDEX_URL_PATTERN.search(page.url) else "index", detail=metadata.title[:200])
    if length < 300 and (
        metadata.og_type.startswith("video")
        or (_VIDEO_PATH_PATTERN.search(path) and length < _MIN_UNPROVEN_STORY_CHARACTERS)
    ):
        return NotArticle(kind="video", detail=metadata.title[:200])
    if length < _MIN_UNPROVEN_STORY_CHARACTERS and "VideoObject" in metadata.json_ld_types:
        return NotArticle(kind="video", detail=metadata.title[:200])
    if (
        length < _MIN_UNPROVEN_STORY_CHARACTERS
        and not proven
        and _JAVASCRIPT_WALL_PATTERN.search(_visible_text(root, layout, length))
    ):
        return NotArticle(kind="script", detail="asks for JavaScript")
    if length < _MAX_DISCLAIMER_CHARACTERS and not proven and _is_disclaimer(layout, metadata, kept):
        return NotArticle(kind="empty", detail="only a disclaimer of the site")
    if not kept or length < _MIN_STORY_CHARACTERS:
        scripted = sum(len(block.text) for block in layout.blocks) < 400 and len(root.findall(".//script")) > 2
        return NotArticle(
            kind="script" if scripted else "empty", detail=f"{len(layout.blocks)} blocks, no running text"
        )
    return None


def with_described_story(not_article: NotArticle, metadata: Metadata) -> NotArticle:
    """Returns a copy with the title and summary of the story that the page's metadata describes, if it is one.

    Metadata that does not claim a story may be that of the wall that is shown in its place.
    """
    if not (metadata.has_own_json_ld or metadata.og_type == "article"):
        return not_article
    return replace(not_article, title=metadata.title, summary=metadata.description)


def _is_index_page(layout: Layout, metadata: Metadata, url: str, length: float, *, claims_story: bool) -> bool:
    """Returns True if the page is a list of stories: many linked headlines, and little running text.

    ``length`` is the amount of running text.  ``claims_story`` says that the metadata describes one article.
    """
    if claims_story and metadata.json_ld_article_count <= 2 and metadata.published_at:
        return False
    headlines = _linked_headline_count(layout)
    if metadata.json_ld_article_count > 5 and headlines >= 10 and not metadata.has_own_json_ld:
        return length < 1500
    if claims_story:
        return False
    if _INDEX_URL_PATTERN.search(url) or metadata.json_ld_types & _INDEX_JSON_LD_TYPES:
        return headlines >= 5 and length < 60 * headlines and length < 1500
    return headlines >= (8 if is_front_page_url(url) else 15) and length < min(400, 25 * headlines)


def _linked_headline_count(layout: Layout) -> int:
    """Returns the number of linked headlines outside of menus and footers."""
    return sum(
        1
        for block in layout.blocks
        if block.link_density > 0.8 and 25 <= len(block.text) <= 200 and not block.region & (Region.NAV | Region.FOOTER)
    )


def _is_brief(layout: Layout, metadata: Metadata, url: str, kept: Sequence[Block]) -> bool:
    """Returns True if the page is a short story: a dated text below its title, about the title.

    The date may be stated by the metadata, by the URL, or by a line between the title and the end of the text.
    """
    title = comparison_key(metadata.title)
    above = [
        block
        for block in layout.blocks[: kept[0].index if kept else 0]
        if block.comparison_key == title
        or (block.tag in SUBHEADING_TAGS and len(block.comparison_key) >= 10 and title.startswith(block.comparison_key))
    ]
    if not above or not _shares_words_with_title(metadata, kept):
        return False
    between = layout.blocks[above[-1].index + 1 : kept[0].index]
    if sum(block.link_density > 0.8 and len(block.text) >= 25 for block in between) > 1:  # one may be an advertisement
        return False
    lines = layout.blocks[above[-1].index : kept[-1].index + 3]
    is_dated = metadata.published_at or find_url_date(url)
    return bool(is_dated) or any(len(line.text) < 80 and phrases.has_date(line.text) for line in lines)


def _describes_one_story(metadata: Metadata) -> bool:
    """Returns True if the metadata describes the page as one story."""
    return (
        metadata.has_own_json_ld
        or metadata.og_type == "article"
        or (0 < metadata.json_ld_article_count <= 2 and metadata.published_at is not None)
    )


def _is_list_with_times(layout: Layout, metadata: Metadata, kept: Sequence[Block]) -> bool:
    """Returns True if most of the text is lines with a time and a link, and neither metadata nor title show a story."""
    if _describes_one_story(metadata) or _is_about_shown_title(layout, metadata, kept):
        return False
    lines = [
        block
        for block in kept
        if block.weight
        and len(block.text) <= 300
        and alphabetic_length(block.text[: block.linked_characters] or " ") >= 20
        and phrases.has_date_or_time(block.text)
    ]
    return len(lines) >= _MIN_DATED_LINKS and total_weight(lines) > 0.6 * total_weight(kept)


def _is_front_or_landing_page(layout: Layout, metadata: Metadata, url: str, kept: Sequence[Block]) -> bool:
    """Returns True if the page is the front page of a site, or introduces a site or section rather than tells a story.

    At the address of a front page, metadata that describes a site is enough; without any, the page must have linked
    headlines and a text that is not about its title.  At other addresses, the page states neither a date nor an author,
    and its title is the site's name, or is shown in no heading above a list of headlines, or its text is interspersed
    with links as short as those of buttons.
    """
    if is_front_page_url(url) or _LANGUAGE_FRONT_PAGE_PATH_PATTERN.fullmatch(urlsplit(url).path):
        if metadata.og_type:
            return metadata.og_type != "article"
        if _describes_one_story(metadata):
            return False
        if metadata.json_ld_types & _SITE_JSON_LD_TYPES:
            return True
        return _linked_headline_count(layout) >= _MIN_FRONT_PAGE_HEADLINES and not _has_story_title(
            layout, metadata, kept
        )
    is_long = total_weight(kept) >= _MAX_SECTION_CHARACTERS
    if is_long or _describes_one_story(metadata) or metadata.published_at or metadata.authors:
        return False
    title = comparison_key(metadata.title)
    host = comparison_key((urlsplit(url).hostname or "").removeprefix("www.").split(".")[0])
    if title and title in {comparison_key(metadata.publisher), host}:
        return True
    if find_url_date(url):
        return False
    if metadata.og_type == "website" and _has_buttons(layout, kept):
        return True
    if _is_about_shown_title(layout, metadata, kept):
        return False
    min_headlines = _MIN_SECTION_HEADLINES if metadata.og_type == "website" else 2 * _MIN_SECTION_HEADLINES
    return _linked_headline_count(layout) >= min_headlines and not _is_about_title(metadata, kept)


def _has_buttons(layout: Layout, kept: Sequence[Block]) -> bool:
    """Returns True if short links alternate with the story's blocks, as the buttons of a page that advertises do."""
    if not kept:
        return False
    between = layout.blocks[kept[0].index : kept[-1].index + 3]
    buttons = [block for block in between if block.link_density > 0.9 and len(block.text) < 25]
    return (
        len(buttons) >= _MIN_BUTTONS
        and 2 * len(buttons) >= len(kept)
        and not any(phrases.has_date(block.text) for block in layout.blocks if len(block.text) < 80)
    )


def _is_about_shown_title(layout: Layout, metadata: Metadata, kept: Sequence[Block]) -> bool:
    """Returns True if the page shows its title as an h1 and the text shares several words with it."""
    title = comparison_key(metadata.title)
    return any(block.tag == "h1" and block.comparison_key == title for block in layout.blocks) and (
        _is_about_title(metadata, kept)
    )


def _has_story_title(layout: Layout, metadata: Metadata, kept: Sequence[Block]) -> bool:
    """Returns True if the text is about the title, or the title is a long h1; False if its heading is a link."""
    title = comparison_key(metadata.title)
    headings = [block for block in layout.blocks if block.tag in {"h1", "h2"} and block.comparison_key == title]
    if headings and headings[0].link_density > 0.8:
        return False
    is_long_h1 = any(heading.tag == "h1" for heading in headings) and alphabetic_length(metadata.title) >= 20
    is_shown = any(block.comparison_key == title for block in layout.blocks)
    return is_long_h1 or (is_shown and _is_about_title(metadata, kept))


def _is_about_title(metadata: Metadata, kept: Sequence[Block]) -> bool:
    """Returns True if the story's blocks repeat three words of the title, or three fifths of a short title's words."""
    title_words = _word_prefixes(metadata.title)
    words: set[str] = set()
    for block in kept:
        words |= _word_prefixes(block.text)
    return len(title_words & words) >= max(1, min(_MAX_REQUIRED_WORDS, math.ceil(0.6 * len(title_words))))


def _is_disclaimer(layout: Layout, metadata: Metadata, kept: Sequence[Block]) -> bool:
    """Returns True if the text is not that of a story: a disclaimer of the site (privacy, advertising, licence ...).

    Also if the text shares no word with the title, and is a dialogue or stands below five or more linked headlines
    that follow the title.
    """
    text_blocks = [block for block in kept if block.weight]
    title_words = _word_prefixes(metadata.title)
    is_disclaimer = all(
        _DISCLAIMER_PATTERN.search(block.text) and len(title_words & _word_prefixes(block.text)) < 2
        for block in text_blocks
    )
    if not text_blocks or is_disclaimer:
        return bool(text_blocks)
    if _shares_words_with_title(metadata, kept):
        return False
    if all(_is_in_dialogue(layout, block) for block in text_blocks):
        return True
    title = comparison_key(metadata.title)
    title_index = next((block.index for block in layout.blocks if block.comparison_key == title), None)
    if title_index is None:
        return False
    between = layout.blocks[title_index + 1 : text_blocks[0].index]
    return (
        sum(block.link_density > 0.8 and len(block.text) >= 25 for block in between) >= _MIN_HEADLINES_BEFORE_DISCLAIMER
    )


def _is_in_dialogue(layout: Layout, block: Block) -> bool:
    """Returns True if an element around the block is marked as a dialogue or form and does not hold the page's h1."""
    nodes = [layout.nodes[index] for index in layout.ancestors_or_self(block.node_index)]
    return any(
        node.markup_regions & (Region.CONSENT | Region.FORM) and next(node.element.iter("h1"), None) is None
        for node in nodes
    )


def _is_teaser_list_page(layout: Layout, metadata: Metadata, kept: Sequence[Block]) -> bool:
    """Returns True if most of the text stands below linked headlines and the metadata does not describe one story."""
    if _describes_one_story(metadata):
        return False
    cards = [
        block for block in kept if block.weight and len(block.text) <= 400 and _is_below_linked_headline(layout, block)
    ]
    return len(cards) >= 5 and total_weight(cards) > 0.7 * total_weight(kept)


def _is_below_linked_headline(layout: Layout, block: Block) -> bool:
    """Returns True if one of the two blocks before the block is a linked headline."""
    near = layout.blocks[max(0, block.index - 2) : block.index]  # two, because a date may come between
    return any(title.link_density > 0.9 and 25 <= len(title.text) <= 200 for title in near)


def _shares_words_with_title(metadata: Metadata, kept: Sequence[Block]) -> bool:
    """Returns True if a text block shares a word with the title, unlike the texts of paywalls and consent dialogues.

    A block that matches `_ANY_WALL_PATTERN` must share two words.
    """
    title = _word_prefixes(metadata.title)
    return any(
        block.weight and len(title & _word_prefixes(block.text)) >= (2 if _ANY_WALL_PATTERN.search(block.text) else 1)
        for block in kept
    )


def _word_prefixes(text: str) -> set[str]:
    """Returns the first five letters of each word of four or more letters, case-folded: a crude stem.

    Of Chinese, Japanese and Korean, which write words without spaces, returns all sequences of four characters.
    """
    prefixes: set[str] = set()
    for word in _WORD_PATTERN.findall(text.casefold()):
        if len(word) > 4 and _UNSPACED_WORD_PATTERN.search(word):
            prefixes.update(word[start : start + 4] for start in range(len(word) - 3))
        elif len(word) > 3:
            prefixes.add(word[:5])
    return prefixes


def _is_error_title(title: str) -> bool:
    """Returns True if a section of the title, split at its separators, is only an error message such as "Not found"."""
    return any(
        _ERROR_TITLE_PATTERN.search(part)
        and not set(_LETTERS_PATTERN.findall(_ERROR_TITLE_PATTERN.sub(" ", part).casefold()))
        - _ERROR_TITLE_FILLER_WORDS
        for part in titles.TITLE_SEPARATOR_PATTERN.split(title)
        if part
    )


def _is_login_page(root: HtmlElement, path: str, *, proven: bool) -> bool:
    """Returns True if the URL's path is that of a login, or if a page not proven a story asks for a password."""
    return bool(_LOGIN_PATH_PATTERN.search(path)) or (
        not proven and bool(root.xpath('boolean(//input[@type="password"])'))
    )


def _visible_text(root: HtmlElement, layout: Layout, length: float) -> str:
    """Returns the texts of the page's blocks; for a page with little text, all its text, <noscript> included."""
    if length < _MIN_STORY_CHARACTERS:
        return str(root.text_content())[:200_000]
    return "\n".join(block.text for block in layout.blocks)[:200_000]


def _is_consent_wall(layout: Layout, kept: Sequence[Block], length: float) -> bool:
    """Returns True if the chosen text, or that of a page with little text, asks for consent to cookies."""
    if kept and _CONSENT_WALL_PATTERN.search(" ".join(block.text for block in kept[:3])):
        return True
    shown = [
        block for block in layout.blocks[:40] if length < _MIN_STORY_CHARACTERS or not block.region & Region.CONSENT
    ]
    return length < _MIN_UNPROVEN_STORY_CHARACTERS and bool(
        _CONSENT_WALL_PATTERN.search(" ".join(block.text for block in shown)[:4000])
    )


def story_flags(layout: Layout, metadata: Metadata, kept: Sequence[Block]) -> tuple[str, ...]:
    """Returns the story's flags; empty if none applies.

    ``paywall``: reading on costs money; ``truncated``: the page holds only the beginning; ``consent``: the text is that
    of a consent dialogue; ``live``: a live blog, whose text still grows.
    """
    names = []
    last = max((block.index for block in kept), default=0)  # texts from the metadata have the index of the first block
    near = layout.blocks[kept[0].index : last + 15] if kept else layout.blocks
    length = total_weight(kept)
    searched = near if length < 1500 else [block for block in near if block.region & Region.PAYWALL]
    # Many outlets send the prompt to pay with every story, hidden, and show it with a script to some readers.
    walls = [
        block
        for block in searched
        if len(block.text) < 300 and not block.region & Region.HIDDEN and _PAYWALL_PATTERN.search(block.text)
    ]
    walled = any(block.region & Region.PAYWALL for block in walls) or (bool(walls) and length < 1500)
    is_filled_up = any("ipsum" in block.text and phrases.is_filler(block.text) for block in near)
    if metadata.is_declared_paid or walled or is_filled_up:
        names.append("paywall")
    last_text = kept[-1].text if kept else ""
    states_more = bool(kept) and len(metadata.json_ld_body) > max(400, 2 * sum(len(block.text) for block in kept))
    if (
        _TRAILING_ELLIPSIS_PATTERN.search(last_text)
        or (walled and length < 1200)
        or (metadata.is_declared_paid and length < 600)
        or states_more
        or is_filled_up
    ):
        names.append("truncated")
    if any(_CONSENT_WALL_PATTERN.search(block.text) for block in kept[:2]):
        names.append("consent")
    if metadata.is_live_blog or (phrases.LIVE_TITLE_PATTERN.search(metadata.title) and len(kept) > 20):
        names.append("live")
    return tuple(names)
