"""Words without their Russian and English endings, by the Snowball algorithms in the edition that Lucene has."""

from __future__ import annotations

import re
import threading

from snowballstemmer.english_stemmer import EnglishStemmer
from snowballstemmer.russian_stemmer import RussianStemmer

_english, _russian = EnglishStemmer(), RussianStemmer()
_lock = threading.Lock()  # the stemmers keep their state in themselves

#: Words that Snowball would throw together with others of another meaning (in brackets), and the stem they get
#: instead, which no other word has.  Elasticsearch gets the same list.
OVERRIDES = {
    word: stem
    for stem, words in {
        "accountant": "accountant accountants",  # (account)
        "apartment": "apartment apartments",  # (apart)
        "appointment": "appointment appointments",  # (appoint)
        "arms": "arms",  # (arm)
        "authors": "author authors authored",  # (authority)
        "capitalism": "capitalism",  # (capital)
        "customer": "customer customers",  # (customs)
        "department": "department departments",  # (depart)
        "emergency": "emergency emergencies",  # (emerge)
        "evening": "evening evenings",  # (even)
        "execution": "execution executions",  # (executive)
        "experience": "experience experiences experienced",  # (experiment)
        "important": "important importantly importance",  # (import)
        "informal": "informal informally",  # (inform)
        "international": "international internationally",  # (intern)
        "lateral": "lateral laterally",  # (later)
        "marketing": "marketing",  # (market)
        "officer": "officer officers",  # (office)
        "operator": "operator operators",  # (operate)
        "organic": "organic organically",  # (organization)
        "organism": "organism organisms",
        "organs": "organ organs",
        "possession": "possession possessions",  # (possess)
        "president": "president presidents",  # (preside)
        "several": "several",  # (sever)
        "socialism": "socialism",  # (social)
        "statement": "statement statements",  # (state)
        "united": "united",  # (unit)
        "universal": "universal universally",  # (university)
        "university": "university universities",
    }.items()
    for word in words.split()
}

# Lucene leaves "add" and its like whole where the older edition takes one of the two consonants away.
_SHORT_DOUBLE = re.compile(r"[aeo](bb|dd|ff|gg|mm|nn|pp|rr|tt)(ed|ing)")


def stem(word: str) -> str:
    """The stem of a folded word."""
    kept = OVERRIDES.get(word)
    if kept is not None:
        return kept
    with _lock:
        found: str = word if word.isascii() else _russian.stemWord(word)
        found = _english.stemWord(found)
    if len(found) == 2 and _SHORT_DOUBLE.match(word) and word.startswith(found + found[1]):
        return found + found[1]
    return found
