"""Does `@tool` only mark, and does its import cost the standard library alone?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import toolrun
from toolrun import tool
from toolrun.tools.decorator import MARK
from toolrun.tools.definition import define


def test_a_marked_function_stays_itself() -> None:
    def double(x: int) -> int:
        """Double it."""
        return 2 * x

    for marked in (tool(double), tool(trusted=True)(double)):
        assert marked is double
    assert double(4) == 8
    assert double.__name__ == "double"


def test_what_was_said_is_kept() -> None:
    @tool(name="n", description="d", trusted=True, timeout=5, approve=True, max_output=10)
    def f() -> None: ...

    options = getattr(f, MARK)
    assert (options.name, options.description, options.trusted) == ("n", "d", True)
    assert (options.timeout, options.approve, options.max_output) == (5, True, 10)


def test_a_sandbox_is_what_nobody_needs_to_ask_for() -> None:
    @tool
    def f() -> None: ...

    assert getattr(f, MARK).trusted is False
    assert getattr(f, MARK).approve is False


def test_an_unmarked_function_gets_the_defaults() -> None:
    assert define(unmarked).options.trusted is False


def unmarked(x: int) -> int:
    return x


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="trusty"):
        tool(trusty=True)  # type: ignore[call-overload]


def test_the_import_in_a_box_is_the_standard_library_alone() -> None:
    """An isolated interpreter without site-packages, as in the box."""
    root = Path(toolrun.__file__).parents[1]
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "import toolrun; from toolrun import tool\n"
        "@tool\n"
        "def f(x: int) -> int: return x + 1\n"
        "assert f(1) == 2\n"
        "import json\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(json.dumps(sorted(names - sys.stdlib_module_names)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )

    assert json.loads(run.stdout) in (["toolrun"], ["__main__", "toolrun"])


def test_importing_toolrun_does_not_import_the_heavy_ones() -> None:
    heavy = ("openai", "pydantic", "jsonschema")
    code = f"import sys, toolrun; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
