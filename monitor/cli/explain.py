"""``explain``: shows why a query matches a story, or which clause fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, find_story, with_context
from monitor.models import now

if TYPE_CHECKING:
    from rich.tree import Tree

    from monitor.models import Json, Story
    from monitor.query.explain import Explanation
    from monitor.query.snippets import Snippet


@click.command("explain")
@click.argument("query")
@click.argument("story")
@click.option("--json", "as_json", is_flag=True, help="The tree as one JSON object.")
@with_context
def explain_command(context: CommandContext, *, query: str, story: str, as_json: bool) -> int:
    """Explain why QUERY matches STORY, or which clause fails, with the words in context.

    QUERY may be the name of an alert or topic of the configuration.  STORY is an id or address as `search` shows it,
    or a file with a story as `extract --json` or `search --json` prints it.  Exit status 1 if QUERY does not match.

    \b
    Examples:
      media-monitor explain 'BRICS NEAR/10 raw:AI' 3f2a9c01
      media-monitor explain sberbank https://example.org/story
      media-monitor extract page.html --json > story.json && media-monitor explain sberbank story.json
    """
    from monitor.query import parse
    from monitor.query.explain import explain

    node = parse(_named_query(context, query))
    explained = explain(node, _load_story(context, story), now=now())
    if as_json:
        import orjson

        click.echo(orjson.dumps(_explanation_json(explained)))
    else:
        _print_explanation(context, explained)
    return 0 if explained.matched else 1


def _named_query(context: CommandContext, text: str) -> str:
    """Returns the query of the alert or topic with this name, ignoring case; the text itself if there is none."""
    if not context.config_path.exists() and not context.config_option:
        return text
    queries_by_name = {name.casefold(): query for name, query in context.config.topics.items()}
    queries_by_name |= {alert.name.casefold(): alert.query for alert in context.config.alerts}
    return queries_by_name.get(text.strip().casefold(), text)


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
    verdict = "matches" if explained.matched else "does not match"
    context.out.print(verdict, style="bold green" if explained.matched else "bold red")
    context.out.print(_explanation_tree(explained, asterisks=not context.out.is_terminal))


def _explanation_tree(explained: Explanation, *, asterisks: bool) -> Tree:
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
        tree.add(_explanation_tree(part, asterisks=asterisks))
    return tree


def _explanation_json(explained: Explanation) -> Json:
    data: Json = {"clause": explained.label, "query": str(explained.node), "matched": explained.matched}
    if explained.reason:
        data["reason"] = explained.reason
    if explained.contexts:
        data["contexts"] = [_snippet_json(snippet) for snippet in explained.contexts]
    if explained.parts:
        data["parts"] = [_explanation_json(part) for part in explained.parts]
    return data


def _snippet_json(snippet: Snippet) -> Json:
    return {"field": snippet.field, "text": snippet.text, "marks": [list(mark) for mark in snippet.marks]}
