"""Does a session work against the servers that cannot run here, as their contracts have them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.rig.contract import NAMES, ContractServer
from tests.rig.heard import Listener
from toolrun import Event, RequestSent, Retried, Retries, Session, Warned, tool
from toolrun.models import auto
from toolrun.models.dialects import named

if TYPE_CHECKING:
    from collections.abc import Iterator

REASONING = "I need the weather in Paris, and only get_weather knows it."
ANSWER = "It is 20 degrees in Paris."


@tool(trusted=True)
async def get_weather(city: str) -> str:
    """Say how warm it is."""
    return f"20 degrees in {city}"


@pytest.fixture(params=NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[ContractServer]:
    with ContractServer(request.param) as server:
        yield server


def opened(server: ContractServer, *, via: Any = "chat", **options: Any) -> Session:
    return Session(
        model=server.model,
        base_url=server.url,
        tools=[get_weather],
        retries=Retries(first_wait=0.01),
        via=via,
        **options,
    )


async def said(session: Session, *, streamed: bool) -> tuple[str, list[Event]]:
    """The answer to a question, and what was heard."""
    heard = Listener()
    session._journal.add(heard)
    if not streamed:
        return (await session.ask("How warm is Paris?")).text, heard.events
    async with session.stream("How warm is Paris?") as events:
        async for _ in events:
            pass
    assert events.answer is not None
    return events.answer.text, heard.events


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_reasoning_goes_both_ways(server: ContractServer, *, streamed: bool) -> None:
    async with opened(server) as session:
        text, heard = await said(session, streamed=streamed)
        reasoning = [each.get("reasoning") for each in session.messages()]

    dialect = named(server.contract.dialect)
    assert text == ANSWER
    assert reasoning[1] == REASONING
    sent = server.bodies[1]["messages"][1]
    fields = {name: sent[name] for name in ("reasoning", "reasoning_content") if name in sent}
    assert fields == dict.fromkeys(dialect.reasoning_out, REASONING)
    if dialect.takes_reasoning is not False:
        assert server.taken(server.bodies[1]["messages"]) == REASONING
    warned = {each.code for each in heard if isinstance(each, Warned)}
    dropped = {"reasoning-not-returned"} if dialect.takes_reasoning is False else set()
    assert warned == dropped
    assert {each.dialect for each in heard if isinstance(each, RequestSent)} == {dialect.name}


@pytest.mark.parametrize("name", NAMES)
async def test_a_call_that_is_no_json_does_not_end_a_turn(name: str) -> None:
    with ContractServer(name, bad_calls=1) as server:
        async with opened(server) as session:
            text, heard = await said(session, streamed=False)
            told = [each for each in session.messages() if each["role"] == "tool"]

    retried = [each.code for each in heard if isinstance(each, Retried)]
    assert text == ANSWER
    match server.contract.bad_json:
        case "500":  # the model's fault: sampled again at once, nothing appended
            assert retried == ["malformed-call"]
            assert server.bodies[0] == server.bodies[1]
        case "lost":
            assert retried == ["analysis-only"]
        case "told":
            assert retried == []
            assert "not valid JSON" in told[0]["content"]


async def test_token_by_token_is_chosen_where_chat_drops_reasoning() -> None:
    with ContractServer("vllm-0.11") as server:
        async with opened(server, via="auto") as session:
            text, heard = await said(session, streamed=False)

    assert text == ANSWER
    assert [each.via for each in heard if isinstance(each, RequestSent)] == ["harmony"] * 2
    assert not [each for each in heard if isinstance(each, Warned)]
    first, second = server.prompts
    assert second[: len(first)] == first
    assert server.bodies == []


async def test_responses_are_chosen_where_harmony_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auto, "has", lambda module: False)
    with ContractServer("vllm-0.11") as server:
        async with opened(server, via="auto") as session:
            text, heard = await said(session, streamed=False)

    assert text == ANSWER
    assert [each.via for each in heard if isinstance(each, RequestSent)] == ["responses"] * 2


async def test_chat_is_what_is_left_and_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self: auto.AutoModel, path: str) -> bool:
        return False

    monkeypatch.setattr(auto.AutoModel, "_has", nothing)
    with ContractServer("vllm-0.11") as server:
        async with opened(server, via="auto") as session:
            text, heard = await said(session, streamed=False)

    assert text == ANSWER
    assert [each.code for each in heard if isinstance(each, Warned)] == ["reasoning-not-returned"]


@pytest.mark.parametrize("name", ["ollama", "lm-studio", "llama.cpp", "litellm"])
async def test_chat_is_chosen_where_nothing_says_that_it_drops_reasoning(name: str) -> None:
    with ContractServer(name) as server:
        async with opened(server, via="auto") as session:
            text, heard = await said(session, streamed=False)

    assert text == ANSWER
    assert [each.via for each in heard if isinstance(each, RequestSent)] == ["", ""]
