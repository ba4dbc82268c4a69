"""Chooses a story's title among those that its page states, and removes the site's name from the title."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING

from monitor.extract.blocks import comparison_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What separates a title from the site's name or a section: " | ", " - ", " :: ".
TITLE_SEPARATOR_PATTERN = re.compile(r"\s+[|–—‒\-·•»«›‹:/~⁄∣│]+\s+|\s*[|│»｜︱丨¦‖]\s*|\s+::\s+|_(?=\S)")
_SPACE_PATTERN = re.compile(r"\s+")
_WORD_PATTERN = re.compile(r"\w+")
# A section's name at the end of a title: all text after a bar, or one word after another separator.
_TRAILING_SECTION_PATTERN = re.compile(rf"\s*[|│»｜︱丨¦‖].*|(?:{TITLE_SEPARATOR_PATTERN.pattern})\w+$")
_SIGN_BESIDE_TITLE = "[|｜︱丨‖–—:·•»/-]"  # between a title and what is before or behind it
# A note that some archives add: "... (Published 2016)".
_ARCHIVE_NOTE_PATTERN = re.compile(r"\s*\((?:published|updated|posted)\s[^()]{0,20}\b(?:19|20)\d\d\)$", re.IGNORECASE)
_TRAILING_DOTS_PATTERN = re.compile(r"\s*(?:\.{2,}|…|\[(?:\.{3}|…)\])$")
_QUOTATION_MARKS = ('"', "'")  # that end an HTML attribute, if they are not escaped
_MIN_HEADLINE_WORDS = 5
_MIN_PART_LETTERS = 10  # of a part of a heading that may be a title by itself
_DOMAIN_NAME_PATTERN = re.compile(r"(?:www\.)?[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|[a-z]{2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HeadingPart:
    """An element inside the <h1>, or text between such elements."""

    text: str
    is_element: bool
    is_kicker: bool  # its class is that of a line above the headline


def clean_text(text: str) -> str:
    """Returns the text without HTML tags, soft hyphens and zero-width spaces, with entities decoded twice and white
    space
    collapsed."""
    text = _SPACE_PATTERN.sub(" ", unescape(unescape(text)).replace("\xad", "").replace("\u200b", "")).strip()
    return re.sub(r"<[^>]{1,100}>", "", text).strip() if "<" in text else text


def choose_title(
    stated_titles: Sequence[str],
    headings: Sequence[str],
    page_title: str,
    sites: Iterable[str],
    *,
    heading_parts: Sequence[HeadingPart] = (),
    subheadings: Sequence[str] = (),
) -> str:
    """Returns the story's title without the site's name, complete and without a kicker; "" if the page has none.

    Chooses a title as `_choose_stated_title` does.  ``heading_parts`` are the elements inside the <h1> and
    ``subheadings`` the first <h2> and <h3>, which hold the title if the <h1> is the name of the site.
    """
    stated_titles = [_without_archive_note(text) for text in stated_titles]
    page_title = _without_archive_note(clean_text(page_title))
    sites = list(sites)
    title = _choose_stated_title(stated_titles, headings, page_title, sites)
    if not any(stated_titles) and not headings:
        title = _subheading_that_begins(title, subheadings) or title
    if comparison_key(title) not in {comparison_key(clean_text(text)) for text in stated_titles}:
        title = _title_under_site_heading(title, page_title, subheadings) or title
    page = without_site_name(page_title, {comparison_key(site) for site in sites if site})
    others = [*map(clean_text, headings), *map(clean_text, stated_titles), page]
    title = _complete_title(title, [*others[:-1], page if page != page_title else _text_before_separator(page)])
    return _without_heading_kicker(title, heading_parts, others)


def _without_archive_note(title: str) -> str:
    return _ARCHIVE_NOTE_PATTERN.sub("", title)


def _subheading_that_begins(title: str, subheadings: Sequence[str]) -> str:
    """Returns the subheading that is most of the title, up to a sign that separates the rest; "" if there is none."""
    for subheading in map(clean_text, subheadings):
        is_long = len(comparison_key(subheading)) >= max(_MIN_PART_LETTERS, 0.5 * len(comparison_key(title)))
        if is_long and title.startswith(subheading) and re.match(r"\s*[^\w\s]", title[len(subheading) :]):
            return subheading
    return ""


def _title_under_site_heading(title: str, page_title: str, subheadings: Sequence[str]) -> str:
    """Returns the subheading that is, with the chosen title before or after it, the text of <title>; else "".

    Then the <h1>, from which the title was chosen, is the name of the site.  The subheading must be longer.
    """
    letters, page_letters = comparison_key(title), comparison_key(page_title)
    for subheading in subheadings:
        key = comparison_key(subheading)
        if len(key) > max(_MIN_PART_LETTERS, len(letters)) and page_letters in {letters + key, key + letters}:
            return clean_text(subheading)
    return ""


def _complete_title(title: str, others: Sequence[str]) -> str:
    """Returns the first of ``others`` that continues the title where it was cut; the title itself if it was not.

    A title is cut where it ends in three dots, or where the other one has a quotation mark, which ended the attribute.
    """
    stem = _TRAILING_DOTS_PATTERN.sub("", title)
    stem_letters = comparison_key(stem)
    if len(stem_letters) < _MIN_PART_LETTERS:
        return title
    for other in others:
        if stem != title:
            is_continuation = comparison_key(other).startswith(stem_letters) and not other.startswith(title)
            if is_continuation and len(other) > len(title) and not _TRAILING_DOTS_PATTERN.search(other):
                return other
        elif other.startswith(stem) and other[len(stem) :].lstrip().startswith(_QUOTATION_MARKS):
            return other
    return title


def _without_heading_kicker(title: str, parts: Sequence[HeadingPart], others: Sequence[str]) -> str:
    """Returns the part of a title that is an element inside the <h1>, if the rest is a kicker or a subtitle.

    That is so if one of the ``others``, titles of the page, has the part without the rest, or if the classes of all
    other parts are those of a kicker.
    """
    letters = comparison_key(title)
    for part in sorted(parts, key=lambda part: -len(part.text)):
        part_letters = comparison_key(part.text)
        is_long_enough = len(part_letters) >= max(_MIN_PART_LETTERS, 0.4 * len(letters))
        is_side = letters.startswith(part_letters) or letters.endswith(part_letters)
        if letters == part_letters or not (is_long_enough and is_side):
            continue
        is_alone_elsewhere = any(part_letters in key and letters not in key for key in map(comparison_key, others))
        other_parts = [other for other in parts if other is not part]
        is_headline = part.is_element and not part.is_kicker and all(other.is_kicker for other in other_parts)
        if is_alone_elsewhere or (other_parts and is_headline):
            return part.text
    return title


def _choose_stated_title(
    stated_titles: Sequence[str], headings: Sequence[str], page_title: str, sites: Iterable[str]
) -> str:
    """Returns one of the titles that the page states, without the site's name; "" if the page has none.

    Chooses the first of ``stated_titles`` (from JSON-LD and <meta>, most trusted first), else the longest of the
    ``headings`` (<h1>) that ``page_title`` (<title>) confirms, else ``page_title`` up to a separator.  But a page's
    only heading is chosen if all other titles are generic, or if nothing but <title> states another one about the same,
    and a heading that a second stated title repeats is
    preferred to a first stated title that is in no confirmed heading.  ``sites`` are names of the site.

    Removes a kicker before the title and a suffix after it if another title of the page lacks them.
    """
    site_names = {comparison_key(site) for site in sites if site}
    heading_letters = {comparison_key(clean_text(heading)) for heading in headings}

    def without_site_unless_heading(text: str) -> str:
        """Returns a title without the site's name; unchanged if it is also a heading."""
        return text if comparison_key(text) in heading_letters else without_site_name(text, site_names)

    def usable_titles(texts: Sequence[str]) -> list[str]:
        """Returns the titles without the site's name; omits a title of up to 3 letters or of a site's name alone."""
        stripped = [without_site_unless_heading(clean_text(text)) for text in texts if text]
        return [text for text in stripped if len(comparison_key(text)) > 3 and comparison_key(text) not in site_names]

    page = clean_text(page_title)
    page_without_site = without_site_name(page, site_names)
    stated = usable_titles(stated_titles)
    stated_letters = set(map(comparison_key, stated))
    shown = usable_titles(headings)
    confirmed = [
        text
        for text in shown
        if not page or comparison_key(text) in stated_letters or _shared_word_ratio(text, page) >= 0.6
    ]
    if len(shown) == 1 and all(_is_generic_title(text, heading=shown[0]) for text in (page, *stated)):
        return shown[0]
    if stated:
        first, confirmed_letters = comparison_key(stated[0]), set(map(comparison_key, confirmed))
        repeated = next(
            (text for text in confirmed if comparison_key(text) in set(map(comparison_key, stated[1:]))), None
        )
        if repeated and first not in confirmed_letters:
            return repeated  # shown as a heading and repeated by a second stated title
        main_part = _text_before_separator(stated[0])
        echoed = first == comparison_key(page_without_site) and first not in confirmed_letters
        if echoed and 0.6 * len(stated[0]) < len(main_part) < len(stated[0]):
            return main_part  # no heading confirms that the text after the separator belongs to the title
        return _without_kicker_or_suffix(stated[0], [*confirmed, *stated[1:]])
    if confirmed:
        return max(confirmed, key=lambda text: len(comparison_key(text)))
    if len(shown) == 1 and _is_headline_about(shown[0], page):
        return shown[0]
    # If the site's name was removed, remove only a section's name at the end; else keep the text before a separator.
    from_page = (
        _text_before_separator(page)
        if page_without_site == page
        else _TRAILING_SECTION_PATTERN.sub("", page_without_site)
    )
    return from_page or next(iter(shown), "")


