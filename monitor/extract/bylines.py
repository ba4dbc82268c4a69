"""Bylines to names."""

# ruff: noqa: E501, SIM905  words of many languages, lists that read best as words

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from monitor.calendar import MONTHS
from monitor.extract.blocks import fold_letters

if TYPE_CHECKING:
    from collections.abc import Iterable

_BY = re.compile(
    r"^\W*(?:(?:analysis|opinion|commentary|review|column|exclusive|interview|essay|explainer|perspective)\s(?=by\b))?"
    r"(?:(?:article |story |written |reported |posted |published |words? |text |author|autor(?:in|a|es)?|auteur|autore|автор|текст)?\s*[:：]?\s*)?"
    r"(?:\b(?:by|von|par|por|di|da|de|door|av|af|przez|από|от|od|oleh|bởi|yazan)\s*[:：]?\s+|(?:作者|文|記者|记者|責任編輯)\s*[:：/]?\s*)?",
    re.IGNORECASE,
)
_SPLIT = re.compile(
    r"\s*(?:[;|\n•·]|\s/\s|,\s(?:(?:and|und|et|og|och|en|и|та|ja|ve)\s)?|\s(?:and|und|et|og|och|en|и|та|ja|ve|with|mit|avec|con|com)\s|\s&\s|、|，)\s*",
    re.IGNORECASE,
)
_NOISE = re.compile(
    r"https?://\S+|www\.\S+|\S+@\S+|@\w+|\([^)]*\)|\[[^\]]*\]|\b(?:Published|Updated|OutboxRecord|Last|Stand)\b.*$"
)
_WHEN = re.compile(  # "... on Tuesday, Aug. 17, 2010"
    r"(?:^|[\s,|]+)(?:\b(?:posted|published|updated|on|at|le|am|el|em|den)\s+)*"
    r"(?:\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b[\s,.]*)?"
    rf"(?:\b(?:{'|'.join(MONTHS)})\b\.?,?\s+)?\d.*$",
    re.IGNORECASE | re.DOTALL,
)
_ROLES = (
    r"reporter|correspondent|editor|writer|contributor|columnist|journalist|redakteur(?:in)?|redaktion|bureau|"
    r"korrespondent(?:in)?|chefredakteur(?:in)?|politics|producer|photograph\w*|chief|desk|staff|journaliste|"
    r"envoyée?s?|correspondante?|rédact(?:eur|rice)|periodista|redactora?|corresponsal|giornalista|redattore|inviat[oa]|"
    r"jornalista|repórter|dziennikarz|dziennikarka|корреспондент|журналист|обозреватель|редактор"
)
_ROLE = re.compile(rf"\b(?:{_ROLES})\b|特派員|編集委員|기자", re.IGNORECASE)
# A name and, without so much as a comma, the role: "Marta Lindqvist Senior Science Correspondent".
_NAME_AND_ROLE = re.compile(
    rf"((?:[^\W\d_][\w.'’-]*\s){{1,2}}?[^\W\d_][\w.'’-]+?)\s(?:(?:senior|chief|staff|special|deputy|associate|assistant|"
    rf"managing|contributing|foreign|political|business|science|technology|tech|economics?|financial|finance|markets|energy|"
    rf"defen[cs]e|security|diplomatic|news|breaking|digital|features|investigations|entertainment|royal|city|home|data|health|education|environment|climate|legal|crime|sports?|culture|media|world|national)\s.*)?\b(?:{_ROLES})\b.*",
    re.IGNORECASE | re.DOTALL,
)
_SERVICE = re.compile(
    r"\b(?:follow|view|archives?|author page|on twitter|on facebook|more (?:from|by)|see all|full bio|profile|subscribe|"
    r"share (?:this|on)|read more|send (?:an )?e-?mail)\b",
    re.IGNORECASE,
)
_PLACED = re.compile(  # "Marta Lindqvist in Moscow", "... for Tech Example"
    r"((?:[^\W\d_][\w.'’-]*\s){1,3}?[^\W\d_][\w.'’-]*)\s(?:in|for|from|at|aus|à|в|для)\s(?=[^\W\d_a-zà-ÿа-я]).*",
    re.DOTALL,
)
_BODY = re.compile(r"[A-Z]{2}|\b(?i:institute|cent(?:er|re)|council|committee|foundation|association|campaign)\b")
_EDITED = re.compile(r"\W*\b(?:edited|editing) by\b.*", re.IGNORECASE | re.DOTALL)
_REPORTED = re.compile(r"\b(?:(?:additional|further) )?(?:reporting|writing) by\s", re.IGNORECASE)
_EMPTY = frozenset(
    {
        "agencies",
        "newsagencies",
        "wires",
        "wireservices",
        "agenturen",
        "admin",
        "administrator",
        "editor",
        "editors",
        "staff",
        "author",
        "redaktion",
        "redaction",
        "webmaster",
        "root",
        "user",
        "none",
        "null",
        "unknown",
        "anonymous",
        "guest",
        "newsroom",
        "by",
        "undefined",
        "n/a",
        "wpadmin",
        "superuser",
    }
)


