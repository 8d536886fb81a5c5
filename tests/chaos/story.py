"""What happens in a session of these tests? Every policy of a crash, alone and side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import anyio

from tests.rig.mock import Call, Step
from toolrun import Approve, Deny, Limits, tool
from toolrun.events import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.killing import Killer
    from tests.chaos.ledger import Ledger
    from tests.rig.mock import MockServer
    from toolrun import Answer, Runtime, Session
    from toolrun.tools.context import CallContext
    from toolrun.values import OnCrash

NAME: Final = "crash"
PROMPT: Final = f"[[script:{NAME}]] Do all of it."
POLICIES: Final[tuple[OnCrash, ...]] = ("rerun", "key", "ask", "never")
WORK_S: Final = 0.002
"""Seconds that a tool works before its deed, and after it, so that a kill may come there."""


def _call(tool: str, number: int) -> Call:
    return Call(f"do_{tool}", json.dumps({"number": number}), f"call_{tool}_{number}")


STEPS: Final = (
    Step("First what may be done again.", tool_calls=(_call("rerun", 1),)),
    Step("Now all at once.", "I begin.", tool_calls=tuple(_call(each, 2) for each in POLICIES)),
    Step("Two more.", tool_calls=(_call("key", 3), _call("key", 4))),
    Step("All is done.", "It is done."),
)
CALLS: Final = 7


def tell(mock: MockServer) -> None:
    """Have the mock tell the story."""
    mock.script(*STEPS, name=NAME)


def tools(ledger: Ledger, killer: Killer, seconds: float = WORK_S) -> list[Callable[..., Any]]:
    """A tool for each policy; each does its deed in the ledger, under its key."""

    async def work(policy: str, number: int, context: CallContext) -> str:
        name, key = f"do_{policy}", context.idempotency_key
        killer.at("intent")
        await anyio.sleep(seconds)
        (ledger.write_once if policy == "key" else ledger.write)(name, key)
        killer.at("deed")
        await anyio.sleep(seconds)
        return f"{policy} {number} is done"

    @tool(trusted=True, on_crash="rerun")
    async def do_rerun(number: int, context: CallContext) -> str:
        """What may be done again and again."""
        return await work("rerun", number, context)

    @tool(trusted=True, on_crash="key")
    async def do_key(number: int, context: CallContext) -> str:
        """What is done once under one key."""
        return await work("key", number, context)

    @tool(trusted=True, on_crash="ask")
    async def do_ask(number: int, context: CallContext) -> str:
        """What somebody is asked about."""
        return await work("ask", number, context)

    @tool(trusted=True, on_crash="never")
    async def do_never(number: int, context: CallContext) -> str:
        """What is never done twice."""
        return await work("never", number, context)

    return [do_rerun, do_key, do_ask, do_never]


async def begun(runtime: Runtime, session: str) -> Session:
    """The session, open: a new one, or what a dead process has left of it."""
    from toolrun import ConfigError

    try:
        return await runtime.resume(session)
    except ConfigError:
        return await runtime.session(session, limits=Limits(seconds=60)).__aenter__()


async def to_the_end(session: Session, ledger: Ledger) -> Answer | None:
    """Drive a session until its turn is finished; None where that was so already.

    Who is asked about a call looks into the ledger, as a person would.
    """
    state = session.state
    if not state.turn:
        answer = await session.ask(PROMPT)
    elif state.finished is not None and state.finished.status == "finished":
        return None
    else:
        for call in list(state.pending):
            await _decide(session, call, ledger)
        answer = await session.go_on()
    while answer.status == "parked":
        for request in answer.pending:
            await _decide(session, request.call_id, ledger)
        answer = await session.go_on()
    return answer


async def _decide(session: Session, call: str, ledger: Ledger) -> None:
    request = session.state.pending[call]
    key = key_of(session.id, session.state.turn, session.state.step, call)
    done = ledger.done(request.name, key)
    await session.decide(call, Deny("it was done") if done else Approve())
