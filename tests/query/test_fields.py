"""Every registered field is part of the language, of both compilers and of the documentation."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor import transfer
from monitor.errors import QueryError
from monitor.query import parse
from monitor.query.fields import (
    ANALYSED_FIELDS,
    DEFAULT_FIELDS,
    FIELDS,
    RANGE_FIELDS,
    TEXT_FIELDS,
    VALUE_FIELDS,
    Field,
    FieldType,
)
from monitor.query.matcher import analysed_story, matches
from monitor.query.rule_index import required_keys
from monitor.query.syntax import Node, Phrase, Range, Value
from monitor.store.elasticsearch import schema
from monitor.store.elasticsearch.analysis import AUTHOR_MAPPING, TEXT_MAPPING, URL_MAPPING, VALUE_MAPPING
from monitor.store.elasticsearch.index_fields import INDEX_FIELDS
from monitor.store.sqlite import sql
from monitor.store.sqlite.field_columns import COLUMN_OF_RANGE, COLUMNS_OF_WORDS
from query.examples import STORY

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MANUAL = Path(__file__).parents[2] / "docs" / "query-language.md"

CLAUSES = {
    FieldType.TEXT: ('"two words"', Phrase),
    FieldType.WORDS: ('"two words"', Phrase),
    FieldType.VALUE: ('"a value"', Value),
    FieldType.TIME: ("[2026-11-01 TO now]", Range),
    FieldType.NUMBER: ("[1 TO 5]", Range),
}
INDEX_MAPPINGS = {
    FieldType.TEXT: [TEXT_MAPPING],
    FieldType.WORDS: [AUTHOR_MAPPING, URL_MAPPING],
    FieldType.VALUE: [VALUE_MAPPING],
    FieldType.TIME: [{"type": "date"}],
    FieldType.NUMBER: [{"type": "integer"}],
}

every_field = pytest.mark.parametrize("name", FIELDS)


def clause(name: str) -> Node:
    return parse(f"{name}:{CLAUSES[FIELDS[name].type][0]}")


@every_field
def test_the_language_has_a_clause_for_each_field(name: str) -> None:
    node = clause(name)
    assert isinstance(node, CLAUSES[FIELDS[name].type][1])
    assert node.field == name == FIELDS[name].name
    assert parse(str(node)) == node


@every_field
def test_the_matcher_and_the_rule_index_read_each_field(name: str) -> None:
    assert matches(clause(name), analysed_story(STORY), NOW) in {True, False}
    assert (required_keys(clause(name)) is None) == (name in RANGE_FIELDS)


def test_an_entry_of_the_registry_makes_a_value_field_of_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule index needs nothing but the entry; without a frequency of its own it has the default."""
    section: Field[Iterable[str]] = Field("section", FieldType.VALUE, lambda story: (story.section or "",))
    monkeypatch.setitem(VALUE_FIELDS, "section", section)
    required = required_keys(Value("section", "World"))
    assert required is not None
    assert (required.keys, required.frequency) == ({("value section", "world")}, 0.3)


@pytest.mark.parametrize("name", VALUE_FIELDS)
def test_the_frequency_of_a_value_field_is_a_fraction(name: str) -> None:
    assert 0 < VALUE_FIELDS[name].frequency <= 1


@pytest.mark.parametrize("name", VALUE_FIELDS)
def test_an_import_limits_the_length_of_each_value_field(name: str) -> None:
    """So that no value exceeds Lucene's limit for a term, for which Elasticsearch would reject the story."""
    assert {*INDEX_FIELDS[name]} <= {*transfer._KEYWORD_FIELDS}


@pytest.mark.parametrize("name", ANALYSED_FIELDS)
def test_near_and_raw_apply_to_text_only(name: str) -> None:
    for query in (f"{name}:(chip NEAR/5 ban)", f"{name}:raw:AI"):
        if name in TEXT_FIELDS:
            parse(query)
        else:
            with pytest.raises(QueryError, match=name):
                parse(query)


def test_an_unknown_field_is_refused_with_the_names_of_all_fields() -> None:
    with pytest.raises(QueryError) as caught:
        parse("xyzzy:word")
    assert set(FIELDS) <= set(re.findall(r"\w+", str(caught.value.hint)))


def test_sqlite_keeps_each_field() -> None:
    assert set(COLUMNS_OF_WORDS) == {"", *ANALYSED_FIELDS}
    assert set(COLUMN_OF_RANGE) == set(RANGE_FIELDS)
    assert set(COLUMN_OF_RANGE.values()) <= set(sql.STORY_COLUMNS)


def test_elasticsearch_keeps_each_field() -> None:
    assert set(INDEX_FIELDS) == {"", *FIELDS}


@every_field
def test_each_field_of_the_index_has_the_mapping_of_its_type(name: str) -> None:
    for index_field in INDEX_FIELDS[name]:
        assert schema.STORY_PROPERTIES[index_field] in INDEX_MAPPINGS[FIELDS[name].type]


def test_a_clause_without_a_field_searches_fields_of_text() -> None:
    assert COLUMNS_OF_WORDS[""] == INDEX_FIELDS[""] == DEFAULT_FIELDS
    assert set(DEFAULT_FIELDS) <= set(TEXT_FIELDS)


def test_the_manual_lists_each_field_with_its_type() -> None:
    table = re.search(r"^\| fields \| type \|.*\n\| --- .*\n((?:\|.*\n)+)", MANUAL.read_text("utf-8"), re.MULTILINE)
    assert table, "the manual has no table of fields"
    rows = [line.split("|") for line in table[1].splitlines()]
    listed = [(name, kind.strip()) for _, names, kind, *_ in rows for name in re.findall(r"`(\w+)`", names)]
    assert sorted(listed) == sorted((name, field.type.name.lower()) for name, field in FIELDS.items())
