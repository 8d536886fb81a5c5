"""Which session is recorded, to be replayed with one thing changed? One that does a little of all.

Calls at once, wrong arguments, an approval, a long result, a call made again and again, a step that
was sampled again, a turn that is taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio

from tests.rig.mock import Call, Step
from toolrun import Approve, Limits, Retries, Sampling, Session, tool

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.mock import MockServer
    from toolrun import Decision, ToolCall

INSTRUCTIONS: Final = "Be terse."


@tool(trusted=True)
async def word_count(path: str) -> int:
    """Count the words of a text file."""
    return len(path)


@tool(trusted=True)
async def slow(seconds: float) -> str:
    """Take a while."""
    await anyio.sleep(seconds)
    return f"waited {seconds}"


@tool(trusted=True, approve=True)
async def send(to: str) -> str:
    """Send a letter."""
    return f"sent to {to}"


@tool(trusted=True)
async def page() -> str:
    """Give a page of text."""
    return "word " * 400


TOOLS: Final = (word_count, slow, send, page)
_COUNT: Final = '{"path":"a.txt"}'
SCRIPTS: Final[dict[str, tuple[Step, ...]]] = {
    "all": (
        Step(
            "I must count.",
            tool_calls=(
                Call("slow", '{"seconds":0.05}', id="c1"),
                Call("functions.word_count", _COUNT, id="c2"),
                Call("word_count", '{"path":5}', id="c3"),
            ),
        ),
        Step(
            "Now the letter.",
            "One moment, please.",
            tool_calls=(Call("send", '{"to":"Ann"}', id="c4"), Call("page", id="c5")),
        ),
        Step("That is all.", "It has five words, and Ann knows."),
    ),
    "again": (
        *(Step("Again.", tool_calls=(Call("word_count", _COUNT, id=f"d{n}"),)) for n in range(3)),
        Step("Enough.", "Five.", fault="http_503", fault_times=1),
    ),
    "short": (Step("Nothing to do.", "Very well."),),
}


async def approve(_: ToolCall) -> Decision:
    """Let everything run."""
    return Approve()


def options() -> dict[str, Any]:
    """What the session is opened with, but for its server."""
    return {
        "model": "openai/gpt-oss-20b",
        "base_url": "http://127.0.0.1:9/v1",
        "tools": list(TOOLS),
        "instructions": INSTRUCTIONS,
        "effort": "high",
        "sampling": Sampling(temperature=0.5),
        "approve": approve,
        "limits": Limits(steps=20),
        "retries": Retries(first_wait=0.01),
    }


def session(**changes: Any) -> Session:
    """The session, with other options where that is said."""
    return Session(None, "recorded", **options() | changes)


async def talk(session: Session) -> None:
    """All that the user does."""
    await _stream(session, "How long is it? [[script:all]]")
    await session.ask("Count again. [[script:again]]")
    await session.ask("Never mind. [[script:short]]")
    await session.undo()
    await _stream(session, "Thank you. [[script:short]]")


async def record(mock: MockServer, path: Path) -> None:
    """Have the session with a server, and keep its trace."""
    for name, steps in SCRIPTS.items():
        mock.script(*steps, name=name)
    async with session(base_url=mock.url, trace=path) as being_recorded:
        await talk(being_recorded)


async def _stream(session: Session, text: str) -> None:
    async with session.stream(text) as events:
        async for _ in events:
            pass
