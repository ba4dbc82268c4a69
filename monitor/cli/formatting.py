"""Stories and numbers on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from monitor.cli.context import ago
from monitor.models import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import Story
    from monitor.query.snippets import Snippet


def headline(story: Story) -> Text:
    """Title, then outlet, time, authors, flags and what it matched, then the address."""
    text = Text()
    text.append(line(story.title) or story.url, style="bold")
    text.append("\n")
    moment = story.published_at or story.first_seen_at
    facts = [line(story.outlet), f"{moment:%Y-%m-%d %H:%M} UTC ({ago(moment, now())})"]
    if story.authors:
        facts.append(line(", ".join(story.authors[:3])))
    text.append(" · ".join(facts), style="dim")
    if story.flags:
        text.append(f" · {', '.join(story.flags)}", style="yellow")
    if story.alerts:
        text.append(f" · alerts: {', '.join(story.alerts)}", style="green")
    if story.version > 1:
        text.append(f" · version {story.version}", style="dim")
    text.append(f"\n{story.url}", style="blue")
    text.append(f"  {story.id[:8]}", style="dim")
    return text


def quote(snippet: Snippet, *, marks: bool) -> Text:
    """A line of context with the matching words marked: by colour, or between *asterisks* where there is none."""
    text, place = Text("  "), 0
    for start, end in snippet.marks:
        text.append(line(snippet.text[place:start], strip=False))
        word = line(snippet.text[start:end], strip=False)
        text.append(f"*{word}*" if marks else word, style="bold black on yellow")
        place = end
    text.append(line(snippet.text[place:], strip=False))
    return text


def bars(counts: Sequence[tuple[str, int]], *, width: int = 40) -> list[str]:
    """A bar chart, a line for each label."""
    most = max((count for _, count in counts), default=0)
    labels = max((len(label) for label, _ in counts), default=0)
    lines = []
    for label, count in counts:
        bar = "█" * max(round(count * width / most), 1 if count else 0) if most else ""
        lines.append(f"{label:<{labels}}  {count:>5}  {bar}".rstrip())
    return lines


def plain(text: str, *, before: str = "") -> Text:
    """Text as it is, on one line: its brackets are no markup, its controls no commands."""
    return Text(before + line(text))


def line(text: str, *, strip: bool = True) -> str:
    """Nothing a page wrote may steer the terminal."""
    shown = "".join(c if c.isprintable() or c == " " else " " for c in text)
    return " ".join(shown.split()) if strip else shown
