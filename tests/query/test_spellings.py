"""Spellings of other query languages: exact, or refused with the way to write them here; never words in silence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.errors import QueryError
from monitor.query import parse
from monitor.query.lint import lint_query
from monitor.query.syntax import And, Near, Or, Phrase, Range, Word
from monitor.query.time_ranges import Bound, period_of_time_text


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        *[(f"chip {dash}Nvidia", "chip -Nvidia") for dash in "‐‑‒–—―−﹣－！"],
        *[
            (f"chip {operator} ban", "chip NEAR/S ban")
            for operator in ("w/s", "W/S", "/s", "w/sent", "w/sentence", "near/s", "n/s")
        ],
        *[(f"chip {operator} ban", "chip NEAR/P ban") for operator in ("w/p", "/p", "w/para", "w/seg", "SAME")],
        ("chip pre/s ban", "chip ONEAR/S ban"),
        ("chip +s ban", "chip ONEAR/S ban"),
        ("chip +p ban", "chip ONEAR/P ban"),
        ("(a OR b) /s (c OR d)", "(a OR b) NEAR/S (c OR d)"),
        ("chip not NEAR/5 ban", "chip NOT NEAR/5 ban"),
        ("chip ＮＯＴ NEAR/5 ban", "chip NOT NEAR/5 ban"),
        ("exists : author", "exists:author"),
        ("exists:published_at", "published_at:[* TO *]"),
        ("chip –(a OR b)", "chip -(a OR b)"),
        ('—"a b" chip', '-"a b" chip'),
        *[
            (f"{opening}export controls{closing} x", '"export controls" x')
            for opening, closing in (
                "“”",
                "„“",
                "„”",
                "””",
                "‟”",
                "«»",
                "»«",
                "‹›",
                "″″",
                "＂＂",
                "「」",
                "『』",
                "《》",
            )
        ],
        *[
            (f"{opening}export controls{closing} x", '"export controls" x')
            for opening, closing in ("''", "‘’", "’’", "‚‘", "‚’", "‛’", "′′", "``", "`'", "´´")
        ],
        ("‘Moody’s report’", '"Moody’s report"'),
        ("title:‘export controls’", 'title:"export controls"'),
        ("‘export controls’~3", '"export controls"~3'),
        *[
            (f"a {word} b", "a OR b")
            for word in ("Or", "or", "ＯＲ", "ｏｒ", "ИЛИ", "АБО", "ODER", "OU", "LUB", "|", "｜")
        ],
        *[(f"a {word} b", "a AND b") for word in ("And", "and", "ＡＮＤ", "И", "UND", "ORAZ", "&", "＆")],
        *[
            (f"a {word} b", "a NOT b")
            for word in ("Not", "not", "ＮＯＴ", "НЕ", "NICHT", "AND NOT", "And Not", "BUT NOT")
        ],
        ("Not b a", "NOT b a"),
        ("(a b) or (c)", "(a b) OR (c)"),
        ("title : chip", "title:chip"),
        ("Title :chip", "title:chip"),
        ("ｔｉｔｌｅ：chip", "title:chip"),
        ("published_at>now-1d", "published_at:>now-1d"),
        ("published_at >= 2026-11-01", "published_at:>=2026-11-01"),
        ("word_count>300", "word_count:>300"),
        ("word_count = 300", "word_count:300"),
        ("word_count:(>=1 AND <10)", "word_count:>=1 AND word_count:<10"),
        ("word_count:(>=1 <10)", "word_count:>=1 AND word_count:<10"),
        ("word_count:(<10 || >300)", "word_count:<10 OR word_count:>300"),
        ("word_count:(300)", "word_count:300"),
        ("chip published_at:(>=now-7d AND <now-1d)", "chip published_at:>=now-7d published_at:<now-1d"),
    ],
)
def test_a_spelling_with_one_meaning_is_read_as_it(written: str, canonical: str) -> None:
    assert parse(written) == parse(canonical)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("or", Word("or")),
        ("a NEAR/5 not b", And((Near(Word("a"), Word("not"), 5), Word("b")))),
        ("title:not b", And((Word("not", field="title"), Word("b")))),
        ("chip and", And((Word("chip"), Word("and")))),
        ("и", Word("и")),
        ("GPT–4", Word("GPT–4")),
        ("2020–2024", Word("2020–2024")),
        ("O'Neill", Word("O'Neill")),
        ("l’IA", Word("l’IA")),
        ("'90s", Word("'90s")),
        ("’90s", Word("’90s")),
        ("Hawai‘i", Word("Hawai‘i")),
        ("Yahoo!", Word("Yahoo!")),
        ("US$", Word("US$")),
        ("A/B", Word("A/B")),
        ("and/or", Word("and/or")),
        ("W3", Or((Word("W3"), Word("W-3")))),
        ("E=mc2", Word("E=mc2")),
        ('צה"ל', Word('צה"ל')),
        ('"צה"ל בעזה"', Phrase('צה"ל בעזה')),
        ('ארה"ב OR סין', Or((Word('ארה"ב'), Word("סין")))),
        ('"שלום" עולם', And((Phrase("שלום"), Word("עולם")))),
        ('"or" chip', And((Phrase("or"), Word("chip")))),
        (r"\or chip", And((Word("or"), Word("chip")))),
        (r"a \w/5 b", And((Word("a"), Word("w/5"), Word("b")))),
        (r"NOT\-for\-profit", Word("NOT-for-profit")),
    ],
)
def test_text_that_resembles_a_spelling_is_text(text: str, tree: object) -> None:
    node = parse(text)
    assert node == tree
    assert parse(str(node)) == tree


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("chip w/5 ban", 6, "write ONEAR/4 for Factiva's w/5, which is ordered, NEAR/4 for that of LexisNexis"),
        ("chip w/1 ban", 6, "write ONEAR/0 for"),
        ("chip adj5 ban", 6, "write ONEAR/4"),
        ("chip ADJ/5 ban", 6, "write ONEAR/4"),
        ("chip adj ban ADJ x", 14, "write ONEAR/0"),
        ("chip pre/5 ban", 6, "write ONEAR/4"),
        ("chip near5 ban", 6, "write NEAR/4"),
        ("chip NEAR5 ban", 6, "write NEAR/5"),
        ("chip NEAR/2f ban", 6, "write ONEAR/2"),
        ("chip NEAR(5) ban", 6, "write NEAR/5"),
        ("chip NEAR (5) ban", 6, "write NEAR/5"),
        ("chip NEAR 7 ban", 6, "write NEAR/7"),
        ("chip NEAR:5 ban", 6, "write NEAR/5"),
        ("NEAR2(travel space)", 1, "write NEAR/2"),
        ("chip ＮＥＡＲ／５ ban", 6, "write NEAR/5"),
        ("chip AROUND(5) ban", 6, "write NEAR/5"),
        ("chip around(5) ban", 6, "write NEAR/5"),
        ("chip AROUND 5 ban", 6, "write NEAR/5"),
        ("chip N/5 ban", 6, "write NEAR/5"),
        ("chip P/5 ban", 6, "write ONEAR/5"),
        ("chip /5 ban", 6, "write NEAR/4"),
        ("chip +5 ban", 6, "write ONEAR/4"),
        ("rico not w/5 puerto", 6, "write a NOT NEAR/4 b"),
        ("rico not adj5 puerto", 6, "write a NOT ONEAR/4 b"),
        ("rico NOT NEAR/S puerto", 6, "write a AND NOT (a NEAR/S b)"),
        ("rico -NEAR/5 puerto", 6, "write a NOT NEAR/5 b"),
        ("chip w/s", 6, "write NEAR/S between two words"),
        ("recycl!", 1, "write recycl*"),
        ("wom!n", 1, "write wom*n"),
        ("telecom$", 1, "write telecom*"),
        ("allcaps(rico)", 1, "write raw:RICO"),
        ("ALLCAPS (RICO)", 1, "write raw:RICO"),
        ("caps(Apple)", 1, "write raw:Apple"),
        ("cs(Best Buy)", 1, "write raw:(Best Buy)"),
        ("nocaps(aids)", 1, '"aids"'),
        ("atl3(Nvidia)", 1, "write atleast3(Nvidia)"),
        ("atleast3 Nvidia", 1, "write atleast3(word), with brackets"),
        ("atleast0(Nvidia)", 1, "write atleast3(word)"),
        ("atleast21(Nvidia)", 1, "write atleast3(word)"),
        ("atleast3(a AND b)", 10, "groups of these joined by OR"),
        ('atleast3("a b"~2)', 10, "groups of these joined by OR"),
        ("atleast3(title:a)", 10, "write title:atleast3(a)"),
        ("author:atleast3(a)", 8, "it counts in title or text"),
        ("atleast2(a) NEAR/5 b", 1, "join it with AND"),
        ("headline(coffee)", 1, "write title:coffee"),
        ("TITLE(a OR b)", 1, "write title:(a OR b)"),
        ("HLEAD(merger)", 1, "write lead:merger"),
        ("hd=chip", 1, "write title:chip"),
        ("x hl=(chip ban)", 3, "write title:"),
        ("wc>300", 1, "write word_count:>300"),
        ("wc >= 300", 1, "write word_count:>=300"),
        ("la=en", 1, "write language:en"),
        ("title=chip", 1, "write title:chip"),
        ("{AI}", 1, "write raw:AI"),
        ("{AI Act}", 1, 'write raw:"AI Act"'),
        ("site:bbc.co.uk", 1, 'write outlet:"its name" or url:'),
        ("inurl:x", 1, "write url:"),
        ("intitle:x", 1, "write title:"),
        ("ingress:x", 1, "write lead:"),
        ("headline : x", 1, "write title:"),
        ("titel : x", 1, "did you mean title:?"),
        ("exists:title", 8, "before one of author, language"),
        ("_exists_:author", 1, "write exists:author"),
        ("author:*", 8, "write exists:author"),
        ("title:*", 7, "every story has title:"),
        ("has:author", 1, "write exists:author"),
        ("after:2026-01-01", 1, "write published_at:>="),
        ("country:USA", 9, "write country:US"),
        ("country:(RU OR CHN)", 16, "write country:CN"),
        ('country:"United Kingdom"', 9, "write country:GB"),
        ("chip --Nvidia", 6, "write -word"),
        ("chip ——Nvidia", 6, "write —word"),
        ("chip – Nvidia", 6, "write –word to exclude a word"),
        ("''export controls''", 1, "in double quotes"),
        ("‘export controls", 1, "close it with ’"),
        ("word_count:(>=1 AND <10 OR 5)", 12, "write word_count:[300 TO 800]"),
        ("published_at:(NOT now)", 14, "write published_at:["),
        ("published_at:>now-1month", 14, "now-3M (months)"),
    ],
)
def test_another_spelling_is_refused_with_the_one_to_write(text: str, column: int, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.column, hint in caught.value.hint) == (column, True), str(caught.value)


@pytest.mark.parametrize(
    ("query", "column", "message"),
    [
        ("apple and juice", 7, '"and" is read as the operator AND'),
        ("apple not juice", 7, '"not" is read as the operator NOT'),
        ("яблоко или сок", 8, '"или" is a word that a story must contain; write OR for the operator'),
        ("title:export controls", 1, "title: applies to export only, not to controls"),
        ("author:Jane Smith", 1, 'write author:(Jane Smith) or author:"Jane Smith"'),
    ],
)
def test_a_spelling_with_two_meanings_gets_a_note(query: str, column: int, message: str) -> None:
    assert [note.column for note in lint_query(query) if message in str(note)] == [column]


@pytest.mark.parametrize("query", ["Apple AND juice", "title:chip -ban", "title:chip OR ban", "language:ru chip"])
def test_the_usual_spelling_gets_no_note(query: str) -> None:
    assert lint_query(query) == []


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("now-1M", "2026-02-28T12:00"),
        ("now-1m", "2026-03-31T11:59"),
        ("now-13M", "2025-02-28T12:00"),
        ("now+1M", "2026-04-30T12:00"),
        ("now-1y", "2025-03-31T12:00"),
        ("now-1Y", "2025-03-31T12:00"),
        ("NOW-1D", "2026-03-30T12:00"),
        ("now-2h", "2026-03-31T10:00"),
    ],
)
def test_m_is_minutes_and_capital_m_is_calendar_months(text: str, start: str) -> None:
    now = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert period_of_time_text(text, now)[0] == datetime.fromisoformat(start).replace(tzinfo=UTC)


def test_a_range_keeps_the_case_of_months() -> None:
    node = parse("published_at:[NOW-3M TO now-5M]")
    assert node == Range("published_at", Bound("now-3M"), Bound("now-5M"))
    assert parse(str(node)) == node
    assert parse("published_at:>=NOW-3H") == Range("published_at", Bound("now-3h"), None)


def test_a_time_before_the_calendar_is_refused() -> None:
    with pytest.raises(QueryError, match="outside the calendar"):
        parse("published_at:>now-99999M")
