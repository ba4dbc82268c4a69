"""``explain``: shows why a query matches a story, or which clause fails; of a URL alone, what became of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, find_story, with_context
from monitor.models import now
from monitor.suggestions import nearest_name

if TYPE_CHECKING:
    from rich.tree import Tree

    from monitor.config import Alert
    from monitor.models import Story
    from monitor.query.explain import Explanation


@click.command("explain")
@click.argument("query", metavar="QUERY|URL")
@click.argument("story", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_context
def explain_command(context: CommandContext, *, query: str, story: str | None, as_json: bool) -> int:
    """Explain why QUERY matches STORY, or which clause fails, with the words in context.

    With one argument, a URL: tell whether and when it was listed, fetched, stored, matched and mailed.  Exit status 1
    if no story is stored.

    QUERY may be the name of an alert or topic of the configuration.  STORY is an id or address as `search` shows it,
    or a file with a story as `extract --json` or `search --json` prints it.  Exit status 1 if QUERY does not match.

    \b
    Examples:
      media-monitor explain 'BRICS NEAR/10 raw:AI' 3f2a9c01
      media-monitor explain sberbank https://example.org/story
      media-monitor explain https://example.org/story
      media-monitor extract page.html --json > story.json
      media-monitor explain sberbank story.json
    """
    if story is None:
        return _explain_url(context, query, as_json=as_json)

    from monitor.query import parse
    from monitor.query.explain import explain

    node = parse(_named_query(context, query), fragments=context.fragments)
    loaded = _load_story(context, story)
    explained = explain(node, loaded, now=now())
    if as_json:
        import orjson

        click.echo(orjson.dumps(explained.to_json()))
    else:
        _print_explanation(context, explained)
    if explained.matched and (weakness := _weakness(context, query, loaded)):
        context.err.print(weakness, markup=False)
        return 1
    return 0 if explained.matched else 1


def _explain_url(context: CommandContext, url: str, *, as_json: bool) -> int:
    if "://" not in url:
        raise click.UsageError(f"{url!r} is no URL; to explain a query, give a story too: explain QUERY STORY")
    from monitor.cli import url_history

    with context.open_existing_store() as store:
        history = url_history.read_url_history(store, url)
    if as_json:
        import orjson

        click.echo(orjson.dumps(url_history.history_json(history)))
    else:
        url_history.print_history(context, history)
    return 0 if history.story is not None else 1


def _named_query(context: CommandContext, text: str) -> str:
    """Returns the query of the alert or topic with this name, ignoring case; the text itself if there is none.

    Any other word alone is read as a query too, with a note that names an alert or topic of a similar name.
    """
    if not context.has_config:
        return text
    queries_by_name = dict(context.config.topics) | {alert.name: alert.rule_query for alert in context.config.alerts}
    name = text.strip()
    for each, query in queries_by_name.items():
        if each.casefold() == name.casefold():
            return query
    if re.fullmatch(r"[\w-]+", name):
        suggestion = nearest_name(name, list(queries_by_name), cutoff=0.7)
        hint = f'did you mean "{suggestion}"?' if suggestion else "no alert or topic has this name"
        context.err.print(f"note: {name} is read as a query; {hint}", markup=False)
    return text


def _weakness(context: CommandContext, name: str, story: Story) -> str:
    """Returns why an alert of this name does not report a story that its query matches; empty if it does."""
    alert = _named_alert(context, name)
    if alert is None or not alert.min_strength:
        return ""
    from monitor.query import parse
    from monitor.query.match_strength import match_strength
    from monitor.query.matcher import AnalysedStory

    node = parse(alert.query, fragments=context.fragments)
    strength = match_strength(node, AnalysedStory(story), now=now()).strength
    if strength >= alert.min_strength:
        return ""
    return f"Too weak for the alert: the match has strength {strength:g}, min_strength is {alert.min_strength:g}."


def _named_alert(context: CommandContext, text: str) -> Alert | None:
    """Returns the alert with this name, ignoring case."""
    alerts = context.config.alerts if context.has_config else ()
    return next((alert for alert in alerts if alert.name.casefold() == text.strip().casefold()), None)


def _load_story(context: CommandContext, reference: str) -> Story:
    """Returns the first story of a file, or the stored story with this id or URL.  Raises click.UsageError."""
    path = Path(reference)
    if "://" in reference or not path.is_file():
        with context.open_existing_store() as store:
            return find_story(store, reference)
    from monitor.cli.match import read_stories

    with path.open("rb") as lines:
        _, story_or_error = next(read_stories(lines), (0, "the file is empty"))
    if isinstance(story_or_error, str):
        raise click.UsageError(f"{reference}: {story_or_error}")
    return story_or_error


def _print_explanation(context: CommandContext, explained: Explanation) -> None:
    from monitor.cli.formatting import shows_colours

    verdict = "matches" if explained.matched else "does not match"
    context.out.print(verdict, style="bold green" if explained.matched else "bold red")
    context.out.print(explanation_tree(explained, asterisks=not shows_colours(context.out)))


def explanation_tree(explained: Explanation, *, asterisks: bool) -> Tree:
    """Returns the tree of an explanation with the words in context; ``asterisks`` mark the matching words."""
    from rich.text import Text
    from rich.tree import Tree

    from monitor.cli.formatting import marked_snippet

    verdict, style = ("yes", "green") if explained.matched else ("no ", "red")
    label = Text(f"{verdict}  ", style=style).append(explained.label, style="bold")
    if explained.reason:
        label.append(f": {explained.reason}", style="dim")
    tree = Tree(label)
    for snippet in explained.contexts:
        tree.add(marked_snippet(snippet, asterisks=asterisks))
    for part in explained.parts:
        tree.add(explanation_tree(part, asterisks=asterisks))
    return tree
