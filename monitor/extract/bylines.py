"""Extracts authors' names from byline texts such as "By Marta Lindqvist, Senior Correspondent"."""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING

from monitor.calendar import MONTH_NUMBER_BY_NAME
from monitor.extract.blocks import comparison_key
from monitor.extract.person_names import has_organization_word, is_capitalized_name, is_person_name
from monitor.extract.vocabulary import all_entries, regex_alternatives

if TYPE_CHECKING:
    from collections.abc import Iterable

# The words before the first name: "By", "Analysis by", "Text: von".
_BYLINE_PREFIX_PATTERN = re.compile(
    r"^\W*(?:(?:analysis|opinion|commentary|review|column|exclusive|interview|essay|explainer|perspective)\s(?=by\b))?"
    r"(?:(?:article |story |written |reported |posted |published |words? |text "
    r"|author|autor(?:in|a|es)?|auteur|autore|автор|текст)?\s*[:：]?\s*)?"
    r"(?:\b(?:by|von|par|por|di|da|de|door|av|af|przez|από|от|od|oleh|bởi|yazan|nga|του|της)\s*[:：]?\s+"
    rf"|(?:{regex_alternatives('byline_labels')})(?:\s*[:：/／｜|●丨・]\s*|\s+)|(?:作者|記者|记者|責任編輯)\s*)?",
    re.IGNORECASE,
)
# A line of nothing but such words.
_PREFIX_LINE_PATTERN = re.compile(
    r"\W*(?:(?:article|story|written|reported|posted|published|words?|text|analysis|opinion)?\s*"
    r"(?:by|von|par|por|di|da|de|door|av|af|przez|από|от|od|oleh|bởi|yazan|nga|του|της)"
    rf"|authors?|autor(?:in|a|es)?|auteurs?|autore|автор|{regex_alternatives('byline_labels')})\s*[:：]?",
    re.IGNORECASE,
)
_NAME_SEPARATOR_PATTERN = re.compile(
    r"\s*(?:[;|\n•·]|\s/\s|,\s(?:(?:and|und|et|og|och|en|и|та|ja|ve)\s)?"
    r"|\s(?:and|und|et|og|och|и|та|ja|ve|with|mit|avec|con|com)\s|\s&\s|、|，)\s*",
    re.IGNORECASE,
)
# URLs, e-mail addresses, accounts, bracketed text, and "Updated ..." up to the end.
_NON_NAME_PATTERN = re.compile(
    r"https?://\S+|www\.\S+|\S+@\S+|@\w+|\([^)]*\)|\[[^\]]*\]|\b(?:Published|Updated|Posted|Last|Stand)\b.*$"
)
_TRAILING_DATE_PATTERN = re.compile(  # a date and all text after it: "... on Tuesday, Aug. 17, 2010"
    r"(?:^|[\s,|]+)(?:\b(?:posted|published|last updated|updated|on|at|le|am|el|em|den)\s+)*"
    r"(?:\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b[\s,.]*)?"
    rf"(?:\b(?:{'|'.join(MONTH_NUMBER_BY_NAME)})\b\.?,?\s+)?\d.*$",
    re.IGNORECASE | re.DOTALL,
)
_ROLE_ALTERNATIVES = regex_alternatives("byline_roles")
_ROLE_PATTERN = re.compile(rf"\b(?:{_ROLE_ALTERNATIVES})\b|特派員|編集委員|기자", re.IGNORECASE)
# A name (group 1) and a role without a comma between them: "Marta Lindqvist Senior Science Correspondent".
_NAME_AND_ROLE_PATTERN = re.compile(
    r"((?:[^\W\d_][\w.'’-]*\s){1,2}?[^\W\d_][\w.'’-]+?)\s"
    rf"(?:(?:{regex_alternatives('byline_role_modifiers')})\s.*)?\b(?:{_ROLE_ALTERNATIVES})\b.*",
    re.IGNORECASE | re.DOTALL,
)
_ROLE_WORD_PATTERN = re.compile(
    rf"(?:{_ROLE_ALTERNATIVES}|{regex_alternatives('byline_role_modifiers')}),?", re.IGNORECASE
)
_AND_LINE_PATTERN = re.compile(r"\W*(?:and|und|et|og|och|en|y|e|и|та|ja|ve)?\W*", re.IGNORECASE)
# Labels of links beside a byline, which are not names: "Follow", "More by", "Twitter".
_LINK_LABEL_PATTERN = re.compile(rf"\b(?:{regex_alternatives('byline_link_labels')})\b", re.IGNORECASE)
_SERVICE_PATTERN = re.compile(regex_alternatives("byline_services"), re.IGNORECASE)
_NAME_AND_PLACE_PATTERN = re.compile(  # group 1 is the name: "Marta Lindqvist in Moscow", "... for Tech Example"
    r"((?:[^\W\d_][\w.'’-]*\s){1,3}?[^\W\d_][\w.'’-]*)"
    r"\s(?:in|for|from|at|aus|à|en(?!\s(?i:español|castellano|inglés|français|ligne)\b)|в|для)\s(?=[^\W\d_a-zà-ÿа-я]).*",
    re.DOTALL,
)
# Text that belongs to an organization's name, such as "Institute for ...": "for" there does not follow a person.
_ORGANIZATION_PATTERN = re.compile(
    r"[A-Z]{2}|\b(?i:institute|cent(?:er|re)|council|committee|foundation|association|campaign)\b"
)
_EDITED_BY_PATTERN = re.compile(r"\W*\b(?:edited|editing) by\b.*", re.IGNORECASE | re.DOTALL)
_REPORTED_BY_PATTERN = re.compile(r"\b(?:(?:additional|further) )?(?:reporting|writing) by\s", re.IGNORECASE)
# A Chinese, Japanese or Korean name (group 1) and a second label with another person behind it: "作者：… 编辑：…".
_FURTHER_LABEL_PATTERN = re.compile(r"([:：/／｜]\s*[\u3040-\u9fff\uac00-\ud7a3]+)\s+\S{1,6}[:：/／｜].*$", re.DOTALL)
# A name (group 1) and the name of a network whose link follows it: "Marta Lindqvist Twitter".
_TRAILING_SERVICE_PATTERN = re.compile(
    r"^((?:[^\W\d_][\w.'’-]*\s){2,3})(?:bluesky|e-?mail|facebook|instagram|linked-?in|rss|twitter)\b.*$",
    re.IGNORECASE | re.DOTALL,
)
# A newsroom's name: "Harbour Post Staff".  A person's role is longer: "Marta Lindqvist Staff Writer".
_NEWSROOM_PATTERN = re.compile(r"(?:\S+\s){1,3}(?:staff|desk|newsroom|team)", re.IGNORECASE)
_BYLINE_PLACEHOLDERS = frozenset(all_entries("byline_placeholders"))
# Prepositions of `_BYLINE_PREFIX_PATTERN` that are also first names or surnames: "Di Wu".
_PREPOSITIONS_USED_AS_NAMES = frozenset({"Di", "Da", "De", "Od", "Af", "Av", "Par"})
# A surname with particles (group 1), a comma and one first name (group 2): "Van der Berg, Anna".  A text with two words
# after the particle is a byline with a place instead: "Von Marta Lindqvist, Berlin".
_SURNAME_FIRST_PATTERN = re.compile(
    r"((?:(?:von|van|de|der|den|di|da|del|della|du|le|la|al|el|bin|ter|ten)\s)+[\w'’-]+),\s([^\W\d_][\w'’-]+)",
    re.IGNORECASE,
)
_NAME_SUFFIXES = frozenset({"jr", "sr", "phd", "md", "ii", "iii", "esq"})
_ACADEMIC_DEGREES = frozenset(  # written behind a name, without points
    "MA BA MS BS BSc MSc MPH MBA MPhil MSW MEd RD RDN LDN RN NP DO DDS DMD DVM "  # noqa: SIM905  reads best as words
    "JD LLM LLB PsyD EdD DPhil PharmD CPA CFA".split()
)
_DASH_AND_REST_PATTERN = re.compile(r"\s[-–—|].*$", re.DOTALL)
_MAX_BYLINE_CHARACTERS = 2000  # with its markup; longer texts are no bylines
_NAME_EDGE_CHARACTERS = " \t,.;:-–—|/／：*\"'“”"
# A user name of the publishing system: "jdoe", "Redaktion1".
_ACCOUNT_NAME_PATTERN = re.compile(r"[a-z][a-z0-9_.-]*|[A-Za-z_.-]+\d[\w.-]*")


