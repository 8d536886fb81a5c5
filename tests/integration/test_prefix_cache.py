"""How much of a prompt does vLLM's prefix cache have, over Chat Completions and sampled directly?

By the server's own counters, `vllm:prefix_cache_queries` and `vllm:prefix_cache_hits`, around each
step of one conversation. `docs/explanation/token-exact.md` has the tables, which are compared here.
"""

from __future__ import annotations

import contextlib
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import anyio
import pytest

from tests.rig import cache_page
from tests.rig.cache_page import Step
from tests.rig.fixtures import running_servers
from tests.rig.scripts import analysis, call, final, preamble
from toolrun import ChatModel, CompletionsSampler, HarmonyModel, Session, tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rig.server import VllmServer
    from toolrun import AssistantMessage, Model, Request
    from toolrun.models.model import Observe

BLOCK: Final = 128
"""Tokens of a block of the cache, which holds whole blocks alone: vLLM's on a CPU."""
_WORDS: Final = (
    "the report says that sales rose in spring, fell in summer and rose again in autumn, that the "
    "north did better than the south, and that nobody knows why; the notes of the last meeting "
    "name three reasons, of which two contradict each other, so the figures have to be looked at"
)
_POLL_S, _PATIENCE_S, _TRIES = 0.05, 10.0, 5


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """One is enough: what is measured is the server's."""
    return str(request.param)


@tool(trusted=True)
def note(page: int, text: str) -> str:
    """Write a note, and read what stands on the page."""
    return f"Page {page}: {_text(page + 7, 90)}; noted after {len(text)} characters."


def _text(seed: int, words: int) -> str:
    """Some text, always the same."""
    drawn, known = random.Random(seed), _WORDS.split()
    return " ".join(drawn.choice(known) for _ in range(words))


def _step(number: int) -> str:
    return (
        analysis(f"I read page {number}. {_text(number, 60)}.")
        + (preamble(f"Now page {number}, {_text(number + 3, 15)}.") if number % 2 else "")
        + call("note", f'{{"page":{number},"text":"{_text(number + 5, 50)}"}}')
    )


SAYS: Final = [
    *(_step(number) for number in range(1, 7)),
    analysis(_text(99, 60)) + final(f"The report is read. {_text(98, 60)}."),
]


class Read(NamedTuple):
    """What a step's prompt cost, in tokens."""

    prompt: int
    cached: int


class PollutedError(Exception):
    """The counters moved by more than the step: others use the server."""


class Counting:
    """A model, and what the server's counters say around each of its steps."""

    def __init__(self, model: Model, server: VllmServer) -> None:
        self.name = server.model
        self.reads: list[Read] = []
        self._model = model
        self._server = server

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        before = await self._counters()
        message = await self._model.sample(request, observe)
        prompt = message.usage.prompt_tokens
        with anyio.move_on_after(_PATIENCE_S):
            # The counters follow the reply by a moment.
            while (after := await self._counters()).prompt - before.prompt < prompt:  # noqa: ASYNC110
                await anyio.sleep(_POLL_S)
        if after.prompt - before.prompt != prompt:
            raise PollutedError(f"{after.prompt - before.prompt} tokens for {prompt}")
        self.reads.append(Read(prompt, after.cached - before.cached))
        return message

    async def aclose(self) -> None:
        await self._model.aclose()

    async def _counters(self) -> Read:
        metrics = await anyio.to_thread.run_sync(self._server.metrics)
        queries, hits = (metrics[f"vllm:prefix_cache_{what}_total"] for what in ("queries", "hits"))
        return Read(int(queries), int(hits))


async def _reads(server: VllmServer, model: Model) -> list[Read]:
    """Two turns, in a conversation that no cache has seen."""
    counting = Counting(model, server)
    case = " ".join(str(random.randrange(100, 1000)) for _ in range(4))
    options: dict[str, Any] = {
        "instructions": f"Case {case}. You read reports, page by page, and take notes.",
        "tools": [note],
        "extra_body": {"vllm_xargs": {"harmony": SAYS}},
        "effort": "medium",
    }
    try:
        async with Session(model=counting, **options) as session:
            await session.ask("Read the report.")
            await session.ask("Read it once more.")
    finally:
        await counting.aclose()
    return counting.reads


async def _undisturbed(server: VllmServer, model: Callable[[], Model]) -> list[Read]:
    """The same, where nobody else was served meanwhile; again where others share the server."""
    for _ in range(_TRIES if running_servers() else 0):
        with contextlib.suppress(PollutedError):
            return await _reads(server, model())
    return await _reads(server, model())


async def _steps(server: VllmServer) -> list[Step]:
    chat = await _undisturbed(server, lambda: ChatModel(server.url))
    direct = await _undisturbed(server, lambda: HarmonyModel(CompletionsSampler.at(server.url)))
    assert len(chat) == len(direct) == 2 * len(SAYS)
    return [
        Step(number // len(SAYS) + 1, number % len(SAYS) + 1, *one, *other)
        for number, (one, other) in enumerate(zip(chat, direct, strict=True))
    ]


async def test_the_prefix_cache_has_all_of_a_direct_prompt_but_what_is_new(
    vllm: VllmServer,
) -> None:
    try:
        steps = await _steps(vllm)
    except PollutedError as error:
        if not running_servers():
            raise
        pytest.skip(f"others use this server, so its counters are not ours: {error}")
    if cache_page.WRITES:
        cache_page.write({vllm.version: steps})
    assert cache_page.read()[vllm.version] == steps

    for before, step in pairwise(steps):
        if step.turn != before.turn:
            continue
        # All whole blocks of what was read and sampled before; the last id is sampled, not read.
        assert step.direct_cached >= before.direct // BLOCK * BLOCK
        assert step.direct_cached >= step.chat_cached
    chat, direct = (
        sum(step.chat - step.chat_cached for step in steps),
        sum(step.direct - step.direct_cached for step in steps),
    )
    # 0.32.0 keeps of this model the blocks of prompts alone, not of what was sampled.
    assert direct < chat * (0.8 if vllm.version == "0.28.0" else 1.0)
