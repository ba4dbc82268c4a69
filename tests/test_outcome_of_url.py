"""What became of a URL, after each of its fetches."""

from __future__ import annotations

import pytest

from monitor.models import Disposition, Outcome, outcome_of_url

STORED, HEADLINE = Outcome(disposition=Disposition.STORED), Outcome(disposition=Disposition.STORED, kind="headline")
UPDATED, UNCHANGED = Outcome(disposition=Disposition.UPDATED), Outcome(disposition=Disposition.UNCHANGED)
DUPLICATE, OFF_TOPIC = Outcome(disposition=Disposition.DUPLICATE), Outcome(disposition=Disposition.OFF_TOPIC)
FAILED = Outcome(disposition=Disposition.FAILED, kind="http-503", detail="HTTP 503")
GONE = Outcome(disposition=Disposition.FAILED, kind="http-410")
VIDEO = Outcome(disposition=Disposition.NOT_ARTICLE, kind="video")


@pytest.mark.parametrize(
    ("previous", "latest", "outcome"),
    [
        (None, STORED, STORED),
        (None, FAILED, FAILED),
        (FAILED, STORED, STORED),
        (FAILED, GONE, GONE),
        (STORED, UNCHANGED, STORED),
        (STORED, UPDATED, STORED),
        (STORED, GONE, STORED),
        (STORED, VIDEO, STORED),
        (HEADLINE, UPDATED, STORED),
        (OFF_TOPIC, UNCHANGED, OFF_TOPIC),
        (OFF_TOPIC, STORED, STORED),
        (DUPLICATE, UPDATED, DUPLICATE),
        (DUPLICATE, GONE, DUPLICATE),
    ],
)
def test_a_recheck_changes_the_outcome_only_with_news(
    previous: Outcome | None, latest: Outcome, outcome: Outcome
) -> None:
    assert outcome_of_url(previous, latest) == outcome
