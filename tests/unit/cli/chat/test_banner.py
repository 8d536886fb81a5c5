"""Does one see at the start what the tools may touch?"""

from __future__ import annotations

from toolrun.cli.about import ToolLine, tool_lines
from toolrun.cli.chat.banner import welcome
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


def test_without_tools_it_says_how_to_give_some() -> None:
    assert welcome(Config(), "x", [])[1] == (NOTE, "tools: none; --tools python gives one")


def test_a_profile_that_takes_less_is_no_wider_one() -> None:
    config = Config(profile="workspace")
    (line,) = tool_lines([count], Config(profile={"extends": "pure", "wall_seconds": 1}))
    assert line.more == ()
    get_there = next(each for each in tool_lines([get], config))
    assert isinstance(get_there, ToolLine)
    assert any(each.startswith("network") for each in get_there.more)
