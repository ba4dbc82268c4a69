"""A day in the life: the messages are exactly those that a model of its own expects.

`python -m notify.test_day 3000 40` in tests/ runs a day with other numbers and prints them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from notify.day import Day, DayMessage, expected_messages, planned_stories


def run_day(folder: Path, stories: int, outlets: int) -> tuple[Day, list[DayMessage]]:
    """Returns the day that was run, and the messages that it must have."""
    day = Day(folder, planned_stories(stories, outlets), outlets)
    day.run()
    hook = next(message.target for message in day.messages if message.channel == "webhook")
    return day, expected_messages(day.stories, hook)


def check(day: Day, expected: list[DayMessage]) -> None:
    spikes = [message for message in day.messages if message.target == "spike@a.se"]
    about_stories = [message for message in day.messages if message.target != "spike@a.se"]
    assert sorted(message.key for message in about_stories) == sorted(message.key for message in expected)
    assert [message.minute for message in spikes] == [539], "the full hour after the burst"
    assert "Spike: " in spikes[0].text
    digests = [message for message in day.messages if message.target == "reader@a.se" and message.minute % 60 == 59]
    assert all("2 outlets unreadable: " in message.text for message in digests)


def test_the_messages_of_a_day_are_exactly_the_expected_ones(tmp_path: Path) -> None:
    day, expected = run_day(tmp_path, stories=300, outlets=12)
    check(day, expected)
    assert len(day.messages) < day.hits


def main() -> None:
    stories, outlets = (int(each) for each in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        day, expected = run_day(Path(folder), stories, outlets)
    check(day, expected)
    reprints = sum(story.number > 0 for story in day.stories)
    print(
        f"{len(day.stories)} stories of {outlets} outlets, {reprints / len(day.stories):.0%} reprints, "
        f"{day.hits} hits: {len(day.messages)} messages, all as expected"
    )


if __name__ == "__main__":
    main()
