"""What becomes of a call on its way to its tool: mended, refused, told again, asked about, in line?

`test_toolbox.py` has the plain way.
"""

from __future__ import annotations

import json
import time
from typing import Any, Literal

import pytest
from msgspec import structs

from toolrun import AssistantMessage, ConfigError, ToolCall, ToolResult, UserMessage, tool
from toolrun.state import State, fold
from toolrun.tools.checked import Ready, Undecided, Wrong
from toolrun.tools.definition import Tool, define
from toolrun.tools.repair import Mend
from toolrun.tools.toolbox import MAX_NAMES, Toolbox


@tool(trusted=True)
def get_weather(city: str, unit: Literal["C", "F"] = "C", days: int = 1) -> str:
    """Say how warm it is."""
    return city


@tool(trusted=True, concurrency=1)
def single(n: int) -> int:
    return n


@tool(trusted=True, approve=lambda arguments: arguments["amount"] > 100)
def pay(amount: int) -> int:
    return amount


@tool(trusted=True, approve=lambda arguments: arguments["nobody"])
def unsure(amount: int) -> int:
    return amount


TOOLS: list[Any] = [get_weather, single, pay, unsure]


class Nobody:
    """A runner that is never asked."""

    async def run(
        self, tool: Any, call: ToolCall, arguments: Any, context: Any, output: Any
    ) -> ToolResult:
        raise AssertionError


def toolbox(tools: Any = TOOLS) -> Toolbox:
    return Toolbox(tools, trusted=Nobody(), sandboxed=Nobody())


BOX = toolbox()


def call(name: str, arguments: str, call_id: str = "a") -> ToolCall:
    return ToolCall(call_id, name, arguments)


def said(checked: object) -> str:
    assert isinstance(checked, Wrong)
    assert checked.result.outcome == "invalid"
    return checked.result.content


def test_a_leaked_name_and_wrapped_arguments_are_mended() -> None:
    before = call("functions.get_weather<|channel|>commentary", '```json\n{"city": "Paris"}\n```')
    after, mends = BOX.mend(before)

    assert after == ToolCall("a", "get_weather", '{"city": "Paris"}')
    assert mends == [
        Mend("name", before.name, "get_weather"),
        Mend("arguments", before.arguments, '{"city": "Paris"}'),
    ]
    assert BOX.mend(after) == (after, [])
    assert isinstance(BOX.check(after, State()), Ready)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_weather", '{"city": "Paris"}'),
        ("get_weather", '{"city": 7'),  # closed it would not fit
        ("get_weather", '{"unit": "C"} and the city later'),
        ("get_weather", '{"city": "Paris"}{"city": "Rome"}'),
        ("nobody<|channel|>commentary", '{"city": "Paris"'),
        ("functions.nobody", "{}"),
        ("", "{}"),
    ],
)
def test_what_is_unknown_or_would_not_fit_is_left_as_it_came(name: str, arguments: str) -> None:
    came = call(name, arguments)

    assert BOX.mend(came) == (came, [])


@pytest.mark.parametrize(
    ("name", "arguments", "flaw"),
    [
        ("get_weather", '{"city": "Paris"}', None),
        ("get_weather", "", None),
        ("get_weather", '{"city": 7}', None),
        ("nobody", "{}", None),
        ("functions.nobody", "{}", None),
        ("get_weather<|channel|>commentary", "{}", None),
        ("get_weather", '{"city":', "truncated"),
        ("nobody", '{"city":', "truncated"),
        ("get_weather", '{"city": Paris}', "garbled"),
        ("nobody<|channel|>commentary", "{}", "garbled"),
        ("<|channel|>", "{}", "garbled"),
        ("", "{}", "garbled"),
        ("functions.", "{}", "garbled"),
    ],
)
def test_what_sampling_again_may_better(name: str, arguments: str, flaw: str | None) -> None:
    assert BOX.flaw(call(name, arguments)) == flaw


def made(times: int, arguments: str, name: str = "get_weather") -> State:
    """A turn that made the same call that often; the last one is open."""
    return fold(
        [UserMessage("go")]
        + [AssistantMessage(tool_calls=(call(name, arguments),)) for _ in range(times)]
    )


