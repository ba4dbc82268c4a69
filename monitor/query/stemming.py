"""Reduces the written forms of a word to one stem, by the language of the text.

The stem of a word that the language's dictionary has is its dictionary form (simplemma), folded to lower case without
diacritics.  The stem of any other word, such as a name, is what the language's rules leave of it, after a mark: so no
name becomes one with a word of the dictionary ("Harding" and "hard").
"""

from __future__ import annotations

import itertools
import re
import threading
from functools import cache
from typing import TYPE_CHECKING

import opencc
import Stemmer
from simplemma.strategies import DefaultStrategy, DictionaryLookupStrategy

from monitor.query import dictionaries
from monitor.query.dictionaries import MappedDictionaries
from monitor.query.folding import fold_case_and_diacritics

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STEMMED_CHARACTERS = 64  # longer words have no stem
MAX_SHORT_WORD_CHARACTERS = 2  # words that are so short keep themselves
# A stem of a query's word that is shorter leaves too little of it: the Spanish rules make "can" of Canada.
MIN_STEM_SHARE = 0.6
MAX_ACRONYM_CHARACTERS = 5  # words in capitals up to this length keep themselves

#: The script of each language with stems; words in another script have the stem of that script's first language.
LANGUAGES_BY_SCRIPT = {
    "Latin": ("en", "de", "fr", "es", "pt", "it", "nl", "sv", "pl", "cs", "tr", "hu", "fi"),
    "Cyrillic": ("ru", "uk"),
    "Arabic": ("ar", "fa"),
    "Hebrew": ("he",),
    "Greek": ("el",),
    "Devanagari": ("hi",),
    "Hangul": ("ko",),
    "Katakana": ("ja",),
    "Han": ("zh",),
    "digits": ("",),
}
#: Other languages with the same scripts, as the detection of languages names them.  Their words have no stem: the
#: endings of other languages would make them other words.
_OTHER_LANGUAGES = {
    "Latin": "af an az bs br ca cy da eo et eu fo ga gl hr ht id is jv ku la lb lt lv mg ms mt nb nn no oc qu ro rw se "
    "sk sl so sq sw tl tk uz vi vo wa xh zu",
    "Cyrillic": "be bg kk ky mk mn sr tg tt",
    "Arabic": "ckb ps sd ug ur",
    "Hebrew": "yi",
    "Devanagari": "mr ne sa",
}
_LANGUAGES_WITHOUT_STEMS = {script: frozenset(languages.split()) for script, languages in _OTHER_LANGUAGES.items()}
STEMMED_LANGUAGES = tuple(filter(None, itertools.chain.from_iterable(LANGUAGES_BY_SCRIPT.values())))
#: Languages in which the stem of a word can differ from that in a text of unknown language.
DISTINGUISHED_LANGUAGES = frozenset(STEMMED_LANGUAGES).union(*_LANGUAGES_WITHOUT_STEMS.values())
DICTIONARY_LANGUAGES = tuple(language for language in STEMMED_LANGUAGES if language not in {"ko", "ja", "zh"})
_SCRIPT_RANGES = (
    ("Latin", 0x41, 0x24F),
    ("Latin", 0x1E00, 0x1EFF),
    ("Greek", 0x370, 0x3FF),
    ("Greek", 0x1F00, 0x1FFF),
    ("Cyrillic", 0x400, 0x52F),
    ("Hebrew", 0x590, 0x5FF),
    ("Arabic", 0x600, 0x77F),
    ("Devanagari", 0x900, 0x97F),
    ("Katakana", 0x30A1, 0x30FF),
    ("Han", 0x3400, 0x9FFF),
    ("Hangul", 0xAC00, 0xD7A3),
)
_SNOWBALL_BY_LANGUAGE = {
    "en": "english",
    "de": "german",
    "fr": "french",
    "es": "spanish",
    "pt": "portuguese",
    "it": "italian",
    "nl": "dutch",
    "sv": "swedish",
    "pl": "polish",
    "cs": "czech",
    "hu": "hungarian",
    "fi": "finnish",
    "ru": "russian",
    "el": "greek",
    "hi": "hindi",
}
#: Languages whose affixes simplemma also removes from words that its dictionary does not have.
_GUESSED_LANGUAGES = frozenset({"tr", "hu", "fi", "ar", "he"})
UNKNOWN_WORD_MARK = "~"  # begins the stems of words that no dictionary has
_UKRAINIAN_ENDING_PATTERN = re.compile(
    r"(?<=...)(?:ського|ському|ським|ською|ська|ській|ську|ський|ові|еві|єві|ами|ями|ого|ому|ах|ях|ів|їв|ом|ем|єм|ою|ею|єю|ий|им|ім|ій|ої"
    r"|[аяуюіїоеиь])$"
)
#: Korean particles after a noun, and the lengthening with which some Japanese words are written and others not.
_ENDING_PATTERNS = {
    "uk": _UKRAINIAN_ENDING_PATTERN,
    "ko": re.compile(
        "(?<=..)(?:에서는|으로는|에게서|이라고|까지|부터|보다|처럼|에서|에게|으로|라고|이나|과의|와의|에는|에도|들은|들이|들을|들의"
        "|은|는|이|가|을|를|에|의|로|와|과|도|만|들)$"
    ),
    "ja": re.compile("(?<=...)ー$"),
}
# Particles that Arabic and Hebrew write in front of a word: and, in, to, from, as, that, the.
_PARTICLE_PATTERNS = {
    "ar": re.compile("[\u0648\u0641\u0628\u0643\u0644\u0633]|\u0627\u0644"),
    "he": re.compile("[\u05d5\u05d4\u05d1\u05dc\u05de\u05e9\u05db]"),
}
MIN_CHARACTERS_AFTER_PARTICLE = 4  # of a word that no dictionary has


