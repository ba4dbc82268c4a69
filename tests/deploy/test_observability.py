"""The Grafana dashboard, the alert rules and the documentation use the metrics that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from monitor.metrics.crawl_metrics import CrawlMetrics

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text())["groups"][0]["rules"]
OF_PROMETHEUS = {"up"}
SUFFIXES_BY_TYPE = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
}
EXPRESSIONS = [
    *[target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]],
    *[rule["expr"] for rule in RULES],
]


def names_and_labels() -> dict[str, set[str]]:
    """Returns the labels of each metric, by the name that an expression uses."""
    registry = CrawlMetrics().registry
    found: dict[str, set[str]] = {}
    for family in registry.collect():
        collector = registry._names_to_collectors.get(family.name)
        for suffix in SUFFIXES_BY_TYPE[family.type]:
            found[family.name + suffix] = {*getattr(collector, "_labelnames", ()), "le", "instance", "job"}
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_uses_metrics_and_labels_that_exist(expression: str) -> None:
    known = names_and_labels()
    used = set(re.findall(r"\b(?:media_monitor|process)_\w+|\bup\b", expression))
    assert used
    assert used <= known.keys() | OF_PROMETHEUS
    labels = {name for part in re.findall(r"\{([^}]*)\}", expression) for name in re.findall(r"(\w+)\s*=", part)}
    labels |= {name.strip() for part in re.findall(r"by \(([^)]*)\)", expression) for name in part.split(",")}
    assert labels <= set.union(*(known.get(name, {"job"}) for name in used))


def test_the_documentation_lists_every_metric() -> None:
    documented = set(re.findall(r"`(media_monitor_\w+)", (ROOT / "docs/metrics.md").read_text(encoding="utf-8")))
    exported = {name for name in names_and_labels() if name.startswith("media_monitor_")}
    missing = {name for name in exported if not any(name.startswith(each) for each in documented)}
    assert not missing
    assert documented <= {name.removesuffix("_count") for name in exported} | exported


def test_every_rule_says_what_to_do() -> None:
    assert all(rule["annotations"]["action"] for rule in RULES)
