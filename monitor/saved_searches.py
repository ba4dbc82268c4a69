"""Saves searches under names, and changes and finds them."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import BadRequest
from monitor.marks import required_line
from monitor.models import rfc3339
from monitor.store.records import SavedSearch, fold_name
from monitor.story_search import MAX_CHOSEN_VALUES, MAX_QUERY_CHARACTERS, SINGLE_PARAMETERS, StorySearch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.models import Json
    from monitor.query.fragments import Fragments
    from monitor.store.protocol import SavedSearches

MAX_SAVED_SEARCHES = 200  # each page of stories lists them, and each has feeds
MAX_NAME_CHARACTERS = 100
IDENTIFIER_CHARACTERS = 12


def search_with_id(searches: Sequence[SavedSearch], identifier: str) -> SavedSearch | None:
    return next((search for search in searches if search.id == identifier), None)


def find_saved_search(searches: Sequence[SavedSearch], name_or_id: str) -> SavedSearch | None:
    """Returns the search with this id, or with this name without differences of case."""
    return search_with_id(searches, name_or_id) or next(
        (search for search in searches if search.name_key == fold_name(name_or_id)), None
    )


def save_search(
    store: SavedSearches, name: str, search: StorySearch, *, fragments: Fragments, user: str, at: datetime
) -> SavedSearch:
    """Stores a search under a new name.  Raises BadRequest with the parameter that is wrong, or QueryError."""
    name = required_line("name", name, MAX_NAME_CHARACTERS)
    _check(search, fragments, at)
    searches = store.saved_searches()
    if len(searches) >= MAX_SAVED_SEARCHES:
        raise BadRequest("name", f"there are {MAX_SAVED_SEARCHES} saved searches, the most; delete one first")
    query, filters = _parts(search)
    saved = SavedSearch(
        id=uuid.uuid4().hex[:IDENTIFIER_CHARACTERS], name=name, query=query, filters=filters,
        created_by=user, created_at=at, updated_at=at,
    )  # fmt: skip
    _put(store, saved)
    return saved


def change_search(
    store: SavedSearches,
    saved: SavedSearch,
    *,
    name: str | None = None,
    search: StorySearch | None = None,
    fragments: Fragments,
    at: datetime,
) -> SavedSearch:
    """Gives a saved search another name or other parameters.  Raises as `save_search` does."""
    changed = replace(saved, updated_at=max(at, saved.updated_at + timedelta(microseconds=1)))  # the last change counts
    if name is not None:
        changed = replace(changed, name=required_line("name", name, MAX_NAME_CHARACTERS))
    if search is not None:
        _check(search, fragments, at)
        query, filters = _parts(search)
        changed = replace(changed, query=query, filters=filters)
    _put(store, changed)
    return changed


def require_savable(values: Mapping[str, Sequence[str]]) -> None:
    """Raises BadRequest if a search by these values would leave out some of them, which the page's own never do."""
    for name in SINGLE_PARAMETERS:
        if len(values.get(name, ())) > 1:
            raise BadRequest(name, "write one value")
    for name, chosen in values.items():
        if len(chosen) > MAX_CHOSEN_VALUES:
            raise BadRequest(name, f"more than {MAX_CHOSEN_VALUES} values: it has {len(chosen):,}")
    query, sort = next(iter(values.get("q", ())), ""), next(iter(values.get("sort", ())), "newest")
    if len(query) > MAX_QUERY_CHARACTERS:
        raise BadRequest("q", f"longer than {MAX_QUERY_CHARACTERS:,} characters: it has {len(query):,}")
    if sort not in {"newest", "relevance"}:
        raise BadRequest("sort", "write newest or relevance")


def _put(store: SavedSearches, saved: SavedSearch) -> None:
    if not store.put_search(saved):
        raise BadRequest("name", f"there is a saved search {saved.name!r} already; choose another name")


def _check(search: StorySearch, fragments: Fragments, at: datetime) -> None:
    """Raises QueryError or BadRequest if the search cannot be run, or has no parameters."""
    if not search.values():
        raise BadRequest("q", "this search has no query and no filter; it finds all stories")
    search.node(fragments)
    search.bounds(at)


def _parts(search: StorySearch) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Returns the query, and the values of the other parameters."""
    filters = search.values()
    filters.pop("q", None)
    return search.query, filters


def search_json(saved: SavedSearch) -> Json:
    """Returns a saved search for programs."""
    return {
        "id": saved.id,
        "name": saved.name,
        "query": saved.query,
        "filters": {name: list(values) for name, values in saved.filters.items()},
        "created_by": saved.created_by,
        "created_at": rfc3339(saved.created_at),
        "updated_at": rfc3339(saved.updated_at),
    }
