"""Does one see at the start what the tools may touch?"""

from __future__ import annotations

from pathlib import Path

from toolrun.cli.about import ToolLine, tool_lines
from toolrun.cli.chat.banner import welcome
from toolrun.cli.load_tools import load_tools
from toolrun.cli.screen import NOTE, TRUSTED, WIDER
from toolrun.config import Config
from toolrun.tools.decorator import tool


@tool
def count(text: str) -> int:
    """Count."""
    return len(text)


@tool(profile="net", approve=True)
def get(url: str) -> str:
    """Get."""
    return url


@tool(trusted=True)
def send(text: str) -> str:
    """Send."""
    return text


def test_what_may_touch_more_stands_apart() -> None:
    config = Config(base_url=("http://a/v1", "http://b/v1"))
    lines = welcome(config, "vLLM 0.32.0", tool_lines([count, get, send], config))
    assert lines[:2] == [
        (NOTE, "openai/gpt-oss-20b on http://a/v1, http://b/v1 (vLLM 0.32.0)"),
        (NOTE, "tools: count"),
    ]
    assert lines[2][1].startswith("sandbox pure: ")
    style, text = lines[3]
    assert style is WIDER
    assert text.startswith("WIDER: get (asks first) in net: network allow-list")
    assert lines[4] == (TRUSTED, "TRUSTED, in no sandbox: send")


def test_tools_that_share_a_profile_stand_on_one_line_and_warn_where_they_change_things() -> None:
    config = Config(tools=("files", "python", "shell"), workspace=Path("/home/me/shop"))
    lines = welcome(config, "x", tool_lines(load_tools(config.tools, config), config))
    changing = "edit_file, write_file, apply_patch (ask first)"
    assert lines[1:-1] == [
        (NOTE, "sandbox pure (no tool runs in it)"),
        (NOTE, "read_file, list_files, search_files in workspace-ro: workspace read-only"),
        (WIDER, f"WIDER: {changing} in workspace: workspace writable"),
        (NOTE, "python in python: a folder of its own, empty at first; not the workspace"),
        (WIDER, "WIDER: shell (asks first) in shell: workspace writable"),
        (NOTE, "workspace: /home/me/shop"),
    ]


def test_without_tools_it_says_how_to_give_some() -> None:
    assert welcome(Config(), "x", [])[1] == (NOTE, "tools: none; --tools python gives one")


def test_a_profile_that_takes_less_is_no_wider_one() -> None:
    config = Config(profile="workspace")
    (line,) = tool_lines([count], Config(profile={"extends": "pure", "wall_seconds": 1}))
    assert line.more == ()
    get_there = next(each for each in tool_lines([get], config))
    assert isinstance(get_there, ToolLine)
    assert any(each.startswith("network") for each in get_there.more)