def author_names(sources: Iterable[Iterable[str]], outlet_names: Iterable[str] = ()) -> tuple[str, ...]:
    """Returns up to 20 authors from the first source that names a person, in order, each once; () if none names any.

    Each source is a list of byline texts of one page; the most trusted source comes first.  Names in ``outlet_names``
    are not authors.  Account names are returned only if no other source states something that is written as a name.
    """
    outlets = {comparison_key(name) for name in outlet_names if name}
    accounts: tuple[str, ...] = ()
    for bylines in sources:
        authors = [name for plain, name in _names_by_comparison_key(bylines).items() if plain not in outlets]
        if len(authors) > 1:
            authors = [name for name in authors if not _is_outlet_department(name, outlets)] or authors
            full_names = [person for person in authors if " " in person]
            authors = [name for name in authors if not any(name.startswith(f"{person} ") for person in full_names)]
        if authors and not all(map(_ACCOUNT_NAME_PATTERN.fullmatch, authors)):
            if not accounts or any(map(is_capitalized_name, authors)):
                return tuple(authors[:20])
            continue
        accounts = accounts or tuple(authors[:20])
    return accounts


def is_byline_prefix(text: str) -> bool:
    """Returns True if the text is nothing but the words before an author's name: "By", "Written by:"."""
    return _PREFIX_LINE_PATTERN.fullmatch(text) is not None


