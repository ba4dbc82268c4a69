"""The names in the stories of a query since a time that none of its earlier stories has."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from monitor.errors import QueryError
from monitor.query import parse
from monitor.query.syntax import And
from monitor.query.word_lint import is_frequent_word
from monitor.volume.names import name_query, names_of

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import Story
    from monitor.query import Node
    from monitor.store import Store

MAX_READ_STORIES = 200  # the newest
MAX_NAMES = 20
MAX_SEARCH_SECONDS = 2.0  # for earlier stories with the names; at least one name is looked for


@dataclass(frozen=True, kw_only=True, slots=True)
class NewName:
    """A name, the number of the stories that were read and have it, and the earliest of these."""

    name: str
    story_count: int
    first: Story


@dataclass(frozen=True, kw_only=True, slots=True)
class NewNames:
    """New names, those in most stories first; ``is_complete`` is False if there may be more.

    ``read_stories`` were read, and ``checked_names`` of their ``found_names`` were looked for in earlier stories.
    """

    names: tuple[NewName, ...]
    read_stories: int
    found_names: int
    checked_names: int
    is_complete: bool


def new_names(store: Store, node: Node | None, *, since: datetime, before: datetime | None, now: datetime) -> NewNames:
    """Looks for names in the stories that match the query (None: all) since a time.

    Reads the newest MAX_READ_STORIES, and looks for their names in all earlier stories of the query, in any inflected
    form.  Ends with MAX_NAMES new names or after MAX_SEARCH_SECONDS.  Raises StoreError.
    """
    result = store.search(node, now=now, since=since, before=before, limit=MAX_READ_STORIES)
    stories_by_name: defaultdict[str, list[Story]] = defaultdict(list)
    for story in result.stories:
        for name in names_of(story.title, story.text):
            if not is_frequent_word(name, story.language):
                stories_by_name[name].append(story)
    # Stories of one event count once: a reprint says nothing new of a name.
    by_weight = sorted(
        stories_by_name, key=lambda name: -len({story.cluster or story.id for story in stories_by_name[name]})
    )
    deadline, found, checked = monotonic() + MAX_SEARCH_SECONDS, list[NewName](), 0
    for name in by_weight:
        if len(found) == MAX_NAMES or (checked and monotonic() > deadline):
            break
        checked += 1
        if _is_new(store, node, name, before=since, now=now):
            having = stories_by_name[name]
            first = min(having, key=lambda story: (story.time, story.id))
            found.append(NewName(name=name, story_count=len(having), first=first))
    return NewNames(
        names=tuple(found),
        read_stories=len(result.stories),
        found_names=len(by_weight),
        checked_names=checked,
        is_complete=checked == len(by_weight) and len(result.stories) < MAX_READ_STORIES,
    )


def _is_new(store: Store, node: Node | None, name: str, *, before: datetime, now: datetime) -> bool:
    try:
        name_node = parse(name_query(name))
    except QueryError:  # a word that has another meaning in a query
        return False
    both = name_node if node is None else And((node, name_node))
    return not store.search(both, now=now, before=before, limit=1).stories
