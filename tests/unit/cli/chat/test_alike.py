"""Does a pattern mean the call that it was made of, and no more than was said?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.cli.chat.alike import pattern_of, rule_of
from toolrun.values import Rule

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=120),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        ({"path": "notes/a.md"}, {"path": "notes/*"}),
        ({"path": "/etc/hosts"}, {"path": "/etc/*"}),
        ({"path": "a.md"}, {"path": "a.md"}),
        ({"path": "notes/../x"}, {"path": "notes/../x"}),
        ({"path": "a[1].md"}, {"path": "a[[]1].md"}),
        ({"url": "https://a.example/x?y=1"}, {"url": "https://a.example/*"}),
        ({"url": "https://a.example"}, {"url": "https://a.example/*"}),
        ({"command": "git status -s"}, {"command": "git status -s"}),
        ({"command": "cat a/b; rm -r c/d"}, {"command": "cat a/b; rm -r c/d"}),
        ({"command": "./build.sh"}, {"command": "./build.sh"}),
        ({"command": "bin/a"}, {"command": "bin/a"}),
        ({"path": "notes/a", "content": "x\ny"}, {"path": "notes/*"}),
        ({"code": "x\ny*"}, {"code": "x\ny[*]"}),
        ({"count": 3, "deep": {"a": 1}}, {"count": 3, "deep": {"a": 1}}),
        ({}, {}),
    ],
)
def test_a_pattern(arguments: dict[str, Any], pattern: dict[str, Any]) -> None:
    assert pattern_of(arguments, widely=True) == pattern


def test_where_no_sandbox_holds_a_text_means_itself() -> None:
    arguments = {"path": "notes/a.md", "url": "https://a.example/x"}
    assert pattern_of(arguments, widely=False) == arguments


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=3))
def test_a_pattern_means_the_call_that_it_was_made_of(
    arguments: dict[str, Any],
) -> None:
    for widely in (True, False):
        assert Rule("t", pattern_of(arguments, widely=widely)).matches("t", arguments)


def test_a_rule_means_one_tool_whatever_its_name() -> None:
    assert rule_of("{}", "a*", {}) == Rule("a[*]", {})


@pytest.mark.parametrize(
    ("pattern", "value", "meant"),
    [
        ("notes/*", "notes/a.md", True),
        ("notes/*", "notes/deep/a..md", True),
        ("notes/*", "notes/v1...v2", True),
        ("notes/*", "notes/../setup.py", False),
        ("notes/*", "notes/a/../../setup.py", False),
        ("notes/*", "notes/..", False),
        ("notes/*", "notes/..\\..\\setup.py", False),
        ("cat *", "cat notes/a", True),
        ("cat *", "cat ../a", False),
        ("cat notes/*", 'cat notes/"../a"', False),
        ("../*", "../a", True),
        ("../a", "../a", True),
        ("*", "wait .. then go on", True),
    ],
)
def test_no_star_leads_out_of_a_folder(pattern: str, value: str, *, meant: bool) -> None:
    assert Rule("t", {"path": pattern}).matches("t", {"path": value}) is meant
