"""A search as the address of a page states it: query, times, chosen values and order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from monitor.errors import MonitorError
from monitor.query import parse
from monitor.query.syntax import And, Or, Phrase, Value
from monitor.store.records import FACET_FIELDS
from monitor.time_arguments import parse_end_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from starlette.datastructures import QueryParams

    from monitor.query import Node
    from monitor.query.fragments import Fragments

PAGE_STORIES = 20
MAX_PAGE = 500  # a store reads the stories of the pages before
MAX_QUERY_CHARACTERS = 20_000
MAX_CHOSEN_VALUES = 50


class BadRequest(MonitorError):
    """A parameter of the address has a value that cannot be read; ``parameter`` is its name."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRequest:
    """The parameters of a search; ``since`` and ``until`` are texts as people write them, both inclusive."""

    query: str = ""
    since: str = ""
    until: str = ""
    sort: str = "newest"
    page: int = 1
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # values by field of FACET_FIELDS

    @classmethod
    def from_parameters(cls, parameters: QueryParams) -> Self:
        """Reads the parameters of an address; a page that is no number counts as the first."""
        number = parameters.get("page", "1")
        page = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 1
        return cls(
            query=parameters.get("q", "").strip()[:MAX_QUERY_CHARACTERS],
            since=parameters.get("since", "").strip(),
            until=parameters.get("until", "").strip(),
            sort="relevance" if parameters.get("sort") == "relevance" else "newest",
            page=min(max(page, 1), MAX_PAGE),
            chosen={
                name: tuple(dict.fromkeys(values))
                for name in FACET_FIELDS
                if (values := [value for value in parameters.getlist(name)[:MAX_CHOSEN_VALUES] if value])
            },
        )

    def since_time(self, at: datetime) -> datetime | None:
        """Returns the first time of the search; None without one.  Raises BadRequest."""
        return _time("since", self.since, at) if self.since else None

    def before_time(self, at: datetime) -> datetime | None:
        """Returns the end of the search, exclusive: of a day, month or year its end.  Raises BadRequest."""
        return _time("until", self.until, at, read=parse_end_time) if self.until else None

    def query_node(self, fragments: Fragments) -> Node | None:
        """Returns the query as it is written; None if it is empty.  Raises QueryError."""
        return parse(self.query, fragments=fragments) if self.query else None

    def node(self, fragments: Fragments) -> Node | None:
        """Returns the query with the chosen values; None for all stories.  Raises QueryError."""
        query = self.query_node(fragments)
        nodes = [] if query is None else [query]
        nodes += [_any_of([_value_node(name, value) for value in values]) for name, values in self.chosen.items()]
        return And(tuple(nodes)) if len(nodes) > 1 else nodes[0] if nodes else None

    # ---- addresses

    def parameters(self) -> dict[str, Any]:
        """Returns the parameters of the address, without those that have their default."""
        values: dict[str, Any] = {"q": self.query, "since": self.since, "until": self.until}
        values |= {"sort": self.sort if self.sort != "newest" else "", "page": self.page if self.page > 1 else ""}
        return {name: value for name, value in (values | dict(self.chosen)).items() if value}

    def url(self, path: str = "/", **changes: Any) -> str:
        """Returns the address of this search with some parameters changed; begins at the first page."""
        query = urlencode(replace(self, **{"page": 1, **changes}).parameters(), doseq=True)
        return f"{path}?{query}" if query else path

    def url_with(self, name: str, value: str) -> str:
        """Returns the address of this search with one more chosen value."""
        values = (*self.chosen.get(name, ()), value)
        return self.url(chosen={**self.chosen, name: tuple(dict.fromkeys(values))})

    def url_without(self, name: str, value: str) -> str:
        """Returns the address of this search without a chosen value."""
        values = tuple(each for each in self.chosen.get(name, ()) if each != value)
        return self.url(chosen={**{key: rest for key, rest in self.chosen.items() if key != name}, name: values})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.since or self.until or self.chosen)


def _time(
    parameter: str, text: str, at: datetime, *, read: Callable[[str, datetime], datetime] = parse_time
) -> datetime:
    try:
        return read(text[:40], at)
    except (ValueError, OverflowError) as error:
        raise BadRequest(parameter, str(error)) from None


def _value_node(name: str, value: str) -> Node:
    return Phrase(value, field="author") if name == "author" else Value(name, value)


def _any_of(nodes: Iterable[Node]) -> Node:
    alternatives = tuple(nodes)
    return Or(alternatives) if len(alternatives) > 1 else alternatives[0]
