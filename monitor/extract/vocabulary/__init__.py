"""Loads lists of words and phrases by which extraction recognizes regions, labels and kinds of pages.

Each ``NAME.txt`` beside this module is a vocabulary: one word, phrase or regular expression per line, sorted, under
headings.  A heading is ``## `` and a language as ISO 639-1 code, or ``mul`` (ISO 639-2) for entries of many languages;
in ``class_names.txt`` it is the name of a `Region`.  Other lines that begin with ``#`` are comments.

Entries are matched without regard to case.  Modules read their vocabularies once, when they are imported.
"""

from __future__ import annotations

from importlib.resources import files


def entries_by_heading(name: str) -> dict[str, list[str]]:
    """Returns the entries of the vocabulary ``NAME.txt`` by heading, in the order of the file."""
    text = files(__package__).joinpath(f"{name}.txt").read_text("utf-8")
    by_heading: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("## "):
            by_heading[line[3:]] = []
        elif line and not line.startswith("#"):
            by_heading[next(reversed(by_heading))].append(line)
    return by_heading


def all_entries(name: str) -> list[str]:
    """Returns the entries of the vocabulary ``NAME.txt`` under all headings, in the order of the file."""
    return [entry for section in entries_by_heading(name).values() for entry in section]


def regex_alternatives(name: str) -> str:
    """Returns a regular expression for any entry of the vocabulary: all entries joined by ``|``, without a group."""
    return "|".join(all_entries(name))
