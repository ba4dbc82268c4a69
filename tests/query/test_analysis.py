"""Tokens of each script, and a comparison with the tokens of a real Elasticsearch."""

from __future__ import annotations

import json
import time
import unicodedata
import urllib.request
import uuid
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.models import DIRECTION_MARK_DELETIONS, normalize_text
from monitor.query import folding, segmentation
from monitor.query.analysis import Form, analysed_tokens
from monitor.store.elasticsearch.analysis import ANALYSIS_SETTINGS, AUTHOR_MAPPING, TEXT_MAPPING, URL_MAPPING
from query.generate import texts


def forms(text: str, form: Form) -> list[str]:
    analysed = analysed_tokens(text)
    return [getattr(analysed[position], form) for position in range(len(analysed))]


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("Sberbank's Sberbank’s SBERBANK'S", ["sberbank"] * 3),
        ("l'IA L’IA d’une dell'arte jusqu’ici", ["ia", "ia", "une", "arte", "ici"]),
        ("o'clock O’Brien don't", ["o'clock", "o'brien", "don't"]),
        ("AT&T GPT-4 3,000.5 U.S. 10:30", ["at", "t", "gpt", "4", "3,000.5", "u.s", "10", "30"]),
        ("人工智能 出口", ["人", "工", "智", "能", "出", "口"]),
        ("テスト ひら", ["テスト", "ひ", "ら"]),
        ("ＡＩ ｔｅｓｔ", ["ai", "test"]),
        ("한국어 인공지능", ["한국어", "인공지능"]),
        (
            "Élysée Straße łódź İstanbul cafe\u0301 naïve ﬁrm",
            ["elysee", "strasse", "lodz", "istanbul", "cafe", "naive", "firm"],
        ),
        ("ёлка Пу\u0301тин Київ п’ять пʼять", ["елка", "путин", "київ", "п'ять", "п'ять"]),
        ("ΑΘΗΝΑΣ Αθήνας", ["αθηνασ", "αθηνασ"]),
        ("الـذكاء أمريكا", ["الذكاء", "امريكا"]),
        ("می‌شود ایران ايران کتاب كتاب ١٢٣ ۱۲۳", ["ميشود", *["ايران"] * 2, *["كتاب"] * 2, *["123"] * 2]),
        ("שָׁלוֹם फ़ोन", ["שלום", "फोन"]),
        ("co\u00adoperation", ["cooperation"]),
        ("\u200eSberbank\u200f \u2067AI\u2069", ["sberbank", "ai"]),
        ("«\u202fl’IA\u202f» 10\u202f000", ["ia", "10", "000"]),
        ("\u02bcSberbank\u02bc, don\u201bt say", ["sberbank", "don't", "say"]),
        ("النووي ـ الإيراني ــَ 1990 ـ 1995", ["النووي", "الايراني", "1990", "1995"]),
        ("🚀 ★ 🇷🇺🇨🇳", ["🚀", "★", "🇷🇺", "🇨🇳"]),
        ("€ … —", []),
    ],
)
def test_text_is_split_into_folded_tokens(text: str, exact: list[str]) -> None:
    assert forms(text, Form.EXACT) == exact


def test_raw_keeps_case_and_diacritics_but_no_possessive() -> None:
    assert forms("AI's ai l’Élysée", Form.RAW) == ["AI", "ai", "Élysée"]


_any = st.text(
    st.one_of(
        st.sampled_from("ab1_ .,:;'’\u02bc\u201b-\n\u202f\u00ad\u0301\u200d\ufe0fé中テひ한яב😀🇷"),
        st.characters(max_codepoint=0x52F),
        st.characters(codec="utf-8"),
    ),
    max_size=30,
)


@settings(max_examples=1000, deadline=None)
@given(_any | texts)
def test_the_fast_pattern_gives_the_boundaries_of_the_full_pattern(text: str) -> None:
    replaced = text.translate(segmentation._LOOKALIKES_AND_BREAKS)
    signs = "\u0640\u0670\u200c" + "".join(map(chr, range(0x064B, 0x0660)))  # tatweel and Arabic vowel signs
    expected = [
        match.span()
        for match in segmentation._full_word_pattern.finditer(replaced)
        if match[0].strip(signs) or not match[0].startswith("\u0640")  # tatweel without a letter is a dash
    ]
    assert segmentation.word_boundaries(text) == expected
    words = segmentation.words_of(text)
    assert words == [text[start:end] for start, end in expected]
    assert segmentation.boundaries_of_words(text, words) == expected


