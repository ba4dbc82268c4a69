"""The terms of docs/glossary.md are used everywhere, and tests have short names."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from monitor.cli.app import program
from monitor.config import Config
from monitor.store.elasticsearch import schema
from monitor.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PYTHON = [path for folder in ("monitor", "spiders", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
MAX_TEST_NAME = 70  # characters

#: Retired words in names that other specifications prescribe, or that mean something else there.
ALLOWED = {
    "aside": "the HTML element <aside>",
    "lead": "the lead paragraph of a story",
}


def retired_words() -> frozenset[str]:
    """Returns the words in backticks of the glossary's third column and of the line below the table."""
    text = (ROOT / "docs/glossary.md").read_text("utf-8")
    terms = text.partition("## Terms")[2].partition("## Prose")[0]
    cells = [line.split("|")[3] for line in terms.splitlines() if line.startswith("|")]
    cells.append(terms.partition("Further retired words")[2])
    return frozenset(word for cell in cells for word in re.findall(r"`(\w+)`", cell))


RETIRED = retired_words()


def words_of(name: str) -> set[str]:
    """Splits an identifier at underscores, other signs and capitals; a plural counts as its singular too."""
    words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
    return words | {word.removesuffix("s") for word in words}


def retired_in(name: str) -> set[str]:
    return (words_of(name) & RETIRED) - ALLOWED.keys()


def defined_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields each name that the code defines, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield 0, name


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_identifier_uses_a_retired_word(path: Path) -> None:
    names = [*defined_names(ast.parse(path.read_text("utf-8"))), (0, path.stem)]
    faults = [f"line {line}: {name} ({', '.join(retired_in(name))})" for line, name in names if retired_in(name)]
    assert not faults


@pytest.mark.parametrize("path", [path for path in PYTHON if "tests" in path.parts], ids=lambda path: path.name)
def test_a_test_name_has_at_most_seventy_characters(path: Path) -> None:
    names = {name for _, name in defined_names(ast.parse(path.read_text("utf-8"))) if name.startswith("test_")}
    assert not [name for name in names if len(name) > MAX_TEST_NAME]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_heading_of_the_documentation_uses_a_retired_word(path: Path) -> None:
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    assert not [heading for heading in headings if retired_in(heading)]


def options(command: click.Command) -> Iterator[click.Option]:
    """Yields the visible options of a command and of its subcommands."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield parameter
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            assert subcommand is not None
            yield from options(subcommand)


def test_no_command_line_option_uses_a_retired_word() -> None:
    names = [name for option in options(program) for name in (*option.opts, *option.secondary_opts)]
    assert "--since" in names
    assert not [name for name in names if retired_in(name)]


def test_no_configuration_key_uses_a_retired_word() -> None:
    def keys(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            yield from value.get("properties", {})
            for inner in value.values():
                yield from keys(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from keys(inner)

    names = set(keys(Config.model_json_schema()))
    assert {"store", "feeds", "deliver"} <= names
    assert not [name for name in names if retired_in(name)]


def test_no_name_in_an_sqlite_file_uses_a_retired_word(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30))
    store.setup()
    with store.database.read_connection() as connection:
        tables = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema")]
        columns = [
            str(name)
            for (name,) in connection.execute(
                "SELECT p.name FROM sqlite_schema AS s, pragma_table_info(s.name) AS p WHERE s.type != 'index'"
            )
        ]
    store.close()
    assert {"story", "frontier"} <= {*tables}
    assert not [name for name in (*tables, *columns) if retired_in(name)]


def test_no_name_in_elasticsearch_uses_a_retired_word() -> None:
    fields = [field for kind in schema.DOCUMENT_KINDS for field in schema.PROPERTIES_BY_KIND[kind]]
    assert not [name for name in (*schema.DOCUMENT_KINDS, *fields) if retired_in(name)]
