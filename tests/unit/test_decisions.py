"""Which calls does a rule mean, and what do rules decide?"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from toolrun import Approve, ConfigError, Decision, Deny, Rule, Rules, Session, ToolCall, tool
from toolrun.testing import ScriptedModel


@pytest.mark.parametrize(
    ("rule", "arguments", "meant"),
    [
        (Rule("send"), {}, True),
        (Rule("send_*"), {}, False),
        (Rule("s*"), {"to": "a"}, True),
        (Rule("*", {"to": "*@acme.com"}), {"to": "jo@acme.com", "text": "hi"}, True),
        (Rule("*", {"to": "*@acme.com"}), {"to": "jo@acme.com.evil"}, False),
        (Rule("send", {"to": "*"}), {}, False),
        (Rule("send", {"to": "*"}), {"to": ["jo@acme.com"]}, False),  # a pattern is for texts
        (Rule("send", {"n": 1}), {"n": 1}, True),
        (Rule("send", {"n": 1}), {"n": True}, False),
        (Rule("send", {"n": [1, 2]}), {"n": [1, 2]}, True),
        (Rule("SEND"), {}, False),
    ],
)
def test_which_calls_a_rule_means(rule: Rule, arguments: dict[str, Any], *, meant: bool) -> None:
    assert rule.matches("send", arguments) is meant


def call(**arguments: Any) -> ToolCall:
    return ToolCall("c", "send", msgspec.json.encode(arguments).decode())


async def test_what_rules_decide() -> None:
    asked: list[str] = []

    async def person(waiting: ToolCall) -> Decision | None:
        asked.append(waiting.arguments)
        return Deny("the person")

    rules = Rules(
        allow=[Rule("send", {"to": "*@acme.com"})],
        deny=[Rule("*", {"to": "boss@*"})],
        otherwise=person,
    )

    assert await rules(call(to="jo@acme.com")) == Approve()
    denied = await rules(call(to="boss@acme.com"))  # what denies goes first
    assert denied == Deny("a rule forbids it: *(to='boss@*')")
    assert asked == []
    assert await rules(call(to="x@y")) == Deny("the person")
    assert len(asked) == 1
    assert await Rules()(call()) is None  # without an opinion the call waits


@tool(trusted=True)
async def look(path: str) -> str:
    """Look at a file, without asking."""
    return path


@tool(trusted=True, approve=True)
async def remove(path: str) -> str:
    """Remove a file; it asks."""
    return path


@pytest.mark.parametrize(
    "rule", [Rule("look"), Rule("loo?", {"path": "/etc/*"}), Rule("*"), Rule("*", {"path": "/etc"})]
)
async def test_a_rule_that_denies_in_vain_is_said_when_the_session_opens(rule: Rule) -> None:
    with pytest.raises(ConfigError, match=r"'look', which never asks .*approve=True"):
        async with Session(
            model=ScriptedModel("hi"), tools=[look, remove], approve=Rules(deny=[rule])
        ):
            pass


@pytest.mark.parametrize(
    "rule", [Rule("remove"), Rule("re*", {"path": "/etc/*"}), Rule("*", {"to": "boss@*"})]
)
async def test_a_rule_that_denies_what_asks_is_taken(rule: Rule) -> None:
    async with Session(
        model=ScriptedModel("hi"), tools=[look, remove], approve=Rules(deny=[rule])
    ) as session:
        assert (await session.ask("hello")).text == "hi"