def test_the_offsets_of_each_token_give_its_text() -> None:
    analysed = analysed_tokens("\u02bctwas the n\u201bth \u02bcdraft\u02bc of Sberbank")
    words = [analysed.text[start:end] for start, end in analysed.offsets()]
    assert words == ["twas", "the", "n\u201bth", "draft", "of", "Sberbank"]
    assert len(words) == len(analysed)


@pytest.mark.parametrize("letter", ["", "a", "א"])
def test_a_long_run_of_underscores_takes_time_in_proportion(letter: str) -> None:
    """Quadratic time would be 100 times the time of a run that is a tenth as long, or more."""
    times = []
    for length in (20_000, 200_000):
        began = time.process_time()
        segmentation.words_of("_" * length + letter)
        times.append(time.process_time() - began)
    assert times[1] < 40 * max(times[0], 0.001)


def test_a_very_long_token_is_split_as_in_lucene() -> None:
    assert [len(token) for token in segmentation.words_of("a" * 600)] == [255, 255, 90]


# ---- comparison with a real server

Analyze = Callable[[str, str], list[tuple[str, int]]]


@pytest.fixture(scope="module")
def analyze(elasticsearch_url: str) -> Iterator[Analyze]:
    index = f"{elasticsearch_url}/test-analysis-{uuid.uuid4().hex[:12]}"

    def call(method: str, path: str, body: object = None) -> dict[str, list[dict[str, object]]]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(index + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    properties = {"text": TEXT_MAPPING, "authors": AUTHOR_MAPPING, "url": URL_MAPPING}
    settings = {"analysis": ANALYSIS_SETTINGS, "index.analyze.max_token_count": 1_000_000, "number_of_replicas": 0}
    call("PUT", "", {"settings": settings, "mappings": {"properties": properties}})

    def analyzed(field: str, text: str) -> list[tuple[str, int]]:
        response = call("POST", "/_analyze", {"field": field, "text": text})
        return [(str(token["token"]), int(str(token["position"]))) for token in response["tokens"]]

    yield analyzed
    call("DELETE", "")


FIELDS = {Form.EXACT: "text.exact", Form.RAW: "text.raw"}


@pytest.mark.elasticsearch
@pytest.mark.parametrize("form", FIELDS)
@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_elasticsearch_gives_the_same_tokens_at_the_same_positions(analyze: Analyze, form: Form, text: str) -> None:
    text = normalize_text(text)  # as stories are stored
    assert analyze(FIELDS[form], text) == [(token, position) for position, token in enumerate(forms(text, form))]


@pytest.mark.elasticsearch
@pytest.mark.parametrize("form", FIELDS)
def test_elasticsearch_folds_every_letter_the_same_way(analyze: Analyze, form: Form) -> None:
    """Checks each basic-plane character inside a word; about 200 that are newer than Lucene's data may differ."""
    different = set()
    codes = [
        code
        for code in range(0x20, 0xD800)
        if code not in DIRECTION_MARK_DELETIONS and unicodedata.category(chr(code)) != "Cn"
    ]
    for start in range(0, len(codes), 500):
        letters = [chr(code) for code in codes[start : start + 500]]
        text = "\n".join(f"zzz a{letter}b" for letter in letters)
        theirs = _groups([token for token, _ in analyze(FIELDS[form], text)])
        ours = _groups(forms(text, form))
        different |= {letter for letter, a, b in zip(letters, theirs, ours, strict=True) if a != b}
    old = {
        letter
        for letter in different
        if letter < "\u0860" or "\u2000" < letter < "\u2c00" or "\u3000" < letter < "\u31bb"
    }
    assert "".join(sorted(old - set("ƖƦỼ\u070f\u212b\u2183"))) == ""
    assert len(different) < 220


def _groups(tokens_of_letters: list[str]) -> list[list[str]]:
    """Splits the tokens at each "zzz"."""
    groups: list[list[str]] = []
    for token in tokens_of_letters:
        if token == "zzz":
            groups.append([])
        else:
            groups[-1].append(token)
    return groups


@pytest.mark.elasticsearch
@settings(max_examples=50, deadline=None)
@given(name=texts)
def test_elasticsearch_splits_names_and_urls_the_same_way(analyze: Analyze, name: str) -> None:
    assert [token for token, _ in analyze("authors.words", name)] == forms(name, Form.EXACT)
    url = f"https://www.outlet.example/{name}?id=1&x=a_b"
    ours = forms(url.translate(folding.URL_PUNCTUATION_TO_SPACE), Form.EXACT)
    assert [token for token, _ in analyze("url.words", url)] == ours
