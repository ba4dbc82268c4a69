"""Versions of a story are compared."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.changes import added_sentences, has_changed_text, split_sentences, word_changes
from monitor.models import Story

OLD = "The ministry met on Monday. It agreed on chip exports.\n\nNo date was given."


def test_sentences_end_at_their_marks_in_several_scripts():
    assert split_sentences("One. Two! “Three?” Four…") == ["One.", "Two!", "“Three?”", "Four…"]
    assert split_sentences("人工智能很重要。第二句！") == ["人工智能很重要。", "第二句！"]
    assert split_sentences("पहला वाक्य। दूसरा वाक्य।") == ["पहला वाक्य।", "दूसरा वाक्य।"]
    assert split_sentences("هل وافقت؟ لم تعلق.") == ["هل وافقت؟", "لم تعلق."]
    assert split_sentences("Версия 2.5 вышла. Да.") == ["Версия 2.5 вышла.", "Да."]
    assert split_sentences("A headline without a mark\n\nA paragraph.") == ["A headline without a mark", "A paragraph."]


def test_an_appended_paragraph_is_added():
    assert added_sentences(OLD, OLD + "\n\nSberbank declined to comment.") == "Sberbank declined to comment."


def test_a_corrected_sentence_is_not_added():
    assert added_sentences(OLD, OLD.replace("Monday", "Tuesday")) == ""


def test_a_corrected_character_in_a_script_without_spaces_is_not_added():
    old = "俄罗斯储蓄银行周一宣布在喀山开设人工智能实验室。"
    assert added_sentences(old, old.replace("周一", "周二")) == ""
    assert added_sentences(old, "部长们没有说明芯片出口规则何时生效。") == "部长们没有说明芯片出口规则何时生效。"
    changes = [(change.kind, change.text) for change in word_changes(old, old.replace("周一", "周二"))]
    assert [change for change in changes if change[0] != "same"] == [("removed", "一"), ("added", "二")]


@pytest.mark.parametrize(
    ("old", "appended"),
    [
        ("मंत्रालय ने सोमवार को योजना पर सहमति दी।", "स्बेरबैंक ने कहा।"),
        ("هل وافقت الوزارة على الخطة يوم الاثنين؟", "رفض البنك التعليق."),
    ],
)
def test_a_sentence_appended_in_another_script_is_added(old, appended):
    assert added_sentences(old, f"{old} {appended}") == appended


def test_a_replaced_sentence_is_added():
    assert added_sentences(
        OLD, OLD.replace("No date was given.", "Sberbank will build the first centre in Kazan by June.")
    ) == ("Sberbank will build the first centre in Kazan by June.")


def test_a_moved_paragraph_is_not_added():
    first, second = OLD.split("\n\n")
    assert added_sentences(OLD, f"{second}\n\n{first}") == ""


def test_a_rewrite_of_a_very_long_text_is_all_new():
    old = " ".join(f"Old sentence number {n} says little." for n in range(3000))
    new = " ".join(f"New words number {n} say more." for n in range(3000))
    assert len(added_sentences(old, new).splitlines()) == 3000


@given(st.text(alphabet="ab .。\n", max_size=60), st.text(alphabet="ab .。\n", max_size=60))
def test_the_differences_transform_the_old_text_into_the_new(old, new):
    changes = list(word_changes(old, new))
    assert "".join(change.text for change in changes if change.kind != "added") == old
    assert "".join(change.text for change in changes if change.kind != "removed") == new


# The plain definition of a sentence, which takes quadratic time for a run of marks.
PLAIN_SENTENCE = re.compile(r"[^\n]+?(?:[.!?…।॥؟۔]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[”’」』）]*|(?=\n|$))")


@given(st.text(alphabet="ab .!।。？”)\n\r", max_size=40))
@example("。.. a")
@example(".")
@example("a.\n")
def test_sentences_are_those_of_the_plain_definition(text):
    assert split_sentences(text) == [
        plain for match in PLAIN_SENTENCE.finditer(text) if (plain := match.group().strip())
    ]


def test_a_long_run_of_marks_takes_linear_time():
    for line in ("!" * 1_000_000 + "x", '!"' * 500_000 + "x", "。" * 500_000 + "x", "x" + "!" * 1_000_000):
        assert "".join(split_sentences(line)) == line


def test_texts_of_very_many_sentences_are_compared_quickly():
    old, new = ("\n".join(f"{name}{n}." for n in range(100_000)) for name in "ab")
    assert added_sentences(old, new) == new


def test_two_long_lines_without_a_mark_are_compared_quickly():
    old, new = "a b " * 50_000, "a c " * 50_000
    assert added_sentences(old, new) == new.strip()


def story(text: str) -> Story:
    at = datetime(2026, 1, 6, tzinfo=UTC)
    return Story(id="a", url="", outlet="", title="", text=text, first_seen_at=at, fetched_at=at, updated_at=at)


def test_dropping_a_boilerplate_paragraph_of_two_lines_is_no_change():
    note = "Thanks to all readers\nand good night to them."
    assert not has_changed_text(story(f"{OLD}\n\n{note}"), story(OLD), boilerplate=(note,))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1,204 people have read this story so far today.", "12,377 people have read this story so far today."),
        (
            "This story was last updated 3 minutes ago, at 12:03.",
            "This story was last updated 63 minutes ago, at 12:58.",
        ),
        ("1204 views", "1 290 views"),
        ("USD 97.12, EUR 104.30 (12:03).", "USD 97.2, EUR 104.10 (13:03)."),
        ("Обновлено 6 января, 12:03", "Обновлено 7 января, 9:15"),
    ],
)
def test_another_number_in_a_counter_is_no_change(before, after):
    assert not has_changed_text(story(f"{OLD}\n\n{before}"), story(f"{OLD}\n\n{after}"))
    assert has_changed_text(story(f"{OLD}\n\n{before}"), story(f"{OLD}\n\n{after} More."))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("The strike killed 15 people.", "The strike killed 150 people."),
        ("At 12:03 the strike killed 15 soldiers.", "At 12:03 the strike killed 150 soldiers."),
        ("He died two years ago, aged 40.", "He died two years ago, aged 41."),
    ],
)
def test_another_number_in_a_sentence_is_a_change(before, after):
    assert has_changed_text(story(before), story(after))
