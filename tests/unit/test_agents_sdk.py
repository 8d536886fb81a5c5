"""What does an Agent of the OpenAI Agents SDK get from toolrun's model and tools? On the mock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import agents
import pytest
from agents import Agent, ModelSettings, Runner, set_tracing_disabled
from agents.items import ToolCallItem
from agents.tracing import GenerationSpanData, TracingProcessor
from agents.tracing.provider import DefaultTraceProvider
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from structlog.testing import capture_logs

from tests.integration.agent_tools import word_count
from tests.rig.examples import examples
from tests.rig.mock import Call, Step
from toolrun import (
    AssistantMessage,
    ConfigError,
    MalformedOutput,
    OutputInvalid,
    Retries,
    Runtime,
    Usage,
    Warned,
    tool,
)
from toolrun.integrations.agents import ToolrunModel, ToolrunProvider, function_tools
from toolrun.integrations.agents.items import to_items, to_messages
from toolrun.testing import ScriptedModel, call, say
from toolrun.transcript import ToolMessage, from_openai, message_to_openai
from toolrun.values import ToolCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rig.mock import MockServer
    from toolrun import Request
    from toolrun.models.model import Observe

CALL = Step("I need the weather.", tool_calls=(Call("get_weather", '{"city":"Paris"}'),))
ANSWER = Step("The tool says.", "It is 20 degrees.")
RAN: list[str] = []


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The SDK runs on asyncio alone."""
    return str(request.param)


