"""Formats stories and numbers for a terminal."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from rich.text import Text

from monitor.models import now
from monitor.time_text import relative_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from monitor.models import Story
    from monitor.query.snippets import Snippet


def story_headline(story: Story, zone: tzinfo = UTC) -> Text:
    """Returns three lines on a story: the title; outlet, time, authors, flags and alerts; URL and start of the id.

    The time is in ``zone``.
    """
    text = Text()
    text.append(printable_text(story.title) or story.url, style="bold")
    text.append("\n")
    time = story.time.astimezone(zone)
    details = [printable_text(story.outlet), f"{time:%Y-%m-%d %H:%M %Z} ({relative_time(time, now())})"]
    if story.authors:
        details.append(printable_text(", ".join(story.authors[:3])))
    text.append(" · ".join(details), style="dim")
    if story.flags:
        text.append(f" · {', '.join(story.flags)}", style="yellow")
    if story.alerts:
        text.append(f" · alerts: {', '.join(story.alerts)}", style="green")
    if story.version > 1:
        text.append(f" · version {story.version}", style="dim")
    text.append(f"\n{story.url}", style="blue")
    text.append(f"  {story.id[:8]}", style="dim")
    return text


def marked_snippet(snippet: Snippet, *, asterisks: bool) -> Text:
    """Returns a snippet with the matching words marked by colour; with ``asterisks``, also between asterisks."""
    text, position = Text("  "), 0
    for start, end in snippet.marks:
        text.append(printable_text(snippet.text[position:start], strip=False))
        word = printable_text(snippet.text[start:end], strip=False)
        text.append(f"*{word}*" if asterisks else word, style="bold black on yellow")
        position = end
    text.append(printable_text(snippet.text[position:], strip=False))
    return text


def bar_chart(counts: Sequence[tuple[str, int]], *, max_width: int = 40) -> list[str]:
    """Returns the lines of a horizontal bar chart, one for each (label, count); the longest bar is ``max_width``."""
    maximum = max((count for _, count in counts), default=0)
    label_width = max((len(label) for label, _ in counts), default=0)
    lines = []
    for label, count in counts:
        bar = "█" * max(round(count * max_width / maximum), 1 if count else 0) if maximum else ""
        lines.append(f"{label:<{label_width}}  {count:>5}  {bar}".rstrip())
    return lines


def daily_bar_chart(counts: Sequence[tuple[str, int]]) -> list[str]:
    """Returns the lines of a bar chart of (day, count); three or more days in a row with 0 are one line."""
    lines, empty_days = list[str](), list[str]()

    def end_empty_days() -> None:
        if len(empty_days) > 2:
            lines[-len(empty_days) :] = [f"{empty_days[0]} to {empty_days[-1]}: 0"]
        empty_days.clear()

    for (day, count), line in zip(counts, bar_chart(counts), strict=True):
        if count:
            end_empty_days()
        else:
            empty_days.append(day)
        lines.append(line)
    end_empty_days()
    return lines


def plain_line(text: str, *, prefix: str = "") -> Text:
    """Returns ``prefix`` and the text on one line, without control characters; rich markup in it has no effect."""
    return Text(prefix + printable_text(text))


def aligned_line(text: str) -> Text:
    """Returns the text as `plain_line` does, but keeps its spaces, which align columns."""
    return Text(printable_text(text, strip=False))


def printable_text(text: str, *, strip: bool = True) -> str:
    """Replaces unprintable characters by spaces, so that a page's text cannot send control codes to the terminal.

    With ``strip``, also reduces each run of white space to one space and removes it at both ends.
    """
    cleaned = "".join(c if c.isprintable() or c == " " else " " for c in text)
    return " ".join(cleaned.split()) if strip else cleaned
