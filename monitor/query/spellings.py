"""Reads the spellings of other query languages.

`canonical_tokens` reads the operators that have one meaning everywhere (``ИЛИ``, ``ＯＲ``, ``Or``, ``|``) as operators
of this language.  `foreign_word_hint` and `foreign_call_hint` say how to write others here (``w/5``, ``caps(Apple)``),
because a query that reads them as words would find something else.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from lark import Token

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Words that are operators in any case; in lower case `monitor.query.lint` notes how they are read.
_OPERATOR_BY_ENGLISH_WORD = {"and": "AND", "or": "OR", "not": "NOT"}
#: Words that are operators in capitals only.
_OPERATOR_BY_CAPITALS = {
    "И": "AND",
    "ИЛИ": "OR",
    "НЕ": "NOT",
    "АБО": "OR",
    "UND": "AND",
    "ODER": "OR",
    "NICHT": "NOT",
    "ORAZ": "AND",
    "LUB": "OR",
    "OU": "OR",
    "VEYA": "OR",
    "BUT": "AND",  # in BUT NOT
    "&": "AND",
    "|": "OR",
    "¦": "OR",
}
_OPERAND_ENDS = frozenset({"WORD", "PHRASE", "RANGE", "FRAGMENT", "RPAR"})
_OPERAND_STARTS = frozenset({"WORD", "PHRASE", "RANGE", "FRAGMENT", "LPAR", "FIELD", "NOT"})


def canonical_tokens(tokens: Sequence[Token]) -> list[Token]:
    """Returns the tokens of a query with foreign spellings of AND, OR, NOT and NEAR replaced by these operators.

    A word is an operator only where an operator can stand: AND, OR and NEAR between two clauses, NOT before one.
    Elsewhere, as in the query ``or`` and after NEAR or a field, it stays a word.  NOT and NEAR between two clauses
    become one token, NOT_NEAR.
    """
    tokens = _with_section_operators(tokens)
    canonical: list[Token] = []
    for index, token in enumerate(tokens):
        if token.type == "NEAR" and _is_negation_between_clauses(canonical):
            negation = canonical.pop()
            canonical.append(Token.new_borrow_pos("NOT_NEAR", f"NOT {token}", negation))
            continue
        operator = operator_of_word(token) if token.type == "WORD" else ""
        previous = canonical[-1].type if canonical else ""
        following = tokens[index + 1].type if index + 1 < len(tokens) else ""
        can_follow = previous not in {"NEAR", "NOT_NEAR", "FIELD"} if operator == "NOT" else previous in _OPERAND_ENDS
        is_before_operand = following in _OPERAND_STARTS or (
            operator == "NOT" and following == "NEAR" and previous in _OPERAND_ENDS
        )
        is_operator = can_follow and is_before_operand
        canonical.append(Token.new_borrow_pos(operator, str(token), token) if operator and is_operator else token)
    return canonical


def _is_negation_between_clauses(tokens: Sequence[Token]) -> bool:
    """Returns True if the last token is NOT, written as a word, after a clause."""
    return len(tokens) > 1 and tokens[-1].type == "NOT" and tokens[-1][0].isalpha() and tokens[-2].type in _OPERAND_ENDS


def _with_section_operators(tokens: Sequence[Token]) -> list[Token]:
    """Returns the tokens with ``w/s``, ``/s``, ``+s``, ``SAME`` and the like between two clauses replaced by NEAR.

    In ``/s`` and ``+s`` the sign is a token by itself.
    """
    replaced: list[Token] = []
    for index, token in enumerate(tokens):
        following = tokens[index + 1].type if index + 1 < len(tokens) else ""
        sign = replaced[-1] if replaced and replaced[-1].type == "STRAY" else None
        has_sign = sign is not None and sign in {"/", "+"} and sign.end_pos == token.start_pos
        operator = section_operator(f"{sign}{token}" if has_sign else token) if token.type == "WORD" else ""
        before = replaced[-2:-1] if has_sign else replaced[-1:]
        if not operator or following not in _OPERAND_STARTS or not before or before[0].type not in _OPERAND_ENDS:
            replaced.append(token)
            continue
        first = replaced.pop() if has_sign else token
        replaced.append(Token.new_borrow_pos("NEAR", operator, first))
    return replaced


_SECTION_OPERATOR_PATTERN = re.compile(r"(w|pre|o?near|n|\+)?/?(?:(s|sent|sentence)|(p|para?|paragraph|seg))")


def section_operator(word: str) -> str:
    """Returns NEAR/S, NEAR/P, ONEAR/S or ONEAR/P for a word that means the same in another query language, else ""."""
    plain = unicodedata.normalize("NFKC", word)
    if plain == "SAME":  # Factiva's
        return "NEAR/P"
    match = _SECTION_OPERATOR_PATTERN.fullmatch(plain.lower())
    if match is None or not ("/" in plain or plain[0] == "+"):
        return ""
    order, sentence, _ = match.groups()
    return f"{'ONEAR' if order in {'pre', 'onear', '+'} else 'NEAR'}/{'S' if sentence else 'P'}"


def operator_of_word(word: str) -> str:
    """Returns AND, OR or NOT if the word is a spelling of this operator, else ""."""
    plain = unicodedata.normalize("NFKC", word)
    return _OPERATOR_BY_CAPITALS.get(plain) or _OPERATOR_BY_ENGLISH_WORD.get(plain.lower(), "")


def is_reserved(word: str) -> bool:
    """Returns True if the word must be escaped or quoted in a query, because it is, or looks like, an operator."""
    return bool(_RESERVED_START_PATTERN.match(word) or operator_of_word(word) or foreign_word_hint(word))


_RESERVED_START_PATTERN = re.compile(r"(AND|OR|NOT)-|O?NEAR/(\d+|[SP])$")

# ---- words that are operators elsewhere

_FIELD_BY_FOREIGN_NAME = {
    **dict.fromkeys(("hd", "hl", "headline", "title", "heading", "intitle", "allintitle", "ti"), "title"),
    **dict.fromkeys(("body", "text", "intext", "tx", "td"), "text"),
    **dict.fromkeys(("ingress", "lead", "hlead", "hlp", "lp", "ld"), "lead"),
    **dict.fromkeys(("by", "byline", "author", "au"), "author"),
    **dict.fromkeys(("inurl", "allinurl", "url", "link"), "url"),
    **dict.fromkeys(("outlet", "source", "sn", "sc", "rst", "publication", "pub"), "outlet"),
    **dict.fromkeys(("la", "lang", "language"), "language"),
    **dict.fromkeys(("country", "location", "geo"), "country"),
    **dict.fromkeys(("pd", "date", "published", "published_at", "timestamp"), "published_at"),
    **dict.fromkeys(("wc", "length", "words", "word_count"), "word_count"),
}
_WORD_HINTS = {
    "TO": 'to search for the word, write it in quotes: "TO"',
    "ANDNOT": "write AND NOT",
    "XOR": "write (a OR b) AND NOT (a AND b)",
    "WITHIN": "write NEAR/10",
    "ADJ": "write ONEAR/0",
    "SAME": "write NEAR/P between two words",
}


def foreign_word_hint(word: str, rest: str = "") -> str:
    """Returns how to write a word that is an operator of another query language or a misspelt NEAR; "" for others.

    ``rest`` is the text of the query behind the word, which may have the number of a NEAR.
    """
    plain = unicodedata.normalize("NFKC", word)
    number = re.match(r"\s*[(:,=]?\s*(\d{1,4})\b", rest)
    return (
        _WORD_HINTS.get(plain, "")
        or _near_hint(plain, number[1] if number else "10")
        or _distance_hint(plain)
        or _section_hint(plain)
        or _bare_distance_hint(plain)
        or _comparison_hint(plain)
        or _truncation_hint(plain)
        or _other_hint(plain)
    )


def _other_hint(word: str) -> str:
    if re.fullmatch(r"(?i:atleast/?\d+)|ATLEAST", word):
        return "write atleast3(word), with brackets"
    if word.startswith("''") or word.endswith("''"):
        return 'write the phrase in double quotes, "..."'
    return ""


def _near_hint(word: str, default: str) -> str:
    """Returns the hint for a NEAR with another spelling: ``near``, ``NEAR/5b``, ``NEAR/2f`` (forward), ``near5``.

    ``default`` is the number for a word without one.
    """
    if match := re.fullmatch(r"(o?near|around|within)/?(\d+)(f?)", word, re.IGNORECASE):
        name, number, forward = match.groups()
        operator = "ONEAR" if forward or name.upper() == "ONEAR" else "NEAR"
        if name == "near" and "/" not in word:
            return f"write NEAR/{max(int(number[:9]) - 1, 0)}: Factiva's near{number} allows fewer words between"
        return f"write {operator}/{number}, with spaces around it"
    if match := re.fullmatch(r"(o?near)(?:/|~|,|/f)?(\d*)f?", word, re.IGNORECASE):
        name, number = match.groups()
        if name.isupper() or "/" in word or number:
            return f"write {name.upper()}/{number or default}, with spaces around it"
    if word in {"AROUND", "BEFORE"}:
        return f"write {'ONEAR' if word == 'BEFORE' else 'NEAR'}/{default}"
    if match := re.search(r"(?<![A-Z\\])(O?NEAR)/\W*(\d*)", word):  # but not LINEAR/5, which is a word
        return f"write {match[1]}/{match[2] or default}, with spaces around it"
    return ""


def _distance_hint(word: str) -> str:
    """Returns the hint for ``w/5``, ``adj5``, ``pre/5``, ``n/5`` and the like.

    Factiva and LexisNexis count the distance, which is 1 for neighbours; NEAR counts the words between.
    """
    if match := re.fullmatch(r"(w|adj|pre|next|before)/?(\d+)", word, re.IGNORECASE):
        name, number = match[1].lower(), int(match[2][:9])
        if name in {"w", "next", "before"} and "/" not in word:
            return ""  # W3 and next5 are words
        gap = max(number - 1, 0)
        if name == "w":
            return f"write ONEAR/{gap} for Factiva's {word}, which is ordered, NEAR/{gap} for that of LexisNexis"
        return f"write ONEAR/{gap}: {word} is ordered, and neighbours have the distance 1"
    if match := re.fullmatch(r"([np])/(\d+)", word, re.IGNORECASE):
        return f"write {'NEAR' if match[1].lower() == 'n' else 'ONEAR'}/{match[2]}"
    return ""


def _section_hint(word: str) -> str:
    """Returns the hint for ``w/s``, ``/p`` and the like where they are not between two words."""
    operator = section_operator(word)
    return f"write {operator} between two words" if operator else ""


def _bare_distance_hint(word: str) -> str:
    """Returns the hint for ``/5``."""
    match = re.fullmatch(r"/(\d+)", word)
    return f"write NEAR/{max(int(match[1][:9]) - 1, 0)}" if match else ""


def negated_operator_hint(word: str, hint: str) -> str:
    """Returns how to write NOT before an operator of another query language, whose own hint is ``hint``."""
    if re.fullmatch(r"(?i)w/\d+", word):  # of LexisNexis, as Factiva has no NOT before it
        return f"write a NOT NEAR/{max(int(word[2:11]) - 1, 0)} b"
    operator = re.search(r"O?NEAR/\w+", hint)
    return f"write a NOT {operator[0]} b" if operator else "write a AND NOT b"


def _comparison_hint(word: str) -> str:
    """Returns the hint for ``hd=chip``, ``wc>300`` and the like, with the field's name here."""
    match = re.fullmatch(r"(\w+)(>=|<=|==|=|>|<)(.*)", word)
    name = _FIELD_BY_FOREIGN_NAME.get(match[1].lower()) if match else None
    if match is None or name is None:
        return ""
    operator = match[2] if name in {"published_at", "word_count"} and match[2] not in {"=", "=="} else ""
    return f"write {name}:{operator}{match[3]}"


