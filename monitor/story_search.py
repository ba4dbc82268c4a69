"""A search for stories as people state it: the query, times, chosen values, marks and order.

The search page, the API, saved searches and feeds state searches with the same parameters and run them here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from monitor.errors import BadRequest
from monitor.query import parse
from monitor.query.syntax import And, Or, Phrase, Value
from monitor.store.records import FACET_FIELDS, MAX_SELECTED_STORIES, MarkKind, StorySelection, fold_name
from monitor.time_arguments import parse_end_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from monitor.query import Node
    from monitor.query.fragments import Fragments
    from monitor.store import SearchResult, Store
    from monitor.store.protocol import Marks
    from monitor.store.records import DayCount, Facets, SavedSearch

MAX_QUERY_CHARACTERS = 20_000
SINGLE_PARAMETERS = ("q", "since", "until", "sort", "starred", "unread")
PARAMETERS = (*SINGLE_PARAMETERS, *FACET_FIELDS, "tag")
MAX_CHOSEN_VALUES = 50  # of each field, and of tags


@dataclass(frozen=True, kw_only=True, slots=True)
class StorySearch:
    """The parameters of a search; ``since`` and ``until`` are texts as people write them, both inclusive.

    A story must have one of the values of each field in ``chosen``, one of ``tags``, and with ``is_starred`` the
    star of the user who searches; ``is_unread`` leaves out the stories that this user has read.
    """

    query: str = ""
    since: str = ""
    until: str = ""
    sort: str = "newest"
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # values by field of FACET_FIELDS
    tags: tuple[str, ...] = ()
    is_starred: bool = False
    is_unread: bool = False

    @classmethod
    def from_values(cls, values: Mapping[str, Sequence[str]], **others: Any) -> Self:
        """Reads the values of parameters by their names; leaves out parameters that a search does not have."""

        def first(name: str) -> str:
            return next(iter(values.get(name, ())), "").strip()

        def several(name: str) -> tuple[str, ...]:
            return tuple(dict.fromkeys(value for value in values.get(name, ())[:MAX_CHOSEN_VALUES] if value))

        return cls(
            query=first("q")[:MAX_QUERY_CHARACTERS],
            since=first("since"),
            until=first("until"),
            sort="relevance" if first("sort") == "relevance" else "newest",
            chosen={name: chosen for name in FACET_FIELDS if (chosen := several(name))},
            tags=several("tag"),
            is_starred=first("starred") == "1",
            is_unread=first("unread") == "1",
            **others,
        )

    @classmethod
    def from_saved(cls, saved: SavedSearch) -> Self:
        return cls.from_values({**saved.filters, "q": (saved.query,)})

    def values(self) -> dict[str, tuple[str, ...]]:
        """Returns the values of the parameters by their names, without those that have their default."""
        single = {"q": self.query, "since": self.since, "until": self.until}
        single |= {"sort": self.sort if self.sort != "newest" else ""}
        single |= {"starred": "1" if self.is_starred else "", "unread": "1" if self.is_unread else ""}
        several = {**self.chosen, "tag": self.tags}
        return {name: (value,) for name, value in single.items() if value} | {
            name: chosen for name, chosen in several.items() if chosen
        }

    @property
    def is_personal(self) -> bool:
        """True if the stories depend on the user who searches."""
        return self.is_starred or self.is_unread

    @property
    def is_by_marks(self) -> bool:
        return self.is_personal or bool(self.tags)

    def since_time(self, at: datetime) -> datetime | None:
        """Returns the first time of the search; None without one.  Raises BadRequest."""
        return _time("since", self.since, at) if self.since else None

    def before_time(self, at: datetime) -> datetime | None:
        """Returns the end of the search, exclusive: of a day, month or year its end.  Raises BadRequest."""
        return _time("until", self.until, at, read=parse_end_time) if self.until else None

    def bounds(self, at: datetime) -> tuple[datetime | None, datetime | None]:
        """Returns `since_time` and `before_time`.  Raises BadRequest, also if the time ends before it begins."""
        since, before = self.since_time(at), self.before_time(at)
        if since is not None and before is not None and before <= since:
            raise BadRequest("until", "the time ends before it begins")
        return since, before

    def query_node(self, fragments: Fragments) -> Node | None:
        """Returns the query as it is written; None if it is empty.  Raises QueryError."""
        return parse(self.query, fragments=fragments) if self.query else None

    def node(self, fragments: Fragments) -> Node | None:
        """Returns the query with the chosen values; None for all stories.  Raises QueryError."""
        return self._with_chosen(self.query_node(fragments))

    def _with_chosen(self, query: Node | None) -> Node | None:
        nodes = [] if query is None else [query]
        nodes += self._chosen_nodes()
        return And(tuple(nodes)) if len(nodes) > 1 else nodes[0] if nodes else None

    def _chosen_nodes(self) -> list[Node]:
        return [_any_of([_value_node(name, value) for value in values]) for name, values in self.chosen.items()]

    def query_with_chosen(self) -> str:
        """Returns the text of a query that finds the same without ``chosen``: ``(chip ban) country:"GB"``."""
        chosen = [f"({node})" if isinstance(node, Or) else str(node) for node in self._chosen_nodes()]
        if not chosen or not self.query:
            return " ".join(chosen) or self.query
        return " ".join([f"({self.query})" if " " in self.query else self.query, *chosen])

    def prepare(self, store: Store, fragments: Fragments, *, now: datetime, user: str) -> PreparedSearch:
        """Returns the search of this user, ready to be run.  Raises QueryError, BadRequest or StoreError."""
        query_node = self.query_node(fragments)
        node, (since, before) = self._with_chosen(query_node), self.bounds(now)
        selection, cuts = self._selection(store, user)
        return PreparedSearch(
            store=store,
            node=node,
            query_node=query_node,
            now=now,
            since=since,
            before=before,
            is_by_relevance=self.sort == "relevance",
            selection=selection,
            cuts=cuts,
        )

    def _selection(self, store: Marks, user: str) -> tuple[StorySelection | None, tuple[str, ...]]:
        """Returns the stories to which the marks restrict the search, and sentences about those that were left out."""
        cuts: list[str] = []

        def newest(kind: MarkKind, key: str, limit: int, cut: str) -> set[str]:
            found = store.marked_stories(kind, key, limit=limit + 1)
            if len(found) > limit:
                cuts.append(cut)
            return set(found[:limit])

        only: set[str] | None = None
        without: set[str] = set()
        if self.tags:
            limit, only = MAX_SELECTED_STORIES // len(self.tags), set()
            for tag in self.tags:
                cut = f"Only the {limit:,} stories that got the tag {tag} last are searched."
                only |= newest(MarkKind.TAG, fold_name(tag), limit, cut)
        if self.is_starred:
            cut = f"Only the {MAX_SELECTED_STORIES:,} stories that got a star last are searched."
            starred = newest(MarkKind.STAR, user, MAX_SELECTED_STORIES, cut)
            only = starred if only is None else only & starred
        if self.is_unread:
            cut = f"Only the {MAX_SELECTED_STORIES:,} stories that you read last are left out."
            without = newest(MarkKind.READ, user, MAX_SELECTED_STORIES, cut)
        if only is None and not without:
            return None, tuple(cuts)
        return StorySelection(None if only is None else frozenset(only), frozenset(without)), tuple(cuts)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedSearch:
    """A search that can be run; ``cuts`` says in sentences which stories it leaves out because there are too many."""

    store: Store
    node: Node | None
    query_node: Node | None  # the query alone, for marking words
    now: datetime
    since: datetime | None
    before: datetime | None
    is_by_relevance: bool
    selection: StorySelection | None
    cuts: tuple[str, ...]

    def stories(self, *, limit: int, offset: int = 0) -> SearchResult:
        """See `Store.search`."""
        return self.store.search(
            self.node, now=self.now, since=self.since, before=self.before, limit=limit, offset=offset,
            relevance=self.is_by_relevance, selection=self.selection,
        )  # fmt: skip

    def facets(self, *, limit: int) -> Facets:
        """See `Store.facets`."""
        return self.store.facets(
            self.node, now=self.now, since=self.since, before=self.before, limit=limit, selection=self.selection
        )

    def daily_counts(self, *, since: datetime | None = None) -> list[DayCount]:
        """See `Store.daily_counts`; ``since`` is used for a search without a beginning."""
        return self.store.daily_counts(
            self.node, now=self.now, since=self.since or since, before=self.before, selection=self.selection
        )


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
