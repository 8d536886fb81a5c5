"""Which chores does the embedded model run surely, sampled and not scripted?

Each is a session with real tools: what is asked, which calls must come of it and how they end, what
the answers must have. No word of a reply is compared that is not a result's: another model of the
kind that was trained to do the same runs them as well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import anyio

from tests.integration.chore_tools import get_weather, read_file, word_count
from toolrun import ReasoningDelta, Runtime, Sampling, TextDelta, tool

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.server import VllmServer
    from toolrun import Answer, Session

GREEDY: Final = Sampling(temperature=0, max_tokens=200)
FILES: Final = {
    "essay.txt": "Seven words are all that stand here.",
    "notes.md": "Call the plumber on Tuesday.",
}


class Call(NamedTuple):
    """A call that must be made, and how it ends: "ok" or "error"."""

    name: str
    arguments: dict[str, Any]
    outcome: str = "ok"


@dataclass(frozen=True)
class Turn:
    """What is asked, the calls that must come of it, and what the answer must have."""

    ask: str
    calls: tuple[Call, ...] = ()
    must: tuple[str, ...] = ("",)


CHORES: Final[dict[str, tuple[Turn, ...]]] = {
    "two calls, then another turn": (
        Turn(
            "How many words are in essay.txt, and what's the weather in Oslo?",
            (Call("word_count", {"path": "essay.txt"}), Call("get_weather", {"city": "Oslo"})),
            ("7", "24 degrees"),
        ),
        Turn("And in Madrid?", (Call("get_weather", {"city": "Madrid"}),), ("26 degrees",)),
    ),
    "a call that is corrected": (
        Turn(
            "Read notes.txt",
            (
                Call("read_file", {"path": "notes.txt"}, "error"),
                Call("read_file", {"path": "notes.md"}),
            ),
            ("Call the plumber on Tuesday.",),
        ),
    ),
    "a call that is made again": (
        Turn(
            "What's the price of INTC?",
            (
                Call("get_stock_price", {"ticker": "INTC"}, "error"),
                Call("get_stock_price", {"ticker": "INTC"}),
            ),
            ("21.4",),
        ),
    ),
    "several turns, one without a call": (
        Turn("Hello!"),
        Turn(
            "How many words are in essay.txt?", (Call("word_count", {"path": "essay.txt"}),), ("7",)
        ),
        Turn(
            "What does notes.md say?", (Call("read_file", {"path": "notes.md"}),), ("the plumber",)
        ),
    ),
}
SECRETS: Final = ("animal", "colour", "number", "city", "fruit", "password")
"""What the model is asked to think of: it stands in the reasoning of the first step alone."""


def secret(kind: str) -> str:
    """The request for a chore that nobody runs who forgets what was thought."""
    return (
        f"Think of a secret {kind} and tell nobody. Then read notes.md. "
        f"At the end call submit with your {kind}."
    )


def is_secret(said: str, kind: str, thought: str) -> bool:
    """Whether that is what was thought of, and not a word of the request."""
    return len(said) > 1 and said in thought and said not in secret(kind)


def tools() -> list[Any]:
    """The tools of a session; what a price is, is told at the second time."""
    asked = 0

    @tool(trusted=True)
    def get_stock_price(ticker: str) -> dict[str, float]:
        """Get the price of a stock.

        Args:
            ticker: The ticker symbol
        """
        nonlocal asked
        asked += 1
        if asked == 1:
            raise TimeoutError("timed out")
        return {"price": 21.4}

    return [word_count, read_file, get_weather, get_stock_price]


@tool(trusted=True)
def submit(answer: str) -> str:
    """Submit the answer.

    Args:
        answer: The answer
    """
    return "ok" if answer else "nothing came"


def prepare(workspace: Path) -> Path:
    """Write the files that the chores read, for boxes of another user."""
    for folder in (workspace, *workspace.parents[:2]):
        folder.chmod(0o755)
    for name, text in FILES.items():
        (workspace / name).write_text(text)
    return workspace


class Chores:
    """Runs all chores at once by one way of sampling, each in a session of its own.

    Args:
        server: one that serves the embedded model.
        workspace: with the files.
        via: how it is sampled.
        streamed: whether it is streamed.
    """

    def __init__(self, server: VllmServer, workspace: Path, via: str, *, streamed: bool) -> None:
        self._options: dict[str, Any] = {
            "model": server.model,
            "base_url": server.url,
            "via": via,
            "workspace": workspace,
            "profile": "workspace-ro",
            "sampling": GREEDY,
        }
        self._streamed = streamed

    async def run(self) -> tuple[dict[str, list[Answer]], dict[str, Answer]]:
        """The answers, turn by turn: of the chores, and of those with a secret."""
        found: dict[str, list[Answer]] = {}
        kept: dict[str, Answer] = {}

        async def chore(name: str) -> None:
            async with runtime.session(tools=tools()) as session:
                found[name] = [await self._ask(session, turn.ask) for turn in CHORES[name]]

        async def keep(kind: str) -> None:
            async with runtime.session(tools=[read_file, submit]) as session:
                kept[kind] = await self._ask(session, secret(kind))

        async with Runtime(**self._options) as runtime, anyio.create_task_group() as group:
            for name in CHORES:
                group.start_soon(chore, name)
            for kind in SECRETS:
                group.start_soon(keep, kind)
        return found, kept

    async def _ask(self, session: Session, text: str) -> Answer:
        if not self._streamed:
            return await session.ask(text)
        shown: dict[type, str] = {TextDelta: "", ReasoningDelta: ""}
        async with session.stream(text) as events:
            async for event in events:
                if isinstance(event, TextDelta | ReasoningDelta):
                    shown[type(event)] += event.text
        answer = events.answer
        assert answer is not None
        assert shown[TextDelta] == "".join(step.content or "" for step in answer.steps)
        assert shown[ReasoningDelta] == "".join(step.reasoning or "" for step in answer.steps)
        return answer


def calls_of(answer: Answer) -> tuple[Call, ...]:
    """The calls of a turn, as a chore has them."""
    return tuple(
        Call(made.name, json.loads(made.arguments), made.result.outcome if made.result else "none")
        for made in answer.tool_calls
    )


def submitted(answer: Answer) -> str:
    """What was submitted; nothing where that was not done."""
    given = [json.loads(made.arguments) for made in answer.tool_calls if made.name == "submit"]
    return str(given[0]["answer"]) if given else ""
