"""Computes an outlet's health and schedule after a poll, for the next poll and the `outlets` command.  No I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.crawl.habits import Habits, Suspicion, find_suspicions
from monitor.delays import Delays
from monitor.discovery.url_rules import OutletScope
from monitor.failures import FailureKind
from monitor.models import Disposition
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.report import PollReport
    from monitor.crawl.sources import SourceResult
    from monitor.models import OutletState
    from monitor.polling.next_poll import NextPollPlan

MAX_FOREIGN_PAUSE = timedelta(hours=1)  # that a server outside the outlet's site may ask for
MIN_SOURCE_FAILURES = 3  # in a row, of one source among others, before the outlet is suspect
_STORY_DISPOSITIONS = (Disposition.STORED, Disposition.UPDATED)


def gravest_failure_kind(results: Sequence[SourceResult]) -> FailureKind | None:
    """Returns the failure kind with the highest weight if no source of an outlet could be read, else None.

    Returns NO_SOURCE without results.  A failed source is next requested unconditionally, so no 304 hides a failure.
    """
    if not results:
        return FailureKind.NO_SOURCE
    if any(result.error is None for result in results):
        return None
    kinds = [result.error.kind for result in results if result.error is not None]
    return max(kinds, key=lambda kind: kind.weight)


def source_requested_pause(result: SourceResult, outlet: Outlet, *, outlet_failed: bool) -> timedelta:
    """Returns the Retry-After of the source's server as the outlet's pause; zero without Retry-After.

    At most MAX_FOREIGN_PAUSE if the server is outside the outlet's site, unless no source of the outlet could be read.
    """
    retry_after = timedelta(seconds=(result.error and result.error.retry_after) or 0.0)
    is_own_site = result.source.url in OutletScope(outlet)
    return retry_after if outlet_failed or is_own_site else min(retry_after, MAX_FOREIGN_PAUSE)


def state_after_poll(
    state: OutletState, report: PollReport, results: Sequence[SourceResult], plan: NextPollPlan, *, now: datetime
) -> OutletState:
    """Returns the outlet's state with the schedule, error, source states and counts of a poll that ended at ``now``.

    An outage on the monitor's side changes only the schedule and the counts of pages.
    """
    dispositions = Counter({disposition.value: report.count_pages(disposition) for disposition in Disposition})
    has_stories = any(report.count_pages(disposition) for disposition in _STORY_DISPOSITIONS)
    scheduled = replace(
        state,
        next_poll_at=now + plan.pause,
        interval=state.interval if report.own_outage else plan.interval,
        failures=plan.weighted_failures,
        last_story_at=now if has_stories else state.last_story_at,
        dispositions=dict(+(Counter(state.dispositions) + dispositions)),
    )
    if report.own_outage:
        return scheduled
    habits = Habits.of_outlet(state).with_poll(report, now=now)
    found = [*_suspicions_of_sources(report, results), *find_suspicions(habits, now=now)]
    delays = Delays.from_json(state.memory.delays, now=now).with_stories(report.new_story_times)
    suspicions = {suspicion.kind: suspicion.text[:500] for suspicion in found}
    return replace(
        scheduled,
        last_poll_at=now,
        last_ok_at=state.last_ok_at if report.has_failed else now,
        error=_error_line(report, results),
        sources={result.source.url: result.state for result in results},
        memory=replace(state.memory, habits=habits.to_json(), delays=delays.to_json(), suspicions=suspicions),
    )


def _suspicions_of_sources(report: PollReport, results: Sequence[SourceResult]) -> Iterator[Suspicion]:
    """Yields a suspicion for sources that fail repeatedly while others are read, and one for lost entries."""
    if report.has_failed:
        return
    for result in results:
        source = f"{result.source.kind} {result.source.url}"
        if result.state.failures >= MIN_SOURCE_FAILURES:
            yield Suspicion("source-fails", f"{source} failed {result.state.failures} times: {result.state.error}")
        elif result.error is None and result.state.error:
            yield Suspicion("entries-lost", f"{source}: {result.state.error}")


def _error_line(report: PollReport, results: Sequence[SourceResult]) -> str:
    """Returns one line about the gravest problem of the poll; an empty string if there was no problem."""
    if not results:
        return "no feed, sitemap or section was found: name one, see `media-monitor discover`"
    failed = [result for result in results if result.error is not None]
    if failed:
        first = failed[0]
        share = f"{len(failed)} of {len(results)} sources failed: " if len(results) > 1 else ""
        return f"{share}{first.source.kind} {first.source.url}: {first.error.message if first.error else ''}"[:500]
    if lossy := [result for result in results if result.state.error]:
        return f"{lossy[0].source.kind} {lossy[0].source.url}: {lossy[0].state.error}"[:500]
    if report.rendering_problem:
        return report.rendering_problem[:500]
    empty_sections = [
        result.source.url
        for result in results
        if result.source.kind == "section" and result.parsed and not result.parsed.candidates
    ]
    if empty_sections and len(empty_sections) == len(results):
        return f"no stories are listed at {empty_sections[0]}: it may be written by JavaScript, set `render: auto`"
    script_pages = report.outcomes[Disposition.NOT_ARTICLE, "script"]
    if script_pages and script_pages * 2 >= report.page_count:
        skipped = f"{plural(script_pages, 'page is', 'pages are')} written by JavaScript and skipped"
        return f"{skipped}: set `render: auto` for this outlet and install an engine (docs/rendering.md)"
    failed_pages = report.count_pages(Disposition.FAILED)
    if failed_pages and failed_pages * 2 >= report.page_count:
        return f"{failed_pages} of {report.page_count} pages failed, such as {report.failures[-1]}"[:500]
    if moved := [result for result in results if result.moved_to]:
        source = moved[0].source
        return f"{source.kind} {source.url} has moved permanently to {moved[0].moved_to}"[:500]
    return ""
