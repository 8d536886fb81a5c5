"""Does a call find its tool, and does what cannot run say what would?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from toolrun import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    ConfigError,
    Rule,
    ToolCall,
    ToolDefinitionError,
    ToolResult,
    UserMessage,
    tool,
)
from toolrun.state import State, fold
from toolrun.tools.checked import Ready, Undecided, Wrong
from toolrun.tools.decorator import Options
from toolrun.tools.definition import define
from toolrun.tools.repair import plain_name
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.sandboxes import Sandboxes
from toolrun.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from toolrun.events import Durable
    from toolrun.tools.definition import Tool


@tool(trusted=True)
def get_weather(city: str) -> str:
    """Say how warm it is."""
    return city


@tool(trusted=True, approve=True)
def send_mail(to: str) -> str:
    """Send a mail."""
    return to


def boxed_one(x: int) -> int:
    return x


class Nobody:
    """A runner that is never asked."""

    async def run(
        self, tool: Tool, call: ToolCall, arguments: Any, context: Any, output: Any
    ) -> ToolResult:
        raise AssertionError


TRUSTED, BOXED = Nobody(), Nobody()
BOX = Toolbox([get_weather, send_mail, boxed_one], trusted=TRUSTED, sandboxed=BOXED)


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("a", name, json.dumps(arguments))


def wrong(checked: object) -> ToolResult:
    assert isinstance(checked, Wrong)
    return checked.result


def test_a_call_that_fits_is_ready() -> None:
    ready = BOX.check(call("get_weather", city="Paris"), State())

    assert isinstance(ready, Ready)
    assert ready.tool.function is get_weather
    assert ready.arguments == {"city": "Paris"}
    assert ready.runner is TRUSTED


def test_only_a_trusted_tool_is_run_here() -> None:
    ready = BOX.check(call("boxed_one", x=1), State())

    assert isinstance(ready, Ready)
    assert ready.runner is BOXED


@pytest.mark.parametrize(
    "name",
    [
        "get_weather<|channel|>commentary",
        "functions.get_weather",
        "functions.get_weather<|channel|>commentary",
        "get_weather <|constrain|>json",
    ],
)
def test_a_leaked_name_finds_its_tool(name: str) -> None:
    ready = BOX.check(call(name, city="Paris"), State())

    assert isinstance(ready, Ready)
    assert ready.tool.function is get_weather
    assert ready.call.name == "get_weather"


@pytest.mark.parametrize(
    ("name", "plain"),
    [("f", "f"), ("functions.f", "f"), ("f<|channel|>x", "f"), (" f ", "f"), ("<|start|>", "")],
)
def test_a_plain_name(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_an_unknown_tool_is_answered_with_the_nearest_and_all_names() -> None:
    result = wrong(BOX.check(call("get_wether"), State()))

    assert result.outcome == "invalid"
    assert "There is no tool 'get_wether'. Did you mean get_weather?" in result.content
    assert "The tools are: get_weather, send_mail, boxed_one." in result.content


def test_an_unknown_name_is_never_given_back_whole() -> None:
    result = wrong(BOX.check(call("x" * 10_000), State()))

    assert len(result.content) < 300
    assert "Did you mean" not in result.content


def test_an_empty_toolbox_says_so() -> None:
    empty = Toolbox([], trusted=TRUSTED, sandboxed=BOXED)

    assert "The tools are: none." in wrong(empty.check(call("f"), State())).content


def test_arguments_that_do_not_fit_are_answered() -> None:
    assert "$.city" in wrong(BOX.check(call("get_weather", city=7), State())).content
    broken = BOX.check(ToolCall("a", "get_weather", "{"), State())
    assert "not valid JSON" in wrong(broken).content
    assert wrong(broken).outcome == "invalid"


def test_two_tools_of_one_name_are_refused() -> None:
    @tool(name="get_weather", trusted=True)
    def other() -> None: ...

    with pytest.raises(ToolDefinitionError, match="two tools are called 'get_weather'"):
        Toolbox([get_weather, other], trusted=TRUSTED, sandboxed=BOXED)


def test_tools_that_were_defined_before_are_taken() -> None:
    box = Toolbox([define(get_weather)], trusted=TRUSTED, sandboxed=BOXED)

    assert box.schemas == BOX.schemas[:1]


def asked(name: str, *decided: Durable) -> State:
    made = ToolCall("a", name, '{"to": "Ann"}')
    request = ApprovalRequested("a", "send_mail", {"to": "Ann"}, "it asks")
    return fold([UserMessage("go"), AssistantMessage(tool_calls=(made,)), request, *decided])


@pytest.mark.parametrize("name", ["send_mail", "functions.send_mail"])
def test_a_tool_that_asks_waits_under_its_own_name(name: str) -> None:
    waits = BOX.check(call(name, to="Ann"), State())

    assert isinstance(waits, Undecided)
    assert waits.name == "send_mail"
    assert waits.arguments == {"to": "Ann"}
    assert "asks for approval" in waits.reason


def test_what_does_not_fit_is_not_asked_about() -> None:
    assert "$.to" in wrong(BOX.check(call("send_mail", to=7), State())).content


def test_an_approved_call_is_ready() -> None:
    state = asked("send_mail", ApprovalDecided("a", "approve"))

    assert isinstance(BOX.check(call("send_mail", to="Ann"), state), Ready)


@pytest.mark.parametrize("name", ["send_mail", "send_mail<|channel|>commentary"])
def test_a_standing_approval_holds_for_later_calls(name: str) -> None:
    state = asked(name, ApprovalDecided("a", "approve", rule=Rule("send_mail")))
    later = ToolCall("b", "send_mail", '{"to": "Bob"}')

    assert isinstance(BOX.check(later, state), Ready)
    once = asked(name, ApprovalDecided("a", "approve"))
    assert isinstance(BOX.check(later, once), Undecided)


def test_a_denied_call_says_why() -> None:
    state = asked("send_mail", ApprovalDecided("a", "deny", reason="not today"))
    result = wrong(BOX.check(call("send_mail", to="Ann"), state))

    assert result.outcome == "denied"
    assert result.content == "send_mail was not run: the user denied it: not today"


def test_edited_arguments_are_the_ones_that_run_once_they_fit() -> None:
    edited = asked("send_mail", ApprovalDecided("a", "edit", arguments={"to": "Bob"}))
    ready = BOX.check(call("send_mail", to="Ann"), edited)
    assert isinstance(ready, Ready)
    assert ready.arguments == {"to": "Bob"}
    unfit = asked("send_mail", ApprovalDecided("a", "edit", arguments={"to": 7}))
    assert wrong(BOX.check(call("send_mail", to="Ann"), unfit)).outcome == "invalid"


def test_an_edit_that_does_not_fit_is_refused_before() -> None:
    BOX.check_edit("send_mail", {"to": "Bob"})
    with pytest.raises(ConfigError, match=r"\$\.to"):
        BOX.check_edit("send_mail", {"to": 7})


def test_a_tools_profile_is_known_without_a_sandbox() -> None:
    own = define(boxed_one, Options(profile="python"))
    box = Toolbox([own, get_weather], trusted=TRUSTED, sandboxed=BOXED)

    assert [box.profile(each) for each in box.tools] == ["python", None]
    assert BOX.profile(BOX.tools[2]) is None


@pytest.mark.parametrize(
    ("profile", "policy"), [("pure", "rerun"), ("workspace-ro", "rerun"), ("workspace", "ask")]
)
def test_a_call_that_a_crash_cut_off_is_run_again_unasked_where_it_can_change_nothing(
    profile: str, policy: str
) -> None:
    sandboxed = SandboxRunner(Sandboxes(), profile, None)
    said = define(boxed_one, Options(name="said", on_crash="never"))
    box = Toolbox([get_weather, boxed_one, said], trusted=TRUSTED, sandboxed=sandboxed)

    assert box.on_crash == {"get_weather": "ask", "boxed_one": policy, "said": "never"}
