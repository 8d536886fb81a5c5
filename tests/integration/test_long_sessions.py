"""Do long sessions fit into a real server's context, and is what is counted what it counts?"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.rig.scripts import analysis, call, final
from toolrun import Compacted, Compaction, ContextTooLong, Session, ToolMessage, tool
from toolrun.context.compactor import Compactor
from toolrun.context.tally import tally_of
from toolrun.events import AssistantMessage
from toolrun.models.harmony.sizes import load_sizes

if TYPE_CHECKING:
    from tests.rig.server import VllmServer
    from toolrun.events import Event

WAYS = ["chat", "responses", "harmony"]
CONTEXT = 8192
READ = analysis("I think of the first part now.") + call("read", '{"n": 1}')
AGAIN = analysis("And of the second one.") + call("read", '{"n": 2}')
ANSWER = analysis("All is there.") + final("Both are read.")
SUMMARY = final("The user wants parts read: parts 1 and 2 were.")


@tool(trusted=True, max_output=100_000, repeatable=True)
async def read(n: int) -> str:
    """Read a part."""
    return f"part {n}: " + "lorem ipsum dolor sit amet, naïve 12345 {'a': 1} " * 118


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop is enough: both count the same, and prompts this long take time."""
    return "asyncio"


class Counted:
    """A sink that compares each step's prompt with what was counted before it."""

    observes = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off: list[int] = []
        self.compactions: list[Compacted] = []
        self._counted = 0
        fit = Compactor.fit

        async def counting(mine: Compactor, journal: Any, request: Any, meter: Any) -> bool:
            self._counted = tally_of(request).count(request, await load_sizes())
            return await fit(mine, journal, request, meter)

        monkeypatch.setattr(Compactor, "fit", counting)

    def observe(self, event: Event) -> None:
        """Nothing is wanted."""

    async def record(self, event: Event) -> None:
        if isinstance(event, AssistantMessage):
            self.off.append(self._counted - event.usage.prompt_tokens)
        elif isinstance(event, Compacted):
            self.compactions.append(event)


async def streamed(session: Session) -> None:
    async with session.stream("Streamed.") as events:
        async for _ in events:
            pass


def words() -> str:
    """What nobody has said before: a step may be said differently where its prompt comes again."""
    return f"Read, {uuid.uuid4().hex}."


def session_of(vllm: VllmServer, via: Any, **options: Any) -> Session:
    said = json.dumps([READ, AGAIN, ANSWER])
    return Session(
        **{
            "base_url": vllm.url,
            "via": via,
            "tools": [read],
            "extra_body": {"vllm_xargs": {"harmony": said}},
            **options,
        }
    )


@pytest.mark.parametrize("via", WAYS)
async def test_results_are_trimmed_before_the_server_would_refuse(
    vllm: VllmServer, via: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    async with session_of(vllm, via, sinks=[counted]) as session:
        for _ in range(3 if via == "harmony" else 2):
            answer = await session.ask(words())
            assert (answer.status, answer.text) == ("finished", "Both are read.")
            assert len(session.transcript) % 6 == 0
    assert counted.compactions
    assert all(event.length == CONTEXT for event in counted.compactions)
    # Direct sampling is exact, right after a compaction too; vLLM writes a call's header anew.
    assert max(map(abs, counted.off)) <= (0 if via == "harmony" else 4), counted.off


async def test_a_summary_of_the_models_own_stands_for_old_turns(
    vllm32: VllmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    # What begins a turn is said differently the second time: a summary is asked for twice.
    said = json.dumps([[READ, SUMMARY], AGAIN, ANSWER])
    options = {
        "sinks": [counted],
        "compaction": Compaction("summarise", keep_turns=0),
        "extra_body": {"vllm_xargs": {"harmony": said}},
    }
    async with session_of(vllm32, "chat", **options) as session:
        for _ in range(2):
            answer = await session.ask(words())
            assert answer.status == "finished"
        summed = [event for event in counted.compactions if event.summary]
        assert [event.summary for event in summed] == [
            "The user wants parts read: parts 1 and 2 were."
        ] * len(summed)
        assert summed
        assert all(event.usage.prompt_tokens > 100 for event in summed)
        assert summed[-1].summary in session.state.sent[0].content  # type: ignore[operator]


@pytest.mark.parametrize("via", WAYS)
async def test_the_servers_own_refusal_has_the_session_compacted_once(
    vllm32: VllmServer, via: Any
) -> None:
    # It is taken for a server that takes more than it does.
    async with session_of(vllm32, via, context_length=100_000) as session:
        for _ in range(2):
            assert (await session.ask(words())).status == "finished"
        (event, *_) = [event for _, event in session.state.compactions]
        assert event.before >= event.length == CONTEXT
        whole = [each for each in session.transcript if isinstance(each, ToolMessage)]
        assert all(len(each.content) > 2000 for each in whole)


@pytest.mark.parametrize("via", WAYS)
async def test_the_servers_own_refusal_has_numbers(vllm: VllmServer, via: Any) -> None:
    options = {"context_length": 100_000, "instructions": "Lorem ipsum dolor. " * 3000}
    async with session_of(vllm, via, **options) as session:
        with pytest.raises(ContextTooLong) as whole_refusal:
            await session.ask("Whole.")
        with pytest.raises(ContextTooLong) as stream_refusal:
            await streamed(session)
    for caught in (whole_refusal, stream_refusal):
        assert caught.value.length == CONTEXT
        assert caught.value.tokens is not None
        assert caught.value.tokens > CONTEXT


@pytest.mark.parametrize("via", WAYS)
async def test_no_request_is_sent_that_cannot_fit(vllm32: VllmServer, via: Any) -> None:
    too_long = "Lorem ipsum dolor. " * 3000
    async with session_of(vllm32, via, instructions=too_long) as session:
        with pytest.raises(ContextTooLong, match="no tool result is left") as caught:
            await session.ask("Go.")
    assert caught.value.length == CONTEXT
    assert caught.value.tokens is not None
    assert caught.value.tokens > CONTEXT


async def test_the_reasoning_of_the_running_turn_is_in_the_prompt_after_a_compaction(
    vllm: VllmServer,
) -> None:
    """By the server's own prompt, where results of that very turn were trimmed."""
    options = {"extra_body": {"return_token_ids": True, "vllm_xargs": {"harmony": LONG}}}
    async with session_of(vllm, "chat", **options) as session:
        answer = await session.ask("All of them.")
        assert session.state.compactions
        at, event = session.state.compactions[-1]
        assert all(place > session.state.turn_from for place in event.results)
        later = next(each for each in session.transcript[at:] if isinstance(each, AssistantMessage))
        before = [step for step in answer.steps if step.step < later.step]
        assert len(before) > 1
        for step in before:
            assert (await session.prove(step, later)).found
    assert answer.status == "finished"


LONG = json.dumps(
    [
        *(
            analysis(f"I think of part {n}, word for word.") + call("read", f'{{"n": {n}}}')
            for n in range(5)
        ),
        ANSWER,
    ]
)