def newsroom_signature(sources: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Returns the first name in the sources, which may be the outlet's, as a tuple of one; () if there is no name.

    Serves as the author if `author_names` finds no person.
    """
    return next(
        (tuple(by_key.values())[:1] for bylines in sources if (by_key := _names_by_comparison_key(bylines))), ()
    )


def _names_by_comparison_key(bylines: Iterable[str]) -> dict[str, str]:
    """Returns the names in the byline texts, keyed by their `comparison_key`, so that each name occurs once.

    Of several spellings, the first with a space is chosen: "Marta Lindqvist" before "martalindqvist".
    """
    by_key: dict[str, str] = {}
    for byline in bylines:
        for name in _names_in_byline(byline) if len(byline) <= _MAX_BYLINE_CHARACTERS else ():
            key = comparison_key(name)
            if " " not in by_key.get(key, ""):
                by_key[key] = name if " " in name else by_key.get(key, name)
    return by_key


def _is_outlet_department(name: str, outlets: set[str]) -> bool:
    """Returns True if the first word of the name is an outlet's name, as in "Example Sport"; ``outlets`` are folded."""
    first_word = comparison_key(name.split(maxsplit=1)[0])
    return len(first_word) > 2 and first_word in outlets


@lru_cache(maxsize=256)  # a page's bylines are compared with each other and with its <meta>
def _names_in_byline(byline: str) -> tuple[str, ...]:
    """Returns the names in one byline text of one or several lines, see `_names_in_line`; empty if it has none.

    If a line begins with a word such as "By", the names are those behind it, or in the lines after a line that is
    nothing but that word.  Otherwise, they are the lines that are names of persons, or the first line with a name.
    """
    text = unescape(byline).replace("\xa0", " ")
    lines = [line for line in map(str.strip, text.split("\n")) if line]
    if len(text) > 300 or len(lines) <= 1:
        return tuple(_names_in_line(text))
    for index, line in enumerate(lines):
        if _PREFIX_LINE_PATTERN.fullmatch(line):
            return tuple(_names_in_following_lines(lines[index + 1 :]))
        names = _names_in_line(line) if _without_byline_prefix(line) != line else []
        if any(map(is_person_name, names)):
            return tuple(names)
    names_by_line: list[list[str]] = []
    for line in lines:
        if names_by_line and _LINK_LABEL_PATTERN.search(line):
            break  # what follows are links to other pages, such as topics
        names_by_line += filter(None, [_names_in_line(line)])
    persons = [name for names in names_by_line for name in names if is_person_name(name)]
    if persons and not persons[0].isupper():
        persons = [name for name in persons if not name.isupper()]  # labels such as "WATCH LIVE"
    return tuple(persons or next(iter(names_by_line), []))


def _names_in_following_lines(lines: list[str]) -> list[str]:
    """Returns the names in the first of the lines, and those of persons in the lines directly after it."""
    names: list[str] = []
    for line in lines:
        if _AND_LINE_PATTERN.fullmatch(line):
            continue
        next_names = _names_in_line(line)
        if not next_names or (names and not all(map(is_person_name, next_names))):
            break
        names += next_names
    return names


def _names_in_line(line: str) -> list[str]:
    """Returns the names in one line, without roles, places, dates and link labels; empty if it has none."""
    text = re.sub(r"<[^>]{0,200}>", " ", line)
    if len(text) > 300 or re.match(r"\s*(?:https?:)?/", text):
        return []
    if surname := _SURNAME_FIRST_PATTERN.fullmatch(text.strip()):
        return [f"{surname[2]} {surname[1]}"]
    text = _TRAILING_SERVICE_PATTERN.sub(r"\1", text)
    text = _FURTHER_LABEL_PATTERN.sub(r"\1", text)
    text = _REPORTED_BY_PATTERN.sub("", _EDITED_BY_PATTERN.sub("", text))
    text = _DASH_AND_REST_PATTERN.sub(
        "", _NON_NAME_PATTERN.sub("", _TRAILING_DATE_PATTERN.sub("", _without_byline_prefix(text)))
    )
    split = [name for part in _NAME_SEPARATOR_PATTERN.split(text) for name in _split_at_ambiguous_and(part)]
    parts = [part for part in (re.sub(r"\s+", " ", part).strip(_NAME_EDGE_CHARACTERS) for part in split) if part]
    parts = [part for part in parts if part.rstrip(".").lower() not in _NAME_SUFFIXES]
    if any(" " in part for part in parts):
        parts = [part for part in parts if part.replace(".", "") not in _ACADEMIC_DEGREES]
    if len(parts) > 1:
        person = _without_role(parts[0])
        if person != parts[0] and is_person_name(person):  # "Anna Senior Editor, Daily Herald": an employer follows
            parts = [person, *(part for part in parts[1:] if not has_organization_word(part))]
        parts = [part for part in parts if not _ROLE_PATTERN.search(part)] or parts[:1]
    if parts and "," in text and " " in parts[0]:
        # Drops single words after a full name, which are places; keeps agencies, which are in capitals ("AFP").
        parts = [part for part in parts if " " in part or part.isupper() or part == parts[0]]
    if len(parts) == 1:
        parts = [_without_role(parts[0])]
    parts = [_without_place(part) for part in parts]
    if len(parts) == 2 and "," in text and all(len(part.split()) == 1 for part in parts) and parts[0].isascii():
        parts = [" ".join(reversed(parts))]  # "Surname, Name"
    return [
        part
        for part in parts
        if 2 <= len(part) <= 60
        and not re.search(r"\w\.\w+/|:", part)  # addresses, labels
        and comparison_key(part) not in _BYLINE_PLACEHOLDERS
        and not _LINK_LABEL_PATTERN.search(part)
        and not _SERVICE_PATTERN.fullmatch(part)
        and not _is_role(part)
        and not _PREFIX_LINE_PATTERN.fullmatch(part)
        and len(part.split()) <= 6
        and re.search(r"[^\W\d_]{2}", part)
    ]


def _without_byline_prefix(text: str) -> str:
    """Returns the byline without words such as "By" before its names, also if a template repeats them: "By by".

    Returns a text of two words unchanged if the first may be a name as well as a preposition: "Di Wu".
    """
    for _ in range(2):
        words = text.split()
        if len(words) == 2 and words[0] in _PREPOSITIONS_USED_AS_NAMES:
            break
        text = _BYLINE_PREFIX_PATTERN.sub("", text, count=1)
    return text


def _split_at_ambiguous_and(text: str) -> list[str]:
    """Splits the text at "y", "e", "i" and "en" if a full name stands on each side; else returns it in a list.

    Otherwise the word is part of a name, as in "Ortega y Gasset", or means "in": "Harbour News en Español".
    """
    sides = re.split(r"\s(?:[yei]|en)\s", text)
    return sides if all(len(side.split()) > 1 for side in sides) else [text]


def _without_role(text: str) -> str:
    """Returns the name of a text "name role"; other text unchanged, such as a newsroom's name: "Harbour News Desk"."""
    match = None if _NEWSROOM_PATTERN.fullmatch(text) else _NAME_AND_ROLE_PATTERN.fullmatch(text)
    is_person = match and not _ROLE_PATTERN.search(match[1]) and not has_organization_word(match[1])
    return match[1] if match and is_person else text


def _is_role(text: str) -> bool:
    """Returns True if each word of the text is a word of a role: "Senior Science Correspondent"."""
    return all(map(_ROLE_WORD_PATTERN.fullmatch, text.split()))


def _without_place(text: str) -> str:
    """Returns the name of a text "name in place" or "name for organization"; other text unchanged."""
    match = _NAME_AND_PLACE_PATTERN.fullmatch(text)
    is_person = match and not _ORGANIZATION_PATTERN.search(match[1]) and not has_organization_word(match[1])
    return match[1] if match and is_person else text
