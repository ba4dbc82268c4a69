"""Points in time as publishers write them, in head and text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract import pages
from monitor.discovery.feed_dates import parse_time
from monitor.extract import ExtractionOptions, dates, read, timezones
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
        ("Tue Jan 06 2026 10:15:00 GMT+0100 (CET)", "2026-01-06T10:15:00+01:00", True, True),
        ("2026-01-06 10:15 UTC-5", "2026-01-06T10:15:00-05:00", True, True),
        ("٢٠٢٦/١/٦", "2026-01-06T00:00:00+00:00", False, False),
        ("2026/1/6", "2026-01-06T00:00:00+00:00", False, False),
        ("2026-01-06T24:00:00", "2026-01-06T00:00:00+00:00", True, False),
        ("20260106T094217Z", "2026-01-06T09:42:17+00:00", True, True),
        ("20260106", "2026-01-06T00:00:00+00:00", False, False),
        ("1767692537", "2026-01-06T09:42:17+00:00", True, True),
        ("1767692537000", "2026-01-06T09:42:17+00:00", True, True),
        ("06.01.2026, 09:42 Uhr", "2026-01-06T09:42:00+00:00", True, False),
        ("13/01/2026", "2026-01-13T00:00:00+00:00", False, False),
        ("01/13/2026 5:07 PM", "2026-01-13T17:07:00+00:00", True, False),
        ("Tue, 06 Jan 2026 09:42:17 +0300", "2026-01-06T09:42:17+03:00", True, True),
        ("January 6, 2026 9:42 am PDT", "2026-01-06T09:42:00-07:00", True, True),
    ],
)
def test_a_date_says_when_and_how_exactly(text: str, at: str, timed: bool, zoned: bool) -> None:
    assert dates.parse_date(text) == dates.ParsedTime(datetime.fromisoformat(at), has_time=timed, has_timezone=zoned)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("June 5, 2026 3:07 PM ET", "2026-06-05T19:07"),
        ("2026-06-05 15:07:00 ET", "2026-06-05T19:07"),
        ("2026-01-05 15:07 PT", "2026-01-05T23:07"),
        ("Jun 5, 2026 3:07 PM PT", "2026-06-05T22:07"),
        ("05.06.2026 15:07 MEZ", "2026-06-05T14:07"),
    ],
)
def test_a_zone_of_the_clock_on_the_wall_knows_summer_and_winter(text: str, at: str) -> None:
    told = dates.parse_date(text)
    assert told is not None
    assert told.time.astimezone(UTC).isoformat().startswith(at)
    assert parse_time(text) == told.time


@pytest.mark.parametrize(
    ("text", "country", "day"),
    [
        ("11/06/2026", "US", (11, 6)),
        ("11/06/2026 5:00 PM", "PH", (11, 6)),
        ("11/06/2026", "GB", (6, 11)),
        ("25/06/2026", "US", (6, 25)),
        ("11.06.2026", "US", (6, 11)),
        ("10/11/2026", None, (11, 10)),  # both are past: the later
        ("11/10/2026", None, (11, 10)),
        ("10/12/2026", None, (10, 12)),  # the other is to come
        ("12/10/2026", None, (10, 12)),
        ("11.12.2026", None, (12, 11)),
        ("12/12/2027", None, (12, 12)),
        ("11/12/2027", None, (12, 11)),  # both are to come: the day first
    ],
)
def test_two_numbers_are_a_day_as_the_country_writes_it_or_else_the_latest_that_has_been(
    text: str, country: str | None, day: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = datetime(2026, 11, 23, 12, tzinfo=UTC)
    monkeypatch.setattr("monitor.discovery.feed_dates.now", lambda: seen)
    told = dates.parse_date(text, country=country, latest=seen + timedelta(days=1))
    assert told is not None
    assert (told.time.month, told.time.day) == day
    line = _told(f"<div class='date'>{text}</div>BODY", at=seen, country=country)
    assert line is None or told.time.year == 2027 or (line.month, line.day) == day
    if country is None:
        listed = parse_time(text)
        assert listed is not None
        assert (listed.month, listed.day) == day


@pytest.mark.parametrize(
    "text", ["", "yesterday", "0000-00-00", "2026-13-45", "1970-01-01", "31.02.2026", "٣", "9" * 80]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert dates.parse_date(text) is None


@given(st.text(max_size=120))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    dates.parse_date(text)


def _best(*texts: str, country: str = "") -> str:
    moments = [moment for moment in map(dates.parse_date, texts) if moment]
    found = dates.choose_time(moments, latest=LATEST, default_timezone=timezones.of_country(country) if country else None)
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


def test_midnight_in_any_zone_is_the_day_alone() -> None:
    midnight = "2026-11-06T00:00:00+08:00"
    assert _best(midnight) == "2026-11-06T00:00+00:00"
    assert _best(midnight, "2026-11-07T01:00Z") == "2026-11-06T00:00+00:00"
    assert _best(midnight, "2026-11-06T03:12Z") == "2026-11-06T03:12+00:00"
    assert _best("2026-11-06T00:00", country="CN") == "2026-11-06T00:00+00:00"


def test_a_moment_to_come_and_one_before_the_web_are_not_believed() -> None:
    soon = (LATEST + timedelta(days=1)).isoformat()
    assert _best(soon, "1989-12-31T10:00Z", "2026-01-06T09:42Z") == "2026-01-06T09:42+00:00"
    assert _best(soon) == ""


def test_every_country_that_the_database_lists_has_a_clock_and_an_unknown_one_none() -> None:
    for code in ("GB", "TR", "JP", "US", "BR", "gb", "KZ"):
        assert timezones.of_country(code) is not None
    assert timezones.of_country("ZZ") is None


def _told(line: str, *, at: datetime | None = None, title: str = pages.TITLE, **reading: str | None) -> datetime | None:
    """When a page came out that has its date in one line alone, between the title and the text."""
    html = f"<html><body><article><h1>{title}</h1>{line.replace('BODY', TEXT)}</article></body></html>"
    story = read(Page(url=pages.URL, body=html.encode(), fetched_at=at or now()), ExtractionOptions(**reading))  # type: ignore[arg-type]
    assert isinstance(story, Article)
    return story.published_at


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("<div>6 января 2026, 12:42</div>BODY", "2026-01-06T12:42"),
        ("<div>Jan. 6, 2026</div>BODY", "2026-01-06T00:00"),
        ("<div>2026年1月6日 12:42</div>BODY", "2026-01-06T12:42"),
        ("<div>6 de enero de 2026 · 12:42 h</div>BODY", "2026-01-06T12:42"),
        ("<div>January 6, 2026 5:04 p.m.</div>BODY", "2026-01-06T17:04"),
        ("<div>January 6, 2026 12:04 a.m.</div>BODY", "2026-01-06T00:04"),
        ("<div>2026年1月6日 下午3:15</div>BODY", "2026-01-06T15:15"),
        ("<div>2026년 1월 6일</div><div>2026.01.06 오후 3:15</div>BODY", "2026-01-06T15:15"),
        ("<div>2026年1月6日 10时15分</div>BODY", "2026-01-06T10:15"),
        ("<div>6 January 2026 15:04 GMT+3</div>BODY", "2026-01-06T12:04"),
        ("<div>5:04 p.m. EST, Tuesday January 6, 2026</div>BODY", "2026-01-06T22:04"),
        ("<div>٦ يناير ٢٠٢٦</div>BODY", "2026-01-06T00:00"),
        ("<div>6 जनवरी 2026</div>BODY", "2026-01-06T00:00"),
        ("<div>24 नवंबर 2025, 10:15</div>BODY", "2025-11-24T10:15"),
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


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("What changed in AI policy since 24 February 2022", "BODY"),
        (pages.TITLE, "<p>On 24 February 2022 Russia invaded, and AI was not on the agenda of any ministry.</p>BODY"),
        (pages.TITLE, "BODY<p>The treaty was signed on 24 February 2022, and the ministers renewed it.</p>"),
    ],
)
def test_a_date_in_a_title_or_a_sentence_is_not_the_story_s(title: str, line: str) -> None:
    assert _told(line, title=title) is None


@pytest.mark.parametrize("word", ["Updated", "Aktualisiert am", "Mis à jour le", "Обновлено:", "Actualizado", "更新"])
def test_a_line_that_tells_of_an_update_gives_way_to_one_that_does_not(word: str) -> None:
    published, updated = "<div>1 January 2026, 09:00</div>", f"<div>{word} 6 January 2026, 10:00</div>"
    for lines in (published + updated, updated + published):
        assert _told(f"{lines}BODY") == datetime(2026, 1, 1, 9, tzinfo=UTC)
    assert _told(f"{updated}BODY") == datetime(2026, 1, 6, 10, tzinfo=UTC)


@pytest.mark.parametrize("line", ["1405/09/03 - 10:15", "115/11/24", "۱۴۰۵/۰۹/۰۳", "1447-06-03"])
def test_a_date_of_another_calendar_is_no_date(line: str) -> None:
    assert _told(f"<div>{line}</div>BODY") is None


def test_a_zone_that_the_line_states_goes_before_the_country_s() -> None:
    assert _told("<div>6 January 2026 15:04 GMT</div>BODY", country="US") == datetime(2026, 1, 6, 15, 4, tzinfo=UTC)


def test_the_line_s_time_too_is_the_country_s() -> None:
    assert _told("<div>6 января 2026, 12:42</div>BODY", country="RU") == datetime(2026, 1, 6, 9, 42, tzinfo=UTC)


FED = datetime(2026, 1, 6, 9, 42, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "country"),
    [("2026-01-06T00:00:00+08:00", None), ("2026-01-06T00:00:00+08:00", "CN"), ("2026-01-06 00:00:00", "CN")],
)
def test_the_feed_tells_the_time_where_the_page_says_midnight(stated: str, country: str | None) -> None:
    head = f"<meta property='article:published_time' content='{stated}'>"
    html = f"<html><head>{head}</head><body><article><h1>{pages.TITLE}</h1>{TEXT}</article></body></html>"
    page = Page(url=pages.URL, body=html.encode(), fetched_at=FED + timedelta(days=1))
    story = read(page, ExtractionOptions(listed_at=FED, country=country))
    assert isinstance(story, Article)
    assert story.published_at == FED


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
    story = read(
        Page(url=pages.URL, body=html.encode(), fetched_at=FED + timedelta(days=20)), ExtractionOptions(listed_at=FED)
    )
    assert isinstance(story, Article)
    assert story.published_at is not None
    assert story.published_at.isoformat()[:19] == at


def test_a_feed_s_date_to_come_is_no_date() -> None:
    html = f"<html><body><article><h1>{pages.TITLE}</h1>{TEXT}</article></body></html>"
    page = Page(url=pages.URL, body=html.encode(), fetched_at=FED)
    story = read(page, ExtractionOptions(listed_at=FED + timedelta(days=3)))
    assert isinstance(story, Article)
    assert story.published_at is None


ITEM = "<li><a href='/2025/1'>Another bank opens</a> <time datetime='2025-01-10T08:00Z'>10 January</time></li>"
LISTS = f"<ul>{ITEM * 3}</ul>"
FLAT = "<div>" + ITEM.replace("<li>", "<p>").replace("</a>", "</a></p><p>").replace("</li>", "</p>") * 3 + "</div>"
CARDS = (
    "<div><div><h3><a href='/2025/1'>Another bank opens a laboratory</a></h3>"
    "<time datetime='2025-01-10T08:00Z'>10 January</time></div></div>"
)


def _dated(head: str = "", line: str = "", tail: str = "", url: str = pages.URL, **reading: Any) -> datetime | None:
    html = f"<html><head>{head}</head><body><article><h1>{pages.TITLE}</h1>{line}{TEXT}</article>{tail}</body></html>"
    story = read(Page(url=url, body=html.encode(), fetched_at=FED + timedelta(days=1)), ExtractionOptions(**reading))
    assert isinstance(story, Article)
    return story.published_at


@pytest.mark.parametrize("tail", [LISTS, LISTS * 5, FLAT, CARDS, CARDS * 5])
def test_a_time_beside_a_link_to_another_page_dates_that_page(tail: str) -> None:
    assert _dated(tail=tail) is None
    assert _dated(tail=tail, listed_at=FED) == FED
    assert _dated(tail=tail, line="<div>6 January 2026</div>") == datetime(2026, 1, 6, tzinfo=UTC)
    dated = "https://tech.example/2026/01/06/putin-ai-china"
    assert _dated(tail=tail, url=dated) == datetime(2026, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "byline",
    [
        "<a href='/authors/marta'>Marta Lindqvist of our bureau in Moscow</a>",
        "<a href='/marta'>Marta Lindqvist</a>",
        "<a rel='category tag' href='/ai'>Artificial intelligence and machine learning</a>",
        "<a href='/2026/01/putin-ai-china#comments'>Read all twelve comments of readers</a>",
    ],
)
def test_a_time_beside_who_wrote_and_where_dates_the_story(byline: str) -> None:
    told = f"{byline} <time datetime='2026-01-05T08:00Z'></time>"
    for line in (f"<div>{told}</div>", f"<ul><li>{told}</li></ul>"):
        assert _dated(line=line, tail=LISTS) == datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_a_time_in_a_sentence_does_not_date_the_story() -> None:
    told = "<p>The bank said on <time datetime='2025-01-10'>10 January 2025</time> that it would open a laboratory.</p>"
    assert _dated(line=told, listed_at=FED) == FED
    assert _dated(line=told) is None


@pytest.mark.parametrize(
    "line",
    [
        "<time class='updated' datetime='2026-01-06T12:00Z'></time>"
        "<time class='published' datetime='2026-01-05T08:00Z'></time>",
        "<p>Last updated: <time datetime='2026-01-06T12:00Z'></time></p>"
        "<p><time datetime='2026-01-05T08:00Z'></time></p>",
        "<p><span>Updated</span> <time datetime='2026-01-06T12:00Z'></time></p>"
        "<p>By <a href='/marta'>Marta Lindqvist</a> <time datetime='2026-01-05T08:00Z'></time></p>",
    ],
)  # fmt: skip
def test_the_time_of_an_update_is_not_when_the_story_came_out(line: str) -> None:
    assert _dated(line=line) == datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_the_feed_is_believed_over_a_time_alone_that_is_days_away() -> None:
    assert _dated(line="<time datetime='2025-01-10T08:00Z'></time>", listed_at=FED) == FED
    assert _dated(line="<time datetime='2026-01-06T08:00Z'></time>", listed_at=FED) == datetime(
        2026, 1, 6, 8, tzinfo=UTC
    )
