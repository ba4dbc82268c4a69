"""The bundle that Kibana imports."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from monitor.kibana.bundle import JSON_TEXT_ATTRIBUTES_BY_TYPE, bundle_ndjson, saved_objects
from monitor.store.elasticsearch import schema

AGGREGATABLE_TYPES = {"keyword", "date", "integer", "long", "double", "boolean"}


def fields(kind: str) -> dict[str, str]:
    """Returns the type of each field of an index, including sub-fields."""
    types: dict[str, str] = {}

    def add(properties: dict[str, Any], parent: str) -> None:
        for name, mapping in properties.items():
            types[parent + name] = mapping.get("type", "object")
            add(mapping.get("properties", {}), f"{parent}{name}.")
            add(mapping.get("fields", {}), f"{parent}{name}.")

    add(schema.PROPERTIES_BY_KIND[kind], "")
    return types


def objects(prefix: str = "desk") -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in bundle_ndjson(prefix).splitlines()]


def by_id() -> dict[str, dict[str, Any]]:
    return {saved["id"]: saved for saved in saved_objects()}


def kind_of(saved: dict[str, Any]) -> str:
    """Returns the kind of the index that an object shows."""
    (view,) = {reference["id"] for reference in saved["references"] if reference["type"] == "index-pattern"}
    return str(view.removeprefix("{prefix}-view-"))


def for_each(object_type: str) -> Any:
    """Returns a mark that runs a test for each source of that type."""
    selected = [saved for saved in saved_objects() if saved["type"] == object_type]
    assert selected
    return pytest.mark.parametrize("saved", selected, ids=lambda saved: saved["id"])


def test_every_line_is_an_object_under_the_stores_prefix() -> None:
    bundled = objects("desk")
    assert len(bundled) == len(saved_objects()) == len({(saved["type"], saved["id"]) for saved in bundled})
    assert all(saved["id"].startswith("desk-") for saved in bundled)
    assert b"{prefix}" not in bundle_ndjson("desk")
    titles = {saved["attributes"]["title"] for saved in bundled if saved["type"] == "index-pattern"}
    assert titles == {"desk-stories", "desk-hits", "desk-outlets", "desk-urls"}


def test_the_object_versions_are_importable_by_kibana_8_9_to_9() -> None:
    versions = {
        (saved["type"], saved["coreMigrationVersion"], saved["typeMigrationVersion"]) for saved in saved_objects()
    }
    assert versions == {
        ("index-pattern", "8.8.0", "8.0.0"),
        ("search", "8.8.0", "8.0.0"),
        ("lens", "8.8.0", "8.9.0"),
        ("dashboard", "8.8.0", "8.9.0"),
    }


def test_json_text_attributes_are_text_in_the_bundle_only() -> None:
    """In the sources they are plain JSON."""
    for source, bundled in zip(saved_objects(), objects(), strict=True):
        for path in JSON_TEXT_ATTRIBUTES_BY_TYPE[source["type"]]:
            source_value, bundled_value = source["attributes"], bundled["attributes"]
            for name in path.split("."):
                source_value, bundled_value = source_value[name], bundled_value[name]
            assert isinstance(source_value, dict | list)
            assert isinstance(orjson.loads(bundled_value), dict | list)


def test_every_reference_leads_to_an_earlier_object_of_the_bundle() -> None:
    seen: set[tuple[str, str]] = set()
    for saved in objects():
        for reference in saved["references"]:
            assert (reference["type"], reference["id"]) in seen, f"{saved['id']} comes before {reference['id']}"
        seen.add((saved["type"], saved["id"]))


@for_each("index-pattern")
def test_a_data_view_names_fields_that_its_index_has(saved: dict[str, Any]) -> None:
    kind = saved["id"].removeprefix("{prefix}-view-")
    attributes = saved["attributes"]
    types = fields(kind)
    assert attributes["title"] == f"{{prefix}}-{kind}"
    assert types.get(attributes.get("timeFieldName", ""), "date") == "date"
    assert all(hidden["value"] in types for hidden in attributes["sourceFilters"])
    assert all(name in types for name in attributes["fieldFormatMap"])


@for_each("index-pattern")
def test_a_data_view_hides_no_field_in_use(saved: dict[str, Any]) -> None:
    """Neither its own time field nor a column or sort field of a saved search."""
    attributes = saved["attributes"]
    shown = {attributes.get("timeFieldName")}
    for search in saved_objects():
        if search["type"] == "search" and search["references"][0]["id"] == saved["id"]:
            shown |= {*search["attributes"]["columns"], *(name for name, _ in search["attributes"]["sort"])}
    assert not shown & {hidden["value"] for hidden in attributes["sourceFilters"]}


@for_each("search")
def test_a_saved_search_shows_fields_that_its_index_has(saved: dict[str, Any]) -> None:
    types = fields(kind_of(saved))
    attributes = saved["attributes"]
    assert set(attributes["columns"]) <= set(types)
    assert all(types[name] in AGGREGATABLE_TYPES and order in ("asc", "desc") for name, order in attributes["sort"])
    source = attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]
    assert source["indexRefName"] == saved["references"][0]["name"]
    assert set(re.findall(r"(\w+) *(?:>=|<|:)", source["query"]["query"])) <= set(types)


@for_each("lens")
def test_a_visualization_aggregates_by_aggregatable_fields(saved: dict[str, Any]) -> None:
    types = fields(kind_of(saved))
    state = saved["attributes"]["state"]
    ((name, layer),) = state["datasourceStates"]["formBased"]["layers"].items()
    columns = layer["columns"]
    assert layer["columnOrder"] == list(columns)
    for column in columns.values():
        if column["operationType"] == "count":
            assert column["sourceField"] == "___records___"
            continue
        assert types[column["sourceField"]] in AGGREGATABLE_TYPES
        assert (column["operationType"] == "date_histogram") == (types[column["sourceField"]] == "date")
        assert (column["operationType"] in {"median", "percentile"}) == (types[column["sourceField"]] == "double")
        if column["operationType"] == "terms":
            assert column["params"]["orderBy"]["columnId"] in columns
    assert saved["references"][0]["name"] == f"indexpattern-datasource-layer-{name}"
    shown = state["visualization"]
    used = (
        {shown["layers"][0][key] for key in ("xAccessor", "splitAccessor")} | set(shown["layers"][0]["accessors"])
        if saved["attributes"]["visualizationType"] == "lnsXY"
        else {column["columnId"] for column in shown["columns"]}
    )
    assert used == set(columns)


def test_the_dashboard_has_the_documented_panels_without_overlap() -> None:
    (dashboard,) = (saved for saved in saved_objects() if saved["type"] == "dashboard")
    references = {reference["name"]: reference["id"] for reference in dashboard["references"]}
    occupied: set[tuple[int, int]] = set()
    titles = []
    for panel in dashboard["attributes"]["panelsJSON"]:
        grid = panel["gridData"]
        assert grid["i"] == panel["panelIndex"]
        titles.append(by_id()[references[f"{panel['panelIndex']}:{panel['panelRefName']}"]]["attributes"]["title"])
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & occupied
        assert max(x for x, _ in cells) < 48
        occupied |= cells
    assert titles == [
        "Stories over time by outlet",
        "Hits over time by alert",
        "Stories over time by language",
        "Top outlets",
        "Top authors",
        "Hits by alert",
        "Outlet health",
        "Coverage: what became of listed addresses",
        "Missed addresses",
        "Delay from publication to stored",
        "Delay from publication to mail",
    ]
