"""Does each prompt begin with the one before and all that was sampled from it, to the token?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.rig.examples import examples
from tests.unit.models.harmony.said import Says, analysis, call, final, text, tokens
from toolrun import (
    AssistantMessage,
    HarmonyModel,
    Request,
    Sampling,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from toolrun.models.harmony.tokens import END, RETURN
from toolrun.transcript import reasoning_kept_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun import Message

TOOL = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "Does.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}
TOOLS = [TOOL]
OPENING = tokens("<|start|>assistant")


class Talk:
    """A session as far as a model sees it: a transcript that grows."""

    def __init__(self, *, keep: Any = "turn", **settings: Any) -> None:
        self.says = Says()
        self.model = HarmonyModel(self.says, keep_reasoning=keep, stop_at_call=False)
        self.messages: list[Message] = []
        self.cache: dict[str, Any] = {}
        self.settings: dict[str, Any] = {"tools": TOOLS, "date": "2026-01-02", **settings}

    def ask(self, said: str) -> None:
        self.messages.append(UserMessage(said))

    async def step(self, said: str, **more: Any) -> AssistantMessage:
        """Have the model say something, and each call get a result."""
        self.says._steps.append(said)
        request = Request(
            "m",
            list(self.messages),
            reasoning_kept_from(self.messages),
            cache=self.cache,
            **{**self.settings, **more},
        )
        # As the journal has it: another object with the same fields.
        message = structs.replace(await self.model.sample(request))
        self.messages.append(message)
        for made in message.tool_calls:
            self.messages.append(ToolMessage(made.id, made.name, f"done {made.id}"))
        return message

    @property
    def prompts(self) -> list[list[int]]:
        return [list(request.prompt) for request in self.says.requests]

    @property
    def said(self) -> list[AssistantMessage]:
        return [each for each in self.messages if isinstance(each, AssistantMessage)]

    def assert_derived(self) -> None:
        """The prompts are what the messages say: the ids that go on, then those rendered."""
        total: list[int] = []
        for prompt, message in zip(self.prompts, self.said, strict=True):
            assert message.rendered_token_ids is not None
            assert message.token_ids is not None
            assert prompt == total[: message.continues] + list(message.rendered_token_ids)
            total = prompt + list(message.token_ids)


async def test_a_step_goes_on_from_the_step_before_to_the_token() -> None:
    talk = Talk(instructions="Be kind.")
    talk.ask("Go.")
    one = await talk.step(analysis("I call.") + call("f", '{"a": 1 }'))
    await talk.step(analysis("Again.") + call("f", '{"a":2}'))
    await talk.step(analysis("Enough.") + final("Done."))

    first, second, third = talk.prompts
    assert text(first).startswith("<|start|>system<|message|>You are ChatGPT")
    assert "Current date: 2026-01-02" in text(first)
    assert text(first).endswith("<|start|>user<|message|>Go.<|end|><|start|>assistant")
    assert one.token_ids is not None
    assert second[: len(first) + len(one.token_ids)] == first + list(one.token_ids)
    assert text(second[len(first) + len(one.token_ids) :]) == (
        "<|start|>functions.f to=assistant<|channel|>commentary<|message|>done call-1.1.1<|end|>"
        "<|start|>assistant"
    )
    assert third[: len(second)] == second
    assert "I call." in text(third)
    talk.assert_derived()


async def test_after_an_answer_its_reasoning_is_gone_and_calls_and_results_stay() -> None:
    talk = Talk()
    talk.ask("Go.")
    await talk.step(analysis("I call.") + call("f", "{}"))
    await talk.step(analysis("Enough.") + final("Done."))
    talk.ask("And now?")
    three = await talk.step(final("Nothing."))
    talk.ask("Now?")
    four = await talk.step(final("No."))

    third, fourth = talk.prompts[2:]
    assert "I call." not in text(third)
    assert "Enough." not in text(third)
    assert "functions.f" in text(third)
    assert "done call-1.1.1" in text(third)
    assert "<|channel|>final<|message|>Done.<|end|><|start|>user<|message|>And now?" in text(third)
    assert RETURN not in third
    # The first prompt of a turn holds what the last one does, and then only what is new.
    assert three.continues >= len(talk.prompts[0])
    assert four.continues >= len(third)
    assert len(four.rendered_token_ids or ()) < 20
    assert fourth[: len(third)] == third
    talk.assert_derived()


async def test_reasoning_that_is_kept_goes_on_for_ever() -> None:
    talk = Talk(keep="all")
    talk.ask("Go.")
    await talk.step(analysis("I call.") + call("f", "{}"))
    await talk.step(analysis("Enough.") + final("Done."))
    talk.ask("And now?")
    await talk.step(final("Nothing."))

    second, third = talk.prompts[1:]
    sampled = list(talk.said[1].token_ids or ())
    assert sampled[-1] == RETURN
    assert third[: len(second) + len(sampled)] == [*second, *sampled[:-1], END]
    talk.assert_derived()


async def test_a_resumed_session_goes_on_token_for_token() -> None:
    talk = Talk()
    talk.ask("Go.")
    await talk.step(final("Yes."))
    talk.ask("More.")
    # Not as this library renders it.
    odd = '<|channel|>commentary to=functions.f json<|message|>{ "a" : 1}<|call|>'
    await talk.step(analysis("I call.") + odd)
    with_cache = structs.replace(await talk.step(final("Ok.")))
    del talk.messages[-1:]
    talk.cache = {}
    without = await talk.step(final("Ok."))

    assert talk.prompts[-1] == talk.prompts[-2]
    assert without.continues == with_cache.continues
    assert without.rendered_token_ids == with_cache.rendered_token_ids
    assert odd in text(talk.prompts[-1])


async def test_other_settings_begin_a_new_prompt_that_holds_what_was_sampled() -> None:
    talk = Talk()
    talk.ask("Go.")
    one = await talk.step(
        analysis("I call.") + "<|channel|>commentary to=functions.f<|message|>{ }<|call|>"
    )
    schema = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }
    await talk.step(final("{}"), tools=(), response_format=schema, nudge="As JSON.")

    second = text(talk.prompts[1])
    assert '# Response Formats\n\n## answer\n\n{"type":"object"}<|end|>' in second
    assert "namespace functions" not in second
    assert text(one.token_ids or ()) in second
    assert second.endswith("<|start|>user<|message|>As JSON.<|end|><|start|>assistant")
    talk.assert_derived()


async def test_messages_without_ids_are_rendered_with_the_turns_reasoning() -> None:
    talk = Talk()
    talk.ask("Go.")
    await talk.step(analysis("I call.") + call("f", '{"a":1}'))
    made = talk.said[0].tool_calls[0]
    talk.messages[1] = AssistantMessage(reasoning="I think.", content="I look.", tool_calls=(made,))
    talk.cache = {}
    two = await talk.step(final("Ok."))

    prompt = text(talk.prompts[-1])
    assert two.continues == 0
    assert prompt.index("I think.") < prompt.index("I look.") < prompt.index('{"a":1}')
    assert "<|channel|>commentary<|message|>I look.<|end|>" in prompt


@pytest.mark.parametrize(
    ("said", "most", "goes_on"),
    [
        (final("It is a long story."), 6, "<|message|>It is a<|end|><|start|>user"),
        (call("f", '{"a":1}'), 12, '<|message|>{"<|call|><|start|>functions.f'),
        (analysis("Hm.") + final("Well."), 6, "Hm.<|end|><|start|>user"),
        (final("Well."), 1, "Go.<|end|><|start|>user"),
    ],
)
async def test_a_step_that_was_cut_off_is_closed_before_the_next(
    said: str, most: int, goes_on: str
) -> None:
    talk = Talk(keep="all")
    talk.ask("Go.")
    one = await talk.step(said, sampling=Sampling(max_tokens=most))
    talk.ask("And?")
    await talk.step(final("Ok."))

    assert one.finish_reason == "length"
    assert goes_on in text(talk.prompts[1])
    talk.assert_derived()


async def test_what_was_made_up_behind_a_call_is_in_no_later_prompt() -> None:
    talk = Talk()
    talk.ask("Go.")
    made_up = "<|start|>functions.f to=assistant<|channel|>commentary<|message|>made up<|end|>"
    one = await talk.step(
        call("f", "{}")
        + "<|start|>assistant"
        + call("f", '{"a":1}')
        + made_up
        + "<|start|>assistant"
    )
    await talk.step(final("Ok."))

    assert [made.id for made in one.tool_calls] == ["call-1.1.1", "call-1.1.2"]
    assert "made up" not in text(talk.prompts[1])
    assert text(talk.prompts[1]).count("<|start|>functions.f") == 2
    talk.assert_derived()


async def test_results_of_own_tools_come_on_the_channel_of_their_call() -> None:
    tools = [TOOL, {"type": "function", "function": {"name": "python", "description": "Runs it."}}]
    talk = Talk(tools=tools, builtins=("python",))
    talk.ask("Go.")
    one = await talk.step("<|channel|>analysis to=python code<|message|>print(1)<|call|>")
    await talk.step("<|channel|>analysis to=functions.f<|message|>{}<|call|>")
    await talk.step(final("Ok."))
    talk.ask("And?")
    await talk.step(final("Ok."))

    assert one.tool_calls[0].arguments == '{"code":"print(1)"}'
    prompt = text(talk.prompts[2])
    assert "## python\n\nRuns it.\n\n" in prompt.split("<|end|>")[0]
    assert "type python" not in prompt
    assert "<|start|>python to=assistant<|channel|>analysis<|message|>done" in prompt
    assert "<|start|>functions.f to=assistant<|channel|>analysis<|message|>done" in prompt
    # Rendered anew, a call stands where such calls belong.
    assert "<|channel|>analysis code<|message|>print(1)<|call|>" in text(talk.prompts[3])


async def test_ids_of_calls_are_their_place_and_never_taken() -> None:
    talk = Talk()
    talk.ask("Go.")
    await talk.step(call("f", "{}"))
    del talk.messages[0]  # cut off by whoever keeps transcripts short
    talk.ask("And?")
    talk.cache = {}
    two = await talk.step(call("f", "{}"))

    assert two.tool_calls[0].id == "call-1.1.1-"


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
STEP = st.one_of(
    st.builds(lambda a, b: analysis(a) + final(b), WORDS, WORDS),
    st.builds(lambda a, b: analysis(a) + call("f", b), WORDS, WORDS),
    st.builds(lambda a: call("f", a) + "<|start|>assistant" + call("f", a), WORDS),
    st.builds(lambda a: "<|channel|>analysis to=functions.f<|message|>" + a + "<|call|>", WORDS),
    st.builds(final, WORDS),
)
ACT = st.one_of(
    st.builds(lambda text: ("ask", text), WORDS), st.builds(lambda s: ("step", s), STEP)
)


@settings(max_examples=examples(30))
@given(
    acts=st.lists(ACT, max_size=12),
    keep=st.sampled_from(["turn", "all"]),
    forget=st.sets(st.integers(0, 12)),
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"], scope="function")  # no loop matters here
async def test_any_conversation_goes_on_verbatim(
    acts: Sequence[tuple[str, str]], keep: str, forget: set[int]
) -> None:
    talk = Talk(keep=keep)
    talk.ask("Go.")
    asked = False
    for number, (act, what) in enumerate(acts):
        if number in forget:
            talk.cache = {}
        if act == "ask":
            talk.ask(what)
            asked = True
            continue
        before = talk.prompts[-1:], [list(each.token_ids or ()) for each in talk.said[-1:]]
        await talk.step(what)
        if before[0] and (keep == "all" or not asked):
            (prompt,), (sampled,) = before
            kept = [*sampled[:-1], END] if sampled[-1] == RETURN else sampled
            assert talk.prompts[-1][: len(prompt) + len(kept)] == prompt + kept
        asked = False
    talk.assert_derived()
    assert all(prompt[-2:] == OPENING for prompt in talk.prompts)


async def test_a_nudge_stays_in_the_prompts_of_its_turn_and_is_gone_after_it() -> None:
    """What followed it was sampled behind it: the prompt goes on from there, resumed or not."""
    talk = Talk()
    talk.ask("Go.")
    await talk.step(analysis("I call.") + call("f", "{}"))
    await talk.step(analysis("Well.") + call("f", "{}"), nudge="Say something.")
    resumed = Talk()
    resumed.messages = list(talk.messages)
    for each in (talk, resumed):
        await each.step(final("Done."))
        each.ask("And now?")
        await each.step(final("Nothing."))

    nudged = "<|start|>user<|message|>Say something.<|end|><|start|>assistant"
    assert talk.prompts[2:] == resumed.prompts
    assert [nudged in text(prompt) for prompt in talk.prompts] == [False, True, True, False]
    assert talk.prompts[2][: len(talk.prompts[1])] == talk.prompts[1]
    talk.assert_derived()


async def test_after_an_undo_the_prompt_is_that_of_what_is_left() -> None:
    talk = Talk()
    talk.ask("Go.")
    await talk.step(analysis("I call.") + call("f", "{}"))
    await talk.step(final("Done."))
    left = list(talk.messages)
    talk.ask("Wrong.")
    await talk.step(analysis("Hm.") + call("f", "{}"))
    talk.messages = left  # undone
    fresh = Talk()
    fresh.messages = list(left)
    for each in (talk, fresh):
        each.ask("Right.")
        await each.step(analysis("Yes.") + call("f", "{}"))
        await each.step(final("Done."))

    assert talk.prompts[3:] == fresh.prompts
    assert "Wrong." not in text(talk.prompts[-1])
    # Their messages say the same of themselves: a session that is resumed derives the same prompts.
    assert [(m.continues, m.rendered_token_ids) for m in talk.said] == [
        (m.continues, m.rendered_token_ids) for m in fresh.said
    ]


async def test_a_step_of_another_way_in_between_is_rendered_and_what_follows_goes_on() -> None:
    talk = Talk()
    talk.ask("Go.")
    await talk.step(analysis("I call.") + call("f", "{}"))
    by_chat = AssistantMessage(
        reasoning="By chat.", tool_calls=(ToolCall("x", "f", "{}"),), token_ids=(1, 2)
    )
    talk.messages += [by_chat, ToolMessage("x", "f", "done x")]
    four = await talk.step(analysis("Back.") + call("f", "{}"))
    five = await talk.step(final("Done."))

    _, third, fourth = talk.prompts
    assert four.continues == 0
    assert "I call." in text(third)
    assert "<|channel|>analysis<|message|>By chat.<|end|>" in text(third)
    assert four.token_ids is not None
    assert fourth[: five.continues] == third + list(four.token_ids)