#: Endings of forms that the dictionary may have under another word, see `_stems_of_homographs`.
_HOMOGRAPH_ENDING_PATTERNS = {
    "ru": re.compile("(?:[аяуюыиео]|[оеё][йюмв]|[ая]м|[ая]ми|[ая]х)?"),
    "uk": re.compile("(?:[аяуюиіїео]|[оеє][юм]|[оеє]ві|[ая]м|[ая]ми|[ая]х|[іїи]в)?"),
    "pl": re.compile("(?:[aeiuyąęo]|i?e|i?em|ów|om|ami|ach|owi|owie)?"),
    "cs": re.compile("(?:[aeiouyáéíýěů]|ou|em|ům|am[ai]|ách|ech|ích|ovi|ové|emi)?"),
    "de": re.compile("(?:e?[ns]|e|ern?)?"),
}
# Of a word without its ending; shorter ones have too much in common with other words.
_MIN_HOMOGRAPH_CHARACTERS = {"ru": 4, "uk": 4, "pl": 4, "cs": 4, "de": 6}
_ENDINGS = frozenset("аяоеиыьйіїaeiouyěáéíýůąęó")
_CZECH_NAME_PATTERN = re.compile(r"(?<=[cs]k)yj$")  # Zelenskyj, which has the endings of an adjective
_GERMAN_GENITIVE_PATTERN = re.compile(r"(?<=..[^s])s$")  # Snowball keeps it after a vowel: Chinas


_RUSSIAN_SURNAME_PATTERN = re.compile("[ое]в$|[иы]н$")
_RUSSIAN_SURNAME_ENDINGS = ("а", "у", "ым", "е", "ой", "ых")


@cache
def _prepare_dictionaries(languages: tuple[str, ...]) -> None:
    """Converts the dictionaries together, which is faster than one by one when they are looked up."""
    dictionaries.convert(language for language in languages if language in DICTIONARY_LANGUAGES)


