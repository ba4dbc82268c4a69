"""Dates and times as publishers write them, in the head and in the text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract import pages
from monitor import calendar, dates, timezones
from monitor.discovery.feed_dates import parse_time
from monitor.extract import ExtractionOptions, extract_article
from monitor.models import Article, Page, now

TEXT = "".join(f"<p>{text}</p>" for text in pages.PARAGRAPHS)
LATEST = datetime(2030, 1, 1, tzinfo=UTC)
LISTED_AT = datetime(2026, 1, 6, 9, 42, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time", "has_time", "has_timezone"),
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
        ("Tue, 06 Jan 2026 09:42:17 EST", "2026-01-06T09:42:17-05:00", True, True),
        ("Tue, 06 Jan 2026 09:42:17 GMT+7", "2026-01-06T09:42:17+07:00", True, True),
        ("Tue, 06 Jan 2026 09:42:17 UTC+03:00", "2026-01-06T09:42:17+03:00", True, True),
        ("Tue, 06 Jan 2026 09:42:17 +03", "2026-01-06T09:42:17+03:00", True, True),
        ("Tue, 06 Jan 2026 09:42:17 -0330", "2026-01-06T09:42:17-03:30", True, True),
        ("Tue, 06 Jan 2026 09:42:17 CEST", "2026-01-06T09:42:17+02:00", True, True),
        ("Tue, 06 Jan 2026 09:42:17 PM EST", "2026-01-06T21:42:17-05:00", True, True),
        ("2026-01-06 9:42:17 PM", "2026-01-06T21:42:17+00:00", True, False),
        ("2026-01-06 PM 9:42", "2026-01-06T21:42:00+00:00", True, False),
        ("2026-01-06 오후 9:42", "2026-01-06T21:42:00+00:00", True, False),
        ("2026年1月6日 下午9:42", "2026-01-06T21:42:00+00:00", True, False),
        ("2026년 1월 6일 오전 9:42", "2026-01-06T09:42:00+00:00", True, False),
        ("6 de enero de 2026, 9:42 p. m.", "2026-01-06T21:42:00+00:00", True, False),
        ("9:42 PM, January 6, 2026", "2026-01-06T21:42:00+00:00", True, False),
        ("January 6, 2026 at 9 pm", "2026-01-06T21:00:00+00:00", True, False),
        ("January 6, 2026 12:30 am", "2026-01-06T00:30:00+00:00", True, False),
        ("Tue Jan 06 09:42:17 UTC 2026", "2026-01-06T09:42:17+00:00", True, True),
        ("Tue Jan 06 09:42:17 +0300 2026", "2026-01-06T09:42:17+03:00", True, True),
        ("вт, 6 янв 2026 09:42:17 +0300", "2026-01-06T09:42:17+03:00", True, True),
        ("Di, 6. Januar 2026 09:42", "2026-01-06T09:42:00+00:00", True, False),
        ("mar. 6 janvier 2026 à 09h42", "2026-01-06T09:42:00+00:00", True, False),
        ("6 tháng 1, 2026 09:42", "2026-01-06T09:42:00+00:00", True, False),
        ("6 มกราคม 2569 09:42", "2026-01-06T09:42:00+00:00", True, False),
        ("৬ জানুয়ারি ২০২৬, ০৯:৪২", "2026-01-06T09:42:00+00:00", True, False),
        ("2026. január 6. 09:42", "2026-01-06T09:42:00+00:00", True, False),
    ],
)
def test_date_is_parsed_with_its_precision(text: str, time: str, has_time: bool, has_timezone: bool) -> None:
    assert dates.parse_date(text) == dates.ParsedTime(
        datetime.fromisoformat(time), has_time=has_time, has_timezone=has_timezone
    )


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("June 5, 2026 3:07 PM ET", "2026-06-05T19:07"),
        ("2026-06-05 15:07:00 ET", "2026-06-05T19:07"),
        ("2026-01-05 15:07 PT", "2026-01-05T23:07"),
        ("Jun 5, 2026 3:07 PM PT", "2026-06-05T22:07"),
        ("05.06.2026 15:07 MEZ", "2026-06-05T14:07"),
    ],
)
def test_us_timezone_names_follow_daylight_saving_time(text: str, utc: str) -> None:
    parsed = dates.parse_date(text)
    assert parsed is not None
    assert parsed.time.astimezone(UTC).isoformat().startswith(utc)
    assert parse_time(text) == parsed.time


@pytest.mark.parametrize(
    ("text", "country", "day"),
    [
        ("11/06/2026", "US", (11, 6)),
        ("11/06/2026 5:00 PM", "PH", (11, 6)),
        ("11/06/2026", "GB", (6, 11)),
        ("25/06/2026", "US", (6, 25)),
        ("11.06.2026", "US", (6, 11)),
        ("10/11/2026", None, (11, 10)),  # both days are past: the later one
        ("11/10/2026", None, (11, 10)),
        ("10/12/2026", None, (10, 12)),  # the other day is in the future
        ("12/10/2026", None, (10, 12)),
        ("11.12.2026", None, (12, 11)),
        ("12/12/2027", None, (12, 12)),
        ("11/12/2027", None, (12, 11)),  # both are in the future: the day comes first
    ],
)
def test_day_and_month_follow_the_country_or_the_latest_past_day(
    text: str, country: str | None, day: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched_at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    monkeypatch.setattr("monitor.discovery.feed_dates.now", lambda: fetched_at)
    parsed = dates.parse_date(text, country=country, latest=fetched_at + timedelta(days=1))
    assert parsed is not None
    assert (parsed.time.month, parsed.time.day) == day
    published_at = _published_by_line(f"<div class='date'>{text}</div>BODY", fetched_at=fetched_at, country=country)
    assert published_at is None or parsed.time.year == 2027 or (published_at.month, published_at.day) == day
    if country is None:
        listed_at = parse_time(text)
        assert listed_at == (None if parsed.time > fetched_at else parsed.time)


@pytest.mark.parametrize("zone", ["America/New_York", "ET"])
@pytest.mark.parametrize(("month", "offset"), [(1, "-05:00"), (7, "-04:00")])
def test_a_named_timezone_follows_daylight_saving_time(zone: str, month: int, offset: str) -> None:
    for text in (f"2026-0{month}-06 09:42 {zone}", f"Tue, 06 {['Jan', 'Jul'][month > 1]} 2026 09:42:00 {zone}"):
        parsed = dates.parse_date(text)
        assert parsed is not None
        assert parsed.time == datetime.fromisoformat(f"2026-0{month}-06T09:42:00{offset}")


def test_every_month_name_stands_for_one_month() -> None:
    names = [name for names in calendar._MONTH_NAME_LISTS for name in enumerate(names.split(), 1)]
    assert len({name for _, name in names}) == len(set(names))


@pytest.mark.parametrize(
    ("text", "country", "utc"),
    [
        ("2026-01-06 12:00:33", "CN", "2026-01-06T04:00:33"),
        ("2026-01-06T12:00:33", "CN", "2026-01-06T04:00:33"),
        ("06/01/2026 12:00", "FR", "2026-01-06T11:00:00"),
        ("01/06/2026 12:00", "US", "2026-01-06T17:00:00"),
        ("Tue, 06 Jan 2026 12:00:33", "US", "2026-01-06T17:00:33"),
        ("2026-01-06T12:00:33Z", "CN", "2026-01-06T12:00:33"),
        ("2026-01-06", "CN", "2026-01-06T00:00:00"),
        ("2026-01-06 12:00:33", None, "2026-01-06T12:00:33"),
    ],
)
def test_a_feed_time_without_a_timezone_is_in_that_of_the_country(text: str, country: str | None, utc: str) -> None:
    assert parse_time(text, country=country) == datetime.fromisoformat(f"{utc}+00:00")


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%a, %d %b %Y %H:%M:%S GMT", "%Y-%m-%d %I:%M:%S %p UTC"])
def test_a_feed_date_in_the_future_is_no_date(form: str) -> None:
    assert parse_time((now() + timedelta(minutes=30)).strftime(form)) is not None  # the publisher's clock is fast
    for ahead in (timedelta(hours=2), timedelta(days=1), timedelta(days=400)):
        assert parse_time((now() + ahead).strftime(form)) is None


def test_a_day_that_has_begun_only_in_the_outlets_country_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.discovery.feed_dates.now", lambda: datetime(2026, 1, 5, 20, tzinfo=UTC))
    assert parse_time("2026-01-06", country="NZ") == datetime(2026, 1, 5, 11, tzinfo=UTC)
    assert parse_time("2026-01-06", country="GB") is None
    assert parse_time("2026-01-06") is None


def test_a_page_date_in_the_future_is_no_date() -> None:
    soon, later = (LISTED_AT + timedelta(days=1, hours=hours) for hours in (0.5, 30))
    undated_url = "https://tech.example/putin-ai-china"
    for time, published_at in ((soon, soon), (later, None)):
        head = f"<meta property='article:published_time' content='{time.isoformat()}'>"
        assert _published_at(head, url=undated_url) == published_at


def test_json_ld_states_a_date_in_milliseconds() -> None:
    script = '<script type="application/ld+json">{"@type": "NewsArticle", "datePublished": 1767692537000}</script>'
    assert _published_at(script) == datetime(2026, 1, 6, 9, 42, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "0000-00-00", "2026-13-45", "1970-01-01", "31.02.2026", "٣", "9" * 80]
)
def test_text_that_is_no_date_is_none(text: str) -> None:
    assert dates.parse_date(text) is None


@given(st.text(max_size=120))
def test_parser_never_raises(text: str) -> None:
    dates.parse_date(text)


def _chosen_time(*texts: str, country: str = "") -> str:
    candidates = [parsed for parsed in map(dates.parse_date, texts) if parsed]
    chosen = dates.choose_plausible_time(
        candidates, latest=LATEST, default_timezone=timezones.timezone_of_country(country) if country else None
    )
    return chosen.isoformat(timespec="minutes") if chosen else ""


def test_day_takes_its_time_from_a_source_with_the_same_day() -> None:
    assert _chosen_time("2026-01-06", "2026-01-07T08:00Z", "2026-01-06T09:42Z") == "2026-01-06T09:42+00:00"
    assert _chosen_time("2026-01-06", "2026-01-07T08:00Z") == "2026-01-06T00:00+00:00"


def test_time_takes_its_timezone_from_an_equal_time() -> None:
    assert _chosen_time("2026-01-06T12:42", "2026-01-06T12:42:10+03:00") == "2026-01-06T09:42+00:00"


def test_time_without_timezone_is_in_that_of_the_country() -> None:
    assert _chosen_time("2026-07-06T12:42", country="RU") == "2026-07-06T09:42+00:00"
    assert _chosen_time("2026-07-06T12:42", country="DE") == "2026-07-06T10:42+00:00"  # summer
    assert _chosen_time("2026-01-06T12:42", country="DE") == "2026-01-06T11:42+00:00"
    assert _chosen_time("2026-01-06T12:42Z", country="DE") == "2026-01-06T12:42+00:00"
    assert _chosen_time("2026-01-06", country="DE") == "2026-01-06T00:00+00:00"


def test_midnight_in_any_timezone_is_a_day_without_time() -> None:
    midnight = "2026-11-06T00:00:00+08:00"
    assert _chosen_time(midnight) == "2026-11-06T00:00+00:00"
    assert _chosen_time(midnight, "2026-11-07T01:00Z") == "2026-11-06T00:00+00:00"
    assert _chosen_time(midnight, "2026-11-06T03:12Z") == "2026-11-06T03:12+00:00"
    assert _chosen_time("2026-11-06T00:00", country="CN") == "2026-11-06T00:00+00:00"


def test_future_times_and_times_before_1990_are_ignored() -> None:
    future = (LATEST + timedelta(days=1)).isoformat()
    assert _chosen_time(future, "1989-12-31T10:00Z", "2026-01-06T09:42Z") == "2026-01-06T09:42+00:00"
    assert _chosen_time(future) == ""


def test_countries_have_a_timezone_and_unknown_ones_none() -> None:
    for code in ("GB", "TR", "JP", "US", "BR", "gb", "KZ"):
        assert timezones.timezone_of_country(code) is not None
    assert timezones.timezone_of_country("ZZ") is None


def _published_by_line(
    line: str, *, fetched_at: datetime | None = None, title: str = pages.TITLE, **options: str | None
) -> datetime | None:
    """Returns the publication time of a page whose only date is in a line next to the text, which replaces BODY."""
    html = f"<html><body><article><h1>{title}</h1>{line.replace('BODY', TEXT)}</article></body></html>"
    story = extract_article(
        Page(url=pages.URL, body=html.encode(), fetched_at=fetched_at or now()), ExtractionOptions(**options)
    )  # type: ignore[arg-type]  # of several types
    assert isinstance(story, Article)
    return story.published_at


@pytest.mark.parametrize(
    ("line", "published_at"),
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
def test_date_in_a_line_next_to_the_text_is_read(line: str, published_at: str) -> None:
    time = _published_by_line(line)
    assert time is not None
    assert time.isoformat(timespec="minutes").startswith(published_at)


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("What changed in AI policy since 24 February 2022", "BODY"),
        (pages.TITLE, "<p>On 24 February 2022 Russia invaded, and AI was not on the agenda of any ministry.</p>BODY"),
        (pages.TITLE, "BODY<p>The treaty was signed on 24 February 2022, and the ministers renewed it.</p>"),
    ],
)
def test_date_in_a_title_or_a_sentence_is_ignored(title: str, line: str) -> None:
    assert _published_by_line(line, title=title) is None


@pytest.mark.parametrize("word", ["Updated", "Aktualisiert am", "Mis à jour le", "Обновлено:", "Actualizado", "更新"])
def test_line_of_an_update_is_used_only_without_another(word: str) -> None:
    published, updated = "<div>1 January 2026, 09:00</div>", f"<div>{word} 6 January 2026, 10:00</div>"
    for lines in (published + updated, updated + published):
        assert _published_by_line(f"{lines}BODY") == datetime(2026, 1, 1, 9, tzinfo=UTC)
    assert _published_by_line(f"{updated}BODY") == datetime(2026, 1, 6, 10, tzinfo=UTC)


@pytest.mark.parametrize("line", ["1447-06-03", "1405/13/03", "115/02/31", "192.115.11.24", "32/01/2569"])
def test_date_of_an_unknown_calendar_or_none_is_ignored(line: str) -> None:
    assert _published_by_line(f"<div>{line}</div>BODY") is None


@pytest.mark.parametrize(
    ("line", "published_at"),
    [
        ("1404/10/16 - 10:15", "2026-01-06T10:15"),
        ("۱۴۰۴/۱۰/۱۶", "2026-01-06T00:00"),
        ("سه‌شنبه ۱۶ دی ۱۴۰۴", "2026-01-06T00:00"),
        ("16 دي ماه 1404", "2026-01-06T00:00"),
        ("29 اسفند 1403", "2025-03-19T00:00"),
        ("30 اسفند 1403", "2025-03-20T00:00"),
        ("1 فروردین 1404", "2025-03-21T00:00"),
        ("115/01/06 10:15", "2026-01-06T10:15"),
        ("中華民國115年1月6日", "2026-01-06T00:00"),
        ("6 ม.ค. 2569 10:15 น.", "2026-01-06T10:15"),
        ("6 มกราคม 69", "2026-01-06T00:00"),
        ("06/01/2569", "2026-01-06T00:00"),
        ("6 كانون الثاني / يناير 2026 10:15 مساءً", "2026-01-06T22:15"),
        ("6 كانون الثاني 2026 10:15 صباحا", "2026-01-06T10:15"),
        ("6 حزيران (يونيو) 2026", "2026-06-06T00:00"),
    ],
)
def test_date_of_another_calendar_is_converted(line: str, published_at: str) -> None:
    time = _published_by_line(f"<div>{line}</div>BODY")
    assert time is not None
    assert time.isoformat(timespec="minutes").startswith(published_at)


@pytest.mark.parametrize("text", ["1404-10-16T10:15:00+03:30", "2569-01-06T10:15:00+03:30"])
def test_an_attribute_may_be_in_another_calendar(text: str) -> None:
    assert _chosen_time(text) == "2026-01-06T06:45+00:00"


@pytest.mark.parametrize(
    ("url", "published_at"),
    [
        ("https://tech.example/2025/05/06/putin", "2025-05-06"),
        ("https://tech.example/n/2025-6-5-putin.html", "2025-06-05"),
        ("https://tech.example/20250506/putin", "2025-05-06"),
        ("https://tech.example/2025/05/07/putin", "2025-06-05"),
        ("https://tech.example/2025/05/putin", "2025-05-06"),
        ("https://tech.example/2025/may/06/putin", "2025-05-06"),
        ("https://tech.example/2025/99/putin", "2025-06-05"),
        ("https://tech.example/putin", "2025-06-05"),
    ],
)
def test_the_url_decides_which_number_is_the_month(url: str, published_at: str) -> None:
    for head, line in (("<meta name='dc.date.issued' content='5/6/2025'>", ""), ("", "<div>5/6/2025</div>")):
        time = _published_at(head, line, url=url)
        assert time is not None
        assert f"{time:%Y-%m-%d}" == published_at


@pytest.mark.parametrize(
    ("element", "published_at"),
    [
        ("<time datetime='2026-01-06T15:33:00'>January 6, 2026 3:33 PM ET</time>", "2026-01-06T20:33"),
        ("<time datetime='2026-01-06T15:33:00'>3:33 p.m. EST</time>", "2026-01-06T20:33"),
        ("<time datetime='2026-01-06'>3:33 p.m. EST, January 6, 2026</time>", "2026-01-06T20:33"),
        ("<time datetime='2026-01-06'>6 January 2026</time> 15:33 CET", "2026-01-06T14:33"),
        ("<time datetime='2026-01-06T15:33:00Z'>10:33 a.m. EST</time>", "2026-01-06T15:33"),
        ("<div>15:33 January 6, 2026 EST</div>", "2026-01-06T20:33"),
        ("<div>3:33 PM, 6 January 2026 (GMT+8)</div>", "2026-01-06T07:33"),
        ("<div>January 6, 2026 EST 3:33 p.m.</div>", "2026-01-06T20:33"),
        ("<div>January 6, 2026 at 3:33 p.m. Eastern Time</div>", "2026-01-06T20:33"),
        ("<div>6 January 2026, 15:33 Moscow time</div>", "2026-01-06T12:33"),
        ("<div>6 January 2026, 15:33 Central European Time</div>", "2026-01-06T15:33"),
        ("<div>06.01.2026 -15:33</div>", "2026-01-06T15:33"),
    ],
)
def test_the_zone_of_a_time_is_read_in_its_shown_text(element: str, published_at: str) -> None:
    time = _published_at(line=element)
    assert time is not None
    assert time.isoformat(timespec="minutes").startswith(published_at)


@pytest.mark.parametrize("name", ["embed-time", "aside-date", "teaser-stamp"])
def test_a_time_beside_the_title_is_the_storys_whatever_its_class(name: str) -> None:
    stamp = f"<div class='{name}'><time datetime='2026-01-06T09:42:00Z'>6 January</time></div>"
    assert _published_at(line=stamp) == datetime(2026, 1, 6, 9, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        "06.01.2026 - 12:42 | Quelle: Fjordbote | Lesezeit: etwa 3 Min.",
        "Von Ida Voss. Veröffentlicht am 06.01.2026, 12:42 Uhr.",
        "Published on January 6, 2026 at 12:42 in News. Last comment yesterday.",
    ],
)
def test_a_line_of_several_parts_is_no_sentence(line: str) -> None:
    assert _published_by_line(f"<div>{line}</div>BODY") == datetime(2026, 1, 6, 12, 42, tzinfo=UTC)


def test_timezone_of_the_line_overrides_the_country() -> None:
    assert _published_by_line("<div>6 January 2026 15:04 GMT</div>BODY", country="US") == datetime(
        2026, 1, 6, 15, 4, tzinfo=UTC
    )


def test_time_in_the_line_is_in_the_timezone_of_the_country() -> None:
    assert _published_by_line("<div>6 января 2026, 12:42</div>BODY", country="RU") == datetime(
        2026, 1, 6, 9, 42, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("stated", "country"),
    [("2026-01-06T00:00:00+08:00", None), ("2026-01-06T00:00:00+08:00", "CN"), ("2026-01-06 00:00:00", "CN")],
)
def test_feed_supplies_the_time_if_the_page_states_midnight(stated: str, country: str | None) -> None:
    head = f"<meta property='article:published_time' content='{stated}'>"
    html = f"<html><head>{head}</head><body><article><h1>{pages.TITLE}</h1>{TEXT}</article></body></html>"
    page = Page(url=pages.URL, body=html.encode(), fetched_at=LISTED_AT + timedelta(days=1))
    story = extract_article(page, ExtractionOptions(listed_at=LISTED_AT, country=country))
    assert isinstance(story, Article)
    assert story.published_at == LISTED_AT


@pytest.mark.parametrize(
    ("stated", "line", "published_at"),
    [
        ("", "", "2026-01-06T09:42:17"),  # only the feed
        ("2026-01-06", "", "2026-01-06T09:42:17"),  # the feed has a time for the page's day
        ("2026-01-06T09:30:00Z", "", "2026-01-06T09:30:00"),  # the page is more precise
        ("2026-01-05T22:00:00Z", "", "2026-01-05T22:00:00"),
        ("2026-01-20T10:00:00Z", "", "2026-01-06T09:42:17"),  # later than the feed that already listed it
        ("2025-03-01T10:00:00Z", "", "2025-03-01T10:00:00"),  # listed again, or an error in the feed
        (
            "2025-03-01T10:00:00Z",
            "<div>6 January 2026</div>",
            "2026-01-06T09:42:17",
        ),  # the visible line confirms the feed
        ("", "<div>6 January 2026, 09:30</div>", "2026-01-06T09:42:17"),
        ("2999-01-01T00:00:00Z", "", "2026-01-06T09:42:17"),
    ],
)
def test_page_date_is_compared_with_the_feed(stated: str, line: str, published_at: str) -> None:
    html = (
        f"<html><head><meta property='article:published_time' content='{stated}'></head>"
        f"<body><article><h1>{pages.TITLE}</h1>{line}{TEXT}</article></body></html>"
    )
    story = extract_article(
        Page(url=pages.URL, body=html.encode(), fetched_at=LISTED_AT + timedelta(days=20)),
        ExtractionOptions(listed_at=LISTED_AT),
    )
    assert isinstance(story, Article)
    assert story.published_at is not None
    assert story.published_at.isoformat()[:19] == published_at


def test_future_date_of_a_feed_is_ignored() -> None:
    html = f"<html><body><article><h1>{pages.TITLE}</h1>{TEXT}</article></body></html>"
    page = Page(url=pages.URL, body=html.encode(), fetched_at=LISTED_AT)
    story = extract_article(page, ExtractionOptions(listed_at=LISTED_AT + timedelta(days=3)))
    assert isinstance(story, Article)
    assert story.published_at is None


LINKED_ITEM = "<li><a href='/2025/1'>Another bank opens</a> <time datetime='2025-01-10T08:00Z'>10 January</time></li>"
LINKED_LIST = f"<ul>{LINKED_ITEM * 3}</ul>"
FLAT_LIST = (
    "<div>" + LINKED_ITEM.replace("<li>", "<p>").replace("</a>", "</a></p><p>").replace("</li>", "</p>") * 3 + "</div>"
)
TEASER_CARD = (
    "<div><div><h3><a href='/2025/1'>Another bank opens a laboratory</a></h3>"
    "<time datetime='2025-01-10T08:00Z'>10 January</time></div></div>"
)


def _published_at(
    head: str = "", line: str = "", tail: str = "", url: str = pages.URL, **options: Any
) -> datetime | None:
    html = f"<html><head>{head}</head><body><article><h1>{pages.TITLE}</h1>{line}{TEXT}</article>{tail}</body></html>"
    story = extract_article(
        Page(url=url, body=html.encode(), fetched_at=LISTED_AT + timedelta(days=1)), ExtractionOptions(**options)
    )
    assert isinstance(story, Article)
    return story.published_at


@pytest.mark.parametrize("tail", [LINKED_LIST, LINKED_LIST * 5, FLAT_LIST, TEASER_CARD, TEASER_CARD * 5])
def test_time_next_to_a_link_to_another_page_is_ignored(tail: str) -> None:
    assert _published_at(tail=tail) is None
    assert _published_at(tail=tail, listed_at=LISTED_AT) == LISTED_AT
    assert _published_at(tail=tail, line="<div>6 January 2026</div>") == datetime(2026, 1, 6, tzinfo=UTC)
    dated_url = "https://tech.example/2026/01/06/putin-ai-china"
    assert _published_at(tail=tail, url=dated_url) == datetime(2026, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "byline",
    [
        "<a href='/authors/marta'>Marta Lindqvist of our bureau in Moscow</a>",
        "<a href='/marta'>Marta Lindqvist</a>",
        "<a rel='category tag' href='/ai'>Artificial intelligence and machine learning</a>",
        "<a href='/2026/01/putin-ai-china#comments'>Read all twelve comments of readers</a>",
    ],
)
def test_time_next_to_byline_or_category_links_is_used(byline: str) -> None:
    dated_byline = f"{byline} <time datetime='2026-01-05T08:00Z'></time>"
    for line in (f"<div>{dated_byline}</div>", f"<ul><li>{dated_byline}</li></ul>"):
        assert _published_at(line=line, tail=LINKED_LIST) == datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_time_in_a_sentence_is_ignored() -> None:
    sentence = (
        "<p>The bank said on <time datetime='2025-01-10'>10 January 2025</time> that it would open a laboratory.</p>"
    )
    assert _published_at(line=sentence, listed_at=LISTED_AT) == LISTED_AT
    assert _published_at(line=sentence) is None


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
def test_time_of_an_update_is_not_the_publication_time(line: str) -> None:
    assert _published_at(line=line) == datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_feed_overrides_a_time_element_that_is_days_away() -> None:
    assert _published_at(line="<time datetime='2025-01-10T08:00Z'></time>", listed_at=LISTED_AT) == LISTED_AT
    assert _published_at(line="<time datetime='2026-01-06T08:00Z'></time>", listed_at=LISTED_AT) == datetime(
        2026, 1, 6, 8, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("url", "language", "published_at"),
    [
        ("https://fjord.no/putin", "en", "2026-01-06T11:42"),
        ("https://fjord.example/putin", "ja", "2026-01-06T03:42"),
        ("https://fjord.example/putin", "en-US", "2026-01-06T12:42"),
    ],
)
def test_time_without_a_country_is_in_that_of_domain_or_language(url: str, language: str, published_at: str) -> None:
    time = _published_at(line="<div>2026-01-06 12:42</div>", url=url, language=language)
    assert time is not None
    assert time.isoformat(timespec="minutes").startswith(published_at)
    stated = _published_at(line="<div>2026-01-06 12:42</div>", url=url, language=language, country="RU")
    assert stated == datetime(2026, 1, 6, 9, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "published_at"),
    [
        (
            "<time itemprop='datePublished' datetime='2026-01-06 15:33'>01/06/2026 3:33 PM EST</time>",
            "2026-01-06T20:33",
        ),
        (
            "<footer><time itemprop='datePublished' datetime='2026-01-06 15:33'>3:33 PM ET</time></footer>",
            "2026-01-06T20:33",
        ),
        ("<div>01/06/2026 03:33 pm ET</div>", "2026-01-06T20:33"),
        ("<div class='comments-count meta'>By Ida Voss • 1/6/26 3:33pm</div>", "2026-01-06T15:33"),
    ],
)
def test_a_time_in_a_zone_of_the_united_states_has_the_month_first(line: str, published_at: str) -> None:
    time = _published_at(line=line)
    assert time is not None
    assert time.isoformat(timespec="minutes").startswith(published_at)


def test_the_date_in_a_byline_far_from_the_text_is_used() -> None:
    byline = "<div class='byline'>Ida Voss / Herald / Updated: Jan 6, 2026, 15:33 IST</div>"
    between = "".join(f"<li>Size {n}</li>" for n in range(20))
    assert _published_at(line=f"{byline}<ul>{between}</ul>") == datetime(2026, 1, 6, 10, 3, tzinfo=UTC)


def test_the_date_behind_the_standfirst_is_used() -> None:
    standfirst = "<h2 class='subtitle'>Instructions name a bank, ministries and a date, but no money for the plan.</h2>"
    line = f"{standfirst}<div class='timestamp'>6 January 2026, 12:42</div>"
    assert _published_by_line(f"{line}BODY") == datetime(2026, 1, 6, 12, 42, tzinfo=UTC)
