"""The grammar: accepted queries, their trees, and the messages for errors."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import QueryError
from monitor.query import parse
from monitor.query.syntax import And, Near, Not, Or, Phrase, Value, Word
from query.generate import queries


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a b", And((Word("a"), Word("b")))),
        ("a AND b", And((Word("a"), Word("b")))),
        ("a && b", And((Word("a"), Word("b")))),
        ("a OR b c", Or((Word("a"), And((Word("b"), Word("c")))))),
        ("a || b", Or((Word("a"), Word("b")))),
        ("NOT a b", And((Not(Word("a")), Word("b")))),
        ("a -b", And((Word("a"), Not(Word("b"))))),
        ("a -(b OR c)", And((Word("a"), Not(Or((Word("b"), Word("c"))))))),
        ("!a", Not(Word("a"))),
        ("(a AND (b AND c))", And((Word("a"), Word("b"), Word("c")))),
        ('"a b"', Phrase("a b")),
        ("“a b”", Phrase("a b")),
        ("«a b»", Phrase("a b")),
        ("„a b“", Phrase("a b")),
        ('"a b"~3', Phrase("a b", slop=3)),
        ("word~1", Word("word", distance=1)),
        ("raw:AI", Word("AI", raw=True)),
        ("raw:(AI OR UN)", Or((Word("AI", raw=True), Word("UN", raw=True)))),
        ("title:(a b)", And((Word("a", field="title"), Word("b", field="title")))),
        ("title:raw:AI", Word("AI", field="title", raw=True)),
        ("TITLE:a", Word("a", field="title")),
        ("a NEAR/5 b", Near(Word("a"), Word("b"), 5)),
        ("NOT a NEAR/5 b", Not(Near(Word("a"), Word("b"), 5))),
        ("a ONEAR/2 b NEAR/3 c", Near(Near(Word("a"), Word("b"), 2, ordered=True), Word("c"), 3)),
        ("text:(a NEAR/5 b)", Near(Word("a"), Word("b"), 5, field="text")),
        ("country:NO", Value("country", "NO")),
        ("outlet:(A OR B)", Or((Value("outlet", "A"), Value("outlet", "B")))),
        ("（a OR b）", Or((Word("a"), Word("b")))),
        ("a　b", And((Word("a"), Word("b")))),
        ("AT&T", Word("AT&T")),
        ("GPT-4", Or((Word("GPT-4"), Word("GPT4")))),
        (r"\AND", Word("AND")),
        (r"10\:30", Word("10:30")),
        ("and", Word("and")),
        ("Yahoo!", Word("Yahoo!")),
        ("ORANGE", Word("ORANGE")),
        ("NOTE ANDES", And((Word("NOTE"), Word("ANDES")))),
    ],
)
def test_a_query_parses_to_this_tree(text: str, tree: object) -> None:
    assert parse(text) == tree


A, B, C, D = Word("a"), Word("b"), Word("c"), Word("d")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        # A field binds tighter than NEAR, NOT, AND and OR.
        ("raw:a NEAR/5 b", Near(Word("a", raw=True), B, 5)),
        ("NOT title:a b", And((Not(Word("a", field="title")), B))),
        ("title:a b", And((Word("a", field="title"), B))),
        ("title:a OR b", Or((Word("a", field="title"), B))),
        # NEAR binds tighter than NOT, AND and OR, and joins from left to right.
        ("NOT a NEAR/5 b", Not(Near(A, B, 5))),
        ("-a NEAR/5 b", Not(Near(A, B, 5))),
        ("!a ONEAR/5 b", Not(Near(A, B, 5, ordered=True))),
        ("a b NEAR/5 c", And((A, Near(B, C, 5)))),
        ("a AND b NEAR/5 c AND d", And((A, Near(B, C, 5), D))),
        ("a OR b NEAR/5 c OR d", Or((A, Near(B, C, 5), D))),
        ("a NEAR/1 b NEAR/2 c", Near(Near(A, B, 1), C, 2)),
        ("a ONEAR/1 b NEAR/2 c", Near(Near(A, B, 1, ordered=True), C, 2)),
        ("a NEAR/1 (b NEAR/2 c)", Near(A, Near(B, C, 2), 1)),
        # NOT binds tighter than AND and OR.
        ("NOT a b", And((Not(A), B))),
        ("NOT a AND b", And((Not(A), B))),
        ("NOT a OR b", Or((Not(A), B))),
        ("NOT NOT a b", And((Not(Not(A)), B))),
        # AND, also without an operator, binds tighter than OR.
        ("a OR b AND c", Or((A, And((B, C))))),
        ("a b OR c d", Or((And((A, B)), And((C, D))))),
        # All of them together.
        ("a OR NOT b NEAR/5 c d", Or((A, And((Not(Near(B, C, 5)), D))))),
        ("a AND NOT b NEAR/5 c OR d", Or((And((A, Not(Near(B, C, 5)))), D))),
        # Brackets override the order.
        ("NOT (a OR b) c", And((Not(Or((A, B))), C))),
        ("(a OR b) AND c", And((Or((A, B)), C))),
        ("(a OR b) NEAR/5 c", Near(Or((A, B)), C, 5)),
    ],
)
def test_a_field_near_not_and_or_bind_in_this_order(text: str, tree: object) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("a NEAR/5 NOT b", 10, "NEAR/5 cannot be followed by NOT"),
        ("a NEAR/5 -b", 10, "NEAR/5 cannot be followed by -"),
        ("a NEAR/5 (NOT b)", 11, "NEAR/5 cannot join NOT"),
        ("(NOT a) NEAR/5 b", 2, "NEAR/5 cannot join NOT"),
        ("(a b) NEAR/5 c", 2, "NEAR/5 cannot join AND"),
        ("title:NOT a", 7, "title: cannot be followed by NOT"),
        ("title:-a", 7, "title: cannot be followed by -"),
    ],
)
def test_a_looser_operator_is_refused_in_a_tighter_one(text: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.column, message in str(caught.value)) == (column, True), str(caught.value)


def test_the_precedence_table_of_the_docs_agrees_with_the_parser() -> None:
    docs = Path(__file__).parents[2] / "docs" / "query-language.md"
    section = docs.read_text("utf-8").partition("## Precedence")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| \d \| .* \| `(.+)` \| `(.+)` \|$", section, re.MULTILINE)
    assert len(rows) == 5
    for written, with_brackets in rows:
        assert parse(written) == parse(with_brackets)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "empty"),
        ("   ", 1, "empty"),
        ("(a OR b", 1, 'unmatched "("'),
        ("a (b OR (c)", 3, 'unmatched "("'),
        ("a) b", 2, 'unmatched ")"'),
        ('a "b', 3, 'unmatched "'),
        ("“b", 1, "unmatched “"),
        ("a AND", 3, "something after it"),
        ("a NEAR/3", 3, "something after it"),
        ("OR a", 1, "something before it"),
        ("a AND OR b", 3, "something after it"),
        ("NOT", 1, "something after it"),
        ("()", 2, "nothing between"),
        ("title:", 1, "something after it"),
        ("foo:bar", 1, "unknown field"),
        ("titel:bar", 1, "did you mean title:?"),
        ("http://a.example/b", 1, "unknown field"),
        ("*abc", 1, "wildcard"),
        ("a OR ?bc", 6, "wildcard"),
        ("a*", 1, "too many words"),
        ("*", 1, "wildcard"),
        ('"ab* c"', 3, "inside quotes"),
        ('""', 1, "no word"),
        ("€", 1, "no word"),
        ("a - b", 3, "stands alone"),
        ("+a", 1, "not needed"),
        ("a^2", 2, "boosts"),
        ("/a.c/", 1, "regular expressions"),
        ("a~", 2, "needs a number"),
        ("word~3", 1, "not 1 or 2"),
        ("abc~1", 1, "too short"),
        ("abcdef~2", 1, "too short"),
        ("GPT-4~1", 1, "several words"),
        ("word*~1", 1, "not both"),
        ('"a a"~3', 1, "same word twice"),
        ("a NEAR b", 3, "write NEAR/10"),
        ("a near/5 b", 3, "write NEAR/5"),
        ("a NEAR/5b", 3, "write NEAR/5, with spaces"),
        ("a NEAR/-1 b", 3, "write NEAR/1, with spaces"),
        ("aNEAR/5 b", 1, "write NEAR/5, with spaces"),
        ('"a b"~2.5', 8, "whole number"),
        ("abcd~1.5", 7, "whole number"),
        ("a W/5 b", 3, "write ONEAR/4 for Factiva's W/5, which is ordered, NEAR/4 for that of LexisNexis"),
        ("a PRE/5 b", 3, "write ONEAR/4"),
        ("a NEAR/5 (b AND c)", 11, "cannot join AND"),
        ("a NEAR/5 (NOT b)", 11, "cannot join NOT"),
        ("a NEAR/5 title:b", 10, "title:(a NEAR/5 b)"),
        ("a NEAR/5 language:en", 10, "language:"),
        ('a NEAR/5 "b c"~2', 10, "slop"),
        ("a NEAR/5000 b", 3, "1,000"),
        ("title:(text:a)", 8, "inside title:"),
        ("title:(language:en)", 8, "inside title:"),
        ("outlet:BBC*", 8, "whole values"),
        ("outlet:(a NEAR/1 b)", 11, "NEAR inside outlet:"),
        ("author:raw:A", 8, "raw: cannot be combined with author:"),
        ("published_at:yesterday", 14, "not a time"),
        ("published_at:[2026-11-31 TO *]", 14, "not a date"),
        ("published_at:[2026-11-01]", 14, "not a range"),
        ("published_at:[now-7d TO now", 14, 'unmatched "["'),
        ("published_at:>*", 14, "nothing is > *"),
        ("word_count:many", 12, "not a number"),
        ("[a TO b]", 1, "not part of a range"),
        ("a\\", 2, "escapes nothing"),
    ],
)
def test_an_error_has_a_message_with_column_and_hint(text: str, column: int, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.column, words in str(caught.value)) == (column, True), str(caught.value)


@pytest.mark.parametrize("text", ["NOT a", "-a -b", "a OR NOT b", "NOT (a b) AND NOT c", "NOT a OR language:en"])
def test_an_alert_must_require_something(text: str) -> None:
    parse(text)
    with pytest.raises(QueryError, match="has to be present"):
        parse(text, positive=True)


@pytest.mark.parametrize("text", ["a -b", "language:en", "NOT (NOT a)", "a OR (b -c)", "published_at:>=now-7d"])
def test_an_alert_may_also_exclude_something(text: str) -> None:
    parse(text, positive=True)


@pytest.mark.parametrize(
    "text",
    [
        " OR ".join(f"word{number}" for number in range(10_000)),
        " ".join(f"w{number}" for number in range(1_001)),
        "(" * 1_000 + "a" + ")" * 1_000,
        "NOT " * 1_000 + "a",
        "-" * 5_000 + "a",
        "title:" * 1_000 + "a",
        "-(" * 1_000 + "a" + ")" * 1_000,
        '"' + "word " * 50_000 + '"',
        "a" * 100_000,
        "a* b* c* NEAR",
        "a~2 b~2",
        " NEAR/3 ".join(["(aa OR bb)"] * 200),
        " NEAR/3 ".join(['("a b" OR "c d" OR "e f")'] * 6),
        "(" * 19_999,
        '"' * 19_999,
        "\\" * 19_999,
        "published_at:" * 1_000,
    ],
    ids=lambda text: text[:20],
)
def test_a_query_too_large_is_refused_in_less_than_a_second(text: str) -> None:
    parse("warm up")
    started = time.process_time()
    with pytest.raises(QueryError):
        parse(text)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("text", ["LINEAR/5", r"\NEAR/5b", r"a\NEAR/5", r"\near/5", r"x\ONEAR/2b", '"NEAR/5"'])
def test_text_that_only_resembles_an_operator_is_a_word(text: str) -> None:
    tree = parse(text)
    assert isinstance(tree, Word | Phrase)
    assert parse(str(tree)) == tree


@settings(max_examples=500, deadline=None)
@given(queries)
def test_a_printed_tree_parses_to_itself(text: str) -> None:
    tree = parse(text)
    assert parse(str(tree)) == tree
    assert str(parse(str(tree))) == str(tree)


_characters = st.text(
    st.sampled_from(
        "א@#$–—−‘’‚′″`´「」《》‹›｜＆Ｏ"
        "ab中И \t\n\"“”«»()（）[]{}:^~*?+-!&|/\\<>=.,'’_019ANDORTNEAR\u0301\u3000\u202f\x00\ud7ff\U0001f600"
    ),
    max_size=40,
)
_words = st.lists(
    st.sampled_from(
        [
            "AND",
            "OR",
            "NOT",
            "NEAR/3",
            "ONEAR/2",
            "(",
            ")",
            '"',
            "title:",
            "raw:",
            "outlet:",
            "published_at:",
            "[now",
            "TO",
            "now-1d]",
            ">=",
            "ab*",
            "word~1",
            '"a',
            'b"',
            "~2",
            "-",
            "–",
            "!",
            "or",
            "Or",
            "ИЛИ",
            "not",
            "|",
            "@pack.ai",
            "@a",
            "w/5",
            "NEAR(5)",
            "hd=a",
            "recycl!",
            "‘a",
            "b’",
            "published_at>now-1M",
            "word_count:(>1",
            "AND <9)",
            "a",
            "b",
        ]
    )
    | _characters,
    max_size=12,
).map(" ".join)


@settings(max_examples=2000, deadline=None)
@given(_characters | _words | st.text(max_size=30))
def test_parsing_raises_only_query_errors(text: str) -> None:
    try:
        tree = parse(text)
    except QueryError as error:
        refused = error
    else:
        assert parse(str(tree)) == tree
        return
    assert 1 <= refused.column <= len(text) + 1