@cache
def _strategy() -> DefaultStrategy:
    return DefaultStrategy(dictionary_factory=MappedDictionaries())


@cache
def _lookup() -> DictionaryLookupStrategy:
    return DictionaryLookupStrategy(MappedDictionaries())


_snowball_lock = threading.Lock()  # the stemmers store the current word


@cache
def _snowball(language: str) -> Stemmer.Stemmer | None:
    algorithm = _SNOWBALL_BY_LANGUAGE.get(language)
    return Stemmer.Stemmer(algorithm, 0) if algorithm else None


def script_of(word: str) -> str | None:
    """Returns the script of a word's first letter, or "digits"; None for scripts whose words have no stem."""
    if _NUMBER_PATTERN.fullmatch(word):
        return "digits"
    for character in word:
        if character.isalpha():
            code = ord(character)
            return next((script for script, first, last in _SCRIPT_RANGES if first <= code <= last), None)
    return None


def stem(word: str, language: str | None) -> str:
    """Returns the stem of a word, as it is written, in a text of this language; "" for a word without stems."""
    languages = _languages_of_script(word)
    if not languages or language in _LANGUAGES_WITHOUT_STEMS.get(script_of(word) or "", ()):
        return ""
    language = language if language in languages else languages[0]
    fixed = _fixed_stem(word, language)
    return _stem_of_inflected_word(word, language) if fixed is None else fixed


def _fixed_stem(word: str, language: str) -> str | None:
    """Returns the stem of a word that has no endings to remove; None for any other word."""
    if language == "":
        return "".join(filter(str.isdigit, fold_case_and_diacritics(word)))
    if language == "zh":
        return _simplified_characters().get(word, "")
    if _DOTTED_ACRONYM_PATTERN.fullmatch(word):
        word = word.replace(".", "")
    elif language != "ko" and _keeps_itself(head := _without_suffix_after_sign(word, language)):
        word = head
    else:
        return None
    return fold_case_and_diacritics(word)


def _stem_of_inflected_word(word: str, language: str) -> str:
    word = _without_suffix_after_sign(word, language).replace("'", "")
    return _dictionary_stem(word, language) or _stem_of_unlisted_word(word, language)


def stems_of_query_word(word: str) -> tuple[str, ...]:
    """Returns the stems that the forms of a query's word have in texts of any language, in alphabetical order.

    A word that is a dictionary form in some languages is not taken for an inflected form of another word in others:
    ``state`` is English, and does not find the Italian "essere", of which "state" is a participle.  Only in the first
    language of its script it may be both.
    """
    languages = _languages_of_script(word)
    if not languages:
        return ()
    if (fixed := _fixed_stem(word, languages[0])) is not None:
        return (fixed,) if fixed else ()
    _prepare_dictionaries(languages)
    word = word.replace("'", "")
    dictionary_stems = {language: _dictionary_stem(word, language) for language in languages}
    own = {language for language, found in dictionary_stems.items() if found and _is_dictionary_form(word, language)}
    folded = fold_case_and_diacritics(word)
    stems = {folded}  # of a dictionary form that the query has without its diacritics
    for language, found in dictionary_stems.items():
        if language == "en" and _is_surname(word):
            continue
        if found and (not own or language in own or language == languages[0]):
            stems.add(found)
        if not found or (language in own and language != "en"):  # also its forms that the dictionary does not have
            stems.add(_unknown_stem(word, language))
            stems.add(UNKNOWN_WORD_MARK + folded)  # rules may take its end for an ending
        if not found and language in _PARTICLE_PATTERNS:
            stems.add(_stem_of_unlisted_word(word, language))
        if language == "ru" and word.istitle() and _RUSSIAN_SURNAME_PATTERN.search(folded):
            # The dictionary has some cases of a surname under another word: Лавровым under лавровый.
            stems |= {_stem_of_inflected_word(word + ending, language) for ending in _RUSSIAN_SURNAME_ENDINGS}
        if language in own and language in _HOMOGRAPH_ENDING_PATTERNS:
            stems |= _stems_of_homographs(word, language)
    stems = {stem for stem in stems if stem[0] != UNKNOWN_WORD_MARK or len(stem) - 1 >= MIN_STEM_SHARE * len(word)}
    for variant in _spelling_variants(word):
        stems.add(fold_case_and_diacritics(variant))
        stems |= {_unknown_stem(variant, language) for language in languages}
    return tuple(sorted(stems))


