"""Reduces Russian and English words to stems with the Snowball algorithms, giving the same stems as Lucene."""

from __future__ import annotations

import re
import threading

from snowballstemmer.english_stemmer import EnglishStemmer
from snowballstemmer.russian_stemmer import RussianStemmer

_english_stemmer, _russian_stemmer = EnglishStemmer(), RussianStemmer()
_stemmer_lock = threading.Lock()  # the stemmers store the current word as an attribute

#: Words to which Snowball would give the stem of a word of another meaning (in brackets), with a stem of their own.
#: The Elasticsearch analyzer uses the same list.
STEM_OVERRIDES = {
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

# Matches short words with a double consonant and -ed or -ing, such as "added" and "adding".  Lucene's stem is "add";
# the stemmer used here returns "ad".
_DOUBLE_CONSONANT_PATTERN = re.compile(r"[aeo](bb|dd|ff|gg|mm|nn|pp|rr|tt)(ed|ing)")


def stem(word: str) -> str:
    """Returns the stem of a word in lower case without diacritics; the word itself if it has no ending to remove."""
    override = STEM_OVERRIDES.get(word)
    if override is not None:
        return override
    with _stemmer_lock:
        stemmed: str = word if word.isascii() else _russian_stemmer.stemWord(word)
        stemmed = _english_stemmer.stemWord(stemmed)
    if len(stemmed) == 2 and _DOUBLE_CONSONANT_PATTERN.match(word) and word.startswith(stemmed + stemmed[1]):
        return stemmed + stemmed[1]
    return stemmed
