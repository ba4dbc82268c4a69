"""Dates and signatures that stand in the text alone: the line under a title, the line under a story."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.calendar import MONTHS, ZONES, western
from monitor.extract import bylines, dates
from monitor.extract.blocks import SENTENCE_END, fold_letters
from monitor.extract.regions import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    from monitor.extract.blocks import Block, Layout

    class DayOf(Protocol):
        """`monitor.calendar.day_of` for one outlet and page."""

        def __call__(self, numbers: tuple[int, int, int], /, *, dotted: bool) -> datetime: ...


_MONTH = r"(?:[\u0900-\u0963]{2,12}|[^\W\d]{3,12})"  # vowel signs of Devanagari are no word characters
# A year of another calendar, such as 1405/09/03, has no day in it.
_DATE = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)\s?[./\-年]\s?(?P<month>\d{1,2})\s?[./\-月]\s?(?P<day>\d{1,2})"
    r"|(?<!\d)(?<!\d[./-])(?P<first>\d{1,2})\s?[./-]\s?(?P<second>\d{1,2})\s?[./-]\s?(?P<last>(?:19|20)?\d\d)(?!\d)"
    rf"|(?P<worded>(?<!\d)\d{{1,2}}(?:st|nd|rd|th|er|º|\.)?\s(?:de\s|d')?{_MONTH}\.?,?\s(?:de\s|del\s)?(?:19|20)\d\d"
    rf"|{_MONTH}\.?\s\d{{1,2}}(?:st|nd|rd|th)?,?\s(?:19|20)\d\d)"
)
_TIME = re.compile(
    r"(?:(?P<half>上午|下午|午前|午後|오전|오후)\s?)?(?<![\d:.])(?P<hour>\d{1,2})\s?[:.hH时時点點시]\s?(?P<minute>\d{2})"
    r"(?::\d{2})?(?!\d|\.\d)[分분]?(?:\s?(?P<english>[AaPp]\.?\s?[Mm]\b\.?))?"
    rf"(?:\s?\(?(?:(?:UTC|GMT)?(?P<offset>[+-]\d{{2}}:?\d{{2}})|(?:UTC|GMT)(?P<hours>[+-]\d{{1,2}})|(?P<zone>{'|'.join(ZONES)}))\b)?"
)
_AFTERNOON = frozenset({"下午", "午後", "오후"})
_BETWEEN = re.compile(r"[\s,|·()–—-]*(?:[^\W\d]+\.?)?[\s,|·()–—-]*")  # a time and the date behind it: a weekday at most
_SIGNED = re.compile(
    r"\s*(?:by|von|par|por|de|di|door|av|af|przez|от|autor(?:in)?|auteur|автор|от автора|作者|記者|记者|文)[:：]?\s+\S",
    re.IGNORECASE,
)


_FLUSH_RIGHT = re.compile(r"text-align\s*:\s*(?:right|end)", re.IGNORECASE)
_NAME = re.compile(r"(?!\d)\w[\w.'’-]*(?: (?!\d)\w[\w.'’-]*){1,4}")
_ELSEWHERE = Region.RELATED | Region.COMMENTS | Region.FOOTER | Region.CAPTION | Region.FIGURE


UPDATED = re.compile(
    r"\W*(?:last |latest |page |letzte |zuletzt |dernière |última |ultimo )?"
    r"(?:update|modified|edited|revised|aktualisi|geändert"
    r"|mise? à jour|màj|modifi|actualiza|atualiza|aggiorna|bijgewerkt|zaktualizowano|aktualizováno|opdateret|oppdatert"
    r"|uppdaterad|päivitetty|güncelle|ενημ|обновл|изменен|оновлен|更新)",
    re.IGNORECASE,
)


def published(
    blocks: Sequence[Block], kept: Sequence[Block], titles: Iterable[str], day_of: DayOf
) -> dates.ParsedTime | None:
    """The date in the lines just above the story's first block or just below its last one.

    Titles and sentences speak of other days.  A line that tells of an update is believed where no other has a date.
    """
    first, last = kept[0].index, kept[-1].index
    below = [block for block in blocks[last + 1 : last + 13] if not block.region & (Region.SHARE | Region.FORM)]
    near = [*blocks[max(0, first - 12) : first][::-1], *blocks[first : first + 1], *below[:4]]
    known = {fold_letters(title) for title in titles}
    updated = None
    for block in near:
        if len(block.text) > 160 or block.region & _ELSEWHERE or _tells(block) or block.folded_letters in known:
            continue
        moment = read(block.text, day_of)
        if moment is not None and not UPDATED.match(block.text):
            return moment
        updated = updated or moment
    return updated


def _tells(block: Block) -> bool:
    """Whether it is a title or a sentence, whose date is that of what it tells."""
    if block.region & Region.TITLE or block.tag == "h1":
        return True
    return len(block.text) > 40 and not block.region & Region.META and SENTENCE_END.search(block.text) is not None


def read(text: str, day_of: DayOf) -> dates.ParsedTime | None:
    """The first date in a line, with the time beside it."""
    text = western(text)
    match = _DATE.search(text)
    if not match:
        return None
    day = _day(match, day_of)
    if day is None:
        return None
    time = _TIME.search(text, match.end(), match.end() + 40) or _time_before(text, match.start())
    if time:
        hour, minute, half = int(time["hour"]), int(time["minute"]), time["half"] or time["english"]
        if half:
            hour = hour % 12 + (12 if half in _AFTERNOON or half[0] in "pP" else 0)
        if hour < 24 and minute < 60:
            zone = time["offset"] or time["hours"] or time["zone"]
            at = day.replace(hour=hour, minute=minute, tzinfo=dates.parse_timezone(zone))
            return dates.ParsedTime(at, has_time=True, has_timezone=zone is not None)
    return dates.ParsedTime(day, has_time=False, has_timezone=False)


def _time_before(text: str, end: int) -> re.Match[str] | None:
    times = _TIME.finditer(text, max(0, end - 40), end)
    return next((time for time in times if _BETWEEN.fullmatch(text, time.end(), end)), None)


def _day(match: re.Match[str], day_of: DayOf) -> datetime | None:
    try:
        if match["year"]:
            return datetime(int(match["year"]), int(match["month"]), int(match["day"]), tzinfo=UTC)
        if match["first"]:
            first, second, year = int(match["first"]), int(match["second"]), int(match["last"])
            return day_of((first, second, year + 2000 if year < 100 else year), dotted="." in match[0])
    except ValueError:
        return None
    day, year = (int(number) for number in re.findall(r"\d+", match["worded"]))
    month = next((MONTHS[word] for word in re.findall(_MONTH, match["worded"].casefold()) if word in MONTHS), 0)
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


def authors(layout: Layout, first: int, last: int, sites: Sequence[str]) -> tuple[str, ...]:
    """Who signs: in a short line above the story, or flush right under it, where ``first`` and ``last`` are its blocks'
    indexes."""
    for block in layout.blocks[max(0, first - 8) : first][::-1]:
        if len(block.text) < 80 and _SIGNED.match(block.text) and not block.region & (Region.RELATED | Region.CAPTION):
            found = bylines.names([[block.text]], sites)
            if found:
                return found
    for block in layout.blocks[max(first, last - 1) : last + 3]:
        style = layout.nodes[block.node_index].element.get("style", "")
        if _FLUSH_RIGHT.search(style) and _NAME.fullmatch(block.text) and not block.region & _ELSEWHERE:
            return bylines.names([[block.text]], sites)
    return ()
