"""Messages for unknown names."""

from __future__ import annotations

from monitor.suggestions import unknown_name_message

NAMES = ["Xinhua", "Reuters, Asia", "Reuters", "Tass", "Interfax", "Kyodo"]


def test_of_many_names_the_three_nearest_are_listed_in_quotes() -> None:
    message = unknown_name_message("outlet", "Asian wires", NAMES)
    assert message == 'no outlet "Asian wires"; of 6, the nearest are "Tass", "Reuters, Asia" and "Reuters"'


def test_few_names_are_all_listed() -> None:
    assert unknown_name_message("alert", "zz", ["banks", "chips"]) == 'no alert "zz"; there are "banks" and "chips"'
    assert unknown_name_message("alert", "zz", []) == 'no alert "zz"; there are none'
