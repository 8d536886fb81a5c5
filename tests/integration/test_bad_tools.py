"""Is whatever a tool does a result for the model, in bounded time, with nothing left behind?"""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.integration import bad_tools
from toolrun import Session, ToolMessage, ToolOutput, tool
from toolrun.testing import ScriptedModel, call, calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from toolrun import Answer

BOXED: dict[Callable[..., Any], tuple[str, str]] = {
    bad_tools.exits: ("error", "exits failed: SystemExit: 3"),
    bad_tools.exits_at_once: ("crash", "ended with status 0 before it returned"),
    bad_tools.closes_all: ("crash", "before it returned"),
    bad_tools.raises: ("error", "raises failed: BaseException: as no tool should"),
    bad_tools.floods: ("crash", "printed more than 1048576 bytes"),
    bad_tools.returns_much: ("crash", "returned or reported more than 1048576 bytes"),
    bad_tools.returns_odd: ("ok", "a\0b"),
    bad_tools.leaves_a_thread: ("ok", "returned"),
    bad_tools.never_returns: ("timeout", "did not finish within 2 s"),
    bad_tools.never_ends: ("timeout", "did not finish within 2 s"),
    bad_tools.spins: ("timeout", "did not finish within 2 s"),
}
ENDLESS = (bad_tools.never_returns, bad_tools.never_ends, bad_tools.spins)
MIB = 1024 * 1024


@tool(trusted=True)
async def works() -> str:
    """Work."""
    return "It works."


def name_of(function: Callable[..., Any]) -> str:
    return function.__name__


def all_of(functions: Any) -> Any:
    """A message that calls each of them."""
    return calls(*(call(name_of(each)) for each in functions))


def outcomes(answer: Answer) -> dict[str, tuple[str, str]]:
    return {
        each.name: (each.result.outcome, each.result.content)
        for each in answer.tool_calls
        if each.result is not None
    }


def check(answer: Answer, expected: dict[Callable[..., Any], tuple[str, str]]) -> None:
    seen = outcomes(answer)
    for function, (outcome, words) in expected.items():
        got, content = seen[name_of(function)]
        assert got == outcome, (name_of(function), got, content[:300])
        assert words in content, (name_of(function), content[:300])
        assert len(content.encode()) < 20_000
        content.encode()


def peak() -> int:
    """Bytes of memory that this process had at most since `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def forget_peak() -> int:
    """Measure anew; the memory of now."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


async def test_whatever_a_boxed_tool_does_is_a_result_and_its_neighbours_run() -> None:
    tools = [works, *(tool(timeout=2)(each) for each in BOXED)]
    model = ScriptedModel(all_of([*BOXED, works]), "I saw.", call("works"), "Still here.")
    printed: set[str] = set()
    async with Session(model=model, tools=tools) as session:
        before = forget_peak()
        with anyio.fail_after(60):
            async with session.stream("Go.") as events:
                async for event in events:
                    if isinstance(event, ToolOutput) and event.stream == "stdout":
                        printed |= set(event.text[:1000].splitlines())
        grown = peak() - before
        answer = events.answer
        assert answer is not None
        again = await session.ask("And now?")
        messages = session.messages()

    assert {f"{name_of(each)} ran" for each in BOXED} <= printed
    check(answer, {**BOXED, works: ("ok", "It works.")})
    assert (answer.text, again.text) == ("I saw.", "Still here.")
    assert grown < 64 * MIB  # of twice 50 MiB
    async with Session(model=model, messages=messages) as other:
        assert other.messages() == messages


async def test_boxes_that_never_end_are_gone_when_their_turn_is_cancelled() -> None:
    tools = [works, *(tool(timeout=60)(each) for each in ENDLESS)]
    model = ScriptedModel(all_of(ENDLESS), call("works"), "Still here.")
    wanted = {f"{name_of(each)} ran\n" for each in ENDLESS}
    async with Session(model=model, tools=tools) as session:
        with anyio.fail_after(30):
            async with session.stream("Go.") as events:
                async for event in events:
                    if isinstance(event, ToolOutput) and event.stream == "stdout":
                        wanted -= {event.text}
                        if not wanted:
                            began = anyio.current_time()
                            session.cancel()
        assert anyio.current_time() - began < 20
        answer = events.answer
        assert answer is not None
        assert answer.status == "cancelled"
        check(answer, dict.fromkeys(ENDLESS, ("cancelled", "gave no result: it was stopped")))
        assert (await session.go_on()).text == "Still here."


