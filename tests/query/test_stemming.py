"""Words of a query find the forms of the same word, in the language of each story, and no other words."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import MonitorError
from monitor.query import dictionaries
from monitor.query.analysis import Form, InflectedToken, analysed_tokens, token_matchers
from monitor.query.occurrences import matching_positions, spans
from monitor.query.scripts import STEMMED_LANGUAGES
from monitor.query.stemming import stems_of_query_word
from monitor.query.syntax import Phrase, Word

if TYPE_CHECKING:
    from pathlib import Path


def found(query: str, text: str, language: str | None) -> list[str]:
    """Returns the words of a text, as they are written, that a plain word of a query finds."""
    (matcher,) = token_matchers(Word(query))
    tokens = analysed_tokens(text, language)
    return [tokens[position].raw for position in matching_positions(tokens, matcher)]


@pytest.mark.parametrize(
    ("language", "query", "forms"),
    [
        ("en", "sanction", "sanction sanctions sanctioned sanctioning Sanctions"),
        ("en", "woman", "woman women"),
        ("en", "sell", "sell sells sold selling"),
        ("en", "crisis", "crisis crises"),
        ("en", "Sberbank", "Sberbank SBERBANK"),
        ("en", "chatbot", "chatbot chatbots"),
        ("ru", "Сбербанк", "Сбербанк Сбербанка Сбербанку Сбербанком Сбербанке"),
        ("ru", "Соколов", "Соколов Соколова Соколову Соколовым Соколове"),
        ("ru", "Лавров", "Лавров Лаврова Лаврову Лавровым Лаврове"),
        ("ru", "Чернышевский", "Чернышевский Чернышевского Чернышевскому Чернышевским"),
        ("ru", "Киев", "Киев Киева Киеву Киевом Киеве"),
        ("ru", "режим", "режим режима режиму режимом режиме режимы режимов"),
        ("ru", "банк", "банк банка банку банком банке банки банков банками"),
        ("ru", "санкция", "санкция санкции санкций санкциями"),
        ("uk", "банк", "банк банку банком банки банків"),
        ("uk", "Одеса", "Одеса Одеси Одесі Одесу Одесою"),
        ("pl", "Warszawa", "Warszawa Warszawy Warszawie Warszawę Warszawą"),
        ("pl", "sankcja", "sankcja sankcje sankcji sankcjami"),
        ("cs", "vláda", "vláda vlády vládě vládu vládou"),
        ("de", "Sanktion", "Sanktion Sanktionen"),
        ("de", "Bank", "Bank Banken"),
        ("de", "Merkel", "Merkel Merkels"),
        ("fr", "accord", "accord accords"),
        ("es", "sanción", "sanción sanciones"),
        ("pt", "sanção", "sanção sanções"),
        ("it", "banca", "banca banche"),
        ("nl", "bedrijf", "bedrijf bedrijven"),
        ("sv", "regering", "regering regeringen regeringens"),
        ("tr", "Ankara", "Ankara Ankara’da Ankara’nın Ankara'ya"),
        ("tr", "banka", "banka bankalar bankanın bankaya"),
        ("hu", "kormány", "kormány kormányt kormánynak kormányban"),
        ("fi", "hallitus", "hallitus hallituksen hallitusta hallitukselle"),
        ("ar", "إيران", "إيران وإيران بإيران لإيران"),
        ("ar", "بنك", "بنك البنك والبنك بالبنك"),
        ("he", "ממשלה", "ממשלה הממשלה בממשלה לממשלה"),
        ("el", "κυβέρνηση", "κυβέρνηση κυβέρνησης"),
        ("hi", "सरकार", "सरकार सरकारें"),
    ],
)
def test_a_dictionary_form_finds_the_forms_of_the_word(language: str, query: str, forms: str) -> None:
    assert " ".join(found(query, forms, language)) == forms.replace("’", "'")


@pytest.mark.parametrize(
    ("language", "query", "others"),
    [
        ("ru", "ИИ", "и он и она"),
        ("ru", "АО", "а о"),
        ("ru", "Германия", "германий"),
        ("ru", "Дания", "дан данный дать"),
        ("ru", "Мали", "мал мала мало"),
        ("en", "executive", "execute executes executed"),
        ("en", "political", "polite politely"),
        ("en", "business", "busy busier"),
        ("en", "Harding", "hard harder"),
        ("en", "university", "universe universal"),
        ("en", "international", "intern interned"),
        ("en", "author", "authority authorities"),
        ("en", "emergency", "emerge emerging"),
        ("en", "US", "use uses used"),
        ("it", "state", "stare è sono era essere"),
        ("de", "Minister", "Ministerium"),
    ],
)
def test_a_word_does_not_find_other_words(language: str, query: str, others: str) -> None:
    assert found(query, others, language) == []


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("defence", "defense"),
        ("organise", "organize"),
        ("organisations", "organization"),
        ("analyse", "analyze"),
        ("labour", "labor"),
        ("centres", "center"),
        ("dialogue", "dialog"),
        ("programme", "program"),
        ("licence", "license"),
    ],
)
def test_british_and_american_spellings_find_each_other(british: str, american: str) -> None:
    assert found(british, american, "en") == [american]
    assert found(american, british, "en") == [british]


def test_a_query_without_diacritics_finds_words_with_them() -> None:
    assert found("Kaczynski", "Kaczyński", "pl") == ["Kaczyński"]
    assert found("Erdogan", "Erdoğan'ın", "tr") == ["Erdoğan'ın"]


@pytest.mark.parametrize(
    ("first", "second", "language"),
    [
        ("US", "U.S.", "en"),
        ("UK", "U.K", "en"),
        ("3000", "3,000", "en"),
        ("3.000", "3,000", "de"),
        ("O'Neill", "ONeill", "en"),
        ("Müller", "Mueller", "de"),
        ("Đoković", "Djokovic", "en"),
        ("Αθήνα", "ΑΘΗΝΑ", "el"),
        ("ایران", "ايران", "fa"),
        ("फ़ोन", "फोन", "hi"),
        ("コンピュータ", "コンピューター", "ja"),
    ],
)
def test_two_spellings_of_a_word_find_each_other(first: str, second: str, language: str) -> None:
    assert len(found(first, second, language)) == 1
    assert len(found(second, first, language)) == 1


def test_simplified_and_traditional_characters_find_each_other() -> None:
    for word, text in (("华为", "華為"), ("臺灣", "台湾"), ("习近平", "習近平"), ("中国", "中國")):
        assert spans(Word(word), analysed_tokens(text, "zh"))
        assert spans(Word(text), analysed_tokens(word, "zh"))
        assert not spans(Phrase(word), analysed_tokens(text, "zh")), "a quoted word has its own characters only"


def test_a_korean_noun_is_found_with_its_particles() -> None:
    assert found("한국", "한국은 한국이 한국에서 한국의", "ko") == ["한국은", "한국이", "한국에서", "한국의"]


def test_words_of_other_scripts_in_a_text_have_the_stems_of_their_script() -> None:
    assert found("sanction", "под sanctions попали", "ru") == ["sanctions"]
    assert found("Сбербанк", "the word Сбербанка is Russian", "en") == ["Сбербанка"]


def test_a_text_of_unknown_language_has_the_stems_of_its_script() -> None:
    assert found("sanction", "sanctions", None) == ["sanctions"]
    assert found("санкция", "санкций", None) == ["санкций"]
    assert found("sanction", "制裁 sanctions", "zh") == ["sanctions"]


def test_a_language_without_rules_has_written_forms_only() -> None:
    assert found("sanction", "sanctions sanction", "vi") == ["sanction"]
    assert found("санкция", "санкций санкция", "mk") == ["санкция"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Ramaphosa", "ram rams"),
        ("Allemagne", "alle all"),
        ("ByteDance", "byte bytes"),
        ("SenseTime", "sen sense"),
        ("Rosatom", "rosa roses"),
        ("Takaichi", "taka take"),
        ("Canada", "can căn"),
        ("Германия", "герой"),
    ],
)
def test_a_name_does_not_find_the_words_that_it_contains(name: str, words: str) -> None:
    for language in (*STEMMED_LANGUAGES, "vi", None):
        assert found(name, words, language) == []


@pytest.mark.parametrize("text", ["人工智能", "ไทย", "★", "x" * 100])
def test_scripts_without_stems_and_very_long_words_have_none(text: str) -> None:
    assert {*analysed_tokens(text, "en").positions(Form.STEM)} == {""}
    assert stems_of_query_word(text) == ()


@given(st.text(min_size=1, max_size=20), st.sampled_from(STEMMED_LANGUAGES))
def test_every_word_finds_itself_in_every_language(word: str, language: str) -> None:
    matchers = token_matchers(Word(word.translate({ord("*"): None, ord("?"): None})))
    if len(matchers) == 1 and isinstance(matchers[0], InflectedToken):
        tokens = analysed_tokens(word.translate({ord("*"): None, ord("?"): None}), language)
        assert [*matching_positions(tokens, matchers[0])] == [0]


@given(st.text(max_size=30), st.sampled_from((*STEMMED_LANGUAGES, None)))
def test_a_stem_has_no_space(text: str, language: str | None) -> None:
    assert all(len(stem.split()) <= 1 for stem in analysed_tokens(text, language).positions(Form.STEM))


# ---- the dictionaries


def test_two_processes_convert_a_dictionary_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    command = [sys.executable, "-m", "monitor.query.prepare_dictionaries", str(tmp_path / "folder"), "fa"]
    children = [subprocess.Popen(command) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    (path,) = (tmp_path / "folder").iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("fa.trie", 0o644)


def test_a_named_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    program = (
        "import json; from monitor.query import dictionaries\n"
        "try: dictionaries.directory()\n"
        "except Exception as error: print(json.dumps([type(error).__name__, str(error)]))"
    )
    child = subprocess.run(
        [sys.executable, "-c", program],
        env={dictionaries.DIRECTORY_VARIABLE: str(tmp_path / "file")},
        capture_output=True,
        check=True,
    )
    assert json.loads(child.stdout) == [
        MonitorError.__name__,
        f"{tmp_path / 'file'} cannot hold the dictionaries of word forms (set {dictionaries.DIRECTORY_VARIABLE} "
        "to a directory that can be written and has 100 MB of room)",
    ]
