"""Is what the reference says of the format so? Its example, and its list of fields."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from toolrun.events import Durable
from toolrun.resources import schema
from toolrun.trace.encoder import LineEncoder
from toolrun.trace.header import FORMAT
from toolrun.trace.reader import read_trace
from toolrun.trace.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE: Final = (Path(__file__).parents[3] / "docs/reference/trace-format.md").read_text("utf-8")
EXAMPLE: Final = PAGE.split("<!-- example -->\n```text\n")[1].split("```")[0]


def test_the_example_is_a_trace_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(EXAMPLE, "utf-8")
    trace = read_trace(path, check=True)
    header, *rows = EXAMPLE.encode().splitlines(keepends=True)
    encoder = LineEncoder(Redactor())
    written, waiting = b"", []
    for event in trace.events:
        waiting.append(event)
        if event.durable:
            written += encoder.lines(waiting)
            waiting = []
    assert written == b"".join(rows)
    assert msgspec.json.encode(trace.header) + b"\n" == header


def test_the_page_is_about_the_format_that_is_written() -> None:
    assert f"**format {FORMAT}**" in PAGE
    assert f"| `format` | the number of the format: {FORMAT} |" in PAGE


@pytest.mark.parametrize("section", ["Durable events", "Observed events"])
def test_every_event_stands_in_its_table_with_every_field(
    section: str, every_event: Callable[[], list[type]]
) -> None:
    rows = _table(section)
    is_durable = section == "Durable events"
    kinds = [each for each in every_event() if issubclass(each, Durable) == is_durable]
    assert sorted(rows) == sorted(each.__name__ for each in kinds)
    for name, named in rows.items():
        fields = set(schema("trace")["$defs"][name]["properties"]) - {"type"}
        assert fields <= named, name


@pytest.mark.parametrize(("section", "kind"), [("Header", "TraceHeader"), ("Place", "place")])
def test_so_do_those_of_header_and_place(section: str, kind: str) -> None:
    fields = set(schema("trace")["$defs"][kind]["properties"]) - {"type"}
    assert set(_table(section)) == fields


def _table(section: str) -> dict[str, set[str]]:
    """What the rows of a table are of, each with all that is named in its line."""
    text = PAGE.split(f"### {section}\n")[1].split("\n#")[0]
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            names = re.findall(r"`([A-Za-z_]+)`", line)
            for name in re.findall(r"`([A-Za-z_]+)`", line.split("|")[1]):
                found[name] = set(names)
    return found
