"""Finds the publication date and the authors in visible lines above and below the story's text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from monitor.date_text import first_date_in_line
from monitor.extract import bylines
from monitor.extract.blocks import SENTENCE_END, comparison_key
from monitor.extract.regions import Region
from monitor.extract.vocabulary import regex_alternatives

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.date_text import NumericDateResolver, ParsedTime
    from monitor.extract.blocks import Block, Layout

# The beginning of a line that names its author: "By Anna", "Autor: Anna".
_SIGNATURE_PATTERN = re.compile(
    r"\s*(?:by|von|par|por|de|di|door|av|af|przez|от|autor(?:in)?|auteur|автор|от автора|作者|記者|记者|文)[:：]?\s+\S",
    re.IGNORECASE,
)
_FLUSH_RIGHT_STYLE_PATTERN = re.compile(r"text-align\s*:\s*(?:right|end)", re.IGNORECASE)
# Two to five words without digits at their beginning.
_PERSON_NAME_PATTERN = re.compile(r"(?!\d)\w[\w.'’-]*(?: (?!\d)\w[\w.'’-]*){1,4}")
# Regions whose dates and names do not belong to the story.
_NON_STORY_REGIONS = Region.RELATED | Region.COMMENTS | Region.FOOTER | Region.CAPTION | Region.FIGURE
# The beginning of a label of an update's time: "Last updated".
UPDATE_LABEL_PATTERN = re.compile(
    r"\W*(?:last |latest |page |letzte |zuletzt |dernière |última |ultimo )?"
    rf"(?:{regex_alternatives('update_labels')})",
    re.IGNORECASE,
)


def find_visible_published_time(
    blocks: Sequence[Block], kept: Sequence[Block], titles: Iterable[str], day_of: NumericDateResolver
) -> ParsedTime | None:
    """Returns the date of the line nearest to the story's text: above or in its first block, else below its last one.

    ``kept`` are the story's blocks, at least one.  Titles and sentences are skipped, because their dates are those of
    events.  A date labelled as that of an update is returned only if no other line has a date; None without any date.
    """
    first, last = kept[0].index, kept[-1].index
    below = [block for block in blocks[last + 1 : last + 13] if not block.region & (Region.SHARE | Region.FORM)]
    near = [*blocks[max(0, first - 12) : first][::-1], *blocks[first : first + 1], *below[:4]]
    title_letters = {comparison_key(title) for title in titles}
    updated = None
    for block in near:
        if (
            len(block.text) > 160
            or block.region & _NON_STORY_REGIONS
            or _is_title_or_sentence(block)
            or block.comparison_key in title_letters
        ):
            continue
        time = first_date_in_line(block.text, day_of)
        if time is not None and not UPDATE_LABEL_PATTERN.match(block.text):
            return time
        updated = updated or time
    return updated


def _is_title_or_sentence(block: Block) -> bool:
    """Returns True if the block is a title, or a sentence of more than 40 characters outside of byline and date."""
    if block.region & Region.TITLE or block.tag == "h1":
        return True
    return len(block.text) > 40 and not block.region & Region.META and SENTENCE_END.search(block.text) is not None


def find_visible_authors(layout: Layout, first: int, last: int, sites: Sequence[str]) -> tuple[str, ...]:
    """Returns the authors in a short line "By ..." above the story, else in a flush-right name below it; () if none.

    ``first`` and ``last`` are the indexes of the story's first and last block; ``sites`` are names that are no authors.
    """
    for block in layout.blocks[max(0, first - 8) : first][::-1]:
        if (
            len(block.text) < 80
            and _SIGNATURE_PATTERN.match(block.text)
            and not block.region & (Region.RELATED | Region.CAPTION)
        ):
            authors = bylines.author_names([[block.text]], sites)
            if authors:
                return authors
    for block in layout.blocks[max(first, last - 1) : last + 3]:
        style = layout.nodes[block.node_index].element.get("style", "")
        if (
            _FLUSH_RIGHT_STYLE_PATTERN.search(style)
            and _PERSON_NAME_PATTERN.fullmatch(block.text)
            and not block.region & _NON_STORY_REGIONS
        ):
            return bylines.author_names([[block.text]], sites)
    return ()
