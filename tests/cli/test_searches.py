"""Commands about saved searches, feed tokens, and what an export leaves out."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from monitor import marks
from monitor.cli.app import program
from monitor.feed_tokens import is_token_of
from monitor.models import now
from monitor.saved_searches import save_search
from monitor.store.sqlite import SqliteStore
from monitor.story_search import StorySearch
from store.examples import page_commit, story

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

CONFIG = 'store: {url: "sqlite:monitor.db"}\nweb: {users: [{name: ines, role: editor}]}\n'


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[SqliteStore]:
    """The store of a configuration in the test's directory, with two stories and two saved searches."""
    (tmp_path / "monitor.yaml").write_text(CONFIG)
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30))
    store.setup()
    at = now()
    store.commit([page_commit(story(name, text=f"Of {name} chips.", published_at=at)) for name in ("red", "blue")])
    marks.add_tag(store, story("blue").id, "Colour", user="", at=at)
    searches = {"all chips": StorySearch(query="chips", since="7d"), "tagged": StorySearch(tags=("colour",))}
    for name, search in searches.items():
        save_search(store, name, search, fragments={}, user="ines", at=at)
    yield store
    store.close()


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(program, [*arguments, "--config", str(tmp_path / "monitor.yaml")])


def test_saved_searches_are_listed_with_their_parameters(opened: SqliteStore, tmp_path: Path) -> None:
    result = run(tmp_path, "searches")
    assert result.stdout.splitlines() == ["all chips", "  chips", "  since: 7d", "tagged", "  tag: colour"]
    rows = [json.loads(line) for line in run(tmp_path, "searches", "--json").stdout.splitlines()]
    assert [(row["name"], row["query"], row["filters"]) for row in rows] == [
        ("all chips", "chips", {"since": ["7d"]}),
        ("tagged", "", {"tag": ["colour"]}),
    ]
    assert len(opened.saved_searches()) == 2


@pytest.mark.parametrize(("name", "found"), [("ALL CHIPS", ["blue", "red"]), ("tagged", ["blue"])])
def test_a_saved_search_is_run_by_its_name(opened: SqliteStore, tmp_path: Path, name: str, found: list[str]) -> None:
    result = run(tmp_path, "search", "--saved", name, "--json")
    assert result.exit_code == 0
    ids = {story(each).id: each for each in ("red", "blue")}
    assert sorted(ids[json.loads(line)["id"]] for line in result.stdout.splitlines()) == found


def test_a_search_that_is_not_saved_is_an_error_with_the_names(opened: SqliteStore, tmp_path: Path) -> None:
    result = run(tmp_path, "search", "--saved", "nope")
    assert str(result.exception) == (
        "there is no saved search 'nope' (media-monitor searches lists them: all chips, tagged)"
    )
    assert run(tmp_path, "search", "--saved", "tagged", "word").exit_code == 2


def test_a_feed_token_is_printed_once_and_revoked(opened: SqliteStore, tmp_path: Path) -> None:
    token = run(tmp_path, "user", "feed-token", "ines").stdout.strip()
    assert is_token_of(opened, "ines", token)
    assert not is_token_of(opened, "jan", token)
    assert "any more" in run(tmp_path, "user", "feed-token", "ines", "--revoke").output
    assert not is_token_of(opened, "ines", token)
    result = run(tmp_path, "user", "feed-token", "jan")
    assert str(result.exception).startswith("there is no user 'jan'")


def test_an_export_says_that_marks_are_not_in_it(opened: SqliteStore, tmp_path: Path) -> None:
    result = run(tmp_path, "export", "-o", str(tmp_path / "out.jsonl"))
    assert "1 tag, note, star or read state not written; `copy` and `backup` have them." in result.stderr
    opened.delete_stories([story("blue").id])
    assert "not written" not in run(tmp_path, "export", "-o", str(tmp_path / "out.jsonl")).stderr
