"""Can a person name the embedded model wherever one can be named, and is it offered?"""

from __future__ import annotations

import importlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from toolrun import extras
from toolrun.errors import MissingExtra

if TYPE_CHECKING:
    from tests.rig.mock import MockServer
    from tests.unit.cli.conftest import Typed

NOWHERE = "http://127.0.0.1:9/v1"


def test_run_needs_no_server(typed: Typed, mock: MockServer) -> None:
    done = typed("run", "--model", "nano", "--json", "Hello!")
    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["settings"]["base_url"] == "embedded:"
    assert next(e["content"] for e in events if e["type"] == "AssistantMessage")
    assert mock.bodies() == []


def test_a_server_that_is_named_with_it_is_asked(typed: Typed, mock: MockServer) -> None:
    done = typed("run", "--model", "nano", "--base-url", mock.url, "Hello!")
    assert done.returncode == 5  # it has none of that name
    assert f"It serves: {mock.model}" in done.stderr
    assert mock.bodies()[0]["model"] == "nano"


def test_what_makes_no_sense_with_it_is_a_mistake(typed: Typed) -> None:
    done = typed("run", "--model", "nano", "--via", "chat", "Hello!")
    assert done.returncode == 2
    assert done.stderr.startswith("toolrun: via says how a server is asked")


def test_where_no_server_answers_it_is_told_of(typed: Typed) -> None:
    for command in (("run", "--base-url", NOWHERE, "hi"), ("chat", "--base-url", NOWHERE)):
        done = typed(*command)
        assert done.returncode == 5
        last = done.stderr.splitlines()[-1]
        assert last == (
            "or try the toy model that comes with toolrun, without a server: --model nano and no "
            "--base-url"
        )


def test_what_it_needs_is_named_where_it_is_missing(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def without(name: str, *more: Any) -> Any:
        if name == "numpy":
            raise ModuleNotFoundError("No module named 'numpy'", name="numpy")
        return real(name, *more)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(MissingExtra):
        extras.need("numpy", "embedded", "a test")
    for command in (("run", "hi"), ("chat",), ("doctor",), ("serve",)):
        done = typed(*command, "--model", "nano")
        assert done.returncode == 2
        assert done.stderr.strip() == (
            "toolrun: the embedded model needs the package numpy: pip install 'toolrun[embedded]'"
        )


@pytest.mark.load
def test_doctor_samples_it(typed: Typed, mock: MockServer) -> None:
    done = typed("doctor", "--model", "nano", "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert [each["name"] for each in report["checks"] if each["verdict"] == "green"] == [
        "tool calling",
        "reasoning taken back",
        "speed",
    ]
    assert mock.bodies() == []
    shown = typed("doctor", "--model", "nano").stdout
    assert re.search(r"^toolrun-nano, a toy .*: 3 green; it needs no server$", shown, re.MULTILINE)
    away = typed("doctor", NOWHERE, "--model", "nano")
    assert away.returncode == 5
