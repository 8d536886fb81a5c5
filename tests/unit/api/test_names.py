"""Are the public names complete, sorted, there, and on the pages of the docs?"""

from __future__ import annotations

import ast
import importlib
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.api.public import MODULES, ROOT, names, offered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _pytest.mark import ParameterSet

API: Final = ROOT / "docs" / "reference" / "api.md"
POLICY: Final = ROOT / "docs" / "reference" / "compatibility.md"


def _modules() -> Iterator[ParameterSet]:
    for name in MODULES:
        # The Agents SDK alone takes longer to import than all the rest.
        is_slow = name == "toolrun.integrations.agents"
        yield pytest.param(name, marks=(pytest.mark.load,) if is_slow else ())


@pytest.mark.parametrize("name", [*_modules()])
def test_what_a_module_offers_is_sorted_and_there_and_what_type_checkers_see(name: str) -> None:
    module = importlib.import_module(name)

    assert list(module.__all__) == sorted(module.__all__) == offered(name)
    assert [each for each in module.__all__ if getattr(module, each, None) is None] == []
    with pytest.raises(AttributeError, match=r"no attribute 'no_such_name'"):
        _ = module.no_such_name


def test_every_public_module_is_described() -> None:
    assert [each for each in MODULES if each not in _named(POLICY.read_text())] == []
    assert [each for each in MODULES if each not in _named(API.read_text())] == []


def test_every_public_name_is_described() -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    described = set(re.findall(r"`(\w+)", pages))

    assert [str(each) for each in names() if each.name not in described] == []


def _named(text: str) -> set[str]:
    return set(re.findall(r"`(toolrun(?:\.[a-z]+)*)`", text))


def _sources() -> Iterator[tuple[Path, str]]:
    """All Python of the docs: files, and snippets of pages."""
    for path in (ROOT / "docs").rglob("*.py"):
        yield path, path.read_text()
    for path in (*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")):
        for snippet in re.findall(r"```python.*?\n(.*?)\n```", path.read_text(), re.DOTALL):
            yield path, snippet


def _imports(code: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and re.match(r"toolrun\b", node.module or ""):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if "toolrun" in alias.name)


def test_the_docs_import_what_is_public() -> None:
    found = [(path, *each) for path, code in _sources() for each in _imports(code)]
    public = {(each.module, each.name) for each in names()} | {(each, "") for each in MODULES}

    assert len(found) > 100
    assert [each for each in found if each[1:] not in public] == []


def test_the_docs_name_modules_that_are_public() -> None:
    named = re.compile(r"`(toolrun(?:\.[a-z_]+)+)\.([A-Za-z]\w*)(?:\(.*?\))?`")
    pages = (ROOT / "docs").glob("[!d]*/**/*.md")  # not the decisions: they tell of the inside
    found = [(page, *each) for page in pages for each in named.findall(page.read_text())]
    public = {(each.module, each.name) for each in names()}
    is_module = {tuple(each.rsplit(".", 1)) for each in MODULES}

    # Names of spans and metrics begin with "toolrun.", too.
    wrong = [each for each in found if each[0].name != "telemetry.md"]
    assert [each for each in wrong if each[1:] not in public | is_module] == []
