"""NOT NEAR, exists:, exact signs, and words inside a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.query import parse
from monitor.query.explain import explain
from monitor.query.lint import implies
from monitor.query.matcher import analysed_story, matches
from monitor.query.rules import RuleSet
from query.examples import NOON, STORY


def found(query: str, text: str, title: str = "") -> bool:
    return matches(parse(query), analysed_story(replace(STORY, title=title, text=text)), NOON)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("rico NOT NEAR/2 puerto", "Puerto Rico", False),
        ("rico NOT NEAR/2 puerto", "Puerto a b Rico", False),
        ("rico NOT NEAR/2 puerto", "Puerto a b c Rico", True),
        ("rico NOT NEAR/2 puerto", "Puerto Rico and the RICO act", True),
        ("rico NOT NEAR/2 puerto", "puerto", False),
        ("rico NOT NEAR/2 puerto", "the act rico", True),
        ("rico NOT ONEAR/2 puerto", "Puerto Rico", True),
        ("rico NOT ONEAR/2 puerto", "rico a puerto", False),
        ('apple NOT NEAR/0 "apple pie"', "an apple pie", False),
        ('apple NOT NEAR/0 "apple pie"', "an apple pie is no phone of apple", True),
        ('(bank OR lender) NOT NEAR/2 (river OR "the sea")', "a bank of the river, a lender by the sea", False),
        ('(bank OR lender) NOT NEAR/1 (river OR "the sea")', "a bank of the river, a lender of money", True),
        ("chip NOT NEAR/5 chip", "a chip", False),
    ],
)
def test_not_near_demands_a_place_without_the_other(query: str, text: str, expected: bool) -> None:
    assert found(query, text) is expected


def test_not_near_looks_at_title_and_text_by_themselves() -> None:
    assert found("rico NOT NEAR/5 puerto", "Puerto Rico", title="Rico")
    assert not found("text:(rico NOT NEAR/5 puerto)", "Puerto Rico", title="Rico")


def test_a_failing_not_near_is_explained() -> None:
    story = replace(STORY, title="", text="Puerto Rico")
    assert explain(parse("rico NOT NEAR/5 puerto"), story, now=NOON).reason == "each rico has puerto near it"
    assert explain(parse("chip NOT NEAR/5 puerto"), story, now=NOON).reason == "there is no chip"


@pytest.mark.parametrize("field", ["author", "language", "country", "topic", "alert", "published_at", "modified_at"])
def test_exists_demands_a_value(field: str) -> None:
    lacking = replace(
        STORY, authors=(), language=None, country=None, topics=(), alerts=(), published_at=None, modified_at=None
    )
    having = replace(lacking, authors=("A",), language="en", country="GB", topics=("t",), alerts=("a",))
    having = replace(having, published_at=NOON, modified_at=NOON)
    clause = parse(f"exists:{field}")
    assert matches(clause, analysed_story(having), NOON)
    assert not matches(clause, analysed_story(lacking), NOON)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ('raw:"C++"', "in C++, today", True),
        ('raw:"C++"', "in c++", False),
        ('raw:"C++"', "vitamin C", False),
        ("C++", "in c++17", True),
        ("C++", "C+ and C", False),
        ("C#", "C#.", True),
        ("C#", "C", False),
        (".NET", "uses .NET.", True),
        (".NET", "the end.Net profit", False),
        (".NET", "cast the net", False),
        ("#AI", "see #ai", True),
        ("#AI", "Ai Weiwei", False),
        ("raw:#AI", "see #ai", False),
        ('"@openai"', "by @OpenAI:", True),
        ('"@openai"', "jane@openai.example", False),
        ("$NVDA", "($NVDA)", True),
        ("$NVDA", "US$NVDA or NVDA", False),
        ("raw:Google+", "Google", False),
        ("raw:Google+", "Google+", True),
        ("raw:Moody's", "Moody’s cut it", True),
        ("raw:Moody's", "Moody was right", False),
        ("raw:Moody", "Moody’s cut it", True),
        ("Moody's", "a moody teenager", False),
        ("moody", "Moody’s cut it", True),
        ("D'Souza", "Mr Souza", False),
        ("D'Souza", "Mr D’Souza", True),
        ("l'IA", "une IA", True),
        ("chip's", "two chips", True),
        ('"the company\'s shares"', "the company’s shares", True),
        ('"the company\'s shares"', "the company shares", False),
        ('raw:"C++ developer"', "a C++ developer", True),
        ('raw:"C++ developer"', "a C developer", False),
        ("(C++ OR #AI) NEAR/3 developer", "a C++ senior developer", True),
        ("＃AI", "see #AI", True),
    ],
)
def test_signs_are_compared_where_a_query_has_them(query: str, text: str, expected: bool) -> None:
    assert found(query, text) is expected
    rules = RuleSet(topics={}, alerts={"rule": parse(query)})
    assert bool(rules.match(replace(STORY, title="", text=text), now=NOON).alerts) is expected


def test_explain_names_a_word_without_the_sign() -> None:
    story = replace(STORY, title="", text="vitamin C, said Moody")
    assert explain(parse("C++"), story, now=NOON).reason == "there is C instead"
    assert explain(parse("raw:Moody's"), story, now=NOON).reason == "there is Moody instead"


def test_a_sign_in_any_case_does_not_imply_the_written_case() -> None:
    assert implies(parse("raw:#ai"), parse("#ai"))
    assert not implies(parse("#ai"), parse("raw:#ai"))
    assert not implies(parse("#ai"), parse("#aid"))


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("ไทย", "ประเทศไทย", True),
        ("ประเทศ", "ประเทศไทย", True),
        ("ไทย", "ไท", False),
        ("ประเทศ NEAR/3 ไทย", "ประเทศไทย", True),
        ("កម្ពុជា", "ប្រទេសកម្ពុជា", True),
        ("ລາວ", "ປະເທດລາວ", True),
        ("မြန်မာ", "မြန်မာနိုင်ငံ", True),
        ("ภาษา*", "ภาษาไทย", True),
        ("Nvidia", "Nvi\u200bdia", True),
        ('צה"ל', "צה״ל", True),
        ("צה״ל", 'צה"ל', True),
        ("ガス", "ｶﾞｽ", True),
        ("ｶﾞｽ", "ガス", True),
    ],
)
def test_words_inside_a_run_and_other_spellings_are_found(query: str, text: str, expected: bool) -> None:
    assert found(query, text) is expected
