"""The output of each command with ``--json`` follows its published schema, which names every field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from monitor.cli.app import program
from monitor.cli.manual import all_commands
from monitor.cli.schemas import SCHEMAS, output_schema
from monitor.config import load
from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom
from monitor.models import now
from monitor.saved_searches import save_search
from monitor.store import open_store
from monitor.story_search import StorySearch

from .harness import BRICS, SBERBANK, Monitor, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = ("Meridian Technology News", "The Unreliable Gazette")
PAGE = "<html><head><title>{0}</title></head><body><article><h1>{0}</h1><p>{1}</p></article></body></html>"


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """A store after a crawl of two outlets, one of which fails, with mail that waits."""
    base = tmp_path_factory.mktemp("schemas")
    with Newsroom([OUTLET_PROFILES[0], OUTLET_PROFILES[-1]]) as newsroom:
        alerts = [
            SBERBANK | {"to": ["desk@example.org", "https://hooks.example/secret"]},
            BRICS | {"deliver": "hourly"},
        ]
        values = settings(newsroom, None, alerts=alerts, topics={"banks": "bank"}, terms={"own": "Sberbank OR VTB"})
        monitor = Monitor(base, values)
        monitor("crawl", "--no-mail", status=1)
        config = load(monitor.config, {})
        store = open_store(config.store, base)
        saved = StorySearch(query="Sberbank", chosen={"outlet": ("A",)})
        save_search(store, "banks", saved, fragments={}, user="", at=now())
        store.close()
        sentences = "The harbour was frozen and the ferries waited for the ice to break. " * 12
        (base / "page.html").write_text(PAGE.format("The harbour was frozen", sentences))
        (base / "stories.jsonl").write_text(monitor("export").out)
        yield monitor


def examples(monitor: Monitor) -> dict[str, list[tuple[str, ...]]]:
    """Returns the commands that are tried, by the name of the output."""
    stories = monitor.stories()
    matched = next(story for story in stories if "sberbank" in story["alerts"])
    return {
        "search": [("search",), ("search", "Sberbank")],
        "history": [("history", matched["id"])],
        "export": [("export",)],
        "extract": [("extract", str(monitor.base / "page.html"), str(monitor.base / "missing.html"), "--json")],
        "match": [("match", str(monitor.base / "stories.jsonl"))],
        "explain": [
            ("explain", query, matched["id"])
            for query in ("sberbank", "nosuchword AND (Sberbank OR BRICS NEAR/3 AI)", "NOT title:Sberbank")
        ],
        "explain-url": [("explain", matched["url"]), ("explain", "https://unknown.example/a")],
        "outlets": [("outlets",)],
        "outlets-coverage": [("outlets", "--coverage")],
        "outlets-recent": [("outlets", *KNOWN, "--recent")],
        "outlets-boilerplate": [("outlets", "--boilerplate")],
        "alerts-list": [("alerts", "list")],
        "alerts-show": [("alerts", "show", "sberbank")],
        "alerts-terms": [("alerts", "terms"), ("alerts", "terms", "own")],
        "stats": [("stats",)],
        "searches": [("searches",)],
        "discover": [("discover", "/".join(matched["url"].split("/")[:3]) + "/")],
    }


def closed(schema: Any) -> Any:
    """Returns the schema with no other than the named fields allowed, so that a field without description fails."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {name: closed(value) for name, value in schema.items()}
    if "properties" in schema and isinstance(schema.get("type"), str | list):
        copy["additionalProperties"] = False
    return copy


def test_every_output_follows_its_schema(monitor: Monitor) -> None:
    tried = examples(monitor)
    assert tried.keys() == SCHEMAS.keys()
    for name, commands in tried.items():
        validator = Draft202012Validator(
            closed(output_schema(name)), format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        lines = [line for words in commands for line in output(monitor, words)]
        assert lines, name
        for line in lines:
            errors = [f"{name}: {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(line)]
            assert errors == []


def output(monitor: Monitor, words: tuple[str, ...]) -> list[dict[str, Any]]:
    words = words if words[0] == "export" or "--json" in words else (*words, "--json")
    if words[0] == "discover":  # it starts Scrapy, which can be done once in a process
        return [json.loads(line) for line in monitor(*words).out.splitlines()]
    result = CliRunner().invoke(program, ["--config", str(monitor.config), *words], standalone_mode=False)
    assert result.exception is None, words
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_valid_and_has_a_version(name: str) -> None:
    schema = output_schema(name)
    validator_for(schema).check_schema(schema)
    assert schema["$id"].rpartition("-")[2].removesuffix(".json").isdecimal()


def test_every_command_with_json_has_a_schema() -> None:
    with_json = {
        "-".join(words)
        for words, command in all_commands(program)
        if any("--json" in parameter.opts for parameter in command.params)
    }
    assert "alerts-show" in with_json
    assert with_json - SCHEMAS.keys() == set()


def test_the_command_lists_and_prints_schemas(monitor: Monitor) -> None:
    assert [line.split()[0] for line in monitor("schema").out.splitlines()] == list(SCHEMAS)
    assert json.loads(monitor("schema", "search").out) == output_schema("search")
    assert 'no output "serach"; did you mean "search"?' in monitor("schema", "serach", status=2).err
