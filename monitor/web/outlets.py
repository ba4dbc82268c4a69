"""The pages of outlets: the health of all, and the coverage, schedule and recent URLs of one."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from monitor import coverage
from monitor.coverage import Fate
from monitor.models import now
from monitor.outlet_status import read_outlets
from monitor.query.syntax import Value
from monitor.web import charts
from monitor.web.pages import render
from monitor.web.services import services_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.store import Store

CHART_DAYS = 14  # of the list
DETAIL_DAYS = 30  # of one outlet
RECENT_URLS = 50
MAX_OVERDUE = timedelta(minutes=10)  # longer ones make the page ask whether outlets are polled at all
HEALTH_ORDER = ("failing", "suspect", "new", "ok", "removed")


def outlets_page(request: Request) -> Response:
    """Lists the outlets, those with problems first."""
    services, at = services_of(request), now()
    statuses = read_outlets(services.store, services.config, at=at)
    statuses.sort(key=lambda status: HEALTH_ORDER.index(status.health))
    since = _midnight(at) - timedelta(days=CHART_DAYS - 1)
    by_outlet: defaultdict[str, Counter[date]] = defaultdict(Counter)
    for count in services.store.daily_counts(None, now=at, since=since, field="outlet", limit=10_000):
        by_outlet[count.value][count.day] += count.count
    values = {
        "section": "Outlets",
        "statuses": statuses,
        "counts": Counter(status.health for status in statuses),
        "charts": {status.name: _daily_chart(by_outlet[status.name], since, at) for status in statuses},
        "chart_days": CHART_DAYS,
        "overdue": [each for status in statuses if (each := status.overdue) is not None and each > MAX_OVERDUE],
    }
    return render(request, "outlets.html", values)


def outlet_page(request: Request) -> Response:
    """Shows one outlet: its state, its coverage by day, its stories a day, and the last URLs that it listed."""
    services, at = services_of(request), now()
    name = request.query_params.get("name", "")
    statuses = read_outlets(services.store, services.config, at=at)
    status = next((each for each in statuses if each.name == name), None)
    if status is None:
        raise HTTPException(404, f"There is no outlet {name[:80]!r}.")
    since = _midnight(at) - timedelta(days=DETAIL_DAYS - 1)
    counts = services.store.coverage(name, since=since)
    days = coverage.by_day(counts)
    fates = [fate for fate in Fate if any(day.by_fate.get(fate) for day in days)]
    values: dict[str, Any] = {
        "section": "Outlets",
        "status": status,
        "chart": _daily_chart(_stories_by_day(services.store, name, since, at), since, at),
        "chart_days": DETAIL_DAYS,
        "days": days,
        "fates": fates,
        "fate_meanings": coverage.FATE_MEANINGS,
        "sources": services.store.source_coverage(name, since=since),
        "entries": services.store.recent_entries(name, limit=RECENT_URLS),
        "fate_of_entry": coverage.fate_of_entry,
        "meaning_of_entry": coverage.meaning_of_entry,
    }
    return render(request, "outlet.html", values)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _stories_by_day(store: Store, name: str, since: datetime, at: datetime) -> Counter[date]:
    counts = store.daily_counts(Value("outlet", name), now=at, since=since)
    return Counter({count.day: count.count for count in counts})


def _daily_chart(by_day: Mapping[date, int], since: datetime, at: datetime) -> Markup:
    days = [since.date() + timedelta(days=number) for number in range((at.date() - since.date()).days + 1)]
    counts = [(day, by_day.get(day, 0)) for day in days]
    return charts.daily_bars(counts, title=f"Stories a day since {since:%Y-%m-%d}", height=26)
