"""Lists of names in forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.forms import list_text, list_values

NAMES = ["China, State Council", 'The "Gazette"', "Wire", "Агентство, Москва"]


def test_a_name_with_a_comma_is_shown_in_quotes() -> None:
    assert list_text(NAMES) == '"China, State Council", "The ""Gazette""", Wire, "Агентство, Москва"'


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('Wire,"China, State Council" , BBC,', ["Wire", "China, State Council", "BBC"]),
        ("a,\nb", ["a", "b"]),
        ('"China, State', ["China, State"]),
        (" , ", []),
    ],
)
def test_a_list_is_read_with_spaces_and_quotes(text: str, values: list[str]) -> None:
    assert list_values(text) == values


@given(st.lists(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1)))
def test_a_list_is_read_as_it_was_shown(names: list[str]) -> None:
    assert list_values(list_text(names)) == names
