"""``alerts test``: what a query finds in the store, in labelled stories, and that another query does not find."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from monitor.alert_preview import AlertPreview, newest_stories, preview_alert
from monitor.cli.context import KEEP_MATCHING_HINT, CommandContext, TimeType, with_context
from monitor.models import now
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.config import Alert
    from monitor.models import Story
    from monitor.query import Node
    from monitor.query.evaluation import Evaluation
    from monitor.store import Store


@click.command("test")
@click.argument("name", required=False)
@click.option("--query", help="A query that is not in the file yet.")
@click.option("--since", type=TimeType(), default="30d", show_default=True, help="How far back: 30d, 2026-11-01 ...")
@click.option("--samples", type=click.IntRange(0, 1000), default=5, show_default=True, help="Stories to show.")
@click.option("--against", metavar="FILE", help="Stories (JSON lines) with expected: true or false, not the store.")
@click.option("--compare", metavar="QUERY", help="A query or alert: show what only one of the two finds.")
@with_context
def test_command(
    context: CommandContext,
    *,
    name: str | None,
    query: str | None,
    since: datetime,
    samples: int,
    against: str | None,
    compare: str | None,
) -> int:
    """Show which stories an alert would have caught, day by day, with samples in context.  Sends nothing.

    NAME is an alert of the configuration; --query tries one that is not in the configuration yet.  --against measures
    recall and precision on stories that you have labelled, and shows those that are missed or wrongly found.  Exit
    status 1 if a line of that file is no labelled story.

    \b
    Examples:
      media-monitor alerts test sberbank
      media-monitor alerts test sberbank --since 2026-11-01 --samples 20
      media-monitor alerts test --query 'Rosatom NEAR/10 reactor' --since 7d
      media-monitor alerts test sberbank --against labelled.jsonl
      media-monitor alerts test sberbank --compare 'Sber* NEAR/20 raw:AI'
    """
    if (name is None) == (query is None):
        raise click.UsageError("give the NAME of an alert, or a --query")
    if against is not None and compare is not None:
        raise click.UsageError("give --against or --compare, not both")
    alert = context.find_alert(name) if name is not None else None
    text = alert.rule_query if alert else query or ""
    node = _parsed(context, text)
    context.warn_about_query(alert.query if alert else text, kind="alert")
    if against is not None:
        return _test_against(context, text, node, against, samples=samples)
    with context.open_existing_store() as store:
        if compare is not None:
            _compare(context, store, (text, compare), node, since=since, samples=samples)
        else:
            stories = _found_stories(context, store, node, alert, since=since)
            name = alert.name if alert else None
            preview = preview_alert(stories, name=name, since=since, now=now(), samples=samples)
            _print_preview(context, text, node, preview)
            _print_clauses(context, store, node, since=since)
    return 0


def _parsed(context: CommandContext, text: str) -> Node:
    from monitor.query import parse

    return parse(text, positive=True, fragments=context.config.fragments)


# ---- in the store


def _found_stories(
    context: CommandContext, store: Store, node: Node, alert: Alert | None, *, since: datetime
) -> Iterator[Story]:
    """Returns the stories that the alert reports, or without one those that match the query ``node``."""
    from monitor.alert_stories import alert_stories

    at = now()
    if alert is None:
        return store.scan(node, now=at, since=since)
    return alert_stories(store, alert, fragments=context.config.fragments, since=since, now=at)


def _print_preview(context: CommandContext, text: str, node: Node, preview: AlertPreview) -> None:
    from monitor.cli.formatting import daily_bar_chart, plain_line

    out = context.out
    out.print(plain_line(text, prefix="Query: "))
    if not preview.total:
        out.print(f"It would have caught nothing since {preview.since:%Y-%m-%d}.")
        if context.config.keep == "matching":
            context.err.print(KEEP_MATCHING_HINT)
        return
    for line in daily_bar_chart([(day.isoformat(), count) for day, count in preview.daily_counts]):
        out.print(line, markup=False)
    stories, events = plural(preview.total, "story", "stories"), plural(preview.event_count, "event")
    out.print(f"{stories} of {events}, {preview.stories_per_day:.1f} a day.")
    if preview.other_alerts:
        most_common = ", ".join(f"{name} ({count})" for name, count in preview.other_alerts.most_common(5))
        message = f"Other alerts had caught {preview.caught_by_others:,} of them already: {most_common}."
        out.print(message, markup=False)
    _print_samples(context, node, preview.samples)


def _print_clauses(context: CommandContext, store: Store, node: Node, *, since: datetime) -> None:
    from rich.text import Text

    from monitor.cli.formatting import printable_text
    from monitor.cli.stored_words import clause_lines

    lines = clause_lines(store, node, since=since)
    if lines:
        context.out.print()
    for line in lines:
        context.out.print(Text(printable_text(line, strip=False)))


def _print_samples(context: CommandContext, node: Node, stories: Sequence[Story]) -> None:
    from monitor.cli.formatting import print_story

    for story in stories:
        context.out.print()
        print_story(context.out, story, node)


# ---- against labelled stories


def _test_against(context: CommandContext, text: str, node: Node, path: str, *, samples: int) -> int:
    from monitor.cli.formatting import plain_line
    from monitor.cli.match import open_story_lines, read_labelled_stories
    from monitor.query.evaluation import Evaluation

    evaluation, status = Evaluation(node, now()), 0
    with open_story_lines(path) as lines:
        for number, labelled_or_error in read_labelled_stories(lines):
            if isinstance(labelled_or_error, str):
                context.err.print(f"{path}:{number}: {labelled_or_error}", markup=False)
                status = 1
            else:
                evaluation.add(*labelled_or_error)
    context.out.print(plain_line(text, prefix="Query: "))
    context.out.print(_evaluation_summary(evaluation), markup=False)
    for title, stories in (("Missed", evaluation.missed), ("Wrongly found", evaluation.wrongly_found)):
        if stories:
            context.out.print(f"\n{title}: {plural(len(stories), 'story', 'stories')}", style="bold")
            _print_explained(context, node, stories[:samples])
    return status


def _evaluation_summary(evaluation: Evaluation) -> str:
    wanted, found = evaluation.wanted, evaluation.found
    recall, precision = "no story is wanted", "none is found"
    if wanted:
        recall = f"recall {evaluation.recall:.1%} ({evaluation.right:,} of {wanted:,} wanted are found)"
    if found:
        precision = f"precision {evaluation.precision:.1%} ({evaluation.right:,} of {found:,} found are wanted)"
    return f"{plural(evaluation.total, 'labelled story', 'labelled stories')}: {recall}, {precision}."


def _print_explained(context: CommandContext, node: Node, stories: Sequence[Story]) -> None:
    from monitor.cli.explain import explanation_tree
    from monitor.cli.formatting import plain_line, shows_colours
    from monitor.query.explain import explain

    for story in stories:
        context.out.print()
        context.out.print(plain_line(story.title or story.text[:80] or story.id), style="bold")
        tree = explanation_tree(explain(node, story, now=now()), asterisks=not shows_colours(context.out))
        context.out.print(tree)


# ---- compared with another query


def _compare(
    context: CommandContext, store: Store, texts: tuple[str, str], node: Node, *, since: datetime, samples: int
) -> None:
    """Prints how many stories both queries find, and those that only one of them finds."""
    from monitor.cli.formatting import plain_line
    from monitor.query.matcher import analysed_story, story_predicate
    from monitor.query.syntax import Or

    own, other = texts
    other = next((alert.rule_query for alert in context.config.alerts if alert.name == other), other)
    other_node, current_time = _parsed(context, other), now()
    predicates = story_predicate(node), story_predicate(other_node)
    counts: Counter[tuple[bool, bool]] = Counter()
    only: dict[tuple[bool, bool], list[Story]] = {(True, False): [], (False, True): []}
    for story in store.scan(Or((node, other_node)), now=current_time, since=since):
        document = analysed_story(story)
        found_by = predicates[0](document, current_time), predicates[1](document, current_time)
        counts[found_by] += 1
        if found_by in only:
            only[found_by] = newest_stories([*only[found_by], story], samples)
    context.out.print(plain_line(own, prefix="Query: "))
    context.out.print(plain_line(other, prefix="Other: "))
    both, first, second = counts[True, True], counts[True, False], counts[False, True]
    context.out.print(f"Since {since:%Y-%m-%d} both find {plural(both, 'story', 'stories')}.")
    for title, count, found_by, shown in (
        ("Only the query finds", first, (True, False), node),
        ("Only the other finds", second, (False, True), other_node),
    ):
        context.out.print(f"\n{title} {plural(count, 'story', 'stories')}.", style="bold")
        _print_samples(context, shown, only[found_by])
