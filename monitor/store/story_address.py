"""Finds a stored story by its address, the same for every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.urls import former_story_ids, story_id

if TYPE_CHECKING:
    from monitor.models import Story
    from monitor.store.protocol import Store


def story_at(store: Store, url: str) -> Story | None:
    """Returns the stored story with this address, also under an id of earlier versions; None if there is none."""
    url_id = story_id(url)
    stories = store.stories([url_id, *former_story_ids(url)])
    # Earlier versions gave one id to some different stories.
    return stories.get(url_id) or next((story for story in stories.values() if story_id(story.url) == url_id), None)
