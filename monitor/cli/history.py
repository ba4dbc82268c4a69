"""``history``: shows what an outlet changed in a story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, find_story, with_context
from monitor.plural import plural

if TYPE_CHECKING:
    from rich.text import Text


@click.command("history")
@click.argument("story")
@click.option("--json", "as_json", is_flag=True, help="Every version as a JSON object, one per line, oldest first.")
@with_context
def history_command(context: CommandContext, *, story: str, as_json: bool) -> None:
    """Show what an outlet changed in a story, version by version, in words.

    STORY is an id (or its first characters) or an address, as `search` shows them.

    \b
    Examples:
      media-monitor history 3f9a01bc
      media-monitor history https://www.nationaltechnology.co.uk/story
      media-monitor history 3f9a01bc --json | jq -r .title
    """
    with context.open_existing_store() as store:
        current = find_story(store, story)
        versions = store.history(current.id) or [current]
    if as_json:
        import orjson

        for version in versions:
            click.echo(orjson.dumps(version.to_json()))
        return
    out = context.out
    from monitor.changes import changed_paragraph_pairs
    from monitor.cli.formatting import plain_line

    out.print(plain_line(versions[-1].title), style="bold")
    out.print(plain_line(versions[-1].url), style="blue")
    previous = None
    for version in versions:
        out.print(f"\nversion {version.version}, fetched {version.fetched_at:%Y-%m-%d %H:%M} UTC", style="bold")
        if previous is None:
            out.print("  " + plural(version.word_count, "word"))
            previous = version
            continue
        if previous.title != version.title:
            out.print(
                "  title: ", text_with_marked_changes(previous.title, version.title, colour=out.is_terminal), sep=""
            )
        for line in changed_paragraph_pairs(previous.text, version.text):
            out.print("  ", text_with_marked_changes(*line, colour=out.is_terminal), sep="")
        previous = version
    if len(versions) == 1:
        context.err.print("The outlet has not changed it since.")


def text_with_marked_changes(before: str, after: str, *, colour: bool) -> Text:
    """Returns a text of both versions' words: removed ones red, added ones green.

    Without ``colour``, marks them as [-removed-] and {+added+}.  Long unchanged parts are shortened.
    """
    from rich.text import Text

    from monitor.changes import word_changes
    from monitor.cli.formatting import printable_text

    text = Text()
    for change in word_changes(before, after):
        words = printable_text(change.text, strip=False)
        if change.kind == "same":
            text.append(words if len(words) < 160 else f"{words[:70]} … {words[-70:]}")
        elif change.kind == "removed":
            text.append(words if colour else f"[-{words}-]", style="red strike")
        else:
            text.append(words if colour else f"{{+{words}+}}", style="green")
    return text
