"""Does the command line give tools the secrets that it was told to, and show them nobody?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Typed

ASKS = '''
import os
from toolrun import tool

@tool(secrets=["API_TOKEN"])
def ask() -> str:
    """Ask with a token."""
    print("printed", os.environ["API_TOKEN"])
    return f"asked with {os.environ['API_TOKEN']}"
'''
TOKEN = "tk-0123456789"


@pytest.fixture
def tool(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.delitem(sys.modules, "asks", raising=False)
    (typed.folder / "asks.py").write_text(ASKS)
    return typed


def test_a_variable_that_is_named_is_given_and_masked(tool: Typed) -> None:
    words = ("tools", "call", "ask", "--tools", "asks.py", "--secrets", "API_TOKEN")
    done = tool(*words, API_TOKEN=TOKEN)

    assert (done.returncode, done.stdout) == (0, "asked with [secret API_TOKEN]\n")
    assert "printed [secret API_TOKEN]" in done.stderr
    assert TOKEN not in done.stderr


def test_the_settings_name_variables_too(tool: Typed) -> None:
    (tool.folder / "toolrun.toml").write_text('secrets = ["API_TOKEN"]\n')
    done = tool("tools", "call", "ask", "--tools", "asks.py", API_TOKEN=TOKEN)

    assert (done.returncode, done.stdout) == (0, "asked with [secret API_TOKEN]\n")


def test_a_variable_that_nobody_named_is_not_read(tool: Typed) -> None:
    done = tool("tools", "call", "ask", "--tools", "asks.py", API_TOKEN=TOKEN)

    assert done.returncode == 2
    assert "tool ask: secret API_TOKEN is not there" in done.stderr
    assert "--secrets API_TOKEN" in done.stderr


def test_a_variable_that_is_not_there_is_named(tool: Typed) -> None:
    done = tool("tools", "call", "ask", "--tools", "asks.py", "--secrets", "API_TOKEN")

    assert done.returncode == 2
    assert "the environment has no variable API_TOKEN" in done.stderr
