"""The bundle that Kibana imports."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from monitor.kibana.bundle import ENCODED, bundle, sources
from monitor.store.elasticsearch import schema

AGGREGATABLE = {"keyword", "date", "integer", "long", "double", "boolean"}


def fields(kind: str) -> dict[str, str]:
    """Type of each field of an index, sub-fields and all."""
    found: dict[str, str] = {}

    def walk(properties: dict[str, Any], before: str) -> None:
        for name, mapping in properties.items():
            found[before + name] = mapping.get("type", "object")
            walk(mapping.get("properties", {}), f"{before}{name}.")
            walk(mapping.get("fields", {}), f"{before}{name}.")

    walk(schema.PROPERTIES[kind], "")
    return found


def objects(prefix: str = "desk") -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in bundle(prefix).splitlines()]


def by_id() -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in sources()}


def kind_of(one: dict[str, Any]) -> str:
    """The index that an object shows."""
    (view,) = {reference["id"] for reference in one["references"] if reference["type"] == "index-pattern"}
    return str(view.removeprefix("{prefix}-view-"))


def of(kind: str) -> Any:
    chosen = [one for one in sources() if one["type"] == kind]
    assert chosen
    return pytest.mark.parametrize("one", chosen, ids=lambda one: one["id"])


def test_every_line_is_an_object_under_the_stores_prefix() -> None:
    made = objects("desk")
    assert len(made) == len(sources()) == len({(one["type"], one["id"]) for one in made})
    assert all(one["id"].startswith("desk-") for one in made)
    assert b"{prefix}" not in bundle("desk")
    titles = {one["attributes"]["title"] for one in made if one["type"] == "index-pattern"}
    assert titles == {"desk-stories", "desk-hits", "desk-outlets", "desk-urls"}


def test_the_stamps_are_those_that_kibana_8_9_to_9_takes() -> None:
    stamps = {(one["type"], one["coreMigrationVersion"], one["typeMigrationVersion"]) for one in sources()}
    assert stamps == {
        ("index-pattern", "8.8.0", "8.0.0"),
        ("search", "8.8.0", "8.0.0"),
        ("lens", "8.8.0", "8.9.0"),
        ("dashboard", "8.8.0", "8.9.0"),
    }


def test_what_kibana_keeps_as_text_is_text_in_the_bundle_and_json_in_the_source() -> None:
    for source, made in zip(sources(), objects(), strict=True):
        for path in ENCODED[source["type"]]:
            inside, outside = source["attributes"], made["attributes"]
            for name in path.split("."):
                inside, outside = inside[name], outside[name]
            assert isinstance(inside, dict | list)
            assert isinstance(orjson.loads(outside), dict | list)


def test_every_reference_leads_to_an_object_of_the_bundle_that_comes_before() -> None:
    seen: set[tuple[str, str]] = set()
    for one in objects():
        for reference in one["references"]:
            assert (reference["type"], reference["id"]) in seen, f"{one['id']} comes before {reference['id']}"
        seen.add((one["type"], one["id"]))


@of("index-pattern")
def test_a_data_view_names_fields_that_its_index_has(one: dict[str, Any]) -> None:
    kind = one["id"].removeprefix("{prefix}-view-")
    attributes = one["attributes"]
    known = fields(kind)
    assert attributes["title"] == f"{{prefix}}-{kind}"
    assert known.get(attributes.get("timeFieldName", ""), "date") == "date"
    assert all(hidden["value"] in known for hidden in attributes["sourceFilters"])
    assert all(name in known for name in attributes["fieldFormatMap"])


@of("index-pattern")
def test_a_data_view_hides_neither_its_own_time_nor_what_a_saved_search_shows(one: dict[str, Any]) -> None:
    attributes = one["attributes"]
    shown = {attributes.get("timeFieldName")}
    for search in sources():
        if search["type"] == "search" and search["references"][0]["id"] == one["id"]:
            shown |= {*search["attributes"]["columns"], *(name for name, _ in search["attributes"]["sort"])}
    assert not shown & {hidden["value"] for hidden in attributes["sourceFilters"]}


@of("search")
def test_a_saved_search_shows_fields_that_its_index_has(one: dict[str, Any]) -> None:
    known = fields(kind_of(one))
    attributes = one["attributes"]
    assert set(attributes["columns"]) <= set(known)
    assert all(known[name] in AGGREGATABLE and order in ("asc", "desc") for name, order in attributes["sort"])
    source = attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]
    assert source["indexRefName"] == one["references"][0]["name"]
    assert set(re.findall(r"(\w+) *(?:>=|<|:)", source["query"]["query"])) <= set(known)


@of("lens")
def test_a_visualization_counts_by_fields_that_can_be_counted_by(one: dict[str, Any]) -> None:
    known = fields(kind_of(one))
    state = one["attributes"]["state"]
    ((name, layer),) = state["datasourceStates"]["formBased"]["layers"].items()
    columns = layer["columns"]
    assert layer["columnOrder"] == list(columns)
    for column in columns.values():
        if column["operationType"] == "count":
            assert column["sourceField"] == "___records___"
            continue
        assert known[column["sourceField"]] in AGGREGATABLE
        assert (column["operationType"] == "date_histogram") == (known[column["sourceField"]] == "date")
        if column["operationType"] == "terms":
            assert column["params"]["orderBy"]["columnId"] in columns
    assert one["references"][0]["name"] == f"indexpattern-datasource-layer-{name}"
    shown = state["visualization"]
    used = (
        {shown["layers"][0][key] for key in ("xAccessor", "splitAccessor")} | set(shown["layers"][0]["accessors"])
        if one["attributes"]["visualizationType"] == "lnsXY"
        else {column["columnId"] for column in shown["columns"]}
    )
    assert used == set(columns)


def test_the_dashboard_shows_what_is_promised_without_overlap() -> None:
    (dashboard,) = (one for one in sources() if one["type"] == "dashboard")
    references = {reference["name"]: reference["id"] for reference in dashboard["references"]}
    taken: set[tuple[int, int]] = set()
    titles = []
    for panel in dashboard["attributes"]["panelsJSON"]:
        grid = panel["gridData"]
        assert grid["i"] == panel["panelIndex"]
        titles.append(by_id()[references[f"{panel['panelIndex']}:{panel['panelRefName']}"]]["attributes"]["title"])
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 48
        taken |= cells
    assert titles == [
        "Stories over time by outlet",
        "Hits over time by alert",
        "Stories over time by language",
        "Top outlets",
        "Top authors",
        "Hits by alert",
        "Outlet health",
    ]