@pytest.fixture(params=["unstreamed", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "streamed")


@pytest.fixture
async def runtime(mock: MockServer) -> AsyncIterator[Runtime]:
    set_tracing_disabled(True)
    RAN.clear()
    async with Runtime(base_url=mock.url, retries=Retries(first_wait=0.001)) as runtime:
        yield runtime


@tool(trusted=True)
async def get_weather(city: str) -> str:
    """Say how warm it is."""
    RAN.append(city)
    return f"20 degrees in {city}"


@tool(trusted=True, approve=lambda arguments: arguments["city"] == "Paris")
async def get_secret_weather(city: str) -> str:
    """Say how warm it is, to whom it may concern."""
    RAN.append(city)
    return f"20 degrees in {city}"


def agent(runtime: Runtime, *tools: Any, **more: Any) -> Agent[Any]:
    return Agent(
        name="Weather",
        instructions="Be brief.",
        model=ToolrunModel(runtime),
        tools=function_tools(tools, runtime),
        **more,
    )


async def run(
    agent: Agent[Any], text: Any = "How warm is Paris?", *, streamed: bool = False
) -> Any:
    if not streamed:
        return await Runner.run(agent, text)
    result = Runner.run_streamed(agent, text)
    async for _ in result.stream_events():
        pass
    return result


async def test_the_reasoning_goes_back_with_the_result(
    runtime: Runtime, mock: MockServer, *, streamed: bool
) -> None:
    mock.script(CALL, ANSWER)
    result = await run(agent(runtime, get_weather), streamed=streamed)
    second = mock.bodies()[1]

    assert result.final_output == "It is 20 degrees."
    said = second["messages"][2]
    assert said["reasoning"] == said["reasoning_content"] == "I need the weather."
    assert second["messages"][0] == {"role": "system", "content": "Be brief."}
    assert second["messages"][3]["content"] == "20 degrees in Paris"
    assert [tool["function"]["name"] for tool in second["tools"]] == ["get_weather"]
    assert RAN == ["Paris"]
    usage = result.context_wrapper.usage
    assert usage.requests == 2
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0


async def test_the_loop_of_the_sdk_takes_no_trace_of_a_test(
    runtime: Runtime, mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def assemble(*_: Any) -> None:
        raise AssertionError("a trace of the test was taken")

    monkeypatch.setattr(Runtime, "assemble", assemble)
    mock.script(CALL, ANSWER)
    result = await Runner.run(agent(runtime, get_weather), "How warm is it?")

    assert (result.final_output, RAN) == ("It is 20 degrees.", ["Paris"])


async def test_after_the_answer_reasoning_goes_no_more(runtime: Runtime, mock: MockServer) -> None:
    mock.script(CALL, ANSWER)
    weather = agent(runtime, get_weather)
    first = await run(weather)
    await run(weather, [*first.to_input_list(), {"role": "user", "content": "Thanks."}])

    assert len(mock.bodies()[2]["messages"]) == 6
    assert "I need the weather." not in json.dumps(mock.bodies()[2])


@pytest.mark.parametrize("fault", ["header_500", "nothing_said", "analysis_only", "http_503"])
async def test_a_step_that_went_wrong_is_sampled_again(
    runtime: Runtime, mock: MockServer, fault: Any, *, streamed: bool
) -> None:
    again = Step(CALL.reasoning, tool_calls=CALL.tool_calls, fault=fault, fault_times=1)
    mock.script(again, ANSWER)
    result = await run(agent(runtime, get_weather), streamed=streamed)

    assert result.final_output == "It is 20 degrees."
    assert len(mock.bodies()) == 3
    assert sum(n for what, n in runtime.counts.items() if what.startswith("Retried")) == 1


async def test_a_call_is_mended(runtime: Runtime, mock: MockServer) -> None:
    name = Call("functions.get_weather<|channel|>commentary", '{"city":"Paris"')
    mock.script(Step("I call.", tool_calls=(name,)), ANSWER)
    result = await run(agent(runtime, get_weather))
    (made,) = (item for item in result.new_items if isinstance(item, ToolCallItem))

    assert result.final_output == "It is 20 degrees."
    assert made.tool_name == "get_weather"
    assert RAN == ["Paris"]


async def test_where_it_stays_wrong_the_run_fails_with_our_error(
    runtime: Runtime, mock: MockServer, *, streamed: bool
) -> None:
    mock.script(*[Step(None, None)] * 9)
    with pytest.raises(MalformedOutput):
        await run(agent(runtime, get_weather), streamed=streamed)
    assert len(mock.bodies()) == 4


async def test_the_pieces_of_a_stream_add_up_to_its_items(
    runtime: Runtime, mock: MockServer
) -> None:
    mock.script(
        Step("I need it.", "I look it up.", tool_calls=CALL.tool_calls),
        Step("Hm.", ANSWER.content),
    )
    result = Runner.run_streamed(agent(runtime, get_weather), "How warm is Paris?")
    pieces: dict[str, str] = {}
    done: list[Any] = []
    numbers: list[int] = []
    async for event in result.stream_events():
        if event.type != "raw_response_event":
            continue
        data: Any = event.data
        numbers.append(data.sequence_number)
        if data.type.endswith(".delta"):
            pieces[data.type] = pieces.get(data.type, "") + data.delta
        elif data.type == "response.output_item.done":
            done.append(data.item)
        elif data.type == "response.completed":
            assert [item.model_dump() for item in data.response.output] == [
                item.model_dump() for item in done
            ]
            assert data.response.usage.total_tokens > 0
            assert numbers == [*range(len(numbers))]
            done, numbers = [], []
    assert pieces == {
        "response.reasoning_text.delta": "I need it.Hm.",
        "response.output_text.delta": "I look it up.It is 20 degrees.",
        "response.function_call_arguments.delta": '{"city":"Paris"}',
    }


async def test_whoever_leaves_a_stream_ends_its_request(runtime: Runtime, mock: MockServer) -> None:
    mock.script(Step("Wait.", "word " * 400))
    model = ToolrunModel(runtime)
    events = model.stream_response(
        *(None, "Hello.", ModelSettings(), [], None, [], agents.ModelTracing.DISABLED)
    )
    async for event in events:
        if event.type == "response.output_text.delta":
            break
    await events.aclose()  # type: ignore[attr-defined]
    # conftest fails the test where its task is left.


async def test_arguments_that_do_not_fit_are_told_to_the_model(
    runtime: Runtime, mock: MockServer
) -> None:
    mock.script(Step("I call.", tool_calls=(Call("get_weather", '{"city":7}'),)), CALL, ANSWER)
    result = await run(agent(runtime, get_weather))

    assert result.final_output == "It is 20 degrees."
    told = mock.bodies()[1]["messages"][3]["content"]
    assert "city" in told
    assert "string" in told
    assert RAN == ["Paris"]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    (tmp_path / "notes.txt").write_text("three little words")
    return tmp_path


async def test_a_tool_runs_in_the_sandbox(runtime: Runtime, mock: MockServer, notes: Path) -> None:
    mock.script(Step("I count.", tool_calls=(Call("word_count", '{"path":"notes.txt"}'),)), ANSWER)
    tools = function_tools(
        [word_count], runtime, workspace=notes, profile={"extends": "workspace-ro"}
    )
    await run(Agent(name="Counter", model=ToolrunModel(runtime), tools=tools))

    assert mock.bodies()[1]["messages"][2]["content"] == "3"


@pytest.mark.parametrize("approves", [True, False])
async def test_a_tool_that_asks_waits_for_the_sdks_approval(
    runtime: Runtime, mock: MockServer, *, approves: bool
) -> None:
    asked = Call("get_secret_weather", '{"city":"Paris"}')
    mock.script(Step("I call.", tool_calls=(asked,)), ANSWER)
    weather = agent(runtime, get_secret_weather)
    result = await run(weather)
    (waits,) = result.interruptions
    assert RAN == []
    state = result.to_state()
    state.approve(waits) if approves else state.reject(waits)
    result = await run(weather, state)

    assert result.final_output == "It is 20 degrees."
    assert (["Paris"] if approves else []) == RAN


async def test_a_tool_that_asks_is_not_run_by_who_does_not(runtime: Runtime) -> None:
    (asks,) = function_tools([get_secret_weather], runtime)
    assert isinstance(asks, agents.FunctionTool)
    context: Any = agents.tool_context.ToolContext(
        None, tool_name="get_secret_weather", tool_call_id="1", tool_arguments=""
    )

    assert "denied" in await asks.on_invoke_tool(context, '{"city":"Paris"}')
    assert "20 degrees" in await asks.on_invoke_tool(context, '{"city":"Rome"}')
    assert RAN == ["Rome"]


class Weather(BaseModel):
    degrees: int


async def test_an_output_type_is_asked_for_where_the_answer_does_not_fit(
    runtime: Runtime, mock: MockServer, *, streamed: bool
) -> None:
    mock.script(CALL, ANSWER)
    asking = agent(runtime, get_weather, output_type=Weather)
    with pytest.raises(OutputInvalid):  # the mock says the same again and again
        await run(asking, streamed=streamed)

    bodies = mock.bodies()
    assert ["tools" in body for body in bodies] == [True] * 2 + [False] * 4
    assert ["response_format" in body for body in bodies] == [False] * 2 + [True] * 4
    shape = bodies[-1]["response_format"]["json_schema"]["schema"]
    assert shape["properties"]["degrees"]
    mock.reset()
    mock.script(CALL, Step("As JSON.", '{"degrees": 20}'))
    result = await run(asking, streamed=streamed)
    assert result.final_output == Weather(degrees=20)
    assert len(mock.bodies()) == 2


def shaping(last: Any) -> ScriptedModel:
    """A model that looks up the weather, tells it in words, and then as it was asked to."""

    def says(request: Request) -> Any:
        if request.response_format is not None:
            return last
        done = isinstance(request.messages[-1], ToolMessage)
        return "It is 20 degrees." if done else call("get_weather", {"city": "Paris"})

    return ScriptedModel(*[says] * 6)


async def test_the_answer_in_words_is_said_once_more_as_a_value(*, streamed: bool) -> None:
    set_tracing_disabled(True)
    model = shaping(say('{"degrees": 20}', usage=Usage(10, 5)))
    async with Runtime(model=model) as runtime:
        asking = agent(runtime, get_weather, output_type=Weather)
        result = await run(asking, streamed=streamed)

    assert result.final_output == Weather(degrees=20)
    assert [len(each.tools) for each in model.requests] == [1, 1, 0]
    assert result.context_wrapper.usage.total_tokens == 15


async def test_where_no_answer_comes_in_its_shape_the_run_fails_with_our_error(
    *, streamed: bool
) -> None:
    set_tracing_disabled(True)
    model = shaping(AssistantMessage(reasoning="Twenty, I think."))
    async with Runtime(model=model, retries=Retries(attempts=1, first_wait=0.001)) as runtime:
        asking = agent(runtime, get_weather, output_type=Weather)
        with pytest.raises(MalformedOutput) as caught:
            await run(asking, streamed=streamed)

    assert not isinstance(caught.value, OutputInvalid)
    assert caught.value.code == "analysis-only"


class Slow(ScriptedModel):
    """Warns of itself."""

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        if observe is not None:
            observe(Warned("slow", "the server is slow"))
        return await super().sample(request, observe)


async def test_what_is_warned_of_is_in_the_log(*, streamed: bool) -> None:
    set_tracing_disabled(True)
    async with Runtime(model=Slow("Hello.")) as runtime:
        with capture_logs() as logs:
            result = await run(agent(runtime), streamed=streamed)

    assert result.final_output == "Hello."
    assert [(each["event"], each["code"]) for each in logs] == [("the server is slow", "slow")]


class Spans(TracingProcessor):
    """Keeps what the SDK's traces say of steps."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def on_span_end(self, span: Any) -> None:
        if isinstance(span.span_data, GenerationSpanData):
            self.steps.append(span.span_data.export())

    def on_trace_start(self, trace: Any) -> None: ...
    def on_trace_end(self, trace: Any) -> None: ...
    def on_span_start(self, span: Any) -> None: ...
    def shutdown(self) -> None: ...
    def force_flush(self) -> None: ...


@pytest.mark.parametrize("told", [True, False], ids=["told", "kept"])
async def test_what_was_said_is_in_the_traces_of_the_sdk_only_if_wanted(
    monkeypatch: pytest.MonkeyPatch, *, streamed: bool, told: bool
) -> None:
    provider, spans = DefaultTraceProvider(), Spans()
    provider.register_processor(spans)
    monkeypatch.setattr("agents.tracing.setup.GLOBAL_TRACE_PROVIDER", provider)
    config = agents.RunConfig(trace_include_sensitive_data=told)
    model = ScriptedModel(say("It is a secret.", usage=Usage(10, 5)))
    async with Runtime(model=model) as runtime:
        if streamed:
            result = Runner.run_streamed(agent(runtime), "Tell me.", run_config=config)
            async for _ in result.stream_events():
                pass
        else:
            await Runner.run(agent(runtime), "Tell me.", run_config=config)

    [step] = spans.steps
    assert step["usage"] == {"input_tokens": 10, "output_tokens": 5}
    assert ("Tell me." in str(step["input"])) is told
    assert ("It is a secret." in str(step["output"])) is told


async def test_settings_reach_the_server(runtime: Runtime, mock: MockServer) -> None:
    mock.script(ANSWER)
    settings = ModelSettings(
        temperature=0.5,
        max_tokens=99,
        reasoning={"effort": "low"},
        tool_choice="get_weather",
        parallel_tool_calls=False,
        extra_body={"top_k": 3},
    )
    await run(agent(runtime, get_weather, model_settings=settings))
    (body,) = mock.bodies()

    assert body["temperature"] == 0.5
    assert body["max_tokens"] == 99
    assert body["reasoning_effort"] == "low"
    assert body["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}
    assert body["parallel_tool_calls"] is False
    assert body["top_k"] == 3


async def test_a_provider_finds_models_by_name(runtime: Runtime, mock: MockServer) -> None:
    mock.script(ANSWER)
    config = agents.RunConfig(model_provider=ToolrunProvider(runtime))
    await Runner.run(Agent(name="A", model="openai/gpt-oss-20b"), "Hello.", run_config=config)

    assert mock.bodies()[0]["model"] == "openai/gpt-oss-20b"
    provider = ToolrunProvider(runtime)
    assert provider.get_model("a") is provider.get_model("a")
    assert provider.get_model("a") is not provider.get_model(None)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation_id": "conv_1"}, "conversation_id"),
        ({"model_settings": ModelSettings(top_logprobs=3)}, "top_logprobs"),
        ({"tools": [agents.WebSearchTool()]}, "runs at OpenAI"),
        ({"input": [{"type": "compaction"}]}, r"input\[0\]"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "text is all that gpt-oss reads",
        ),
    ],
)
async def test_what_cannot_be_obeyed_is_refused(
    runtime: Runtime, asked: dict[str, Any], said: str
) -> None:
    whole: dict[str, Any] = {
        "system_instructions": None,
        "input": "Hello.",
        "model_settings": ModelSettings(),
        "tools": [],
        "output_schema": None,
        "handoffs": [],
        "tracing": agents.ModelTracing.DISABLED,
    }
    with pytest.raises(ConfigError, match=said):
        await ToolrunModel(runtime).get_response(**(whole | asked))


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
calls = st.builds(ToolCall, texts, texts, texts)


@settings(max_examples=examples(40))
@given(
    st.lists(
        st.builds(
            AssistantMessage,
            content=st.none() | texts,
            reasoning=st.none() | texts,
            tool_calls=st.lists(calls, max_size=3, unique_by=lambda call: call.id).map(tuple),
        ).filter(lambda said: said.content or said.tool_calls),
        max_size=4,
    )
)
def test_items_hold_all_of_a_step(steps: list[AssistantMessage]) -> None:
    items: list[Any] = [{"role": "user", "content": "Go."}]
    for step in steps:
        items += [item.model_dump(exclude_unset=True) for item in to_items(step)]
        items += [
            {"type": "function_call_output", "call_id": call.id, "output": "Done."}
            for call in step.tool_calls
        ] or [{"role": "user", "content": "And?"}]
    messages = to_messages(items)

    said = [message for message in messages if message["role"] == "assistant"]
    assert said == [message_to_openai(step) for step in steps]
    from_openai(messages)
