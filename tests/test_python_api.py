"""`open_monitor` reads the stories of either store, in scripts and where an event loop runs."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extract import pages
from monitor import open_monitor
from monitor.errors import ConfigError, InvalidArgument, NoArticle, QueryError, StoreRefused
from monitor.models import now
from store.examples import page_commit, story, story_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.config.schema import StoreSettings
    from monitor.models import Story
    from monitor.python_api import Monitor
    from monitor.store import Store

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text("utf-8"), re.DOTALL)
NOON = now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
CONFIG = """\
store: {{url: "{url}", prefix: "{prefix}"}}
topics:
  ai: 'raw:AI'
outlets:
  - {{name: Tech Example, url: "https://tech.example/", country: FI}}
"""


@pytest.fixture
def config_path(tmp_path: Path, each_store_settings: StoreSettings, each_store: Store) -> Path:
    """The configuration of a store with three stories."""
    bank = story("bank", title="Sberbank plans", published_at=NOON, topics=("ai",), word_count=30)
    chips = story("chips", text="Chips for AI.", outlet="Wire", published_at=NOON - timedelta(days=2))
    old = story("old", published_at=NOON - timedelta(days=40))
    each_store.commit([page_commit(each) for each in (bank, chips, old)])
    assert each_store.search(None, now=now()).total == 3  # Elasticsearch shows them to others from now on
    path = tmp_path / "monitor.yaml"
    settings = each_store_settings
    path.write_text(CONFIG.format(url=settings.url.get_secret_value(), prefix=settings.prefix), "utf-8")
    (tmp_path / "page.html").write_bytes(pages.json_ld())
    return path


@pytest.fixture
def monitor(config_path: Path) -> Iterator[Monitor]:
    with open_monitor(config_path) as opened:
        yield opened


def titles(stories: Iterable[Story]) -> list[str]:
    return [each.title for each in stories]


def test_search_count_and_stories_agree_on_each_store(monitor: Monitor) -> None:
    result = monitor.search(since="7d")
    assert (titles(result.stories), result.total) == (["Sberbank plans", "The title of chips"], 2)
    assert titles(monitor.search("Sberbank").stories) == ["Sberbank plans"]
    assert monitor.count(since=timedelta(days=7)) == 2
    assert monitor.count() == 3
    found = list(monitor.stories("chips OR Sberbank"))
    assert sorted(titles(found)) == ["Sberbank plans", "The title of chips"]
    assert found == sorted(found, key=lambda each: each.id)


def test_a_day_as_the_end_of_a_search_counts_to_its_end(monitor: Monitor) -> None:
    day = NOON.date()
    assert titles(list(monitor.stories(since=day, until=day))) == ["Sberbank plans"]
    assert monitor.count(until=f"{day - timedelta(days=1)}") == 2
    assert titles(monitor.search(until=NOON).stories) == ["The title of chips", "The title of old"]


def test_counts_by_day_and_value_are_rows_of_a_table(monitor: Monitor) -> None:
    rows = [asdict(each) for each in monitor.daily_counts(by="outlet", since="7d")]
    assert rows == [
        {"day": NOON.date() - timedelta(days=2), "count": 1, "value": "Wire"},
        {"day": NOON.date(), "count": 1, "value": "Outlet"},
    ]


def test_a_story_is_found_by_its_id_and_by_its_address(monitor: Monitor) -> None:
    found = monitor.story(story_url("bank"))
    assert found is not None
    assert monitor.story(found.id) == found
    assert monitor.versions(found) == [found]
    assert monitor.story("https://outlet.example/none") is None


def test_extraction_works_where_an_event_loop_runs(monitor: Monitor) -> None:
    async def extract() -> Story:
        return monitor.extract(pages.plain().decode(), url=pages.URL)

    extracted = asyncio.run(extract())
    assert (extracted.title, extracted.authors, extracted.country) == (pages.TITLE, (pages.AUTHOR,), "FI")
    assert extracted.text == "\n\n".join(pages.PARAGRAPHS)
    assert monitor.count() == 3  # nothing was stored


def test_a_page_without_an_article_says_what_it_is(monitor: Monitor) -> None:
    with pytest.raises(NoArticle) as raised:
        monitor.extract("<html><body></body></html>", url="https://tech.example/a")
    assert raised.value.kind == "empty"
    with pytest.raises(InvalidArgument, match=r"^url: "):
        monitor.extract(pages.plain(), url="tech.example")


def test_invalid_arguments_are_errors_before_the_store_is_read(monitor: Monitor) -> None:
    with pytest.raises(QueryError) as raised:
        monitor.stories("chips AND (")
    assert raised.value.column == 11
    with pytest.raises(InvalidArgument, match=r"^since: '7' has no unit"):
        monitor.search(since="7")


def test_a_missing_configuration_or_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        open_monitor(tmp_path / "none.yaml")
    path = tmp_path / "monitor.yaml"
    path.write_text("store: {url: 'sqlite:none.db'}\n")
    with open_monitor(path) as opened, pytest.raises(StoreRefused):
        opened.count()
    assert not (tmp_path / "none.db").exists()


def test_a_closed_monitor_opens_again(monitor: Monitor) -> None:
    assert monitor.count() == 3
    monitor.close()
    assert monitor.count() == 3


@pytest.mark.usefixtures("config_path")
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_of_the_documentation_run(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = f"from monitor import open_monitor\n{EXAMPLES[number]}"
    exec(compile(code, "docs/python.md", "exec"), {})
    expected = (
        "Outlet Sberbank plans\n1 stories\n",
        f"day,value,count\n{NOON.date() - timedelta(days=2)},Wire,1\n",
        "[('Outlet', 30)]\n",
        f"{pages.TITLE} ('{pages.AUTHOR}',)",
        "11 unmatched",
    )
    assert expected[number] in capsys.readouterr().out.replace("\r", "")


def test_a_script_without_a_guard_extracts_pages(tmp_path: Path) -> None:
    """Worker processes do not run the program's main module again."""
    (tmp_path / "monitor.yaml").write_text("")
    (tmp_path / "page.html").write_bytes(pages.json_ld())
    script = tmp_path / "script.py"
    script.write_text(f"print('begins')\nfrom monitor import open_monitor\n{EXAMPLES[3]}")
    finished = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    lines = finished.stdout.splitlines()
    assert (len(lines), lines[0]) == (2, "begins")
    assert lines[1].startswith(pages.TITLE)


def test_importing_the_package_imports_no_library() -> None:
    code = "import sys, monitor; print(sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
    libraries = ["pydantic", "lxml", "scrapy", "apsw", "elasticsearch", "numpy", "yaml", "asyncio"]
    printed = subprocess.run([sys.executable, "-c", code, *libraries], capture_output=True, text=True, check=True)
    assert printed.stdout == "[]\n"
