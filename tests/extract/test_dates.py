"""Points in time as publishers write them, in head and text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract import pages
from monitor.extract import Reading, clocks, dates, read
from monitor.models import Article, Page, now

TEXT = "".join(f"<p>{text}</p>" for text in pages.PARAGRAPHS)
LATEST = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at", "timed", "zoned"),
    [
        ("2026-01-06T09:42:17Z", "2026-01-06T09:42:17+00:00", True, True),
        ("2026-01-06T09:42:17.123456789+0300", "2026-01-06T09:42:17.123456+03:00", True, True),
        ("2026-01-06 09:42 -05:30", "2026-01-06T09:42:00-05:30", True, True),
        ("2026-01-06T09:42:17+03", "2026-01-06T09:42:17+03:00", True, True),
        ("2026-01-06 9:42 PM EST", "2026-01-06T21:42:00-05:00", True, True),
        ("2026/1/6", "2026-01-06T00:00:00+00:00", False, False),
        ("2026-01-06T24:00:00", "2026-01-06T00:00:00+00:00", True, False),
        ("20260106T094217Z", "2026-01-06T09:42:17+00:00", True, True),
        ("20260106", "2026-01-06T00:00:00+00:00", False, False),
        ("1767692537", "2026-01-06T09:42:17+00:00", True, True),
        ("1767692537000", "2026-01-06T09:42:17+00:00", True, True),
        ("06.01.2026, 09:42 Uhr", "2026-01-06T09:42:00+00:00", True, False),
        ("06/01/2026", "2026-01-06T00:00:00+00:00", False, False),
        ("Tue, 06 Jan 2026 09:42:17 +0300", "2026-01-06T09:42:17+03:00", True, True),
        ("January 6, 2026 9:42 am PDT", "2026-01-06T09:42:00-07:00", True, True),
    ],
)
def test_a_date_says_when_and_how_exactly(text: str, at: str, timed: bool, zoned: bool) -> None:
    assert dates.parse(text) == dates.Moment(datetime.fromisoformat(at), timed=timed, zoned=zoned)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "0000-00-00", "2026-13-45", "1970-01-01", "31.02.2026", "٣", "9" * 80]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert dates.parse(text) is None


@given(st.text(max_size=120))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    dates.parse(text)


def _best(*texts: str, country: str = "") -> str:
    moments = [moment for moment in map(dates.parse, texts) if moment]
    found = dates.best(moments, latest=LATEST, clock=clocks.of_country(country) if country else None)
    return found.isoformat(timespec="minutes") if found else ""


def test_a_day_is_told_more_exactly_by_a_source_that_speaks_of_the_same_day() -> None:
    assert _best("2026-01-06", "2026-01-07T08:00Z", "2026-01-06T09:42Z") == "2026-01-06T09:42+00:00"
    assert _best("2026-01-06", "2026-01-07T08:00Z") == "2026-01-06T00:00+00:00"


def test_a_time_without_a_zone_takes_it_from_the_same_time_with_one() -> None:
    assert _best("2026-01-06T12:42", "2026-01-06T12:42:10+03:00") == "2026-01-06T09:42+00:00"


def test_a_time_without_a_zone_is_read_off_the_clock_of_the_outlet_s_country() -> None:
    assert _best("2026-07-06T12:42", country="RU") == "2026-07-06T09:42+00:00"
    assert _best("2026-07-06T12:42", country="DE") == "2026-07-06T10:42+00:00"  # summer
    assert _best("2026-01-06T12:42", country="DE") == "2026-01-06T11:42+00:00"
    assert _best("2026-01-06T12:42Z", country="DE") == "2026-01-06T12:42+00:00"
    assert _best("2026-01-06", country="DE") == "2026-01-06T00:00+00:00"


def test_a_moment_to_come_and_one_before_the_web_are_not_believed() -> None:
    soon = (LATEST + timedelta(days=1)).isoformat()
    assert _best(soon, "1989-12-31T10:00Z", "2026-01-06T09:42Z") == "2026-01-06T09:42+00:00"
    assert _best(soon) == ""


def test_every_country_that_the_database_lists_has_a_clock_and_an_unknown_one_none() -> None:
    for code in ("GB", "TR", "JP", "US", "BR", "gb", "KZ"):
        assert clocks.of_country(code) is not None
    assert clocks.of_country("ZZ") is None


def _told(line: str, **reading: str) -> datetime | None:
    """When a page came out that has its date in one line alone, between the title and the text."""
    html = f"<html><body><article><h1>{pages.TITLE}</h1>{line.replace('BODY', TEXT)}</article></body></html>"
    story = read(Page(url=pages.URL, body=html.encode(), fetched_at=now()), Reading(**reading))  # type: ignore[arg-type]
    assert isinstance(story, Article)
    return story.published_at


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("<div>6 января 2026, 12:42</div>BODY", "2026-01-06T12:42"),
        ("<div>Jan. 6, 2026</div>BODY", "2026-01-06T00:00"),
        ("<div>2026年1月6日 12:42</div>BODY", "2026-01-06T12:42"),
        ("<div>6 de enero de 2026 · 12:42 h</div>BODY", "2026-01-06T12:42"),
        (
            "BODY<div class='share'><p>X</p><p>Mail</p><p>Copy</p><p>Print</p></div><p>Posted 6 Jan 2026</p>",
            "2026-01-06T00:00",
        ),
    ],
)
def test_a_date_in_a_line_beside_the_text_is_read(line: str, at: str) -> None:
    told = _told(line)
    assert told is not None
    assert told.isoformat(timespec="minutes").startswith(at)


def test_the_line_s_time_too_is_the_country_s() -> None:
    assert _told("<div>6 января 2026, 12:42</div>BODY", country="RU") == datetime(2026, 1, 6, 9, 42, tzinfo=UTC)


FED = datetime(2026, 1, 6, 9, 42, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "line", "at"),
    [
        ("", "", "2026-01-06T09:42:17"),  # the feed alone
        ("2026-01-06", "", "2026-01-06T09:42:17"),  # the feed tells the time of the day that the page tells
        ("2026-01-06T09:30:00Z", "", "2026-01-06T09:30:00"),  # the page knows better
        ("2026-01-05T22:00:00Z", "", "2026-01-05T22:00:00"),
        ("2026-01-20T10:00:00Z", "", "2026-01-06T09:42:17"),  # later than the feed that already had it
        ("2025-03-01T10:00:00Z", "", "2025-03-01T10:00:00"),  # listed again, or the feed's own error
        (
            "2025-03-01T10:00:00Z",
            "<div>6 January 2026</div>",
            "2026-01-06T09:42:17",
        ),  # readers are told what the feed says
        ("", "<div>6 January 2026, 09:30</div>", "2026-01-06T09:42:17"),
        ("2999-01-01T00:00:00Z", "", "2026-01-06T09:42:17"),
    ],
)
def test_the_page_s_date_is_held_against_the_feed_s(stated: str, line: str, at: str) -> None:
    html = (
        f"<html><head><meta property='article:published_time' content='{stated}'></head>"
        f"<body><article><h1>{pages.TITLE}</h1>{line}{TEXT}</article></body></html>"
    )
    story = read(Page(url=pages.URL, body=html.encode(), fetched_at=FED + timedelta(days=20)), Reading(listed_at=FED))
    assert isinstance(story, Article)
    assert story.published_at is not None
    assert story.published_at.isoformat()[:19] == at


def test_a_feed_s_date_to_come_is_no_date() -> None:
    html = f"<html><body><article><h1>{pages.TITLE}</h1>{TEXT}</article></body></html>"
    page = Page(url=pages.URL, body=html.encode(), fetched_at=FED)
    story = read(page, Reading(listed_at=FED + timedelta(days=3)))
    assert isinstance(story, Article)
    assert story.published_at is None
