"""Every vocabulary is well formed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.extract import language, vocabulary
from monitor.extract.blocks import comparison_key
from monitor.extract.regions import Region

NAMES = sorted(path.stem for path in Path(vocabulary.__file__).parent.glob("*.txt"))


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_vocabularies_are_found() -> None:
    assert {"appeals", "class_names", "related"} <= set(NAMES)


def test_headings_are_sorted_and_known(name: str) -> None:
    lines = (Path(vocabulary.__file__).parent / f"{name}.txt").read_text("utf-8").splitlines()
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    allowed = set(vars(Region)) if name == "class_names" else {*language.language_model().nb_classes, "mul"}
    assert headings == sorted(set(headings))
    assert set(headings) <= allowed


def test_entries_are_sorted_and_occur_once(name: str) -> None:
    for heading, entries in vocabulary.entries_by_heading(name).items():
        assert entries, heading
        assert entries == sorted(set(entries)), heading
    if name != "class_names":  # a class may name two regions
        entries = vocabulary.all_entries(name)
        assert sorted(entries) == sorted(set(entries))


def test_each_entry_is_one_regular_expression(name: str) -> None:
    for entry in vocabulary.all_entries(name):
        assert entry == entry.strip() != ""
        assert re.compile(entry, re.IGNORECASE).fullmatch("") is None, f"{entry} matches nothing at all"
        assert "|" not in re.sub(r"\\.|\[[^]]*\]|\((?:[^()]|\([^()]*\))*\)", "", entry), f"{entry} is two entries"


def test_class_names_begin_with_a_letter() -> None:
    """`regions` groups them by it."""
    assert all(entry[0] in "abcdefghijklmnopqrstuvwxyz" for entry in vocabulary.all_entries("class_names"))


def test_entries_that_are_compared_are_folded_words() -> None:
    assert all(entry == comparison_key(entry) for entry in vocabulary.all_entries("byline_placeholders"))
    assert all(entry.isalpha() and entry == entry.casefold() for entry in vocabulary.all_entries("error_fillers"))
