"""What becomes of a session whose real server is started wrong, or dies while it answers?

A server of its own, since no other test may use it: it starts twice, a minute each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import anyio
import pytest

from tests.integration.test_doctor import OBEDIENT
from tests.integration.test_fault_table import (
    anyio_backend,
    ask,
    compare,
    found,
    options,
    outcome,
)
from tests.rig.fault_cases import CASES, question
from tests.rig.fault_page import Key, Way
from tests.rig.heard import Listener
from tests.rig.server import VllmServer
from toolrun import MalformedOutput, Retried, Retries, Session, TextDelta
from toolrun.models.doctor import examine
from toolrun.models.faults import PARSER_FLAGS
from toolrun.models.ways import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["anyio_backend", "found"]

# The second server starts within a test.
pytestmark = [pytest.mark.vllm, pytest.mark.timeout(400, func_only=True)]

COUNTED = " ".join(f"{number} and so on." for number in range(1, 101))


@pytest.fixture(scope="module")
def server() -> Iterator[VllmServer]:
    """One without parsers: a common mistake of operators."""
    with VllmServer(parsers=False) as server:
        yield server


async def test_the_missing_flags_are_named(server: VllmServer, found: dict[Key, str]) -> None:
    case = CASES["no tool parser"]
    for way in get_args(Way):
        async with Session(**options(case, server), extra_body=case.xargs()) as session:
            cell = await outcome(session, case, way, question())
            compare(found, {(way, case.name, server.version): cell})
            with pytest.raises(MalformedOutput, match=PARSER_FLAGS):
                await ask(session, question(), streamed=way == "streamed")


async def test_the_doctor_names_them_too(server: VllmServer) -> None:
    report = await examine(Server(server.url), extra_body=OBEDIENT)

    called = report.check("tool calling")
    assert called is not None
    assert (called.verdict, called.fix) == ("red", f"start vLLM with {PARSER_FLAGS}")
    assert [check.name for check in report.checks if check.verdict == "red"] == ["tool calling"]


async def test_answers_need_no_parser(server: VllmServer) -> None:
    case = CASES["no tool parser"]
    async with Session(**options(case, server)) as session:
        answer = await session.ask(server.script("final"))

    assert answer.text == "Hello there, friend!"


@pytest.mark.parametrize("streamed", [False, True])
async def test_calls_need_none_either_where_tokens_are_sampled(
    server: VllmServer, *, streamed: bool
) -> None:
    """Direct sampling reads what the model wrote by itself, calls included."""
    chosen = options(CASES["nothing is wrong"], server) | {"via": "harmony"}
    async with Session(**chosen) as session:
        answer = await ask(session, server.script("three-steps"), streamed=streamed)
        first, *later = answer.steps

    assert [call.name for call in answer.tool_calls] == ["get_weather", "get_weather", "word_count"]
    assert first.reasoning == "First the weather in Paris."
    assert answer.text == "Paris, Rome and a.txt are done."
    for before, step in zip(answer.steps, later, strict=False):
        assert step.continues >= before.continues + len(before.rendered_token_ids or ())


async def test_a_server_that_dies_in_mid_stream_is_waited_for(server: VllmServer) -> None:
    """The last one: the server is killed, and what is started again ends with this test."""
    said: Any = {"vllm_xargs": {"harmony": f"<|channel|>final<|message|>{COUNTED}<|return|>"}}
    patient = Retries(attempts=200, first_wait=0.2, longest_wait=2)
    heard, shown = Listener(), []
    chosen = options(CASES["nothing is wrong"], server) | {"retries": patient}

    async with Session(**chosen, extra_body=said, sinks=[heard]) as session:
        try:
            async with anyio.create_task_group() as group, session.stream(question()) as events:
                async for event in events:
                    if not isinstance(event, TextDelta):
                        continue
                    shown.append(event.text)
                    if len(shown) == 5:
                        await anyio.to_thread.run_sync(server.kill)
                        group.start_soon(anyio.to_thread.run_sync, server.start)
            assert events.answer is not None
            answer = events.answer
            assert len(session.transcript) == 2
        finally:
            server.stop()

    assert (answer.status, answer.text) == ("finished", COUNTED)
    first, *more = [each.code for each in heard.events if isinstance(each, Retried)]
    assert first == "broken-stream"
    assert set(more) == {"unreachable"}
    assert "".join(shown).startswith(COUNTED[:5])
    assert "".join(shown).endswith(COUNTED)
    assert heard.durable == ["SessionOpened", "UserMessage", "AssistantMessage", "TurnFinished"]
