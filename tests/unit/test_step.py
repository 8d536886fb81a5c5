"""Is a step sampled until a turn can use its message, and is nothing appended on the way?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec import structs

from tests.rig.mock import Call, MockServer, Step
from toolrun import (
    AssistantMessage,
    Limits,
    MalformedOutput,
    ReasoningDelta,
    Repaired,
    RequestSent,
    Retried,
    Retries,
    Runtime,
    Sampling,
    ServerError,
    ServerStatus,
    TextDelta,
    Warned,
    tool,
)
from toolrun.step import NUDGE
from toolrun.testing import Events, FakeClock, ScriptedModel, say

if TYPE_CHECKING:
    from toolrun import Model, Request
    from toolrun.models.model import Observe
    from toolrun.models.proof import Proof


@tool(trusted=True)
async def get_weather(city: str, unit: str = "C") -> str:
    """Say how warm it is."""
    return f"20 degrees {unit} in {city}"


WEATHER = Call("get_weather", '{"city":"Paris"}')
CALLED = Step("Need the weather.", tool_calls=(WEATHER,))
ANSWERED = Step("Got it.", "It is 20 degrees in Paris.")


class Conversation:
    """What one question came to: events and answer."""

    def __init__(self) -> None:
        self.events = Events()
        self.clock = FakeClock()

    async def ask(self, mock: MockServer, *, streamed: bool = False, **options: Any) -> Any:
        async with (
            Runtime(
                **{
                    "model": mock.model,
                    "base_url": mock.url,
                    "tools": [get_weather],
                    "sinks": [self.events],
                    "clock": self.clock,
                    **options,
                }
            ) as runtime,
            runtime.session() as session,
        ):
            if not streamed:
                return await session.ask("How warm is Paris?")
            async with session.stream("How warm is Paris?") as events:
                async for _ in events:
                    pass
            return events.answer


@pytest.fixture
def talk() -> Conversation:
    return Conversation()


# ---- waits ----


async def test_a_busy_server_is_left_alone_as_long_as_it_asks(
    mock: MockServer, talk: Conversation
) -> None:
    mock.script(Step(fault="http_429", retry_after="7", fault_times=2, content="Hello."))
    answer = await talk.ask(mock)

    assert answer.text == "Hello."
    first, second = talk.clock.slept
    assert 7.25 <= first <= 7.5
    assert 7.5 <= second <= 8
    assert [each.wait for each in talk.events.of(Retried)] == talk.clock.slept
    assert {each.code for each in talk.events.of(Retried)} == {"http-429"}


async def test_a_wait_that_the_turn_has_no_time_for_is_not_begun(
    mock: MockServer, talk: Conversation
) -> None:
    mock.script(Step(fault="http_503", retry_after="3600"))
    with pytest.raises(ServerStatus) as caught:
        await talk.ask(mock, limits=Limits(seconds=60))

    assert caught.value.retry_after == 3600
    assert talk.clock.slept == []


async def test_a_wait_takes_its_time_and_can_be_cancelled(mock: MockServer) -> None:
    mock.script(Step(fault="http_503"))
    retries = Retries(attempts=1, first_wait=60)
    async with (
        Runtime(model=mock.model, base_url=mock.url, retries=retries) as runtime,
        runtime.session() as session,
    ):
        began = time.monotonic()
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_when_waiting, session, runtime)
            answer = await session.ask("Hello?")

    assert answer.status == "cancelled"
    assert time.monotonic() - began < 20


async def _cancel_when_waiting(session: Any, runtime: Runtime) -> None:
    with anyio.fail_after(10):
        while not runtime.counts["Retried.http-503"]:  # noqa: ASYNC110 - the turn has no event
            await anyio.sleep(0.01)
    session.cancel()


# ---- calls ----


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("fault", ["name_with_channel", "name_with_namespace"])
async def test_a_leaked_name_is_mended_before_anybody_sees_it(
    mock: MockServer, talk: Conversation, fault: Any, *, streamed: bool
) -> None:
    mock.script(Step(tool_calls=(WEATHER,), fault=fault), ANSWERED)
    answer = await talk.ask(mock, streamed=streamed)
    _, second = mock.bodies()

    assert [call.name for call in answer.tool_calls] == ["get_weather"]
    (repaired,) = talk.events.of(Repaired)
    assert (repaired.what, repaired.after) == ("name", "get_weather")
    assert "get_weather" in repaired.before
    assert repaired.before != "get_weather"
    assert second["messages"][1]["tool_calls"][0]["function"]["name"] == "get_weather"


async def test_arguments_that_lack_their_last_brace_are_mended(
    mock: MockServer, talk: Conversation
) -> None:
    mock.script(Step(tool_calls=(Call("get_weather", '{"city":"Paris"'),)), ANSWERED)
    answer = await talk.ask(mock)

    assert answer.tool_calls[0].result.content == "20 degrees C in Paris"
    assert [each.after for each in talk.events.of(Repaired)] == ['{"city":"Paris"}']
    assert talk.events.of(Retried) == []


async def test_a_reply_that_ran_out_of_tokens_is_not_mended(
    mock: MockServer, talk: Conversation
) -> None:
    cut = Step(tool_calls=(Call("get_weather", '{"city":"Paris"'),), finish_reason="length")
    mock.script(cut)
    answer = await talk.ask(mock)

    assert (answer.status, answer.limit.limit) == ("limited", "max_tokens")
    assert answer.tool_calls[0].result.outcome == "cancelled"
    assert talk.events.of(Repaired) == []


async def test_a_whole_call_runs_though_its_reply_ran_out_of_tokens(
    mock: MockServer, talk: Conversation
) -> None:
    mock.script(Step(tool_calls=(WEATHER,), finish_reason="length"), ANSWERED)

    assert (await talk.ask(mock)).text == "It is 20 degrees in Paris."


@pytest.mark.parametrize("streamed", [False, True])
async def test_hidden_truncation_is_sampled_again_and_then_the_models_to_correct(
    mock: MockServer, talk: Conversation, *, streamed: bool
) -> None:
    cut = Step(tool_calls=(Call("get_weather", '{"city":"Par'),))
    mock.script(cut, CALLED, ANSWERED)
    answer = await talk.ask(mock, streamed=streamed)

    assert [each.code for each in talk.events.of(Retried)] == ["truncated-call"] * 3
    assert [call.result.outcome for call in answer.tool_calls] == ["invalid", "ok"]
    assert answer.text == "It is 20 degrees in Paris."


async def test_a_call_garbled_in_the_stream_comes_whole(
    mock: MockServer, talk: Conversation
) -> None:
    mock.script(Step("Look it up.", "One moment.", (WEATHER,), fault="garbled_calls"), ANSWERED)
    answer = await talk.ask(mock, streamed=True)

    assert [call.result.outcome for call in answer.tool_calls] == ["ok"]
    assert [each.code for each in talk.events.of(Retried)] == ["garbled-call"]
    assert talk.events.of(Retried)[0].unstreamed
    assert [each.stream for each in talk.events.of(RequestSent)] == [True, False, True]
    assert talk.events.text() == "One moment.It is 20 degrees in Paris."  # told though unstreamed
    after = talk.events[talk.events.names().index("Retried") :]
    thought = "".join(each.text for each in after if isinstance(each, ReasoningDelta))
    assert thought == "Look it up.Got it."


# ---- nothing said ----


async def test_a_model_that_only_thinks_is_nudged_in_the_last_attempt(
    mock: MockServer, talk: Conversation
) -> None:
    mock.script(Step("Hm.", fault="analysis_only"))
    with pytest.raises(MalformedOutput) as caught:
        await talk.ask(mock)
    bodies = mock.bodies()

    assert caught.value.code == "analysis-only"
    assert len(bodies) == 4
    assert [body["messages"][-1]["content"] == NUDGE for body in bodies] == [
        *(False, False, False),
        True,
    ]
    assert [each["role"] for each in bodies[3]["messages"]] == ["user", "user"]


# ---- the proof in production ----


class Proved:
    """A scripted model that says what a proof found."""

    def __init__(self, inner: ScriptedModel, *, found: bool | None) -> None:
        self._inner = inner
        self._found = found
        self.asked: list[Request] = []

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        self.asked.append(request)
        return await self._inner.sample(request, observe)

    async def prove(self, name: str, step: AssistantMessage, later: AssistantMessage) -> Proof:
        from toolrun.models.proof import Proof

        if self._found is None:
            raise ServerError("no ids")
        return Proof(self._found, 3, 5, 40, "", "told so")

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.mark.parametrize(
    ("found", "warned"),
    [(True, []), (False, ["reasoning-dropped"]), (None, ["reasoning-not-verified"])],
)
async def test_reasoning_that_the_server_drops_is_warned_of(
    found: bool | None,  # noqa: FBT001
    warned: list[str],
) -> None:
    from toolrun.testing import call

    events = Events()
    inner = ScriptedModel(call("get_weather", {"city": "Paris"}, reasoning="Why."), say("Warm."))
    model: Model = Proved(inner, found=found)
    async with Runtime(
        model=model, tools=[get_weather], sinks=[events], verify_reasoning=1.0
    ) as runtime:
        async with runtime.session() as session:
            assert (await session.ask("How warm?")).text == "Warm."
        counts = runtime.counts

    assert [each.code for each in events.of(Warned)] == warned
    assert counts["ReasoningDropped"] == (found is False)
    assert counts["ReasoningProved"] == (found is True)
    assert [each.extra for each in model.asked] == [{}, {"return_token_ids": True}]  # type: ignore[attr-defined]
    assert all(each.prompt_token_ids is None for each in events.of(AssistantMessage))


async def test_ids_that_were_sampled_directly_are_kept_though_none_were_rendered() -> None:
    """A prompt that was sampled from before, to the token, renders nothing anew."""
    from toolrun.testing import call

    class Directly(Proved):
        async def sample(
            self, request: Request, observe: Observe | None = None
        ) -> AssistantMessage:
            message = await super().sample(request, observe)
            return structs.replace(message, token_ids=(7,), rendered_token_ids=(), continues=1)

    inner = ScriptedModel(call("get_weather", {"city": "Paris"}, reasoning="Why."), say("Warm."))
    model: Model = Directly(inner, found=True)
    async with (
        Runtime(model=model, tools=[get_weather], verify_reasoning=1.0) as runtime,
        runtime.session() as session,
    ):
        answer = await session.ask("How warm?")

    assert [step.token_ids for step in answer.steps] == [(7,), (7,)]


async def test_a_share_of_the_steps_is_verified_the_same_ones_each_time() -> None:
    from toolrun.step import Sampler

    sampler = Sampler(None, None, Retries(), FakeClock(), verify=0.1)  # type: ignore[arg-type]
    chosen = [sampler._verifies(f"s.{number}.1") for number in range(2000)]

    assert 140 < sum(chosen) < 260
    assert chosen == [sampler._verifies(f"s.{number}.1") for number in range(2000)]


# ---- the cap ----


async def test_so_many_requests_at_once_and_no_more_in_the_order_of_arrival(
    mock: MockServer,
) -> None:
    mock.script(Step(content="Hello.", delay_s=0.1))
    seen: list[int] = []
    async with Runtime(model=mock.model, base_url=mock.url, max_in_flight=2) as runtime:

        async def watch() -> None:
            while True:
                seen.append(await anyio.to_thread.run_sync(mock.running))
                await anyio.sleep(0.002)

        async def one(number: int) -> None:
            async with runtime.session(str(number)) as session:
                assert (await session.ask("Hello?")).text == "Hello."

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            async with anyio.create_task_group() as sessions:
                for number in range(12):
                    sessions.start_soon(one, number)
            group.cancel_scope.cancel()

    assert max(seen) == 2
    assert len(mock.bodies()) == 12


async def test_a_server_that_was_never_there_is_not_waited_for(talk: Conversation) -> None:
    from toolrun import ServerUnreachable

    class Nowhere:
        model, url = "m", "http://127.0.0.1:9/v1"

    with pytest.raises(ServerUnreachable):
        await talk.ask(Nowhere())  # type: ignore[arg-type]

    assert talk.clock.slept == []


def test_pieces_that_a_retry_made_void_are_not_the_text() -> None:
    events = Events([TextDelta("Ther"), Retried(1, "cut"), TextDelta("There.")])

    assert events.text() == "There."


# ---- calls that are cut off ----


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("reason", ["tool_calls", "length"])
@pytest.mark.parametrize("arguments", ["", '{"ci', '{"city":"Paris"'])
async def test_a_call_that_max_tokens_cuts_off_is_not_run(
    mock: MockServer, talk: Conversation, arguments: str, reason: str, *, streamed: bool
) -> None:
    cut = Call("get_weather", arguments)
    used = {"completion_tokens": 20}
    mock.script(Step("Hm.", tool_calls=(cut,), finish_reason=reason, usage=used), ANSWERED)
    answer = await talk.ask(mock, streamed=streamed, sampling=Sampling(max_tokens=20))

    assert answer.status == "limited"
    assert talk.events.of(Retried) == []
    assert talk.events.of(Repaired) == []
    assert [call.result.outcome for call in answer.tool_calls] == ["cancelled"]


async def test_a_call_that_takes_the_last_token_and_is_whole_is_run(
    mock: MockServer, talk: Conversation
) -> None:
    mock.script(Step("Hm.", tool_calls=(WEATHER,), usage={"completion_tokens": 20}), ANSWERED)
    answer = await talk.ask(mock, sampling=Sampling(max_tokens=20))

    assert answer.status == "finished"
    assert [call.result.content for call in answer.tool_calls] == ["20 degrees C in Paris"]
