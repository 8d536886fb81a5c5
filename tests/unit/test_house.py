"""Is each module a room: with a question, of a size to live in, its exceptions explained?

What is measured, and why, is written down in docs/decisions/0032-the-house.md.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = sorted((ROOT / "toolrun").rglob("*.py"))
LINES: Final = 350
"""Of a module, without its docstrings: those of what users hold are its reference."""
BODY: Final = 50
"""Lines of a function, without its signature and its docstring."""
TABLES: Final = {"toolrun/cli/event_line.py: told"}
"""Functions that are one table with an arm for each event."""
GRAB_BAGS: Final = {"base", "common", "helpers", "manager", "misc", "util", "utils"}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_EXCEPTION: Final = re.compile(r"# (?:noqa: [A-Z0-9, ]+|type: ignore\[[a-z, -]+\])\s*$")


def definitions(node: ast.AST) -> Iterator[Function | ast.ClassDef]:
    """The classes and functions inside, whatever they stand in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            if isinstance(child, Function | ast.ClassDef):
                yield child
            yield from definitions(child)


def docstring_of(node: Function | ast.ClassDef | ast.Module) -> int:
    """How many lines a docstring takes."""
    if ast.get_docstring(node, clean=False) is None:
        return 0
    return (node.body[0].end_lineno or 0) - node.body[0].lineno + 1


def body_of(function: Function) -> int:
    """How many lines a function takes without its signature and its docstring."""
    return (function.end_lineno or 0) - function.body[0].lineno + 1 - docstring_of(function)


def test_every_room_has_a_question_and_a_size_to_live_in() -> None:
    """One test: it is the parsing that takes its time."""
    silent, large, long = [], [], set()
    for path in PACKAGE:
        text = path.read_text(encoding="utf-8")
        tree, name = ast.parse(text), str(path.relative_to(ROOT))
        inside = list(definitions(tree))
        if not docstring_of(tree):
            silent.append(name)
        if text.count("\n") - sum(map(docstring_of, [tree, *inside])) > LINES:
            large.append(name)
        functions = (each for each in inside if isinstance(each, Function))
        long |= {f"{name}: {each.name}" for each in functions if body_of(each) > BODY}

    assert len(PACKAGE) > 500
    assert silent == []
    assert large == []
    assert long == TABLES


def test_no_module_is_a_grab_bag() -> None:
    paths = [*PACKAGE, *(ROOT / "tests").rglob("*.py")]

    assert [str(each) for each in paths if each.stem in GRAB_BAGS] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("x = 1  # noqa: A001", True),
        ("x = 1  # noqa: A001, B002", True),
        ("x = 1  # noqa: A001 - what users call it", False),
        ("x = y  # type: ignore[misc]", True),
        ("x = y  # type: ignore[misc]  # of an untyped package", False),
    ],
)
def test_an_exception_without_a_reason_is_seen(line: str, *, found: bool) -> None:
    assert bool(_EXCEPTION.search(line)) is found


def test_every_exception_to_a_rule_says_why() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in PACKAGE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _EXCEPTION.search(line) and not line.startswith("# ruff:")
    ]

    assert bare == []
