"""The page of trends: how often queries match over time, as chart and table."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import Response

from monitor.errors import BadRequest, QueryError, StoreError
from monitor.models import now
from monitor.query import parse
from monitor.volume.new_names import new_names
from monitor.web import charts
from monitor.web.pages import render
from monitor.web.search_request import SearchRequest
from monitor.web.services import services_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from markupsafe import Markup
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from monitor.query import Node
    from monitor.web.services import Services

MAX_QUERIES = 6
DEFAULT_SINCE = "30d"
SPLITS = ("none", "outlet", "language", "country", "topic", "alert")
SHARES = ("count", "share")
SPIKE_FACTOR = 3  # times the mean of the days before
SPIKE_MIN_STORIES = 5
SPIKE_DAYS = 7  # days before, of which the mean counts
TOP_VALUES = 10  # outlets and authors
TOP_LABELS = {"outlet": "Outlets", "author": "Authors"}
MAX_DAILY_POINTS = 62  # more days are counted as weeks


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendRequest:
    """The parameters of the page: up to MAX_QUERIES queries, one of which may be split by a field."""

    queries: tuple[str, ...]
    since: str
    until: str
    split: str
    measure: str
    has_names: bool = False  # looks for names that the first query has not met before

    def url(self, path: str = "/trends", **changes: Any) -> str:
        values = {"q": self.queries, "since": self.since, "until": self.until, "split": self.split}
        values |= {"measure": self.measure, "names": "new" if self.has_names else "", **changes}
        return f"{path}?{urlencode({key: value for key, value in values.items() if value}, doseq=True)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """The first query of a request (None: all stories) and its time; ``before`` is exclusive."""

    node: Node | None
    since: datetime
    before: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Spike:
    """A point of a line that is far above the mean of the points before it."""

    name: str
    label: str
    count: int
    usual: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    """The stories of one series: as a share of those of all series, and of all stories of the time; None of none."""

    name: str
    stories: int
    share_of_series: float | None  # per cent
    share_of_all: float | None  # per cent


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """The series of a request; the labels are days, or the first days of weeks.

    The first ``early_points`` points end before ``collected_since``, the day from which on stories were collected
    (None without stories): they have only what outlets still listed on that day.
    """

    labels: tuple[str, ...]
    series: tuple[charts.Series, ...]
    is_weekly: bool
    unit: str
    voices: tuple[Voice, ...]
    all_stories: int
    period: Period
    last: date
    spikes: tuple[Spike, ...] = ()
    collected_since: date | None = None
    early_points: int = 0


def trends_page(request: Request) -> Response:
    """Shows the chart of the queries with a table of its numbers, their share of voice, and who writes of them."""
    asked, services, at = trend_request(request.query_params), services_of(request), now()
    values: dict[str, Any] = {
        "section": "Trends", "asked": asked, "splits": SPLITS, "trend": None, "chart": None, "error": None,
        "alert_names": [alert.name for alert in services.config.alerts],
        "topic_names": list(services.config.topics), "colours": charts.SERIES_COLOURS,
    }  # fmt: skip
    try:
        trend = read_trend(services, asked, at)
        period = trend.period
        top = services.store.facets(period.node, now=at, since=period.since, before=period.before, limit=TOP_VALUES)
        names, has_history = None, trend.collected_since is None or period.since.date() > trend.collected_since
        if asked.has_names and has_history:
            names = new_names(services.store, period.node, since=period.since, before=period.before, now=at)
    except (QueryError, BadRequest, StoreError) as error:
        status = 503 if isinstance(error, StoreError) else 400
        return render(request, "trends.html", values | {"error": error}, status=status)
    values |= {"trend": trend, "chart": _chart(trend), "top": top, "top_labels": TOP_LABELS, "names": names}
    values["has_history"] = has_history
    return render(request, "trends.html", values)


def trend_file(request: Request) -> Response:
    """Sends the chart as an SVG file."""
    asked = trend_request(request.query_params)
    trend = read_trend(services_of(request), asked, now())
    svg = charts.as_file(
        _chart(trend), height=charts.lines_height(trend.series), title=_title(trend), heading=_heading(trend)
    )
    headers = {"Content-Disposition": 'attachment; filename="trend.svg"'}
    return Response(svg, media_type="image/svg+xml", headers=headers)


def read_trend(services: Services, asked: TrendRequest, at: datetime) -> Trend:
    """Counts the stories of the queries by day.  Raises QueryError, BadRequest or StoreError."""
    period = _period(services, asked, at)
    every = _count_by_day(services, None, period, at)
    if asked.split != "none":
        counts = _split_counts(services, asked, period, at)
    elif asked.queries:
        nodes = [parse(query, fragments=services.config.fragments) for query in asked.queries]
        counts = {
            query: _count_by_day(services, node, period, at) for query, node in zip(asked.queries, nodes, strict=True)
        }
    else:
        counts = {"all stories": every}
    first = period.since.date()
    last = min(period.before - timedelta(microseconds=1), at).date() if period.before else at.date()
    start = services.store.first_seen_at()
    return _trend(
        asked, period, counts, every, first=first, last=max(first, last), collected_since=start and start.date()
    )


def _count_by_day(services: Services, node: Node | None, period: Period, at: datetime) -> Counter[date]:
    days = services.store.daily_counts(node, now=at, since=period.since, before=period.before)
    return Counter({count.day: count.count for count in days})


def _period(services: Services, asked: TrendRequest, at: datetime) -> Period:
    """Returns the first query and the time of a request.  Raises QueryError or BadRequest."""
    search = SearchRequest(query=asked.queries[0] if asked.queries else "", since=asked.since, until=asked.until)
    since, before = search.bounds(at)
    assert since is not None  # the page has a default
    return Period(node=search.query_node(services.config.fragments), since=since, before=before)


def _split_counts(services: Services, asked: TrendRequest, period: Period, at: datetime) -> dict[str, Counter[date]]:
    """Returns the counts by day of the most frequent values, the most frequent first."""
    by_value: defaultdict[str, Counter[date]] = defaultdict(Counter)
    limit = len(charts.SERIES_COLOURS)
    days = services.store.daily_counts(
        period.node, now=at, since=period.since, before=period.before, field=asked.split, limit=limit
    )
    for count in days:
        by_value[count.value][count.day] += count.count
    return dict(sorted(by_value.items(), key=lambda item: -item[1].total()))


def _trend(
    asked: TrendRequest,
    period: Period,
    counts: Mapping[str, Counter[date]],
    every_by_day: Mapping[date, int],
    *,
    first: date,
    last: date,
    collected_since: date | None,
) -> Trend:
    days = (last - first).days + 1
    per_point = 1 if days <= MAX_DAILY_POINTS else 7
    first -= timedelta(days=-days % per_point)
    points = ((last - first).days + per_point) // per_point
    starts = [first + timedelta(days=number * per_point) for number in range(points)]
    labels = tuple(map(str, starts))
    incomplete = sum(1 for start in starts if collected_since is not None and start < collected_since)

    def grouped(by_day: Mapping[date, int]) -> list[int]:
        numbers = [0] * points
        for day, number in by_day.items():
            if 0 <= (index := (day - first).days // per_point) < points:
                numbers[index] += number
        return numbers

    numbers = {name: grouped(by_day) for name, by_day in counts.items()}
    spikes = tuple(
        spike for name, values in numbers.items() for spike in _spikes(name, values, labels, begin=incomplete)
    )
    every, is_share = grouped(every_by_day), asked.measure == "share"
    series = [
        charts.Series(
            name,
            [_per_cent(value, total) for value, total in zip(values, every, strict=True)] if is_share else values,
            frozenset(labels.index(spike.label) for spike in spikes if spike.name == name),
        )
        for name, values in numbers.items()
    ]
    of_series = sum(map(sum, numbers.values()))
    voices = tuple(
        Voice(
            name=name,
            stories=sum(values),
            share_of_series=_per_cent(sum(values), of_series),
            share_of_all=_per_cent(sum(values), sum(every)),
        )
        for name, values in numbers.items()
    )
    return Trend(
        labels=labels,
        series=tuple(series),
        is_weekly=per_point == 7,
        unit="%" if is_share else "",
        voices=voices,
        all_stories=sum(every),
        period=period,
        last=last,
        spikes=spikes,
        collected_since=collected_since,
        early_points=sum(
            1 for start in starts if collected_since and start + timedelta(days=per_point) <= collected_since
        ),
    )


def _per_cent(part: int, total: int) -> float | None:
    return 100 * part / total if total else None


def _spikes(name: str, values: Sequence[int], labels: Sequence[str], *, begin: int) -> list[Spike]:
    """Returns the points that are SPIKE_FACTOR times the mean of the points before them, and not small.

    No mean reads a point before ``begin``, because its numbers are too low.
    """
    spikes = []
    for index in range(begin + SPIKE_DAYS, len(labels)):
        usual = sum(values[index - SPIKE_DAYS : index]) / SPIKE_DAYS
        if values[index] >= SPIKE_MIN_STORIES and values[index] >= SPIKE_FACTOR * max(usual, 0.5):
            spikes.append(Spike(name=name, label=labels[index], count=values[index], usual=usual))
    return spikes


def _heading(trend: Trend) -> str:
    """Returns the unit and the time of a chart."""
    unit = "Per cent of all stories" if trend.unit else "Stories"
    first, last = trend.period.since.date(), trend.last
    return f"{unit} {'a week' if trend.is_weekly else 'a day'}, {first} to {last} (UTC)"


def _title(trend: Trend) -> str:
    return f"{_heading(trend)}: {', '.join(each.name[:200] for each in trend.series)}"


def _chart(trend: Trend) -> Markup:
    early = charts.Early(trend.early_points, f"before collecting began on {trend.collected_since}")
    return charts.lines(trend.labels, trend.series, title=_title(trend), unit=trend.unit, early=early)


def trend_request(parameters: QueryParams) -> TrendRequest:
    """Reads the parameters of an address; leaves out values that do not exist."""
    queries = [query.strip() for query in parameters.getlist("q") if query.strip()]
    split, measure = parameters.get("split", "none"), parameters.get("measure", "count")
    return TrendRequest(
        queries=tuple(dict.fromkeys(queries))[:MAX_QUERIES],
        since=parameters.get("since", "").strip() or DEFAULT_SINCE,
        until=parameters.get("until", "").strip(),
        split=split if split in SPLITS else "none",
        measure=measure if measure in SHARES else "count",
        has_names=parameters.get("names") == "new",
    )
