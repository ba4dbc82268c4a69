"""A query for each field of the language, made of what a stored story has in the field."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from monitor.models import rfc3339
from monitor.query import parse
from monitor.query.fields import FIELDS
from monitor.query.matcher import analysed_story, matches

if TYPE_CHECKING:
    from monitor.models import Story
    from monitor.store import Store


def clauses(name: str, story: Story) -> list[str]:
    """Returns a clause for each content of the story in the field of this name; every one matches the story."""
    match FIELDS[name].read(story):
        case None:
            return []
        case datetime() as time:
            return [f"{name}:[{rfc3339(time)} TO {rfc3339(time)}]"]
        case int() as number:
            return [f"{name}:{number}"]
        case contents:
            return [f'{name}:"{content}"' for content in contents]  # type: ignore[attr-defined]  # texts or values


def assert_stored_stories_have_every_field(store: Store, *, now: datetime) -> None:
    """Asserts that a clause of each field finds the stories that it matches, among the stories that a store has.

    At least one story must have content in each field.
    """
    stories = list(store.scan(now=now))
    for name in FIELDS:
        queries = [query for story in stories for query in clauses(name, story)]
        assert queries, f"add a story with content in the field {name}"
        for query in queries:
            matching = {story.id for story in stories if matches(parse(query), analysed_story(story), now)}
            found = {story.id for story in store.search(parse(query), now=now).stories}
            assert found == matching, f"{query} finds {len(found)} of {len(matching)} stories"
