"""Finds the publication date and the authors in visible lines above and below the story's text."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from monitor.date_text import first_date_in_line
from monitor.extract import bylines
from monitor.extract.blocks import SENTENCE_END, comparison_key
from monitor.extract.person_names import is_capitalized_name, is_person_name
from monitor.extract.phrases import has_date, is_date_or_signature_line
from monitor.extract.regions import Region
from monitor.extract.vocabulary import regex_alternatives

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.date_text import NumericDateResolver, ParsedTime
    from monitor.extract.blocks import Block, Layout

# The beginning of a line that names its author: "By Anna", "Autor: Anna".
_SIGNATURE_PATTERN = re.compile(
    r"\s*(?:(?:by|von|par|por|de|di|door|av|af|przez|от|nga|autor(?:in)?|auteur|автор|от автора|作者|記者|记者|文)"
    rf"[:：]?\s+\S|(?:{regex_alternatives('byline_labels')})(?:\s*[:：/／｜|●丨・]\s*|(?<=\w\w)\s+)\S)",
    re.IGNORECASE,
)
# In the URL of a page about an author.
_AUTHOR_PATH_PATTERN = re.compile(rf"/(?:{regex_alternatives('author_paths')})/[^/]", re.IGNORECASE)
_KANA_PATTERN = re.compile(r"[\u3040-\u30ff]")
_MAX_UNMARKED_WORDS = 3  # of a name that neither a label nor a link marks
_MIN_PARAGRAPH_WEIGHT = 60  # of running text
_MAX_LINE_CHARACTERS = 80  # of a line that may be a byline
_FLUSH_RIGHT_STYLE_PATTERN = re.compile(r"text-align\s*:\s*(?:right|end)", re.IGNORECASE)
# The label of a date where a line or a sentence in it begins.
_DATELINE_LABEL_PATTERN = re.compile(
    rf"(?:^|[.|·•]\s)\W*(?:{regex_alternatives('datelines')})\b(?=\W+(?:\w+\W+){{0,2}}\d)", re.IGNORECASE
)
# Between the parts of a line of metadata.
_LINE_PART_SEPARATOR_PATTERN = re.compile(r"\s*[|｜·•/]\s*|\s[–—-]\s|\n")
# Two to five words without digits at their beginning.
_PERSON_NAME_PATTERN = re.compile(r"(?!\d)\w[\w.'’-]*(?: (?!\d)\w[\w.'’-]*){1,4}")
# Regions whose dates and names do not belong to the story.
_NON_STORY_REGIONS = Region.RELATED | Region.COMMENTS | Region.FOOTER | Region.CAPTION | Region.FIGURE
# Regions whose lines "By ..." do not sign the story.  Class names of bylines mention comments, footers and more.
_NON_BYLINE_REGIONS = Region.RELATED | Region.CAPTION | Region.FIGURE
# The beginning of a label of an update's time: "Last updated".
UPDATE_LABEL_PATTERN = re.compile(
    r"\W*(?:last |latest |page |letzte |zuletzt |dernière |última |ultimo )?"
    rf"(?:{regex_alternatives('update_labels')})",
    re.IGNORECASE,
)


def find_visible_published_time(
    blocks: Sequence[Block], kept: Sequence[Block], titles: Iterable[str], day_of: NumericDateResolver
) -> ParsedTime | None:
    """Returns the date of the line nearest to the story's text: above or in its first block, else below or behind it.

    ``kept`` are the story's blocks, at least one.  Titles and sentences are skipped, because their dates are those of
    events.  A date labelled as that of an update is returned only if no other line has a date; None without any date.
    """
    first, last = kept[0].index, kept[-1].index
    below = [block for block in blocks[last + 1 : last + 13] if not block.region & (Region.SHARE | Region.FORM)]
    second = next((block.index for block in kept[1:] if block.weight > _MIN_PARAGRAPH_WEIGHT), first)
    behind = [  # the first block may be the standfirst
        block
        for block in blocks[first + 1 : min(second, first + 9)]
        if block.region & Region.META and not block.region & Region.BODY
    ]
    near = [*blocks[max(0, first - 12) : first][::-1], *blocks[first : first + 1], *below[:4], *behind]
    title_letters = {comparison_key(title) for title in titles}
    updated = None
    for block in near:
        if (
            len(block.text) > 160
            or _is_in_non_story_region(block)
            or _is_title_or_sentence(block)
            or block.comparison_key in title_letters
        ):
            continue
        time = first_date_in_line(block.text, day_of)
        if time is not None and not UPDATE_LABEL_PATTERN.match(block.text):
            return time
        updated = updated or time
    return updated


def _is_in_non_story_region(block: Block) -> bool:
    """Returns True if the block is in a region whose dates are not the story's.

    A line of metadata may have the name of a comment counter.
    """
    foreign = block.region & _NON_STORY_REGIONS
    return bool(foreign & ~Region.COMMENTS if block.region & Region.META else foreign)


def _is_title_or_sentence(block: Block) -> bool:
    """Returns True if the block is a title, or a sentence of more than 40 characters outside of byline and date."""
    if block.region & Region.TITLE or block.tag == "h1":
        return True
    if len(block.text) <= 40 or block.region & Region.META or SENTENCE_END.search(block.text) is None:
        return False
    if _DATELINE_LABEL_PATTERN.search(block.text) and len(block.text) < 100:
        return False  # "Published on 4 May 2026 by Anna in News."
    parts = _LINE_PART_SEPARATOR_PATTERN.split(block.text)  # "04.05.2026 | Source: Herald | 2 min." is no sentence
    return len(parts) < 2 or max(map(len, parts)) > 40


def find_visible_authors(layout: Layout, kept: Sequence[Block], sites: Sequence[str]) -> tuple[str, ...]:
    """Returns the authors that lines beside the story name; () if none.

    These are, in this order: a short line "By ..." above the text or behind its first paragraph, which may be the
    standfirst; there, a link to a page about an author, or a person's name beside the date; a flush-right name below.
    ``kept`` are the story's blocks, at least one; ``sites`` are names that are no authors.
    """
    first, last = kept[0].index, kept[-1].index
    near = _lines_near_beginning(layout, kept)
    for index, block in enumerate(near):
        text = block.text
        if bylines.is_byline_prefix(text):  # "By" in an element of its own
            text = "\n".join([text, *(next_block.text for next_block in near[index + 1 : index + 4])])
        elif not _SIGNATURE_PATTERN.match(text):
            continue
        authors = bylines.author_names([[text]], sites)
        if any(map(is_capitalized_name, authors)):
            return authors
    near = [block for block in near if not block.region & _NON_STORY_REGIONS]
    linked = [block.text for block in near if _is_link_to_author(layout, block)]
    authors = bylines.author_names([linked[:4]], sites)
    if any(map(is_person_name, authors)):
        return authors
    for block in near:
        name = _name_beside_date(layout, block)
        if name:
            return bylines.author_names([[name]], sites)
    for block in layout.blocks[max(first, last - 1) : last + 3]:
        style = layout.nodes[block.node_index].element.get("style", "")
        if (
            _FLUSH_RIGHT_STYLE_PATTERN.search(style)
            and _PERSON_NAME_PATTERN.fullmatch(block.text)
            and not block.region & _NON_STORY_REGIONS
        ):
            return bylines.author_names([[block.text]], sites)
    return ()


def _name_beside_date(layout: Layout, block: Block) -> str:
    """Returns the person's name that the block holds without a link; "" if it holds none.

    The block's other parts, or the blocks directly before and after it, must hold a date or begin as a byline does.
    """
    parts = _LINE_PART_SEPARATOR_PATTERN.split(block.text)
    names = [part for part in parts if 2 <= len(part.split()) <= _MAX_UNMARKED_WORDS and is_person_name(part)]
    names = [name for name in names if not _KANA_PATTERN.search(name)]  # labels; Japanese names are mostly in kanji
    if len(names) != 1 or block.linked_characters:
        return ""
    if len(parts) > 1:
        return names[0] if has_date(block.text) else ""
    beside = layout.blocks[max(0, block.index - 1) : block.index + 2]
    return names[0] if any(is_date_or_signature_line(line.text) for line in beside) else ""


def shows_author(blocks: Sequence[Block], authors: Iterable[str]) -> bool:
    """Returns True if the page shows one of the names, or a short line has the last word of one."""
    names = [(comparison_key(author), comparison_key(author.split()[-1])) for author in authors]
    return any(
        (last_word if len(block.text) < _MAX_LINE_CHARACTERS else name) in block.comparison_key
        for name, last_word in names
        for block in blocks
    )


def _lines_near_beginning(layout: Layout, kept: Sequence[Block]) -> list[Block]:
    """Returns the short lines above the story's text, and those between its first and its second block.

    Lines above the title are left out if the title is among the ten blocks above the text.
    """
    first = kept[0].index
    second = next((block.index for block in kept[1:] if block.weight > _MIN_PARAGRAPH_WEIGHT), first)
    above = layout.blocks[max(0, first - 10) : first]
    titles = [index for index, block in enumerate(above) if block.tag == "h1" or block.region & Region.TITLE]
    lines = [*layout.blocks[first + 1 : min(second, first + 9)], *above[titles[-1] + 1 if titles else 0 :]]
    return [
        block for block in lines if len(block.text) < _MAX_LINE_CHARACTERS and not block.region & _NON_BYLINE_REGIONS
    ]


def _is_link_to_author(layout: Layout, block: Block) -> bool:
    """Returns True if the block is linked names of persons, and a link leads to a page about an author."""
    if block.link_density < 0.6 or block.node_index < 0:
        return False
    names = bylines.author_names([[block.text]])
    if not names or not all(map(is_person_name, names)):
        return False
    element = layout.nodes[block.node_index].element
    links = [*element.iter("a"), *islice(element.iterancestors("a"), 1)]
    return any(_AUTHOR_PATH_PATTERN.search(link.get("href", "")) for link in links[:3])
