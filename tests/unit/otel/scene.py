"""Sessions in which everything happens that there is a metric for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from tests.rig.mock import Call, MockServer, Step
from tests.unit.otel import boxed
from tests.unit.test_turn import TOOLS, call, sends
from toolrun import Approve, Limits, Retries, Runtime, Sampling, ServerError, tool
from toolrun.errors import LeaseLost
from toolrun.models.proof import Proof
from toolrun.testing import ScriptedModel, say
from toolrun.testing import call as test_call

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.decisions import Decision
    from toolrun.events import AssistantMessage
    from toolrun.sinks import Sink
    from toolrun.values import ToolCall


@tool(trusted=True)
async def broken() -> None:
    """Fail."""
    raise ValueError


class Proving(ScriptedModel):
    """A model whose server shows that it has the reasoning."""

    async def prove(self, name: str, step: AssistantMessage, later: AssistantMessage) -> Proof:
        return Proof(found=True, position=3, tokens=5, prompt_tokens=40, excerpt="", how="told")


async def approve(_: ToolCall) -> Decision:
    return Approve()


async def play(mock: MockServer, sink: Sink, folder: Path) -> None:
    """Play it; a session is open, and a turn has ended, when it returns."""
    (folder / "work").mkdir()
    same = call("echo", text="again")
    mock.script(
        Step("Again.", tool_calls=(same,), usage={"prompt_tokens_details": {"cached_tokens": 64}}),
        *[Step("Again.", tool_calls=(same,)) for _ in range(2)],
        # A brace that lacks is mended; a tool that is not there is told.
        Step("Mend.", tool_calls=(Call("echo", '{"text":"a"'), call("nowhere"))),
        Step("Break.", tool_calls=(call("broken"),)),
        Step("Send.", tool_calls=sends("Ann")),
        Step("Write.", tool_calls=(call("write", text="a"),)),
        Step("Done.", "Done.", fault="http_503", fault_times=1),
    )
    fetch = mock.script(Step(tool_calls=(call("fetch"),)), Step("", "Done."), name="fetch")
    down = mock.script(Step(fault="http_500"), name="down")
    tools: list[Any] = [*TOOLS, boxed.write, broken]
    shared: dict[str, Any] = {
        "model": mock.model,
        "sinks": [sink],
        "retries": Retries(attempts=1, first_wait=0.01),
    }
    async with (
        Runtime(
            base_url=mock.url,
            tools=tools,
            workspace=folder / "work",
            profile="workspace",
            approve=approve,
            store=f"sqlite:///{folder}/sessions.db",
            **shared,
        ) as runtime,
        runtime.session() as session,
    ):
        async with session.stream("Do all of it.") as events:
            async for _ in events:
                pass
        assert events.answer is not None
        assert events.answer.text == "Done."
        try:
            await session.ask(down)
        except ServerError:
            pass
        else:
            raise AssertionError
        await session.undo()
        async with runtime.session(limits=Limits(steps=1)) as short:
            await short.ask("Do all of it.")
        # What only other processes bring about.
        session._journal.lose(LeaseLost("another process drives it"))

    async with (
        Runtime(base_url=mock.url, tools=[boxed.fetch], profile="net", **shared) as runtime,
        runtime.session() as session,
    ):
        await session.ask(fetch)
    model = Proving(test_call("echo", {"text": "a"}, reasoning="Why."), say("Done."))
    async with (
        Runtime(**{**shared, "model": model}, tools=tools, verify_reasoning=1.0) as runtime,
        runtime.session() as session,
    ):
        await session.ask("Go.")
    urls = ["http://127.0.0.1:9/v1", mock.url]
    async with Runtime(base_url=urls, **shared) as runtime, anyio.create_task_group() as group:
        for number in range(8):

            async def ask(number: int = number) -> None:
                async with runtime.session(f"s{number}", sampling=Sampling(seed=1)) as session:
                    await session.ask("[[script:final]]")

            group.start_soon(ask)
