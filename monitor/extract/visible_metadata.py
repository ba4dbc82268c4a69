"""Finds the publication date and the authors in visible lines above and below the story's text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor import dates
from monitor.calendar import MONTH_NUMBER_BY_NAME, TIMEZONE_BY_ABBREVIATION, with_ascii_digits
from monitor.extract import bylines
from monitor.extract.blocks import SENTENCE_END, comparison_key
from monitor.extract.regions import Region
from monitor.extract.vocabulary import regex_alternatives

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    from monitor.extract.blocks import Block, Layout

    class NumericDateResolver(Protocol):
        """`monitor.calendar.resolve_numeric_date` with the outlet's country and the page's latest time filled in."""

        def __call__(self, numbers: tuple[int, int, int], /, *, dotted: bool) -> datetime: ...


_MONTH_NAME_REGEX = r"(?:[\u0900-\u0963]{2,12}|[^\W\d]{3,12})"  # [^\W\d] does not match the vowel signs of Devanagari
# A date in figures or words; years outside of 1900 to 2099, as of other calendars (1405/09/03), do not match.
_DATE_PATTERN = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)\s?[./\-年]\s?(?P<month>\d{1,2})\s?[./\-月]\s?(?P<day>\d{1,2})"
    r"|(?<!\d)(?<!\d[./-])(?P<first>\d{1,2})\s?[./-]\s?(?P<second>\d{1,2})\s?[./-]\s?(?P<last>(?:19|20)?\d\d)(?!\d)"
    rf"|(?P<worded>(?<!\d)\d{{1,2}}(?:st|nd|rd|th|er|º|\.)?\s(?:de\s|d')?{_MONTH_NAME_REGEX}\.?,?\s(?:de\s|del\s)?(?:19|20)\d\d"
    rf"|{_MONTH_NAME_REGEX}\.?\s\d{{1,2}}(?:st|nd|rd|th)?,?\s(?:19|20)\d\d)"
)
# A time of day with an optional 12-hour mark and time zone.
_TIME_PATTERN = re.compile(
    r"(?:(?P<half>上午|下午|午前|午後|오전|오후)\s?)?(?<![\d:.])(?P<hour>\d{1,2})\s?[:.hH时時点點시]\s?(?P<minute>\d{2})"
    r"(?::\d{2})?(?!\d|\.\d)[分분]?(?:\s?(?P<english>[AaPp]\.?\s?[Mm]\b\.?))?"
    rf"(?:\s?\(?(?:(?:UTC|GMT)?(?P<offset>[+-]\d{{2}}:?\d{{2}})|(?:UTC|GMT)(?P<hours>[+-]\d{{1,2}})|(?P<zone>{'|'.join(TIMEZONE_BY_ABBREVIATION)}))\b)?"
)
# Values of the group "half" that mean p.m.
_AFTERNOON_WORDS = frozenset({"下午", "午後", "오후"})
# Between a time of day and its date: separators and at most one word, such as a weekday.
_GAP_BETWEEN_TIME_AND_DATE_PATTERN = re.compile(r"[\s,|·()–—-]*(?:[^\W\d]+\.?)?[\s,|·()–—-]*")
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
) -> dates.ParsedTime | None:
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


def first_date_in_line(text: str, day_of: NumericDateResolver) -> dates.ParsedTime | None:
    """Returns the first date in a line, with the time of day directly after or before it; None if there is no date.

    ``day_of`` decides which number of "05/11/2026" is the day.
    """
    text = with_ascii_digits(text)
    match = _DATE_PATTERN.search(text)
    if not match:
        return None
    day = _day_of_match(match, day_of)
    if day is None:
        return None
    time = _TIME_PATTERN.search(text, match.end(), match.end() + 40) or _time_match_before_date(text, match.start())
    if time:
        hour, minute, half = int(time["hour"]), int(time["minute"]), time["half"] or time["english"]
        if half:
            hour = hour % 12 + (12 if half in _AFTERNOON_WORDS or half[0] in "pP" else 0)
        if hour < 24 and minute < 60:
            zone = time["offset"] or time["hours"] or time["zone"]
            at = day.replace(hour=hour, minute=minute, tzinfo=dates.parse_timezone(zone))
            return dates.ParsedTime(at, has_time=True, has_timezone=zone is not None)
    return dates.ParsedTime(day, has_time=False, has_timezone=False)


def _time_match_before_date(text: str, end: int) -> re.Match[str] | None:
    """Returns the match of the time of day directly before a date, which starts at ``end``; None if there is none."""
    times = _TIME_PATTERN.finditer(text, max(0, end - 40), end)
    return next((time for time in times if _GAP_BETWEEN_TIME_AND_DATE_PATTERN.fullmatch(text, time.end(), end)), None)


def _day_of_match(match: re.Match[str], day_of: NumericDateResolver) -> datetime | None:
    """Returns the day that a match of `_DATE_PATTERN` states, as midnight UTC; None if the day does not exist."""
    try:
        if match["year"]:
            return datetime(int(match["year"]), int(match["month"]), int(match["day"]), tzinfo=UTC)
        if match["first"]:
            first, second, year = int(match["first"]), int(match["second"]), int(match["last"])
            return day_of((first, second, year + 2000 if year < 100 else year), dotted="." in match[0])
    except ValueError:
        return None
    day, year = (int(number) for number in re.findall(r"\d+", match["worded"]))
    month = next(
        (
            MONTH_NUMBER_BY_NAME[word]
            for word in re.findall(_MONTH_NAME_REGEX, match["worded"].casefold())
            if word in MONTH_NUMBER_BY_NAME
        ),
        0,
    )
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


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