def _is_generic_title(text: str, heading: str) -> bool:
    """Returns True if the text may be the title of every page of the site.

    It has fewer words than the heading (and fewer than five), and shares no word of four or more letters with it.
    """
    words, heading_words = _WORD_PATTERN.findall(text.casefold()), _WORD_PATTERN.findall(heading.casefold())
    return len(words) < min(5, len(heading_words)) and not {word for word in words if len(word) > 3} & set(
        heading_words
    )


def _is_headline_about(heading: str, page_title: str) -> bool:
    """Returns True if the heading has five words or more and shares one of four or more letters with ``page_title``.

    Then ``page_title`` is the headline for search engines.
    """
    words = _WORD_PATTERN.findall(heading.casefold())
    return len(words) >= _MIN_HEADLINE_WORDS and any(
        len(word) > 3 and word in words for word in _WORD_PATTERN.findall(page_title.casefold())
    )


def _shared_word_ratio(text: str, reference: str) -> float:
    """Returns the share of the text's different words that ``reference`` contains, from 0 to 1."""
    words = set(_WORD_PATTERN.findall(text.casefold()))
    return len(words & set(_WORD_PATTERN.findall(reference.casefold()))) / max(1, len(words))


def _without_kicker_or_suffix(title: str, alternatives: Sequence[str]) -> str:
    """Returns the first of ``alternatives`` that is the title without a suffix or kicker; else the title itself."""
    plain = comparison_key(title)
    for alternative in alternatives:
        short = comparison_key(alternative)
        if not 12 <= len(short) < len(plain):
            continue
        if title.startswith(alternative) and re.match(rf"\s*{_SIGN_BESIDE_TITLE}", title[len(alternative) :]):
            return alternative
        kicker = title[: -len(alternative)] if title.endswith(alternative) else ""
        if len(comparison_key(kicker)) < len(short) and re.search(rf"{_SIGN_BESIDE_TITLE}\s*$", kicker):
            return alternative
    return title


