"""Trends count stories over time, and say whose they are."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.models import now
from store.examples import page_commit, story
from web.conftest import open_page
from web.examples import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.store import Store
    from web.conftest import Page


@pytest.fixture
def spike_page(tmp_path: Path, store: Store) -> Iterator[Page]:
    """A page with 8 stories about chips today, before which there was one, and two about trade."""
    noon = now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    chips = [
        story(
            f"chip{n}",
            outlet=f"Outlet {n % 2}",
            text="Chips, says Ines Carrow.",
            published_at=noon,
            authors=("A. Roe",),
        )
        for n in range(8)
    ]
    early = story(
        "early", text="Chips are sold.", published_at=noon - timedelta(days=5), first_seen_at=noon - timedelta(days=20)
    )
    trade = [story(f"trade{n}", text="A talk on trade.", published_at=noon - timedelta(days=1)) for n in range(3)]
    store.commit([page_commit(each) for each in (*chips, early, *trade)])
    yield from open_page(tmp_path, store, CONFIG)


def rows(text: str, section: str) -> list[list[str]]:
    """Returns the cells of a section's table, without its head."""
    table = text.partition(f'aria-labelledby="{section}"')[2].partition("</section>")[0].partition("<tbody>")[2]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("</tr>")[:-1]]
    return [[re.sub("<[^>]*>", "", cell) for cell in row] for row in cells]


def test_shares_are_of_the_queries_and_of_all_stories(spike_page: Page) -> None:
    for measure in ("count", "share"):
        _, text, _ = spike_page.get(f"/trends?q=chips&q=trade&measure={measure}")
        assert rows(text, "voice") == [["chips", "9", "75.0 %", "75.0 %"], ["trade", "3", "25.0 %", "25.0 %"]]
    _, text, _ = spike_page.get("/trends?q=trade")
    assert rows(text, "voice") == [["trade", "3", "25.0 %"]]


def test_a_spike_is_listed_and_circled_in_the_chart(spike_page: Page) -> None:
    _, text, _ = spike_page.get("/trends?q=chips")
    assert f"{now():%Y-%m-%d}: 8 stories, usually 0.1" in text
    assert text.count('r="6"') == 1
    assert 'r="6"' in spike_page.get("/trends.svg?q=chips&measure=share")[1]
    spikes = json.loads(spike_page.get("/api/v1/trends?q=chips")[1])["spikes"]
    assert [(spike["name"], spike["count"]) for spike in spikes] == [("chips", 8)]


def test_top_outlets_and_authors_have_tables(spike_page: Page) -> None:
    _, text, _ = spike_page.get("/trends?q=chips&q=trade")
    assert rows(text, "top-outlet") == [["Outlet 0", "4"], ["Outlet 1", "4"], ["Outlet", "1"]]
    assert rows(text, "top-author") == [["A. Roe", "8"]]


def test_new_names_are_looked_for_when_asked(spike_page: Page) -> None:
    _, text, _ = spike_page.get("/trends?q=chips&since=2d")
    assert "Ines Carrow" not in text
    assert 'since=2d&amp;split=none&amp;measure=count&amp;names=new#names"' in text
    _, text, _ = spike_page.get("/trends?q=chips&since=2d&names=new")
    ((name, count, first),) = rows(text, "names")
    assert (name, count) == ("Ines Carrow", "8")
    assert "The title of chip" in first
    _, text, _ = spike_page.get("/trends?q=trade&since=2d&names=new")
    assert "<p>None.</p>" in text


@pytest.fixture
def new_page(tmp_path: Path, store: Store) -> Iterator[Page]:
    """A page whose first story was stored three days ago: 8 stories of the day before, and one of ten days before."""
    start = now() - timedelta(days=3)
    published = [start - timedelta(days=1)] * 8 + [start - timedelta(days=10)]
    stories = [story(f"s{n}", published_at=time, first_seen_at=start) for n, time in enumerate(published)]
    store.commit([page_commit(each) for each in stories])
    yield from open_page(tmp_path, store, CONFIG)


def test_days_before_the_first_stored_story_are_shaded_without_spikes(new_page: Page) -> None:
    begin = f"{now() - timedelta(days=3):%Y-%m-%d}"
    trend = json.loads(new_page.get("/api/v1/trends?since=20d")[1])
    assert (trend["collected_since"], trend["spikes"]) == (begin, [])
    assert sorted(trend["series"][0]["values"])[-2:] == [1, 8]
    _, text, _ = new_page.get("/trends?since=20d")
    assert f"Shaded: collecting began on {begin}" in text
    assert '<rect class="early" x="44"' in text
    assert f">before collecting began on {begin}</text>" in new_page.get("/trends.svg?since=20d")[1]
    _, text, _ = new_page.get("/?since=20d")
    assert f"shaded: before collecting began on {begin}" in text
    assert text.count('class="ground early"') == 17
    assert "collecting began" not in new_page.get("/?since=2d")[1]


def test_a_day_without_any_story_has_no_share(new_page: Page) -> None:
    trend = json.loads(new_page.get("/api/v1/trends?q=title&since=20d&measure=share")[1])
    assert sorted(map(str, trend["series"][0]["values"])) == ["100.0"] * 2 + ["None"] * 19
    _, text, _ = new_page.get("/trends?q=title&since=2d&measure=share")
    assert rows(text, "voice") == [["title", "0", "-"]]


def test_a_split_trend_says_that_it_draws_the_first_query_only(spike_page: Page) -> None:
    sentence = "Only the first query is drawn while it is split"
    _, text, _ = spike_page.get("/trends?q=chips&q=trade&split=outlet")
    assert sentence in text
    assert 'name="q" value="trade"' in text
    assert sentence not in spike_page.get("/trends?q=chips&split=outlet")[1]
    assert sentence not in spike_page.get("/trends?q=chips&q=trade")[1]


def test_a_saved_chart_states_its_queries_unit_and_time(spike_page: Page) -> None:
    svg = spike_page.get("/trends.svg?q=chips&q=trade&since=2026-10-01&until=2026-10-31&measure=share")[1]
    root = ET.fromstring(svg)
    unit = "Per cent of all stories a day, 2026-10-01 to 2026-10-31 (UTC)"
    texts = ["".join(each.itertext()) for each in root]
    assert texts[0] == f"{unit}: chips, trade"
    assert unit in texts[2]


def test_new_names_need_stories_of_an_earlier_time(new_page: Page) -> None:
    _, text, _ = new_page.get("/trends?since=5d&names=new")
    assert "Every name would be new, as collecting began on" in text
    assert "Only names in scripts that have capital letters are found." not in text
    assert "Only names in scripts that have capital letters are found." in new_page.get("/trends?since=2d&names=new")[1]


def test_a_small_chart_states_its_days_and_greatest_value(spike_page: Page) -> None:
    _, text, _ = spike_page.get("/outlet?name=Outlet")
    days = [f"{day:%d %b}" for day in (now() - timedelta(days=29), now())]
    assert f"<span>{days[0]}</span><span>at most 3</span><span>{days[1]}</span>" in text
    assert "no stories in this time" in spike_page.get("/alert?name=banks")[1]
    assert "at most 8 in a bar" in spike_page.get("/?q=chips")[1]
