"""Does a session over tokens show what a session over Chat Completions shows, and replay?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.models.harmony.said import Says, analysis, call, final, tokens
from toolrun import (
    AssistantMessage,
    ConfigError,
    HarmonyModel,
    MalformedOutput,
    MissingExtra,
    ReasoningDelta,
    Request,
    RequestSent,
    Retried,
    Sampling,
    ServerError,
    ServerStatus,
    Session,
    StepFinished,
    TextDelta,
    UserMessage,
    tool,
)
from toolrun.models.harmony import vocabulary
from toolrun.models.harmony.tokens import CALL
from toolrun.models.ways import Server, encoder, open_model
from toolrun.testing import replay_trace

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun import Event


@tool(trusted=True)
def double(n: int) -> int:
    """Double a number."""
    return 2 * n


CALLED = analysis("I double.") + call("double", '{"n":21}')
ANSWERED = analysis("Done.") + final("It is 42.")


def request(**more: Any) -> Request:
    return Request("m", [UserMessage("Go.")], date="2026-01-02", **more)


async def shown(model: HarmonyModel, **more: Any) -> tuple[AssistantMessage, list[Event]]:
    events: list[Event] = []
    return await model.sample(request(**more), events.append), events


@pytest.mark.parametrize("piece", [1, 2, 100])
async def test_a_stream_is_shown_as_it_comes(piece: int) -> None:
    names: list[str] = []
    model = HarmonyModel(Says(CALLED, ANSWERED, piece=piece))
    called, _ = await shown(model, stream=True, on_call=names.append)
    message, events = await shown(model, stream=True)

    assert names == ["double"]
    assert called.finish_reason == "tool_calls"
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "It is 42."
    assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)) == "Done."
    assert isinstance(events[0], RequestSent)
    assert isinstance(events[-1], StepFinished)
    assert (events[-1].first_token, events[0].via) != (None, "")
    assert message.usage == events[-1].usage
    assert message.usage.completion_tokens == len(tokens(ANSWERED))
    assert (message.usage.reasoning_tokens, message.usage.cached_tokens) == (2, 7)


async def test_a_step_that_comes_whole_is_told_at_its_end() -> None:
    model = HarmonyModel(Says(ANSWERED, ANSWERED))
    message, events = await shown(model, stream=True, unstreamed=True)
    _, quiet = await shown(model)

    assert [e.text for e in events if isinstance(e, TextDelta)] == [message.content]
    assert [type(e) for e in quiet] == [RequestSent, StepFinished]


async def test_log_probabilities_are_kept_where_they_are_asked_for() -> None:
    model = HarmonyModel(Says(ANSWERED), logprobs=True)
    message, _ = await shown(model)

    assert message.logprobs is not None
    assert message.token_ids is not None
    assert len(message.logprobs) == len(message.token_ids)
    assert HarmonyModel(Says()).name == "openai/gpt-oss-20b"


async def test_a_call_stops_the_model_unless_it_may_make_several() -> None:
    two = call("double", '{"n":1}') + "<|start|>assistant" + call("double", '{"n":2}')
    one, _ = await shown(HarmonyModel(Says(two)))
    says = Says(two)
    both, _ = await shown(HarmonyModel(says, stop_at_call=False))

    assert [each.arguments for each in one.tool_calls] == ['{"n":1}']
    assert [each.arguments for each in both.tool_calls] == ['{"n":1}', '{"n":2}']
    assert CALL not in says.requests[0].stop
    # Whoever would answer the calls, made up, is stopped.
    assert "<|start|>functions" in (says.requests[0].sampling.stop or ())


async def test_a_stop_text_of_the_users_is_no_part_of_the_answer() -> None:
    said = "<|channel|>final<|message|>One. STOP"
    message, _ = await shown(HarmonyModel(Says(said)), sampling=Sampling(stop=("STOP",)))

    assert message.content == "One. "
    assert message.finish_reason == "stop"


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}])
async def test_a_tool_that_must_be_called_is_waited_for(choice: Any) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    model = HarmonyModel(Says(final("No."), call("f", "{}")))
    with pytest.raises(MalformedOutput, match="which tool_choice asks for"):
        await shown(model, tools=tools, tool_choice=choice)
    message, _ = await shown(model, tools=tools, tool_choice=choice)

    assert message.tool_calls


async def test_a_malformed_header_is_sampled_again_and_nothing_is_appended() -> None:
    broken = "<|channel|>analysis<|message|>Hm.<|end|><|channel|>final<|message|>Oops.<|return|>"
    says = Says(broken, CALLED, ServerStatus("busy", 503), ANSWERED)
    async with (
        Session(model=HarmonyModel(says), tools=[double]) as session,
        session.stream("Double 21.") as events,
    ):
        heard = [event async for event in events]

    assert [e.code for e in heard if isinstance(e, Retried)] == ["malformed-header", "http-503"]
    first, again, *_ = says.requests
    assert list(first.prompt) == list(again.prompt)
    assert [type(m).__name__ for m in session.transcript] == [
        *("UserMessage", "AssistantMessage", "ToolMessage", "AssistantMessage")
    ]


async def test_the_reasoning_is_proved_by_the_ids_that_were_sent() -> None:
    model = HarmonyModel(Says(CALLED, ANSWERED))
    async with Session(model=model, tools=[double], verify_reasoning=1.0) as session:
        answer = await session.ask("Double 21.")
        proof = await session.prove(*answer.steps)
        with pytest.raises(ServerError, match="was not sampled directly"):
            await session.prove(answer.steps[0], AssistantMessage("Hello."))

    one, two = answer.steps
    assert proof.found
    assert proof.prompt_tokens == two.usage.prompt_tokens
    prompt = [*one.rendered_token_ids, *one.token_ids, *two.rendered_token_ids]  # type: ignore[misc]
    assert prompt[proof.position : proof.position + proof.tokens] == tokens("I double.")
    # A step that forgets is found out.
    forgetful = AssistantMessage(rendered_token_ids=one.rendered_token_ids)
    assert not (await model.prove("m", one, forgetful)).found


async def test_ids_that_are_no_tokens_prove_nothing_and_raise_nothing_of_rusts() -> None:
    model = HarmonyModel(Says(ANSWERED))
    ids = tokens(f"<|start|>assistant{analysis('I double.')}")
    step = AssistantMessage(reasoning="I double.")
    assert (await model.prove("m", step, AssistantMessage(rendered_token_ids=tuple(ids)))).found
    for wrong in (2**40, 2**70, -1):
        later = AssistantMessage(rendered_token_ids=(*ids[:6], wrong, *ids[6:]))
        with pytest.raises(MalformedOutput, match="cannot be read"):
            await model.prove("m", step, later)


@pytest.mark.parametrize("said", ["It is 42.", "The key is sk-abcdefghijklmnopqrstuv."])
async def test_a_trace_replays_with_its_ids_and_without(
    tmp_path: Path, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trace.jsonl"
    model = HarmonyModel(Says(CALLED, final(said), final("Yes.")), logprobs=True)
    async with Session(model=model, tools=[double], trace=path) as session:
        for asked in ("Double 21.", "Sure?"):
            async with session.stream(asked) as events:
                async for _ in events:
                    pass

    # The prompt behind a secret holds it as well.
    assert path.read_text().count('"rendered_token_ids"') == (1 if "sk-" in said else 3)
    # No harmony library is needed for that.
    monkeypatch.setitem(sys.modules, "openai_harmony", None)
    report = await replay_trace(path)
    assert report.events > 10


def test_the_same_request_has_the_same_digest_whatever_renders_it() -> None:
    from toolrun.models.dialects import GENERIC

    encode = encoder("harmony")
    one = encode(request(), GENERIC)

    assert one == encode(request(), GENERIC)
    assert one != encode(request(builtins=("python",)), GENERIC)
    assert one != encode(request(effort="low"), GENERIC)


def test_a_way_without_its_package_is_an_error_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vocabulary, "_is_installed", lambda name: False)

    with pytest.raises(MissingExtra, match=r"toolrun\[harmony\]"):
        open_model(Server("http://127.0.0.1:1/v1"), "harmony")


def test_reasoning_is_kept_for_a_turn_or_for_ever() -> None:
    keep: Any = "some"
    with pytest.raises(ConfigError, match="must be 'turn' or 'all', not 'some'"):
        HarmonyModel(Says(), keep_reasoning=keep)
