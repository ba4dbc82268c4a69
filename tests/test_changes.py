"""What a new version of a story changed."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.changes import added, differences, sentences

OLD = "The ministry met on Monday. It agreed on chip exports.\n\nNo date was given."


def test_sentences_end_at_their_marks_in_several_scripts():
    assert sentences("One. Two! “Three?” Four…") == ["One.", "Two!", "“Three?”", "Four…"]
    assert sentences("人工智能很重要。第二句！") == ["人工智能很重要。", "第二句！"]
    assert sentences("Версия 2.5 вышла. Да.") == ["Версия 2.5 вышла.", "Да."]
    assert sentences("A headline without a mark\n\nA paragraph.") == ["A headline without a mark", "A paragraph."]


def test_an_appended_paragraph_is_added():
    assert added(OLD, OLD + "\n\nSberbank declined to comment.") == "Sberbank declined to comment."


def test_a_corrected_sentence_is_not_added():
    assert added(OLD, OLD.replace("Monday", "Tuesday")) == ""


def test_a_replaced_sentence_is_added():
    assert added(OLD, OLD.replace("No date was given.", "Sberbank will build the first centre in Kazan by June.")) == (
        "Sberbank will build the first centre in Kazan by June."
    )


def test_a_moved_paragraph_is_not_added():
    first, second = OLD.split("\n\n")
    assert added(OLD, f"{second}\n\n{first}") == ""


def test_a_rewrite_of_a_very_long_text_is_all_new_and_quick():
    old = " ".join(f"Old sentence number {n} says little." for n in range(3000))
    new = " ".join(f"New words number {n} say more." for n in range(3000))
    assert len(added(old, new).splitlines()) == 3000


@given(st.text(alphabet="ab .。\n", max_size=60), st.text(alphabet="ab .。\n", max_size=60))
def test_the_differences_lead_from_the_old_text_to_the_new(old, new):
    changes = list(differences(old, new))
    assert "".join(change.text for change in changes if change.kind != "added") == old
    assert "".join(change.text for change in changes if change.kind != "removed") == new