def _truncation_hint(word: str) -> str:
    """Returns the hint for ``recycl!``, ``wom!n`` and ``telecom$``; names with their sign (Yahoo!, US$) are words."""
    if re.fullmatch(r"\w{2,}!\w+", word):
        return f"write {word.replace('!', '*')} for words with any letters there"
    if re.fullmatch(r"[^\W\d_]{2,}[!$]", word) and (word[:-1].islower() or (word[-1] == "!" and word[:-1].isupper())):
        return f"write {word[:-1]}* for words that begin so"
    return ""


# ---- functions of other languages


def may_be_call(name: Token, bracket: Token) -> bool:
    """Returns True if a word before a bracket may be a function: without a space between, or with an unusual name."""
    is_unusual = re.fullmatch(r"(?i)allcaps|nocaps|atleast/?\d+|h?lead|hlp?|intitle|allintitle", name) is not None
    return name.end_pos == bracket.start_pos or is_unusual


def foreign_call_hint(name: str, argument: str) -> str:
    """Returns how to write a function of another language, such as ``allcaps(RICO)``; "" if ``name`` is none.

    ``argument`` is the text between its brackets.
    """
    lower, content = unicodedata.normalize("NFKC", name).lower(), argument.strip()
    group = content if re.fullmatch(r'\w+|"[^"]*"', content) else f"({content})"
    if match := re.fullmatch(r"(?:atl|min)/?(\d+)", lower):
        return f"write atleast{match[1]}({content})"
    if lower in {"allcaps", "caps", "cs", "case", "casesensitive", "exactcase"}:
        return f"write raw:{group.upper() if lower == 'allcaps' else group}"
    if lower in {"nocaps", "singular", "plural", "exact"}:
        return f'write the exact form in quotes, "{content.strip(chr(34))}"'
    if match := re.fullmatch(r"(o?near|around|adj|w/|pre/|within)/?(\d*)", lower):
        number = match[2] or (content if content.isdecimal() else "5")
        operator = "ONEAR" if match[1] in {"onear", "adj", "pre/"} else "NEAR"
        return f"write {operator}/{number} between its two operands"
    if lower in {"exists", "missing", "has"}:
        return _EXISTS_HINT
    field = "raw" if lower == "raw" else _FIELD_BY_FOREIGN_NAME.get(lower)
    return f"write {field}:{group}" if field else ""


_EXISTS_HINT = "write exists:author, or for stories without one, -exists:author"


def foreign_field_hint(name: str) -> str:
    """Returns the hint for a field prefix of another language, such as ``site:``; "" if it is none."""
    lower = name.lower()
    if lower in {"near", "onear", "around"}:
        return f"write {'ONEAR' if lower == 'onear' else 'NEAR'}/5"
    if lower.strip("_") in {"exists", "missing", "has"}:
        return _EXISTS_HINT
    if lower in {"site", "domain", "host"}:
        return 'write outlet:"its name" or url:words of its address'
    if lower in {"after", "since"}:
        return "write published_at:>=2026-11-01"
    if lower in {"before", "until"}:
        return "write published_at:<2026-11-01"
    field = _FIELD_BY_FOREIGN_NAME.get(lower)
    return f"write {field}:" if field and field != lower else ""
