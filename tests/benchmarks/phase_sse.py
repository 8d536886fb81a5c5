"""What does it cost to make a message of a stream of 250 chunks that has arrived?

Without a network: the bytes that the mock writes, in reads of eight chunks and of one.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk

from tests.benchmarks import measure, task
from tests.benchmarks.contestants.raw import add
from tests.benchmarks.measure import Figures, Found
from tests.rig import mock_bytes
from tests.rig.mock import MODEL
from toolrun.models.chat_stream import StreamReader
from toolrun.models.sse import DONE, EventSplitter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.measure import Setting
    from toolrun.events import Event

NAME: Final = "sse"
TOOLRUN, LISTENED = "toolrun", "toolrun, somebody listening"
SDK, JSON = "the openai package's Stream", "split and json.loads"
_ROUNDS = 15
_PER_READ = {"8 chunks a read": 8, "1 chunk a read": 1}


def run(setting: Setting) -> Found:
    """Measure decoders; units are streams, which are steps."""
    found = Found()
    for title, chunks in _PER_READ.items():
        figures = Figures(title)
        reads = _reads(chunks)
        works: dict[str, Callable[[], tuple[str, str]]] = {
            TOOLRUN: partial(_toolrun, reads),
            LISTENED: partial(_listened, reads),
            SDK: partial(_openai, reads, openai.OpenAI(base_url="http://localhost", api_key="-")),
            JSON: partial(_json, reads),
        }
        for name, work in works.items():
            assert work() == (task.REASONING[1], task.ANSWER), name
        turns = {name: partial(_once, work) for name, work in works.items()}
        rounds = setting.rounds or _ROUNDS
        asyncio.run(
            measure.interleave(figures, turns, rounds=rounds, seconds=min(setting.seconds, 0.1))
        )
        found.tables[f"A stream of {task.CHUNKS} chunks, {title}"] = figures.table(SDK, JSON)
        found.seen |= figures.ratios(f"decoding, {title}", TOOLRUN, sdk=SDK, json=JSON)
    return found


def _reads(chunks: int) -> list[bytes]:
    from msgspec.structs import replace

    step = replace(task.SCRIPT[1], chunks_per_write=chunks)
    return mock_bytes.streamed(step, mock_bytes.Style(MODEL, usage=True)).fill(b"")


async def _once(work: Callable[[], tuple[str, str]]) -> int:
    work()
    return 1


def _toolrun(
    reads: Sequence[bytes], observe: Callable[[Event], None] | None = None
) -> tuple[str, str]:
    splitter, reader = EventSplitter(), StreamReader(observe)
    for read in reads:
        payloads = splitter.feed(read)
        if DONE in payloads:
            payloads = payloads[: payloads.index(DONE)]
        reader.feed(payloads)
    message = reader.message()
    return message.reasoning or "", message.content or ""


def _listened(reads: Sequence[bytes]) -> tuple[str, str]:
    heard: list[Event] = []
    return _toolrun(reads, heard.append)


def _openai(reads: Sequence[bytes], client: openai.OpenAI) -> tuple[str, str]:
    request = httpx2.Request("POST", "http://localhost")
    response = httpx2.Response(200, content=iter(reads), request=request)
    stream = openai.Stream(cast_to=ChatCompletionChunk, response=response, client=client)
    reasoning, content = "", ""
    for chunk in stream:
        if chunk.choices:
            delta: Any = chunk.choices[0].delta
            reasoning += getattr(delta, "reasoning", None) or ""
            content += delta.content or ""
    return reasoning, content


def _json(reads: Sequence[bytes]) -> tuple[str, str]:
    message: dict[str, Any] = {"reasoning": "", "content": ""}
    calls: list[dict[str, Any]] = []
    rest = b""
    for read in reads:
        *events, rest = (rest + read).split(b"\n\n")
        for event in events:
            add(event, message, calls)
    return message["reasoning"], message["content"]
