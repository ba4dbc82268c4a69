"""What a poll says of an outlet's health, in the state the next poll and `outlets` read.  Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.crawl.poll_interval import FAILURE_WEIGHTS, MAX_INTERVAL
from monitor.discovery.url_rules import OutletScope
from monitor.models import Disposition
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.poll_interval import NextPoll
    from monitor.crawl.report import PollReport
    from monitor.crawl.sources import SourceResult
    from monitor.models import OutletState

_STORIES = (Disposition.STORED, Disposition.UPDATED)


def failure(answers: Sequence[SourceResult]) -> str | None:
    """The kind of failure where no source could be read, the gravest; None where one could.

    A source that failed before and now answers "not modified" still has to prove that it can be read.
    """
    if not answers:
        return "no-source"
    if any(answer.error is None for answer in answers):
        return None
    kinds = [answer.error.kind for answer in answers if answer.error is not None]
    return max(kinds, key=lambda kind: FAILURE_WEIGHTS.get(kind, 1.0))


def rest(answer: SourceResult, outlet: Outlet, *, alone: bool) -> timedelta:
    """How long the outlet is left alone because the source's server asked for it.

    Where others were read, a server that only keeps a list of the outlet's must not hold it up for a day.
    """
    asked = timedelta(seconds=(answer.error and answer.error.retry_after) or 0.0)
    return asked if alone or answer.source.url in OutletScope(outlet) else min(asked, MAX_INTERVAL)


def after(
    state: OutletState, report: PollReport, answers: Sequence[SourceResult], plan: NextPoll, *, now: datetime
) -> OutletState:
    """The outlet's state after a poll."""
    found = Counter({disposition.value: report.count(disposition) for disposition in Disposition})
    stories = any(report.count(disposition) for disposition in _STORIES)
    return replace(
        state,
        next_poll_at=now + plan.pause,
        interval=plan.interval,
        last_poll_at=now,
        last_ok_at=state.last_ok_at if report.failed else now,
        last_story_at=now if stories else state.last_story_at,
        failures=plan.failures,
        error=_word(report, answers),
        sources={answer.source.url: answer.state for answer in answers},
        dispositions=dict(+(Counter(state.dispositions) + found)),
    )


def _word(report: PollReport, answers: Sequence[SourceResult]) -> str:
    """One line on what is wrong, empty where nothing is."""
    if not answers:
        return "no feed, sitemap or section was found: name one, see `media-monitor discover`"
    failed = [answer for answer in answers if answer.error is not None]
    if failed:
        first = failed[0]
        share = f"{len(failed)} of {len(answers)} sources failed: " if len(answers) > 1 else ""
        return f"{share}{first.source.kind} {first.source.url}: {first.error.message if first.error else ''}"[:500]
    if report.rendering:
        return report.rendering[:500]
    empty = [r.source.url for r in answers if r.source.kind == "section" and r.parsed and not r.parsed.candidates]
    if empty and len(empty) == len(answers):
        return f"no stories are listed at {empty[0]}: it may be written by JavaScript, set `render: auto`"
    script = report.outcomes[Disposition.NOT_ARTICLE, "script"]
    if script and script * 2 >= report.pages:
        what = f"{plural(script, 'page is', 'pages are')} written by JavaScript and skipped"
        return f"{what}: set `render: auto` for this outlet, and see that an engine is there (docs/rendering.md)"
    lost = report.count(Disposition.FAILED)
    if lost and lost * 2 >= report.pages:
        return f"{lost} of {report.pages} pages failed, such as {report.failures[-1]}"[:500]
    if moved := [answer for answer in answers if answer.moved]:
        source = moved[0].source
        return f"{source.kind} {source.url} has moved for good: it is {moved[0].moved} now"[:500]
    return ""