def test_the_same_wrong_call_again_is_told_more() -> None:
    wrong = '{"city": 7, "unit": "K"}'
    once = said(BOX.check(call("get_weather", wrong), made(1, wrong)))
    again = said(BOX.check(call("get_weather", wrong), made(2, wrong)))

    assert "same call" not in once
    assert again.startswith("This is the same call of get_weather as before, made 2 times now")
    assert '$.city: 7 breaks the rule type; what would fit: "string"' in again
    assert "get_weather requires: city." in again
    assert '"city":{"type":"string"}' in again
    assert '"unit":{"default":"C","enum":["C","F"],"type":"string"}' in again
    assert "days" not in again  # it is not at fault
    assert len(again) < 1000


@pytest.mark.parametrize("wrong", ['{"city"', "[1]", '{"other": 1}'])
def test_the_same_call_that_is_no_object_is_shown_all_that_would_fit(wrong: str) -> None:
    again = said(BOX.check(call("get_weather", wrong), made(3, wrong)))

    assert "made 3 times now" in again
    assert "get_weather requires: city." in again
    assert '"city":{"type":"string"}' in again


def test_a_parameter_that_refers_to_a_definition_is_shown_with_it() -> None:
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {"at": {"$ref": "#/$defs/Place"}, "on": {"$ref": "#/$defs/Day"}},
        "required": ["at"],
        "$defs": {"Place": {"enum": ["here", "there"]}, "Day": {"enum": ["today"]}},
    }
    box = toolbox(tools=[structs.replace(define(get_weather), parameters=parameters)])
    wrong = '{"at": "nowhere"}'
    again = said(box.check(call("get_weather", wrong), made(2, wrong)))

    assert '"Place":{"enum":["here","there"]}' in again
    assert "today" not in again


def test_the_right_call_again_is_ready() -> None:
    right = '{"city": "Paris"}'

    assert isinstance(BOX.check(call("get_weather", right), made(4, right)), Ready)


@pytest.mark.parametrize(
    ("name", "amount", "asks"),
    [("pay", 101, True), ("pay", 100, False), ("unsure", 1, True)],
)
def test_a_function_of_the_arguments_says_whether_to_ask(
    name: str,
    amount: int,
    asks: bool,  # noqa: FBT001
) -> None:
    checked = BOX.check(call(name, json.dumps({"amount": amount})), State())

    assert isinstance(checked, Undecided if asks else Ready)


def test_that_function_sees_only_arguments_that_fit() -> None:
    assert "$.amount" in said(BOX.check(call("unsure", '{"amount": "much"}'), State()))


@pytest.mark.parametrize(
    "arguments",
    [{"city": {1, 2}}, {"city": object()}, {"city": b"\xff" * 10, "days": 1 << 70}, {"city": 1.5}],
)
def test_an_edit_that_is_no_json_or_does_not_fit_is_refused(arguments: Any) -> None:
    with pytest.raises(ConfigError, match="The arguments of get_weather"):
        BOX.check_edit("get_weather", arguments | {"unit": "K"})


def many(count: int) -> list[Tool]:
    one = define(single)
    return [structs.replace(one, name=f"tool_{number}") for number in range(count)]


def test_an_unknown_name_among_thousands_is_answered_briefly() -> None:
    box = toolbox(tools=many(3000))
    began = time.process_time()
    text = said(box.check(call("tool_2999x", "{}"), State()))

    assert time.process_time() - began < 5
    assert "Did you mean tool_2999?" in text
    assert text.index("tool_2999,") < text.index("tool_0,")
    assert text.count("tool_") == 2 + MAX_NAMES
    assert text.endswith(f", and {3000 - MAX_NAMES} more.")


def test_thousands_of_tools_cost_nothing_per_call() -> None:
    def seconds(count: int) -> float:
        box = toolbox(tools=many(count))
        there = call("tool_1", '{"n": 1}')
        best = 1.0
        for _ in range(20):
            began = time.process_time()
            for _ in range(50):
                box.mend(there)
                box.flaw(there)
                box.check(there, State())
            best = min(best, time.process_time() - began)
        return best

    assert seconds(5000) < 3 * seconds(2)