def _text_before_separator(title: str) -> str:
    """Returns the title up to the first separator that has enough text before it; unchanged without such a separator.

    Enough are 8 letters and two fifths of the longest section between separators.
    """
    longest = max((len(comparison_key(part)) for part in TITLE_SEPARATOR_PATTERN.split(title) if part), default=0)
    for separator in TITLE_SEPARATOR_PATTERN.finditer(title):
        if len(comparison_key(title[: separator.start()])) >= max(8, 0.4 * longest):
            return title[: separator.start()].strip()
    return title


def without_site_name(title: str, site_names: set[str]) -> str:
    """Returns the title without the site's name at its beginning or end.

    ``site_names`` are the `comparison_key` of each name.  Removes at most three names, each with its separator.
    """
    for _ in range(3):
        separators = list(TITLE_SEPARATOR_PATTERN.finditer(title))
        if not separators:
            return title
        last, first = separators[-1], separators[0]
        tail, head = title[last.end() :], title[: first.start()]
        if _is_site_name(tail, site_names) and last.start() > 0:
            title = title[: last.start()].strip()
        elif comparison_key(head) in site_names and title[first.end() :].strip():
            title = title[first.end() :].strip()
        else:
            return title
    return title


def _is_site_name(text: str, site_names: set[str]) -> bool:
    """Returns True if the text is a domain name, one of ``site_names``, one with one or two further words, or the first
    words of one."""
    if len(text) > 60 or not comparison_key(text):
        return False
    if comparison_key(text) in site_names or _DOMAIN_NAME_PATTERN.fullmatch(text.strip()):
        return True
    words = text.split()
    counts = range(max(1, len(words) - 2), len(words))
    return any(comparison_key(" ".join(words[:count])) in site_names for count in counts) or any(
        len(comparison_key(text)) > 3 and name.startswith(comparison_key(text)) and len(words) > 1
        for name in site_names
    )
