"""Does the dashboard show metrics that come out, and do the docs list all of them?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.otel.scene import play
from toolrun.integrations.otel import OpenTelemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.mock import MockServer

DOCS: Final = Path(__file__).parents[3] / "docs"
OBSERVABILITY: Final = DOCS / "examples" / "observability"
OF_PROMETHEUS: Final = {"job"}
"""Labels that the scrape adds."""
_SELECTOR: Final = re.compile(r"\b([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"')

Samples = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def samples(mock_server: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """What Prometheus is told after sessions in which everything happens: labels, by name."""
    mock_server.reset()
    registry = CollectorRegistry()
    meters = MeterProvider([PrometheusMetricReader(registry=registry)])
    sink = OpenTelemetry(agent="all", meter_provider=meters)
    anyio.run(play, mock_server, sink, tmp_path_factory.mktemp("scene"))
    text = generate_latest(registry).decode()
    meters.shutdown()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def panels() -> Iterator[dict[str, Any]]:
    dashboard = json.loads((OBSERVABILITY / "dashboard.json").read_text())
    yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def test_every_query_finds_what_it_asks_for(samples: Samples) -> None:
    assert len(expressions()) > 30
    for panel in panels():
        for target in panel["targets"]:
            query = target["expr"]
            grouped = {
                label.strip()
                for names in re.findall(r"by \(([^)]*)\)", query)
                for label in names.split(",")
            }
            shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert shown <= grouped, f"{panel['title']}: shows what it does not group by"
            selectors = _SELECTOR.findall(query)
            assert selectors, query
            for name, matchers in selectors:
                assert name in samples, f"{panel['title']}: nothing comes out as {name}"
                assert any(
                    grouped <= labels.keys() and _matches(matchers, labels)
                    for labels in samples[name]
                ), f"{panel['title']}: no {name} has what {query} asks for"


def _matches(matchers: str, labels: dict[str, str]) -> bool:
    for label, operator, value in _MATCHER.findall(matchers):
        if label in OF_PROMETHEUS:
            continue
        is_equal = labels.get(label, "") == value
        assert operator in ("=", "!="), "another operator: teach this test"
        if is_equal is not (operator == "="):
            return False
    return True


def test_queries_are_well_formed() -> None:
    """What can be told of PromQL without its parser: brackets, functions, selectors."""
    known = {"sum", "rate", "histogram_quantile", "by"}
    for query in expressions():
        for one, other in ("()", "{}", "[]"):
            assert query.count(one) == query.count(other), query
        assert set(re.findall(r"\b(\w+)\s*\(", query)) <= known, query
        # Counters and histograms by their rate, values of this moment as they are.
        for name, _ in _SELECTOR.findall(query):
            is_rate = bool(re.search(rf"rate\({name}\{{", query))
            assert is_rate == name.endswith(("_total", "_bucket", "_sum", "_count")), query


def test_panels_do_not_overlap_and_have_an_id_each() -> None:
    every = json.loads((OBSERVABILITY / "dashboard.json").read_text())["panels"]
    ids = [panel["id"] for panel in every]
    assert len(set(ids)) == len(ids)
    taken = [
        (x, y)
        for panel in every
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def _documented(heading: str) -> set[str]:
    """The names in the first column of the tables below a heading of the reference."""
    text = (DOCS / "reference" / "telemetry.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([\w.]+)` ", section, re.MULTILINE))


def test_the_reference_lists_every_metric_by_both_names(samples: Samples) -> None:
    text = (DOCS / "reference" / "telemetry.md").read_text(encoding="utf-8")
    came = {re.sub(r"_(bucket|count|sum)$", "", name) for name in samples} - {"target_info"}
    came -= {name for name in came if name.endswith("_created")}
    section = text.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    listed = dict(re.findall(r"^\| `([\w.]+)` \| `(\w+)` ", section, re.MULTILINE))
    assert set(listed.values()) == came
    for name, in_prometheus in listed.items():
        assert in_prometheus.startswith(name.replace(".", "_"))
    assert set(listed) == _documented("Metrics")


def test_the_reference_lists_every_label_of_every_metric(samples: Samples) -> None:
    text = (DOCS / "reference" / "telemetry.md").read_text(encoding="utf-8")
    section = text.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| `[\w.]+` \| `(\w+)` \|.*\|$", section, re.MULTILINE):
        (line,) = re.findall(rf"^\| `[\w.]+` \| `{row}` .*$", section, re.MULTILINE)
        said = {name.replace(".", "_") for name in re.findall(r"`([a-z_]+\.[\w.]+)`", line)[1:]}
        came: set[str] = set()
        for name, every in samples.items():
            if re.sub(r"_(bucket|count|sum)$", "", name) == row:
                came |= {label for labels in every for label in labels}
        came -= {label for label in came if label.startswith("otel_") or label == "le"}
        assert came == said, row
