"""A story's title, without the name of the site around it."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from monitor.extract.blocks import fold_letters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SEPARATOR = re.compile(r"\s+[|–—‒\-·•»«›‹:/~⁄∣│]+\s+|\s*[|│»]\s*|\s+::\s+|_(?=\S)")
_SPACE = re.compile(r"\s+")


def clean(text: str) -> str:
    text = _SPACE.sub(" ", unescape(unescape(text)).replace("\xad", "").replace("\u200b", "")).strip()
    return re.sub(r"<[^>]{1,100}>", "", text).strip() if "<" in text else text


def choose(offered: Sequence[str], headings: Sequence[str], page_title: str, sites: Iterable[str]) -> str:
    """The story's title: the first of ``offered`` (by JSON-LD and meta elements, most trusted first), else a heading
    that ``<title>`` confirms, else ``<title>`` without what stands behind its separators.  Where all that the head says
    may be said of any page of the site, it is the only heading.

    What another of them shows to be a kicker before or a suffix behind the title is taken off.
    """
    names = {fold_letters(site) for site in sites if site}

    shown_whole = {fold_letters(clean(heading)) for heading in headings}

    def bare(text: str) -> str:
        return text if fold_letters(text) in shown_whole else without_site(text, names)

    def usable(texts: Sequence[str]) -> list[str]:
        found = [bare(clean(text)) for text in texts if text]
        return [text for text in found if len(fold_letters(text)) > 3 and fold_letters(text) not in names]

    page = clean(page_title)
    page_alone = without_site(page, names)
    stated = usable(offered)
    told = set(map(fold_letters, stated))
    confirmed = [
        text for text in usable(headings) if not page or fold_letters(text) in told or _share(text, page) >= 0.6
    ]
    shown_alone = usable(headings)
    if len(shown_alone) == 1 and all(_is_generic(text, beside=shown_alone[0]) for text in (page, *stated)):
        return shown_alone[0]
    if stated:
        first, seen = fold_letters(stated[0]), set(map(fold_letters, confirmed))
        shown = next((text for text in confirmed if fold_letters(text) in set(map(fold_letters, stated[1:]))), None)
        if shown and first not in seen:
            return shown  # what readers see and a second source repeats
        shorter = _main_part(stated[0])
        echoed = first == fold_letters(page_alone) and first not in seen
        if echoed and 0.6 * len(stated[0]) < len(shorter) < len(stated[0]):
            return shorter  # the same words in two elements of the head prove nothing; a heading would
        return _shortened(stated[0], [*confirmed, *stated[1:]])
    if confirmed:
        return max(confirmed, key=lambda text: len(fold_letters(text)))
    # Where the site's name stood behind, what is before it is the title.
    before_site = _main_part(page) if page_alone == page else _SECTION.sub("", page_alone)
    return before_site or next(iter(shown_alone), "")


def _is_generic(text: str, beside: str) -> bool:
    """Whether a title may be any page's of its site: shorter than its heading, with no word in common."""
    words, others = _WORD.findall(text.casefold()), _WORD.findall(beside.casefold())
    return len(words) < min(5, len(others)) and not {word for word in words if len(word) > 3} & set(others)


def _share(text: str, other: str) -> float:
    """How many of the text's words the other has too."""
    words = set(_WORD.findall(text.casefold()))
    return len(words & set(_WORD.findall(other.casefold()))) / max(1, len(words))


def _shortened(title: str, others: Sequence[str]) -> str:
    """The title without a suffix or kicker that another title of the page lacks."""
    plain = fold_letters(title)
    for other in others:
        short = fold_letters(other)
        if not 12 <= len(short) < len(plain):
            continue
        if title.startswith(other) and re.match(r"\s*[|–—:·•»/-]", title[len(other) :]):
            return other
        kicker = title[: -len(other)] if title.endswith(other) else ""
        if len(fold_letters(kicker)) < len(short) and re.search(r"[|–—:·•»/-]\s*$", kicker):
            return other
    return title


def _main_part(title: str) -> str:
    """What stands before the separators, as far as that is long enough to be the title."""
    most = max((len(fold_letters(part)) for part in SEPARATOR.split(title) if part), default=0)
    for separator in SEPARATOR.finditer(title):
        if len(fold_letters(title[: separator.start()])) >= max(8, 0.4 * most):
            return title[: separator.start()].strip()
    return title


_WORD = re.compile(r"\w+")
_SECTION = re.compile(rf"\s*[|│»].*|(?:{SEPARATOR.pattern})\w+$")  # between title and site: no title goes on so


def without_site(title: str, names: set[str]) -> str:
    """The title without a site's name before or behind a separator; ``names`` are its names' `letters`."""
    for _ in range(3):
        parts = list(SEPARATOR.finditer(title))
        if not parts:
            return title
        last, first = parts[-1], parts[0]
        tail, head = title[last.end() :], title[: first.start()]
        if _is_site(tail, names) and last.start() > 0:
            title = title[: last.start()].strip()
        elif fold_letters(head) in names and title[first.end() :].strip():
            title = title[first.end() :].strip()
        else:
            return title
    return title


def _is_site(text: str, names: set[str]) -> bool:
    """Whether it is a site's name or address, or such a name with a word or two of a section."""
    if len(text) > 60 or not fold_letters(text):
        return False
    if fold_letters(text) in names or _DOMAIN.fullmatch(text.strip()):
        return True
    words = text.split()
    return any(
        fold_letters(" ".join(words[:count])) in names for count in range(max(1, len(words) - 2), len(words))
    ) or any(len(fold_letters(text)) > 3 and name.startswith(fold_letters(text)) and len(words) > 1 for name in names)


_DOMAIN = re.compile(r"(?:www\.)?[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|[a-z]{2})", re.IGNORECASE)