def _spelling_variants(word: str) -> list[str]:
    """Returns other spellings of a word with umlauts or the letter đ: Müller, Mueller; Đoković, Djokovic."""
    variants = []
    for letters, replacements in _SPELLINGS_OF_LETTERS:
        for letter, replacement in zip(letters, replacements, strict=True):
            if letter in word.lower():
                variants.append(word.lower().replace(letter, replacement))
    return variants


def _is_surname(word: str) -> bool:
    """Returns True for a word of a query that is written as a name and would be a form of a common English word."""
    return word.istitle() and (word.endswith("ing") or word in _ENGLISH_SURNAMES)


_UMLAUTS, _DIGRAPHS = ("ä", "ö", "ü", "đ"), ("ae", "oe", "ue", "dj")
_SPELLINGS_OF_LETTERS = ((_UMLAUTS, _DIGRAPHS), (_DIGRAPHS, _UMLAUTS))
# Digits with separators of thousands, and decades: 3,000; 3.000; 1990s.
_NUMBER_PATTERN = re.compile(r"\d+s?|\d{1,3}(?:[.,]\d{3})+")
_DOTTED_ACRONYM_PATTERN = re.compile(r"(?:[^\W\d_]\.){1,5}[^\W\d_]")


@cache
def _simplified_characters() -> dict[str, str]:
    """Maps each Chinese character that has a variant to its simplified form, which is mapped to itself."""
    characters = [chr(code) for code in range(0x3400, 0xA000)]
    simplified = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    changed = {
        character: simple for character, simple in zip(characters, simplified, strict=True) if character != simple
    }
    return {simple: simple for simple in changed.values()} | changed


def _languages_of_script(word: str) -> tuple[str, ...]:
    return LANGUAGES_BY_SCRIPT.get(script_of(word) or "", ()) if len(word) <= MAX_STEMMED_CHARACTERS else ()


_ENGLISH_SURNAMES = frozenset({"Bates", "Brooks", "Rivers", "Stones", "Waters", "Woods"})


def _keeps_itself(word: str) -> bool:
    """Returns True for short words and acronyms, which would become common words: ИИ, АО, US, BRICS."""
    return len(word) <= MAX_SHORT_WORD_CHARACTERS or (word.isupper() and len(word) <= MAX_ACRONYM_CHARACTERS)


def _dictionary_stem(word: str, language: str) -> str:
    """Returns the folded dictionary form of a word, "" if the dictionary does not have the word."""
    if language not in DICTIONARY_LANGUAGES:
        return ""
    lemma = _lookup().get_lemma(word, language)
    if lemma is None:
        return ""
    folded = fold_case_and_diacritics("".join(lemma.split()))
    return _american_spelling(folded) if language == "en" else folded


def _is_dictionary_form(word: str, language: str) -> bool:
    return (_lookup().get_lemma(word, language) or "").lower() == word.lower()


def _stem_of_unlisted_word(word: str, language: str) -> str:
    """Returns the stem of a word that the dictionary does not have; its affixes may be all that hides a known word."""
    for rest in _without_particles(word, language):
        if (known := _dictionary_stem(rest, language)) != "":
            return known
    if language in _GUESSED_LANGUAGES:
        word = _strategy().get_lemma(word, language) or word
        if (known := _dictionary_stem(word, language)) != "":
            return known
    return _unknown_stem(word, language)


