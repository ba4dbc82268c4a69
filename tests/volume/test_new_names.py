"""A name is new if no earlier story of the query has it, in any form."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.query import parse
from monitor.volume.new_names import new_names
from store.examples import DAY, NOW, page_commit, story

if TYPE_CHECKING:
    from monitor.store import Store


def test_only_names_without_an_earlier_story_are_new(each_store: Store) -> None:
    stories = [
        story("before", text="Chips of Marta Novak were sold.", published_at=NOW - 20 * DAY),
        story("elsewhere", text="A speech of Ines Carrow on trade.", published_at=NOW - 20 * DAY),
        story("first", text="These chips were shown by Ines Carrow to Marta Novak.", published_at=NOW - 2 * DAY),
        story("second", text="The chips that Ines Carrow showed.", published_at=NOW - DAY),
    ]
    each_store.commit([page_commit(each) for each in stories])
    found = new_names(each_store, parse("chips"), since=NOW - timedelta(days=7), before=None, now=NOW)
    assert [(each.name, each.story_count, each.first.id) for each in found.names] == [("Ines Carrow", 2, stories[2].id)]
    assert (found.read_stories, found.found_names, found.checked_names, found.is_complete) == (2, 2, 2, True)
    everywhere = new_names(each_store, None, since=NOW - timedelta(days=7), before=None, now=NOW)
    assert everywhere.names == ()


def test_reprints_of_one_event_do_not_put_a_name_first(each_store: Store) -> None:
    original = story("one", text="Then Alan Reprint spoke.", published_at=NOW)
    copies = [
        story(f"copy{n}", text="Then Alan Reprint spoke.", published_at=NOW, cluster=original.id) for n in range(3)
    ]
    others = [story(f"other{n}", text="Then Zoe Widely spoke.", published_at=NOW) for n in range(2)]
    each_store.commit([page_commit(each) for each in (original, *copies, *others)])
    found = new_names(each_store, None, since=NOW - DAY, before=None, now=NOW)
    assert [(each.name, each.story_count) for each in found.names] == [("Zoe Widely", 2), ("Alan Reprint", 4)]


def test_possessives_and_frequent_words_are_no_names_of_their_own(each_store: Store) -> None:
    texts = ["Then Zoe Widely's plan and Zoe Widely spoke.", "so said She, and She wrote it for WHO, as WHO asked."]
    stories = [story(f"s{n}", text=text, published_at=NOW) for n, text in enumerate(texts)]
    each_store.commit([page_commit(each) for each in stories])
    found = new_names(each_store, None, since=NOW - DAY, before=None, now=NOW)
    assert {each.name for each in found.names} == {"Zoe Widely", "WHO"}
