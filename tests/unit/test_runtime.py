"""Do sessions share what a `Runtime` owns, and leave nothing behind?"""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.rig.mock import Call, MockServer, Step
from tests.unit.models.test_door import open_connections
from tests.unit.test_turn import TOOLS, call, echo, hang, results
from toolrun import (
    Answer,
    AssistantMessage,
    ConfigError,
    Limits,
    Runtime,
    Sampling,
    Session,
    ToolDefinitionError,
    tool,
)
from toolrun.tools import validation
from toolrun.tools.definition import Tool, define

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun import Request


def runtime(mock: MockServer, **options: Any) -> Runtime:
    return Runtime(**{"model": mock.model, "base_url": mock.url, "tools": TOOLS, **options})


async def test_fifty_sessions_share_one_client_and_one_compiled_toolbox(
    mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    defined: list[str] = []
    compiled: list[str] = []
    compile_ = validation.Validator.__init__

    def defining(function: Callable[..., Any]) -> Tool:
        defined.append(function.__name__)
        return define(function)

    def counted(self: validation.Validator, name: str, schema: dict[str, Any]) -> None:
        compiled.append(name)
        compile_(self, name, schema)

    monkeypatch.setattr("toolrun.assembling.define", defining)
    monkeypatch.setattr(validation.Validator, "__init__", counted)
    mock.script(Step("Why.", tool_calls=(call("echo", text="a"),)), Step(content="Done."))
    answers: list[Answer] = []
    async with runtime(mock) as shared:

        async def one(number: int) -> None:
            async with shared.session(f"s{number}") as chat:
                answers.append(await chat.ask(f"I am {number}."))
                answers.append(await chat.ask(f"I am {number} still."))

        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(one, number)
        assert len(shared._models) == 1
        assert open_connections(mock) <= 50

    assert [each.text for each in answers] == ["Done."] * 100
    assert all(results(each) == ["a"] for each in answers)
    assert defined == ["echo", "hang", "send"]
    assert compiled == ["echo"]
    assert len(mock.requests("/version")) == 1
    # Nobody got another's words.
    for body in mock.bodies():
        said = [each["content"] for each in body["messages"] if each["role"] == "user"]
        assert len({text.rstrip(".").split()[2] for text in said}) == 1


async def test_one_session_after_the_other_takes_one_connection(mock: MockServer) -> None:
    async with runtime(mock) as shared:
        for _ in range(5):
            async with shared.session() as chat:
                await chat.ask("Go.")
                async with chat.stream("More.") as events:
                    async for _ in events:
                        pass
        assert open_connections(mock) == 1


async def test_a_session_that_was_left_leaves_nothing(mock: MockServer) -> None:
    async with runtime(mock) as shared:
        chat = shared.session()
        await chat.__aenter__()
        await chat.ask("Go.")
        kept = weakref.ref(chat)
        never = f"session {chat.id} was never closed"
        with pytest.warns(ResourceWarning, match=never):  # noqa: PT031 - one ends the other
            del chat
            gc.collect()
        assert kept() is None
        assert open_connections(mock) == 1  # the runtime's, for the next


async def test_options_of_a_session_go_before_the_runtimes(mock: MockServer) -> None:
    async with runtime(mock, effort="low", sampling=Sampling(seed=1)) as shared:
        async with shared.session() as chat:
            await chat.ask("Go.")
        async with shared.session(effort="high", tools=[echo]) as chat:
            await chat.ask("Go.")
    first, second = mock.bodies()

    assert (first["reasoning_effort"], first["seed"], len(first["tools"])) == ("low", 1, 3)
    assert (second["reasoning_effort"], second["seed"], len(second["tools"])) == ("high", 1, 1)


async def test_a_session_has_the_name_that_it_is_given(mock: MockServer) -> None:
    async with runtime(mock) as shared:
        names = {shared.session().id for _ in range(5)}
        assert len(names) == 5
        assert shared.session("42").id == shared.session(id="42").id == "42"


async def test_keys_of_two_tenants_are_kept_apart(mock: MockServer) -> None:
    async with runtime(mock) as shared:
        for key in ("red", "blue", "red"):
            async with shared.session(api_key=key) as chat:
                await chat.ask("Go.")
        assert len(shared._models) == 2
    sent = [each.headers["authorization"] for each in mock.requests()]

    assert sent == ["Bearer red", "Bearer blue", "Bearer red"]


async def test_a_model_of_the_users_own(mock: MockServer) -> None:
    class Parrot:
        """Says what was said."""

        async def sample(self, request: Request, observe: Any = None) -> AssistantMessage:
            last = request.messages[-1]
            return AssistantMessage(content=str(getattr(last, "content", "")))

        async def aclose(self) -> None: ...

    async with Session(model=Parrot()) as chat:
        assert (await chat.ask("Polly?")).text == "Polly?"
        opened = chat.state.opened
        assert opened is not None
        assert opened.settings["model"] == "Parrot"


async def test_what_a_session_opens_with(mock: MockServer, tmp_path: Path) -> None:
    options: Any = {
        "instructions": "Be kind.",
        "limits": Limits(steps=3),
        "api_key": "sk-1234",
        "headers": {"X-Key": "sk-5678"},
        "workspace": tmp_path,
        "messages": [{"role": "system", "content": "Be brief."}],
    }
    async with runtime(mock, **options) as shared, shared.session() as chat:
        opened = chat.state.opened

    assert opened is not None
    assert len(opened.date) == 10
    assert opened.settings["instructions"] == "Be kind.\n\nBe brief."
    assert opened.settings["limits"]["steps"] == 3
    assert opened.settings["workspace"] == str(tmp_path)
    assert [each["function"]["name"] for each in opened.tools] == ["echo", "hang", "send"]
    assert "sk-" not in str(opened)


@pytest.mark.parametrize("options", [{"tool": []}, {"effort": "extreme"}, {"workspace": "/no"}])
async def test_options_that_cannot_be(mock: MockServer, options: Any) -> None:
    with pytest.raises(ConfigError):
        runtime(mock, **options)
    async with runtime(mock) as shared:
        with pytest.raises(ConfigError):
            shared.session(**options)
    with pytest.raises(ConfigError):
        Session(**options)


async def test_tools_that_cannot_be(mock: MockServer) -> None:
    with pytest.raises(ToolDefinitionError):
        Session(model=mock.model, tools=[lambda: 1])
    with pytest.raises(ToolDefinitionError, match="two tools are called 'echo'"):
        Session(model=mock.model, tools=[echo, echo])


async def test_a_trace_goes_into_a_file(mock: MockServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        Session(model=mock.model, base_url=mock.url, trace=tmp_path)
    path = tmp_path / "a.jsonl"
    options: Any = {"model": mock.model, "base_url": mock.url, "api_key": "sk-1234"}
    async with Session(trace=path, **options) as chat:
        await chat.ask("My key is sk-1234.")
        assert chat.trace_path == path
    text = path.read_text()

    assert '"SessionOpened"' in text
    assert '"TurnFinished"' in text
    assert "sk-1234" not in text
    async with Session(**options) as chat:
        assert chat.trace_path is None


async def test_a_runtime_that_closes_lets_every_connection_go(mock: MockServer) -> None:
    async with runtime(mock) as shared:
        async with shared.session() as chat:
            await chat.ask("Go.")
        assert open_connections(mock) == 1
    await until_closed(mock)


async def test_a_private_runtime_ends_with_its_session(mock: MockServer) -> None:
    mock.script(Step(tool_calls=(Call("hang"),)))
    chat = Session(model=mock.model, base_url=mock.url, tools=[hang])
    async with chat, anyio.create_task_group() as group:
        group.start_soon(chat.ask, "Go.")
        with anyio.fail_after(5):
            while not chat.state.started:  # noqa: ASYNC110 - a state without a listener
                await anyio.sleep(0.005)
        await chat.aclose()
    assert chat.state.finished is not None
    assert chat.state.finished.status == "cancelled"
    await until_closed(mock)


async def until_closed(mock: MockServer) -> None:
    with anyio.fail_after(5):
        while open_connections(mock):  # noqa: ASYNC110 - the kernel tells nobody
            await anyio.sleep(0.01)


@pytest.mark.load
def test_a_tool_made_for_each_session_does_not_pile_up() -> None:
    runtime = Runtime()
    first: weakref.ref[Any] | None = None
    for number in range(1100):

        @tool(trusted=True)
        def whose(number: int = number) -> int:
            return number

        first = first or weakref.ref(whose)
        runtime.session(tools=[whose])
        if number == 0:
            assert first() is not None
    gc.collect()
    assert first is not None
    assert first() is None
