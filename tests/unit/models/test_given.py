"""Is what a model of the user's own gives made sound, or refused with what is wrong about it?"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from toolrun import AssistantMessage, ConfigError, Session, ToolCall, ToolMessage, tool
from toolrun.models.given import message_of

HALF = "\ud800"


class Own:
    """A model of the user's own that gives one thing after another."""

    def __init__(self, *given: Any) -> None:
        self._given = iter(given)

    async def sample(self, request: object, observe: object = None) -> Any:
        return next(self._given)

    async def aclose(self) -> None: ...


def made(*calls: Any, **fields: Any) -> AssistantMessage:
    return structs.replace(AssistantMessage(), tool_calls=calls, **fields)


@tool(trusted=True)
async def echo(text: str) -> str:
    """Say it again."""
    return text


def test_a_sound_message_stays_the_same_object() -> None:
    message = made(ToolCall("a", "echo", "{}"), ToolCall("b", "echo", "{}"), content="I look.")
    assert message_of(message, Own()) is message


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "Own.sample must return an AssistantMessage, not NoneType"),
        ({"content": "Hi"}, "Own.sample must return an AssistantMessage, not dict"),
        (made(content=5), "a message whose content is not a str or None"),
        (made(usage=None), "whose usage is not a Usage"),
        (structs.replace(AssistantMessage(), tool_calls=None), "whose tool_calls is not a tuple"),
        (made({"id": "a"}), r"whose tool_calls\[0\] is not a ToolCall"),
        (made(structs.replace(ToolCall("a", "", ""), name=None)), r"tool_calls\[0\].name is not"),
        (made(structs.replace(ToolCall("a", "", ""), id=7)), r"tool_calls\[0\].id is not a str"),
        (
            made(ToolCall("a", "f", ""), structs.replace(ToolCall("b", "f", ""), arguments={})),
            r"tool_calls\[1\].arguments is not a str",
        ),
    ],
)
def test_what_is_no_message_says_what_is_wrong(given: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        message_of(given, Own())


def test_half_a_surrogate_pair_is_no_text() -> None:
    call = ToolCall(f"a{HALF}", f"e{HALF}", f'{{"text":"{HALF}"}}')
    message = message_of(made(call, content=f"x{HALF}", reasoning=HALF), Own())

    assert (message.content, message.reasoning) == ("x\ufffd", "\ufffd")
    assert message.tool_calls == (ToolCall("a\ufffd", "e\ufffd", '{"text":"\ufffd"}'),)


@pytest.mark.parametrize("call_id", ["", "a", None])
async def test_calls_of_one_id_get_a_result_each(call_id: Any) -> None:
    calls = [
        structs.replace(ToolCall("", "echo", f'{{"text":"{word}"}}'), id=call_id)
        for word in ("one", "two")
    ]
    async with Session(model=Own(made(*calls), made(content="Done.")), tools=[echo]) as session:
        answer = await session.ask("Go.")
        results = [each for each in session.transcript if isinstance(each, ToolMessage)]
        kept = session.messages()

    assert answer.text == "Done."
    assert [each.content for each in results] == ["one", "two"]
    assert len({each.call_id for each in results}) == 2
    async with Session(messages=kept) as again:
        assert again.messages() == kept


async def test_a_model_that_gives_no_message_fails_the_turn_and_the_session_goes_on() -> None:
    async with Session(model=Own("Hi", made(content="Hello."))) as session:
        with pytest.raises(ConfigError, match="not str"):
            await session.ask("Hi")
        assert session.state.finished is not None
        assert session.state.finished.status == "failed"
        assert (await session.go_on()).text == "Hello."
