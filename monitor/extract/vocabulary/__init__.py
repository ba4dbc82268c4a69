"""Words and phrases by which extraction recognizes the parts of a page, as data.

Each ``NAME.txt`` beside this module holds one word, phrase or regular-expression fragment a line, sorted, under
headings.  A heading is ``## `` and a language as ISO 639-1 code, or ``mul`` (ISO 639-2) for entries of many languages;
in ``class_names.txt`` it is the name of a `Region`.  Other lines that begin with ``#`` are comments.

Patterns are matched without regard to case.  A module reads its vocabularies once, when it is imported.
"""

from __future__ import annotations

from importlib.resources import files


def entries_by_heading(name: str) -> dict[str, list[str]]:
    """The entries of a vocabulary by their heading."""
    text = files(__package__).joinpath(f"{name}.txt").read_text("utf-8")
    by_heading: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("## "):
            by_heading[line[3:]] = []
        elif line and not line.startswith("#"):
            by_heading[next(reversed(by_heading))].append(line)
    return by_heading


def all_entries(name: str) -> list[str]:
    """The entries of a vocabulary under all headings."""
    return [entry for section in entries_by_heading(name).values() for entry in section]


def regex_alternatives(name: str) -> str:
    """The entries of a vocabulary as alternatives of a regular expression, without a group around them."""
    return "|".join(all_entries(name))