def names(sources: Iterable[Iterable[str]], not_people: Iterable[str] = ()) -> tuple[str, ...]:
    """The people that the first source to name any names, in order, each once.

    ``sources`` hold the byline texts of a page, most trusted source first.  ``not_people`` are names of the outlet.
    """
    outlets = {fold_letters(name) for name in not_people if name}
    account: tuple[str, ...] = ()
    for values in sources:
        people = [name for plain, name in _named(values).items() if plain not in outlets]
        if len(people) > 1:
            people = [name for name in people if not _names_outlet(name, outlets)] or people
            people = [name for name in people if not any(name.startswith(f"{one} ") for one in people if " " in one)]
        if people and not all(map(_ACCOUNT.fullmatch, people)):
            return tuple(people[:20])
        account = account or tuple(people[:20])
    return account


_ACCOUNT = re.compile(r"[a-z][a-z0-9_.-]*|[A-Za-z_.-]+\d[\w.-]*")  # a user's name for the site's own software


def newsroom(sources: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """The first name at all, the outlet's own too: who signs where no person does."""
    return next((tuple(found.values())[:1] for values in sources if (found := _named(values))), ())


def _named(values: Iterable[str]) -> dict[str, str]:
    """The names in the byline texts, by their letters."""
    return {fold_letters(name): name for value in values for name in _pieces(value)}


def _names_outlet(name: str, outlets: set[str]) -> bool:
    """A department or bureau: the outlet's name with a word behind it."""
    first = fold_letters(name.split(maxsplit=1)[0])
    return len(first) > 2 and first in outlets


def _pieces(value: str) -> list[str]:
    text = unescape(value).replace("\xa0", " ")
    text = re.sub(r"<[^>]{0,200}>", " ", text)
    if len(text) > 300 or re.match(r"\s*(?:https?:)?//", text):
        return []
    if surname := _SURNAME_FIRST.fullmatch(text.strip()):
        return [f"{surname[2]} {surname[1]}"]
    text = _REPORTED.sub("", _EDITED.sub("", text))
    text = _DASHED.sub("", _NOISE.sub("", _WHEN.sub("", _without_by(text))))
    split = [name for part in _SPLIT.split(text) for name in _two_names(part)]
    parts = [part for part in (re.sub(r"\s+", " ", part).strip(_EDGES) for part in split) if part]
    parts = [part for part in parts if part.rstrip(".").lower() not in _TITLES]
    if any(" " in part for part in parts):
        parts = [part for part in parts if part.replace(".", "") not in _DEGREES]
    if len(parts) > 1:
        parts = [part for part in parts if not _ROLE.search(part)] or parts[:1]
    if parts and "," in text and " " in parts[0]:
        parts = [part for part in parts if " " in part or part.isupper() or part == parts[0]]  # a place, no agency
    if len(parts) == 1:
        parts = [_without_role(parts[0])]
    parts = [match[1] if (match := _PLACED.fullmatch(part)) and not _BODY.search(match[1]) else part for part in parts]
    if len(parts) == 2 and "," in text and all(len(part.split()) == 1 for part in parts) and parts[0].isascii():
        parts = [" ".join(reversed(parts))]  # "Surname, Name"
    return [
        part
        for part in parts
        if 2 <= len(part) <= 60
        and not re.search(r"\w\.\w+/|:", part)  # addresses, labels
        and fold_letters(part) not in _EMPTY
        and not _SERVICE.search(part)
        and len(part.split()) <= 6
        and re.search(r"[^\W\d_]{2}", part)
    ]


def _without_role(text: str) -> str:
    match = _NAME_AND_ROLE.fullmatch(text)
    return match[1] if match and not _ROLE.search(match[1]) else text


def _without_by(text: str) -> str:
    """Without what stands before the names; a name may begin with such a word itself: "Di Wu"."""
    words = text.split()
    return text if len(words) == 2 and words[0] in _PARTICLES else _BY.sub("", text, count=1)


def _two_names(text: str) -> list[str]:
    """The names on both sides of a word for "and" that is a part of names too: "Ortega y Gasset"."""
    sides = re.split(r"\s[yei]\s", text)
    return sides if all(len(side.split()) > 1 for side in sides) else [text]


_PARTICLES = frozenset({"Di", "Da", "De", "Od", "Af", "Av", "Par"})
# "Van der Berg, Anna": more than one word behind a particle is a byline, "Von Marta Lindqvist, Berlin".
_SURNAME_FIRST = re.compile(
    r"((?:(?:von|van|de|der|den|di|da|del|della|du|le|la|al|el|bin|ter|ten)\s)+[\w'’-]+),\s([^\W\d_][\w'’-]+)",
    re.IGNORECASE,
)
_TITLES = frozenset({"jr", "sr", "phd", "md", "ii", "iii", "esq"})
_DEGREES = frozenset(
    "MA BA MS BS BSc MSc MPH MBA MPhil MSW MEd RD RDN LDN RN NP DO DDS DMD DVM JD LLM LLB PsyD EdD DPhil PharmD CPA CFA".split()
)
_DASHED = re.compile(r"\s[-–—|].*$", re.DOTALL)
_EDGES = " \t,.;:-–—|/／：*\"'“”"
