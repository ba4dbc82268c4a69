"""Fragments: ``@name`` stands for a named part of a query."""

from __future__ import annotations

import time

import pytest

from monitor.errors import FragmentError, QueryError
from monitor.query import parse
from monitor.query.fragments import Fragments
from monitor.query.parse import parse_fragment
from monitor.query.syntax import walk

FRAGMENTS = Fragments(
    {
        "banks": 'Sberbank OR "VTB Bank"',
        "Money": "@banks OR rouble",
        "both": "chip AND ban",
        "named": "title:chip",
        "broken": "(Sberbank",
        "uses-broken": "x OR @broken",
        "loop": "a OR @loop2",
        "loop2": "@loop",
        "pack.ai": "raw:KI",
    }
)


@pytest.mark.parametrize(
    ("text", "written_out"),
    [
        ("@banks", 'Sberbank OR "VTB Bank"'),
        ("@BANKS", 'Sberbank OR "VTB Bank"'),
        ("chip @banks", 'chip (Sberbank OR "VTB Bank")'),
        ("chip -@banks", 'chip -(Sberbank OR "VTB Bank")'),
        ("(@banks) OR x", 'Sberbank OR "VTB Bank" OR x'),
        ("@banks NEAR/5 raw:AI", '(Sberbank OR "VTB Bank") NEAR/5 raw:AI'),
        ("raw:AI ONEAR/2 @banks", 'raw:AI ONEAR/2 (Sberbank OR "VTB Bank")'),
        ("title:@banks", 'title:(Sberbank OR "VTB Bank")'),
        ("raw:@banks", 'raw:(Sberbank OR "VTB Bank")'),
        ("@money", 'Sberbank OR "VTB Bank" OR rouble'),
        ("@both OR x", "(chip AND ban) OR x"),
        ("NOT @both", "NOT (chip AND ban)"),
        ("@pack.ai", "raw:KI"),
    ],
)
def test_a_fragment_stands_for_its_text_in_brackets(text: str, written_out: str) -> None:
    assert parse(text, fragments=FRAGMENTS) == parse(written_out)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("x @bank", 3, "unknown fragment @bank at column 3 (did you mean @banks"),
        ("x @zzzzzz", 3, "`alerts terms` lists them"),
        ("x @zzzzzz", 3, 'for the text, write "@zzzzzz" in quotes'),
        ("chip@banks", 5, '"@" inside a word'),
        ("chip@pack.ai", 5, '"@" inside a word'),
        ("@banks*", 1, '"@" inside a word'),
        ('@banks"x"', 1, '"@" inside a word'),
        ("x NEAR/5 @both", 10, "NEAR/5 cannot join AND in @both at column 10"),
        ("x NEAR/5 @named", 10, "NEAR/5 cannot join title: in @named"),
        ("text:@named", 6, "title: inside text:"),
        ("NOT @banks", 1, "has to be present"),
    ],
)
def test_a_wrong_use_is_an_error_at_the_fragment(text: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text, positive=True, fragments=FRAGMENTS)
    assert (caught.value.column, message in str(caught.value)) == (column, True), str(caught.value)
    assert not isinstance(caught.value, FragmentError)


@pytest.mark.parametrize(
    ("text", "fragment", "message"),
    [
        ("x @broken", "broken", 'the text of @broken is invalid: unmatched "(" at its column 1 at column 3'),
        ("x @uses-broken", "broken", 'the text of @broken is invalid: unmatched "(" at its column 1 at column 3'),
        ("x @loop", "loop", "a fragment cannot use itself: @loop uses @loop2 uses @loop at column 3"),
    ],
)
def test_a_fault_in_the_text_of_a_fragment_names_it(text: str, fragment: str, message: str) -> None:
    with pytest.raises(FragmentError) as caught:
        parse(text, fragments=FRAGMENTS)
    assert (caught.value.fragment, str(caught.value)) == (fragment, message)


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("broken", 1, 'unmatched "("'),
        ("loop", 6, "@loop uses @loop2 uses @loop"),
        ("loop2", 1, "@loop2 uses @loop uses @loop2"),
    ],
)
def test_a_fragment_has_errors_with_columns_of_its_own_text(name: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_fragment(name, FRAGMENTS)
    assert (caught.value.column, message in str(caught.value)) == (column, True), str(caught.value)
    assert not isinstance(caught.value, FragmentError)


def test_a_query_is_limited_with_its_fragments_expanded() -> None:
    fragments = Fragments(
        {
            "many": " OR ".join(f"word{number}" for number in range(600)),
            "deep": "(" * 7 + "a" + "".join(f" OR b{level}) c" for level in range(7)),
            "phrases": " OR ".join(f'"a b{number}"' for number in range(20)),
        }
    )
    parse("@many", fragments=fragments)
    for text, message in (
        ("x @many OR @many", "more than 1,000 words and phrases at column 12"),
        ("@many " + "y " * 500, "more than 1,000 words and phrases at column 1"),
        ("@many " * 3_000, "more than 1,000 words and phrases at column 7"),
        ("x OR (y (@deep OR z))", "more than 12 nested brackets or NOTs at column 10"),
        ("@phrases NEAR/5 @phrases", "expands to more than 256 orders and phrases at column 1"),
    ):
        with pytest.raises(QueryError) as caught:
            parse(text, fragments=fragments)
        assert message in str(caught.value)


def test_the_nodes_of_a_fragment_have_its_column() -> None:
    node = parse("chip AND (@money NEAR/3 ban)", fragments=FRAGMENTS)
    columns = {str(part): part.column for part in walk(node)}
    assert (columns["Sberbank"], columns['"VTB Bank"'], columns["rouble"], columns["ban"]) == (11, 11, 11, 25)


@pytest.mark.parametrize(
    ("text", "words"),
    [("jane@example.org", "jane@example.org"), (r"\@banks", "@banks"), (r"a\@banks", "a@banks")],
)
def test_an_address_or_an_escaped_sign_is_text(text: str, words: str) -> None:
    node = parse(text, fragments=FRAGMENTS)
    assert getattr(node, "text", "") == words
    assert parse(str(node), fragments=FRAGMENTS) == node


def test_fragments_that_double_at_each_level_are_refused_at_once() -> None:
    fragments = Fragments({f"level{n}": f"@level{n + 1} @level{n + 1}" for n in range(40)} | {"level40": "a OR b"})
    chain = Fragments({f"level{n}": f"@level{n + 1}" for n in range(900)} | {"level900": "a"})
    with pytest.raises(QueryError, match="more than 50 levels deep at column 3") as caught:
        parse("x @level0", fragments=chain)
    assert not isinstance(caught.value, FragmentError)
    started = time.process_time()
    with pytest.raises(QueryError, match="more than 1,000 words"):
        parse("@level0", fragments=fragments)
    assert time.process_time() - started < 1
