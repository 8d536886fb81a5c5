"""Does a trace happen again by each way to a server, by ways that change, and no other one?

Over Chat Completions it is shown in `test_replay.py`, over Responses in `test_responses.py`.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.rig.contract import ContractServer
from tests.rig.mock import MockServer, Step
from tests.unit.models.harmony.said import Says, analysis, call
from tests.unit.models.raw_server import TIMES, Received
from tests.unit.models.raw_server import server as raw_server
from tests.unit.models.test_responses_model import VLLM, reply, storing
from toolrun import (
    ChatModel,
    HarmonyModel,
    ReplayMismatch,
    RequestSent,
    ResponsesModel,
    Retried,
    Runtime,
    ServerUnreachable,
    Session,
    tool,
)
from toolrun.models.fleet import Fleet, score
from toolrun.models.fleet_replica import Replica
from toolrun.models.ways import Server
from toolrun.testing import replay_trace
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun import Model

URLS = ("http://one.test/v1", "http://two.test/v1")


@tool(trusted=True)
async def get_weather(city: str = "") -> str:
    """Say how warm it is."""
    return f"20 degrees in {city}"


@tool(trusted=True)
def f() -> int:
    """Give 1."""
    return 1


class Named(Fleet):
    """A fleet that a session is given as its model."""

    name = "openai/gpt-oss-20b"


async def unlooked(_: Replica) -> bool:
    """Stand in for a look at a server that is none."""
    return False


async def ask(session: Session, *, streamed: bool) -> None:
    if not streamed:
        await session.ask("How warm is Paris?")
        return
    async with session.stream("How warm is Paris?") as events:
        async for _ in events:
            pass


async def assert_replays(path: Path, *, ways: list[str]) -> None:
    """It does; and does not where a message that was sent, or its reasoning, is another."""
    sent = [event for event in read_trace(path).events if isinstance(event, RequestSent)]
    assert [event.via for event in sent] == ways

    assert (await replay_trace(path)).transcript  # it raises at the first byte that differs
    for field in ("reasoning", "content"):
        with pytest.raises(ReplayMismatch):
            await replay_trace(_changed(path, field))


def _changed(path: Path, field: str) -> Path:
    """A trace whose first step thought something else, or whose user asked it."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    kind = "AssistantMessage" if field == "reasoning" else "UserMessage"
    event = next(line for line in lines if line.get("type") == kind)
    assert event[field]
    event[field] = f"{event[field]} Or not."
    other = path.with_name(f"{field}.jsonl")
    other.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return other


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_the_way_that_was_chosen_by_itself(tmp_path: Path, *, streamed: bool) -> None:
    path = tmp_path / "trace.jsonl"
    with ContractServer("vllm-0.11") as server:
        async with Session(
            model=server.model, base_url=server.url, tools=[get_weather], trace=path
        ) as session:
            await ask(session, streamed=streamed)

    await assert_replays(path, ways=["harmony", "harmony"])


async def test_what_a_server_has_stored(tmp_path: Path) -> None:
    path, seen = tmp_path / "trace.jsonl", list[Received]()
    last = storing(seen, post3=reply(3, call=False))
    async with raw_server(last, seen=seen) as port:
        model = ResponsesModel(
            f"http://127.0.0.1:{port}/v1", store=True, dialect=VLLM, timeouts=TIMES
        )
        async with (
            contextlib.aclosing(model),
            Session(model=model, tools=[f], trace=path) as session,
        ):
            await session.ask("Go.")
    followed = [json.loads(each.body) for each in seen if each.method == "POST"]
    assert [body.get("previous_response_id") for body in followed] == [None, "resp_1", "resp_2"]

    await assert_replays(path, ways=["responses"] * 3)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_failover_to_a_server_of_another_way(
    mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, streamed: bool
) -> None:
    """The second step, sampled directly, fails over to Chat Completions; the third is there too."""
    path = tmp_path / "trace.jsonl"
    mock.reset()
    mock.script(*[Step("Got it.", "It is 20 degrees in Paris.")] * 3)
    said = analysis("Need the weather.") + call("get_weather", '{"city":"Paris"}')
    models: dict[str, Model] = {
        URLS[0]: HarmonyModel(Says(said, ServerUnreachable("gone", answered=True))),
        URLS[1]: ChatModel(mock.url),
    }
    name = next(f"s{n}" for n in range(99) if score(URLS[0], f"s{n}") < score(URLS[1], f"s{n}"))
    monkeypatch.setattr(Replica, "look", unlooked)
    fleet = Named([Server(url) for url in URLS], opened=lambda server: models[server.base_url])
    options: dict[str, Any] = {"model": fleet, "tools": [get_weather], "trace": path}
    async with (
        contextlib.aclosing(fleet),
        Runtime(**options) as runtime,
        runtime.session(name) as session,
    ):
        await ask(session, streamed=streamed)
        await ask(session, streamed=streamed)

    retried = [each.elsewhere for each in read_trace(path).events if isinstance(each, Retried)]
    assert retried == [True]
    await assert_replays(path, ways=["harmony", "harmony", "", ""])
