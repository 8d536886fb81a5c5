"""Does `toolrun serve` serve the official client, whoever runs the tools? On the mock vLLM."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.integration.serving import TOOLS as SOURCE
from tests.integration.serving import WEATHER, Served
from tests.rig import leaks
from tests.rig.mock import Call, Step
from tests.unit.cli.work import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.mock import MockServer

PARIS = Call("get_weather", '{"city":"Paris"}')
LOOKING = Step("I need the weather.", "I look.", tool_calls=(PARIS,))
ANSWER = Step("Now I know.", "It is 20 degrees.")
TOOLS: Any = [WEATHER]
HI: list[Any] = [{"role": "user", "content": "How warm is Paris?"}]


@pytest.fixture(scope="module")
def served(mock_server: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    with Served(folder, mock_server.url, "--tools", "my_tools.py") as served:
        leaks.KNOWN.add(served.process.pid, served.fds)
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="any", max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture
def model(mock: MockServer) -> str:
    return mock.model


streamed = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def ask(client: openai.OpenAI, *, streamed: bool, **request: Any) -> Any:
    """The message, as the client adds it up, its finish_reason and its usage."""
    if not streamed:
        reply = client.chat.completions.create(**request)
        return reply.choices[0].message, reply.choices[0].finish_reason, reply.usage
    with client.chat.completions.stream(
        **request, stream_options={"include_usage": True}
    ) as stream:
        reasoning = "".join(
            getattr(event.chunk.choices[0].delta, "reasoning", None) or ""
            for event in stream
            if event.type == "chunk" and event.chunk.choices
        )
        final: Any = stream.get_final_completion()
    message = final.choices[0].message
    message.reasoning = reasoning
    return message, final.choices[0].finish_reason, final.usage


def result(message: Any, text: str = "20") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": text}


def without_reasoning(message: Any) -> dict[str, Any]:
    """The message as LangChain and others send it back."""
    calls = [each.model_dump(exclude={"parsed", "index"}) for each in message.tool_calls]
    for each in calls:
        each["function"].pop("parsed_arguments", None)
    return {"role": "assistant", "content": message.content, "tool_calls": calls}


@streamed
def test_the_servers_tools_run_and_the_client_gets_the_answer(
    client: openai.OpenAI, mock: MockServer, model: str, *, streamed: bool
) -> None:
    mock.script(LOOKING, ANSWER)
    system = {"role": "system", "content": "Be brief."}
    message, finish, usage = ask(
        client, streamed=streamed, model=model, messages=[system, *HI], temperature=0.5, seed=3
    )
    assert message.content == "I look.\n\nIt is 20 degrees."
    assert message.reasoning == "I need the weather.\n\nNow I know."
    assert (finish, message.tool_calls or None) == ("stop", None)
    first, second = mock.bodies()
    assert (first["temperature"], first["seed"]) == (0.5, 3)
    assert first["messages"][0]["content"] == "Be brief."
    assert [each["function"]["name"] for each in first["tools"]] == ["get_weather", "wait", "send"]
    assert second["messages"][-2]["reasoning"] == "I need the weather."
    assert '"degrees":20' in second["messages"][-1]["content"].replace(" ", "")
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0


@streamed
def test_a_client_with_tools_of_its_own_loses_no_reasoning(
    client: openai.OpenAI, mock: MockServer, model: str, *, streamed: bool
) -> None:
    mock.script(LOOKING, ANSWER)
    request = {"model": model, "tools": [WEATHER]}
    message, finish, _ = ask(client, streamed=streamed, messages=HI, **request)
    assert (finish, message.content) == ("tool_calls", "I look.")
    assert message.tool_calls[0].function.arguments == '{"city":"Paris"}'
    history = [*HI, without_reasoning(message), result(message)]
    answer, _, usage = ask(client, streamed=streamed, messages=history, **request)
    assert answer.content == "It is 20 degrees."
    first, second = mock.bodies()
    assert [each["function"]["name"] for each in first["tools"]] == ["get_weather"]
    assert second["messages"][1]["reasoning"] == "I need the weather."
    assert usage.total_tokens > 0

    # The next question: the client's transcript is as it is.
    ask(client, streamed=False, messages=[*history, {"role": "user", "content": "And?"}], **request)
    assert "reasoning" not in mock.bodies()[-1]["messages"][1]


async def test_the_asynchronous_client_is_served_as_well(
    served: Served, mock: MockServer, model: str
) -> None:
    mock.script(LOOKING, ANSWER)
    async with openai.AsyncOpenAI(base_url=served.url, api_key="any", max_retries=0) as client:
        reply = await client.chat.completions.create(model=model, messages=HI)
        assert reply.choices[0].message.content == "I look.\n\nIt is 20 degrees."
        stream = await client.responses.create(model=model, input="How warm?", stream=True)
        kinds = [event.type async for event in stream]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"


@streamed
def test_responses_run_the_servers_tools(
    client: openai.OpenAI, mock: MockServer, model: str, *, streamed: bool
) -> None:
    mock.script(LOOKING, ANSWER)
    if streamed:
        with client.responses.stream(model=model, input="How warm?") as stream:
            deltas = [e.delta for e in stream if e.type == "response.output_text.delta"]
            response: Any = stream.get_final_response()
        assert "".join(deltas) == "I look.It is 20 degrees."
    else:
        response = client.responses.create(model=model, input="How warm?")
    kinds = [item.type for item in response.output]
    assert kinds == ["reasoning", "message", "reasoning", "message"]
    assert response.output_text == "I look.It is 20 degrees."
    assert (response.status, response.usage.total_tokens > 0) == ("completed", True)


@streamed
def test_responses_of_a_client_that_runs_its_tools(
    client: openai.OpenAI, mock: MockServer, model: str, *, streamed: bool
) -> None:
    mock.script(LOOKING, ANSWER)
    tool = {"type": "function", **WEATHER["function"]}
    given: list[Any] = [{"role": "user", "content": "How warm?"}]
    request: dict[str, Any] = {"model": model, "tools": [tool]}
    if streamed:
        with client.responses.stream(input=given, **request) as stream:
            events = [event.type for event in stream]
            response: Any = stream.get_final_response()
        assert "response.function_call_arguments.done" in events
    else:
        response = client.responses.create(input=given, **request)
    call = response.output[-1]
    assert (call.type, call.name, call.arguments) == (
        "function_call",
        *PARIS.__struct_fields__,
    ) or (
        call.name,
        call.arguments,
    ) == (PARIS.name, PARIS.arguments)
    # The client keeps the call alone.
    given += [
        {
            "type": "function_call",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
        },
        {"type": "function_call_output", "call_id": call.call_id, "output": "20"},
    ]
    answer = client.responses.create(input=given, **request)
    assert answer.output_text == "It is 20 degrees."
    assert mock.bodies()[-1]["messages"][1]["reasoning"] == "I need the weather."


def test_reasoning_that_a_client_does_not_want_is_kept_all_the_same(
    client: openai.OpenAI, mock: MockServer, model: str
) -> None:
    mock.script(LOOKING, ANSWER)
    hidden: dict[str, Any] = {"extra_body": {"include_reasoning": False}}
    message, _, _ = ask(client, streamed=False, model=model, messages=HI, tools=TOOLS, **hidden)
    assert getattr(message, "reasoning", None) is None
    history = [*HI, without_reasoning(message), result(message)]
    ask(client, streamed=False, model=model, messages=history, tools=TOOLS)
    assert mock.bodies()[-1]["messages"][1]["reasoning"] == "I need the weather."


def test_an_answer_that_must_fit_a_schema_comes_alone(
    client: openai.OpenAI, mock: MockServer, model: str
) -> None:
    mock.script(LOOKING, Step("Now I know.", '{"degrees": 20}'))
    schema = {"type": "object", "properties": {"degrees": {"type": "integer"}}}
    form: Any = {"type": "json_schema", "json_schema": {"name": "w", "schema": schema}}
    for streamed in (False, True):
        message, _, _ = ask(
            client, streamed=streamed, model=model, messages=HI, response_format=form
        )
        assert message.content == '{"degrees": 20}'


def test_a_call_that_needs_approval_is_denied(
    client: openai.OpenAI, mock: MockServer, model: str
) -> None:
    mock.script(Step("Send.", tool_calls=(Call("send", '{"text":"x"}'),)), ANSWER)
    ask(client, streamed=False, model=model, messages=HI)
    assert "nobody is there to approve it" in mock.bodies()[-1]["messages"][-1]["content"]


def test_a_limit_ends_the_answer_as_length(
    client: openai.OpenAI, mock: MockServer, model: str
) -> None:
    mock.script(Step("Hm.", "The begin", finish_reason="length"))
    message, finish, _ = ask(client, streamed=False, model=model, messages=HI)
    assert (message.content, finish) == ("The begin", "length")
    response = client.responses.create(model=model, input="x")
    assert response.status == "incomplete"


def test_errors_are_the_clients_own(client: openai.OpenAI, mock: MockServer, model: str) -> None:
    with pytest.raises(openai.NotFoundError, match="no model of that name") as missing:
        client.chat.completions.create(model="nope", messages=HI)
    assert missing.value.code == "model_not_found"
    assert missing.value.request_id
    with pytest.raises(openai.BadRequestError, match="n cannot be had here") as bad:
        client.chat.completions.create(model=model, messages=HI, n=2)
    assert bad.value.param == "n"
    with pytest.raises(openai.NotFoundError, match="no such endpoint"):
        client.embeddings.create(model=model, input="x")
    mock.script(Step(fault="http_429", retry_after="7"))
    with pytest.raises(openai.RateLimitError) as busy:
        client.chat.completions.create(model=model, messages=HI, tools=TOOLS)
    assert busy.value.response.headers["retry-after"] == "7"
    mock.script(Step(fault="http_500"))
    with pytest.raises(openai.InternalServerError) as failed:
        client.chat.completions.create(model=model, messages=HI, tools=TOOLS)
    assert failed.value.status_code == 502
    assert mock.root not in str(failed.value)


def test_an_error_in_mid_stream_is_one_for_the_client(
    client: openai.OpenAI, mock: MockServer, model: str
) -> None:
    mock.script(Step("Thinking.", "Text.", fault="sse_error"))
    with (
        pytest.raises(openai.APIError),
        client.chat.completions.create(
            model=model, messages=HI, tools=TOOLS, stream=True
        ) as stream,
    ):
        list(stream)
    with client.responses.create(model=model, input="x", tools=[], stream=True) as events:
        kinds = [event.type for event in events]
    assert kinds[-1] in ("response.failed", "response.completed")


@streamed
def test_a_client_that_goes_ends_its_turn_and_the_tool(
    served: Served, mock: MockServer, tmp_path: Path, *, streamed: bool
) -> None:
    note = tmp_path / "note"
    mock.script(Step("Wait.", tool_calls=(Call("wait", f'{{"path":"{note}"}}'),)), ANSWER)
    line = http.client.HTTPConnection(served.root.removeprefix("http://"))
    body = json.dumps({"messages": HI, "stream": streamed})
    line.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    until(lambda: note.exists() and note.read_text() == "begun")
    line.close()
    until(lambda: note.read_text() == "ended")
    assert len(mock.bodies()) == 1


def test_a_client_that_goes_ends_the_request_to_the_server_behind(
    client: openai.OpenAI, mock: MockServer, model: str
) -> None:
    mock.script(Step("Slow. " * 500, "x", chunk_delay_s=0.1, chunks_per_write=1))
    stream: Any = client.chat.completions.create(model=model, messages=HI, tools=TOOLS, stream=True)
    next(iter(stream))
    assert mock.running() == 1
    stream.close()
    until(lambda: mock.running() == 0)


def test_models_health_and_metrics(client: openai.OpenAI, served: Served, model: str) -> None:
    assert [each.id for each in client.models.list()] == [model]
    assert client.models.retrieve(model).owned_by == "vllm"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nope")
    http: Any = client._client
    for path in ("/health", "/health/live", "/health/ready"):
        assert http.get(f"{served.root}{path}").status_code == 200
    text = http.get(f"{served.root}/metrics").text
    assert 'toolrun_requests_total{route="/v1/models",status="200",key="anyone"}' in text
    assert 'toolrun_request_seconds_bucket{route="/v1/models",le="+Inf"}' in text
    assert all(line.startswith(("#", "toolrun_")) for line in text.splitlines())


def test_the_log_has_no_contents(
    client: openai.OpenAI, served: Served, mock: MockServer, model: str
) -> None:
    mock.script(LOOKING, ANSWER)
    ask(client, streamed=False, model=model, messages=[{"role": "user", "content": "Top secret?"}])
    until(lambda: served.err.count('"did": "turn"') > 0)
    assert "secret" not in served.err
    assert "degrees" not in served.err
    assert "Traceback" not in served.err


def test_the_first_signal_lets_a_stream_finish(mock: MockServer, tmp_path: Path) -> None:
    mock.script(Step("Slow. " * 20, "Done.", chunk_delay_s=0.02, chunks_per_write=1))
    with (
        Served(tmp_path, mock.url) as served,
        openai.OpenAI(base_url=served.url, api_key="any", max_retries=0) as client,
    ):
        stream: Any = client.chat.completions.create(model=mock.model, messages=HI, stream=True)
        chunks = iter(stream)
        next(chunks)
        served.signal()
        text = "".join(each.choices[0].delta.content or "" for each in chunks)
        assert text == "Done."
        with pytest.raises(openai.APIConnectionError):
            client.models.list()
        assert served.close() == 0


def test_the_second_signal_ends_a_stream_at_once_and_properly(
    mock: MockServer, tmp_path: Path
) -> None:
    mock.script(Step("Slow. " * 500, "Done.", chunk_delay_s=0.1, chunks_per_write=1))
    with (
        Served(tmp_path, mock.url) as served,
        openai.OpenAI(base_url=served.url, api_key="any", max_retries=0) as client,
    ):
        stream: Any = client.chat.completions.create(model=mock.model, messages=HI, stream=True)
        chunks = iter(stream)
        next(chunks)
        served.signal()
        until(lambda: "draining" in served.err)
        began = time.monotonic()
        served.signal(signal.SIGINT)
        with pytest.raises(openai.APIError, match="shutting down"):
            list(chunks)
        assert served.close() == 130
        assert time.monotonic() - began < 20
        until(lambda: mock.running() == 0)


def test_without_keys_it_listens_to_this_machine_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "toolrun", "serve", "--host", "0.0.0.0", "--port", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--api-key-file" in done.stderr


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("keys.txt", ["--tools", "my_tools.py"]),
        ("keys.txt", ["--tools", "my_tools.py:get_weather"]),
        ("sub/keys.txt", ["--workspace", "."]),
    ],
)
def test_keys_that_tools_can_read_are_refused(tmp_path: Path, file: str, words: list[str]) -> None:
    (tmp_path / "my_tools.py").write_text(SOURCE)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("alice 0123456789abcdef\n")
    done = subprocess.run(
        [sys.executable, "-m", "toolrun", "serve", "--api-key-file", file, "--port", "0", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "tools can read it there" in done.stderr


def test_a_server_that_is_gone_is_stood_in_for_and_turns_leave_traces(
    mock: MockServer, tmp_path: Path
) -> None:
    (tmp_path / "traces").mkdir()
    words = ("--base-url", "http://127.0.0.1:9/v1", "--trace", "traces", "--tools", "my_tools.py")
    mock.script(LOOKING, ANSWER)
    with (
        Served(tmp_path, mock.url, *words) as served,
        openai.OpenAI(base_url=served.url, api_key="any", max_retries=0) as client,
    ):
        said: list[Any] = [[{"role": "user", "content": f"Hello {n}."}] for n in range(6)]
        for messages in said:
            message, _, _ = ask(
                client, streamed=False, model=mock.model, messages=messages, tools=TOOLS
            )
            assert message.tool_calls
        message, _, _ = ask(client, streamed=True, model=mock.model, messages=HI)
        assert message.content == "I look.\n\nIt is 20 degrees."
        assert client.models.list().data
    (trace,) = (tmp_path / "traces").iterdir()
    assert '"TurnFinished"' in trace.read_text()
