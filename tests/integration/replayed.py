"""Which sessions do the tests of replays record, and how is one replayed?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from tests.rig.mock import Call, MockServer, Step
from toolrun import Retries, Session, tool
from toolrun.testing.replay import replay_trace
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun import Event


ran: list[str] = []


@tool(trusted=True)
async def word_count(path: str) -> int:
    """Count the words of a text file."""
    ran.append(path)
    return len(path)


@tool(trusted=True)
async def slow(seconds: float) -> str:
    """Take a while."""
    ran.append("slow")
    await anyio.sleep(seconds)
    return f"waited {seconds}"


@tool(trusted=True, approve=True)
async def send(to: str) -> str:
    """Send a letter."""
    ran.append(to)
    return f"sent to {to}"


COUNT = Step(reasoning="I must count.", tool_calls=(Call("word_count", '{"path": "a.txt"}'),))


DONE = Step(reasoning="The tool says it.", content="Done, naïvely.")


@pytest.fixture(params=["unstreamed", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "streamed")


class Recording:
    """A trace that is being made."""

    def __init__(self, mock: MockServer, path: Path, *, streamed: bool) -> None:
        self.mock = mock
        self.path = path
        self.streamed = streamed

    def session(self, **more: Any) -> Session:
        options: dict[str, Any] = {
            "base_url": self.mock.url,
            "model": self.mock.model,
            "tools": [word_count, slow, send],
            "trace": self.path,
            "retries": Retries(first_wait=0.01),
        }
        return Session(**(options | more))

    async def ask(self, session: Session, text: str | None) -> None:
        if not self.streamed:
            await (session.ask(text) if text is not None else session.go_on())
            return
        async with session.stream(text) if text is not None else session.stream_on() as events:
            async for _ in events:
                pass

    async def replay(self) -> list[str]:
        """Replay it without a server, and give the types of its events."""
        self.mock.reset()
        before = len(ran)
        lines = [msgspec.json.encode(event) for event in read_trace(self.path).events]
        seen: list[bytes] = []

        def on_event(event: Event) -> None:
            seen.append(msgspec.json.encode(event))

        report = await replay_trace(self.path, on_event=on_event)
        assert [json.loads(line) for line in seen] == [json.loads(line) for line in lines]
        assert report.events == len(lines)
        assert len(ran) == before
        assert not self.mock.requests()
        return [type(event).__name__ for event in read_trace(self.path, check=True).events]


@pytest.fixture
def recording(mock: MockServer, tmp_path: Path, streamed: bool) -> Recording:  # noqa: FBT001
    return Recording(mock, tmp_path / "t.jsonl", streamed=streamed)
