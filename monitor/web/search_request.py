"""A search as the address of a page states it: its parameters and the number of the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from monitor.store.records import fold_name
from monitor.story_search import StorySearch

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams


PAGE_STORIES = 20
MAX_PAGE = 500  # a store reads the stories of the pages before


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRequest(StorySearch):
    """A search, and which page of its results is shown."""

    page: int = 1

    @classmethod
    def from_parameters(cls, parameters: QueryParams) -> Self:
        """Reads the parameters of an address; a page that is no number counts as the first."""
        number = parameters.get("page", "1")
        page = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 1
        values = {name: parameters.getlist(name) for name in parameters}
        return cls.from_values(values, page=min(max(page, 1), MAX_PAGE))

    def is_same_as(self, other: SearchRequest) -> bool:
        """Returns True if the searches have the same parameters, on any page and in any order of their values."""
        own, others = self.values(), other.values()
        return own.keys() == others.keys() and all(set(own[name]) == set(others[name]) for name in own)

    # ---- addresses

    def parameters(self) -> dict[str, Any]:
        """Returns the parameters of the address, without those that have their default."""
        return self.values() | ({"page": (str(self.page),)} if self.page > 1 else {})

    def url(self, path: str = "/", **changes: Any) -> str:
        """Returns the address of this search with some parameters changed; begins at the first page."""
        query = urlencode(replace(self, **{"page": 1, **changes}).parameters(), doseq=True)
        return f"{path}?{query}" if query else path

    def trend_url(self) -> str:
        """Returns the address of the trend of this search, of all its stories: trends know no marks."""
        values = {"q": self.query_with_chosen(), "since": self.since, "until": self.until}
        return f"/trends?{urlencode({name: value for name, value in values.items() if value})}"

    def url_with(self, name: str, value: str) -> str:
        """Returns the address of this search with one more chosen value."""
        values = (*self.chosen.get(name, ()), value)
        return self.url(chosen={**self.chosen, name: tuple(dict.fromkeys(values))})

    def url_without(self, name: str, value: str) -> str:
        """Returns the address of this search without a chosen value."""
        values = tuple(each for each in self.chosen.get(name, ()) if each != value)
        return self.url(chosen={**{key: rest for key, rest in self.chosen.items() if key != name}, name: values})

    def has_tag(self, key: str) -> bool:
        return key in map(fold_name, self.tags)

    def url_without_tag(self, tag: str) -> str:
        """Returns the address of this search without a tag."""
        return self.url(tags=tuple(each for each in self.tags if fold_name(each) != fold_name(tag)))

    @property
    def is_narrowed(self) -> bool:
        return bool(self.since or self.until or self.chosen or self.is_by_marks)


def story_url(story: str, query: str, results: SearchRequest) -> str:
    """Returns the address of a story's page that marks the words of a query and leads back to the results."""
    values = {"q": query, "results": urlencode(results.parameters(), doseq=True)}
    parameters = urlencode({name: value for name, value in values.items() if value})
    return f"/story/{story}?{parameters}" if parameters else f"/story/{story}"