class Trusted:
    """Tools in this process, and the session that they are tools of."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.ran: list[str] = []
        self.free = threading.Event()

    @tool(trusted=True)
    async def exits(self) -> str:
        """Leave Python."""
        self.ran.append("exits")
        sys.exit(3)

    @tool(trusted=True)
    def raises(self) -> str:
        """Raise what is no Exception."""
        self.ran.append("raises")
        raise BaseException("as no tool should")  # noqa: TRY002 - that is the case

    @tool(trusted=True, timeout=0.2)
    async def sleeps(self) -> None:
        """Never return."""
        self.ran.append("sleeps")
        await anyio.sleep_forever()

    @tool(trusted=True, timeout=0.2)
    def blocks(self) -> None:
        """Never return, in a thread."""
        self.ran.append("blocks")
        self.free.wait(30)

    @tool(trusted=True, timeout=0.2)
    def yields(self) -> Iterator[str]:
        """Yield for ever."""
        self.ran.append("yields")
        while True:
            yield "more"

    @tool(trusted=True, timeout=0.2)
    async def yields_on_the_loop(self) -> AsyncIterator[str]:
        """Yield for ever."""
        self.ran.append("yields_on_the_loop")
        while True:
            await anyio.sleep(0)  # noqa: ASYNC115 - as people write it
            yield "more"

    @tool(trusted=True)
    def returns_much(self) -> str:
        """Return 50 MB."""
        self.ran.append("returns_much")
        return "y" * (50 * MIB)

    @tool(trusted=True)
    def leaves_a_thread(self) -> str:
        """Return, and leave a thread behind."""
        self.ran.append("leaves_a_thread")
        threading.Thread(target=self.free.wait, args=(30,)).start()
        return "returned"

    @tool(trusted=True)
    async def returns_odd(self) -> Any:
        """Return what JSON has no form for."""
        self.ran.append("returns_odd")
        return {"a\ud800": "b\0", "nan": float("nan"), "self": self.ran.append}

    @tool(trusted=True)
    async def asks(self) -> str:
        """Ask the session that it is a tool of."""
        self.ran.append("asks")
        assert self.session is not None
        return (await self.session.ask("Are you there?")).text

    @tool(trusted=True)
    async def cancels_itself(self) -> None:
        """Raise what only the loop may raise."""
        self.ran.append("cancels_itself")
        raise asyncio.CancelledError

    @tool(trusted=True)
    async def closes(self) -> str:
        """Close the session that it is a tool of."""
        self.ran.append("closes")
        assert self.session is not None
        await self.session.aclose()
        return "closed"


@pytest.fixture
def trusted() -> Iterator[Trusted]:
    tools = Trusted()
    yield tools
    tools.free.set()


async def test_whatever_a_trusted_tool_does_is_a_result_and_its_neighbours_run(
    trusted: Trusted, anyio_backend_name: str
) -> None:
    expected: dict[Callable[..., Any], tuple[str, str]] = {
        trusted.exits: ("error", "exits failed: SystemExit: 3"),
        trusted.raises: ("error", "raises failed: BaseException: as no tool should"),
        trusted.sleeps: ("timeout", "did not finish within 0.2 s"),
        trusted.blocks: ("timeout", "did not finish within 0.2 s"),
        trusted.yields: ("timeout", "did not finish within 0.2 s"),
        trusted.yields_on_the_loop: ("timeout", "did not finish within 0.2 s"),
        trusted.returns_much: ("ok", "[... 52412416 bytes left out ...]"),
        trusted.leaves_a_thread: ("ok", "returned"),
        trusted.returns_odd: ("ok", "\ufffd"),
        trusted.asks: ("error", "SessionBusy: session "),
    }
    if anyio_backend_name == "asyncio":
        expected[trusted.cancels_itself] = ("error", "CancelledError")
    model = ScriptedModel(all_of([*expected, works]), "I saw.", call("works"), "Still here.")
    async with Session(model=model, tools=[works, *expected]) as session:
        trusted.session = session
        before = forget_peak()
        with anyio.fail_after(30):
            answer = await session.ask("Go.")
        grown = peak() - before
        again = await session.ask("And now?")

    assert sorted(trusted.ran) == sorted(name_of(each) for each in expected)
    check(answer, {**expected, works: ("ok", "It works.")})
    assert (answer.text, again.text) == ("I saw.", "Still here.")
    assert grown < 300 * MIB
    told = [each for each in model.requests[1].messages if isinstance(each, ToolMessage)]
    assert len(told) == len(expected) + 1
    assert max(len(each.content) for each in told) < 20_000  # all that the model gets


async def test_a_tool_that_closes_its_own_session_ends_its_turn(
    trusted: Trusted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolrun.session.CLOSING", 0.1)
    async with Session(model=ScriptedModel(call("closes"), "?"), tools=[trusted.closes]) as session:
        trusted.session = session
        with anyio.fail_after(10):
            answer = await session.ask("Go.")

    assert trusted.ran == ["closes"]
    assert answer.status == "cancelled"
    assert outcomes(answer)["closes"][0] in ("ok", "cancelled")


async def test_trusted_tools_that_never_end_are_left_when_their_turn_is_cancelled(
    trusted: Trusted,
) -> None:
    endless = [trusted.sleeps, trusted.blocks, trusted.yields, trusted.yields_on_the_loop]
    names = {name_of(each) for each in endless}
    model = ScriptedModel(all_of(endless), call("works"), "Still here.")
    slow = [tool(trusted=True, timeout=60, name=name_of(each))(each) for each in endless]
    async with Session(model=model, tools=[works, *slow]) as session:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:

                async def cancel() -> None:
                    while names - set(trusted.ran):  # noqa: ASYNC110 - threads: no event of the loop's
                        await anyio.sleep(0.01)
                    session.cancel()

                group.start_soon(cancel)
                answer = await session.ask("Go.")
        assert answer.status == "cancelled"
        assert {outcome for outcome, _ in outcomes(answer).values()} == {"cancelled"}
        assert (await session.go_on()).text == "Still here."