def _without_particles(word: str, language: str) -> Iterator[str]:
    """Yields what is left of a word after its first particle, after its second, and so on."""
    particle = _PARTICLE_PATTERNS.get(language)
    while particle is not None and (match := particle.match(word)) is not None:
        rest = word[match.end() :]
        if language == "ar" and word.startswith("\u0644\u0644"):  # "to the" is written without the alef of "the"
            rest = f"\u0627{rest}"
            yield rest
            rest = rest[2:]
        if len(rest) <= MAX_SHORT_WORD_CHARACTERS:
            return
        yield rest
        word = rest


def _stems_of_homographs(word: str, language: str) -> set[str]:
    """Returns the stems of forms that are a form of this word too, although the dictionary has them under another.

    A dictionary has one entry for each form: банке is one of банка (jar), but also of банк.  Looks at the forms that
    continue the word, or the word without its last letter if that is an ending.
    """
    folded = word.lower()
    beginning = folded[:-1] if folded[-1] in _ENDINGS else folded
    if len(beginning) < _MIN_HOMOGRAPH_CHARACTERS[language]:
        return set()
    stemmed = _unknown_stem(folded, language)
    dictionary = MappedDictionaries().get_dictionary(language)
    is_name = word[0].isupper() and word in dictionary
    starts = (beginning.capitalize(),) if is_name else (beginning, beginning.capitalize())
    forms = itertools.chain.from_iterable(map(dictionary.forms, starts))
    return {
        _dictionary_stem(form, language)
        for form in forms
        if _HOMOGRAPH_ENDING_PATTERNS[language].fullmatch(form, len(beginning))
        and _unknown_stem(form, language) == stemmed
    }


def _unknown_stem(word: str, language: str) -> str:
    """Returns what a language's rules leave of a word that its dictionary does not have, after the mark."""
    stemmed = fold_case_and_diacritics(word)
    if language in _PARTICLE_PATTERNS:
        rests = [rest for rest in _without_particles(stemmed, language) if len(rest) >= MIN_CHARACTERS_AFTER_PARTICLE]
        stemmed = rests[-1] if rests else stemmed
    elif (ending := _ENDING_PATTERNS.get(language)) is not None:
        stemmed = ending.sub("", stemmed)
    elif (snowball := _snowball(language)) is not None:
        if language == "de":
            stemmed = _GERMAN_GENITIVE_PATTERN.sub("", stemmed)
        elif language == "cs":  # the rules for Czech know its endings with their diacritics
            stemmed = _CZECH_NAME_PATTERN.sub("ý", word.lower())
        with _snowball_lock:
            stemmed = fold_case_and_diacritics(snowball.stemWord(stemmed))
    return UNKNOWN_WORD_MARK + stemmed


def _without_suffix_after_sign(word: str, language: str) -> str:
    """Removes the endings that Turkish writes after an apostrophe, and Finnish and Swedish after a colon."""
    sign = {"tr": "'", "fi": ":", "sv": ":"}.get(language)
    return (word.partition(sign)[0] if sign else word) or word


# British endings and the American ones that replace them, after at least two letters.  Some words become forms that
# nobody writes ("wize"), equally in stories and queries; no two different words become one.
_AMERICAN_SPELLINGS = (
    (re.compile(r"(?<=..)isation$"), "ization"),
    (re.compile(r"(?<=..)(?<!pr)ise$"), "ize"),
    (re.compile(r"(?<=..)yse$"), "yze"),
    (re.compile(r"(?<=...)our$"), "or"),
    (re.compile(r"(?<=..)ence$"), "ense"),
    (re.compile(r"(?<=..)([bt])re$"), r"\1er"),
    (re.compile(r"(?<=..)ogue$"), "og"),
    (re.compile(r"(?<=..)amme$"), "am"),
)


def _american_spelling(word: str) -> str:
    for pattern, ending in _AMERICAN_SPELLINGS:
        word, count = pattern.subn(ending, word)
        if count:
            return word
    return word
