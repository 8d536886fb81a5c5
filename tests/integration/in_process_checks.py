"""What does toolrun do with a vLLM in its own process? Run there: see `tests/rig/inside.py`.

Each function returns plain values, on which `test_in_process.py` asserts.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from tests.rig.scripts import analysis, call, final
from tests.rig.versions import REPOSITORY
from toolrun import (
    ReasoningDelta,
    Retries,
    Sampling,
    Session,
    ToolrunError,
    tool,
)
from toolrun.models.harmony.model import HarmonyModel
from toolrun.models.harmony.tokens import CALL, RETURN, TokenRequest
from toolrun.trace.tokens import token_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.rig.inside_worker import Rigged
    from tests.rig.scripts import Step
    from toolrun.answer import Answer
    from toolrun.models.harmony.tokens import OnTokens, Sampled, TokenSampler

_WAIT_S = 30.0


@tool(trusted=True)
def count(number: int) -> str:
    """Count on from a number."""
    return f"{number} and one is {number + 1} 🦀"


class Scripted:
    """Has the model say a script, and keeps what it read and said."""

    def __init__(self, sampler: TokenSampler, says: Sequence[Step]) -> None:
        self.seen: list[tuple[list[int], list[int]]] = []
        self.cached: list[int | None] = []
        self._sampler = sampler
        self._extra = {"vllm_xargs": {"harmony": list(says)}}

    async def sample(self, request: TokenRequest, on_tokens: OnTokens | None = None) -> Sampled:
        asked = msgspec.structs.replace(request, extra=self._extra)
        sampled = await self._sampler.sample(asked, on_tokens)
        self.seen.append((list(request.prompt), list(sampled.tokens)))
        self.cached.append(sampled.cached_tokens)
        return sampled

    async def aclose(self) -> None: ...


async def versions(vllm: Rigged) -> dict[str, str]:
    """What this process imports."""
    from importlib.metadata import distributions

    import vllm as package

    import toolrun

    names = {found.metadata["Name"] for found in distributions()}
    return {
        "vllm": package.__version__,
        "toolrun": toolrun.__file__,
        "harmony": " ".join(sorted(names & {"openai-harmony", "oss-harmony"})),
        "executable": sys.executable,
    }


async def guide(vllm: Rigged) -> dict[str, Any]:
    """The guide's example."""
    path = REPOSITORY / "docs/examples/vllm_in_process.py"
    spec = importlib.util.spec_from_file_location("vllm_in_process", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = example
    spec.loader.exec_module(example)
    sampler = Scripted(
        vllm.engine,
        (
            analysis("SF is San Francisco. I ask for its weather, then answer in a riddle.")
            + call("get_current_weather", '{"location":"San Francisco, CA","format":"celsius"}'),
            analysis("Sunny, 20. A riddle, then.") + final("What is gold and warms the bay?"),
        ),
    )
    answer: Answer = await example.ask(sampler)
    decode = _encoding().decode
    return {
        "text": answer.text,
        "status": answer.status,
        "reasoning": [step.reasoning for step in answer.steps],
        "calls": [[each.name, each.arguments] for each in answer.tool_calls],
        "prompts": [decode(prompt) for prompt, _ in sampler.seen],
    }


async def thirty_steps(vllm: Rigged, *, sampler: str, stream: bool) -> dict[str, Any]:
    """A turn of thirty steps, with its log-probabilities in a trace."""
    says = [
        *(
            analysis(f"Step {n}, naïve {'漢' * (n % 3)} 🦀.") + call("count", f'{{"number": {n}}}')
            for n in range(1, 30)
        ),
        analysis("That will do.") + final("Counted to thirty."),
    ]
    scripted = Scripted(getattr(vllm, sampler), says)
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "t.jsonl")
        kinds: list[str] = []
        async with Session(
            model=HarmonyModel(scripted, logprobs=True), tools=[count], trace=trace
        ) as session:
            if stream:
                async with session.stream("Count.") as events:
                    kinds = [type(event).__name__ async for event in events]
            else:
                await session.ask("Count.")
        records = msgspec.to_builtins(token_records(trace))
    return {"seen": scripted.seen, "cached": scripted.cached, "records": records, "kinds": kinds}


async def cancelled(vllm: Rigged) -> dict[str, Any]:
    """A session that is cancelled while its step is sampled; what the engine does meanwhile."""
    engine = vllm.engine._engine
    before = _metrics()
    says = [analysis("word " * 3000) + final("Done.")]
    heard = 0
    async with (
        Session(
            model=HarmonyModel(Scripted(vllm.engine, says)), retries=Retries(attempts=0)
        ) as session,
        anyio.create_task_group() as group,
    ):

        async def cancel_at(pieces: int) -> None:
            nonlocal heard
            async with session.stream("Go on.") as events:
                async for event in events:
                    heard += isinstance(event, ReasoningDelta)
                    if heard == pieces:
                        group.cancel_scope.cancel()

        group.start_soon(cancel_at, 5)
    running = engine.output_processor.get_num_unfinished_requests()
    # A short step is answered at once; what was aborted would sample on beside it.
    await vllm.engine.sample(_request(says=[final("Hi.")]))
    first = _metrics()
    await anyio.sleep(1.0)  # thousands of tokens are left to it, of which it takes dozens a second
    await vllm.engine.sample(_request(says=[final("Hi.")]))
    last = _metrics()
    return {
        "heard": heard,
        "unfinished": running,
        "running": last["vllm:num_requests_running"],
        "generated": first["vllm:generation_tokens_total"] - before["vllm:generation_tokens_total"],
        "later": last["vllm:generation_tokens_total"] - first["vllm:generation_tokens_total"],
    }


async def raising(vllm: Rigged) -> dict[str, Any]:
    """What `on_tokens` raises comes out, and ends the sampling."""

    def refuse(tokens: Sequence[int]) -> None:
        raise LookupError(len(tokens))

    request = _request(says=[analysis("word " * 3000)])
    try:
        await vllm.engine.sample(request, refuse)
    except LookupError as error:
        said = repr(error)
    unfinished = vllm.engine._engine.output_processor.get_num_unfinished_requests()
    return {"said": said, "unfinished": unfinished}


async def refused(vllm: Rigged, *, sampler: str) -> dict[str, str]:
    """What is said of steps that vLLM cannot sample."""
    asked = getattr(vllm, sampler)
    wrong = {
        "long": _request(prompt=[1] * 8192),
        "value": _request(sampling=Sampling(top_p=7.0)),
        "unknown": _request(extra={"nope": 1}),
        "ours": _request(extra={"stop_token_ids": [1]}),
        "prompt": _request(prompt=[5_000_000]),
    }
    said = {}
    for name, request in wrong.items():
        try:
            said[name] = repr(await asked.sample(request))
        except ToolrunError as error:
            said[name] = f"{type(error).__name__} {getattr(error, 'code', '')}: {error}"
    return said


async def stops(vllm: Rigged, *, sampler: str) -> list[list[Any]]:
    """How steps end: by a stop id, past one that is not asked for, by a text, by their length."""
    asked = getattr(vllm, sampler)
    two = call("count", "{}") + "<|start|>assistant" + final("Yes.")
    ends = [
        _request(says=[two]),
        _request(says=[two], stop=(RETURN,)),
        _request(says=[final("one STOP two")], sampling=Sampling(stop=("STOP",))),
        _request(says=[final("one two three")], sampling=Sampling(max_tokens=4)),
    ]
    found = [await asked.sample(each) for each in ends]
    return [[_encoding().decode(each.tokens), each.finish_reason] for each in found]


async def batches(vllm: Rigged, *, sessions: int, backend: str) -> dict[str, Any]:
    """Sessions at once through one `LLM`: how many steps each of its batches had."""
    llm, sizes = vllm.batch._llm, []
    generate = llm.generate

    def counted(prompts: Sequence[Any], *rest: Any, **named: Any) -> Any:
        sizes.append(len(prompts))
        return generate(prompts, *rest, **named)

    async def one(number: int, answers: dict[int, str]) -> None:
        says = (call("count", f'{{"number": {number}}}'), final(f"I am {number}."))
        model = HarmonyModel(Scripted(vllm.batch, says))
        async with Session(model=model, tools=[count]) as session:
            answers[number] = (await session.ask(f"You are {number}.")).text

    async def all_of_them() -> dict[int, str]:
        answers: dict[int, str] = {}
        async with anyio.create_task_group() as group:
            for number in range(sessions):
                group.start_soon(one, number, answers)
        return answers

    llm.generate = counted
    try:
        # Another loop, in another thread, as a second program beside this one's.
        answers = await anyio.to_thread.run_sync(lambda: anyio.run(all_of_them, backend=backend))
    finally:
        llm.generate = generate
    return {"sizes": sizes, "answers": [answers[number] for number in range(sessions)]}


async def one_bad_step_of_a_batch(vllm: Rigged) -> list[str]:
    """A step that vLLM refuses, among others of its batch."""
    said: dict[str, str] = {}

    async def step(name: str, request: TokenRequest) -> None:
        try:
            said[name] = _encoding().decode((await vllm.batch.sample(request)).tokens)
        except ToolrunError as error:
            said[name] = f"{type(error).__name__}: {error}"

    async with anyio.create_task_group() as group:
        group.start_soon(step, "first", _request(says=[final("First.")]))
        group.start_soon(step, "bad", _request(prompt=[5_000_000]))
        group.start_soon(step, "last", _request(says=[final("Last.")]))
    return [said["first"], said["bad"], said["last"]]


async def cancelled_batch(vllm: Rigged) -> dict[str, Any]:
    """A step that is cancelled in its batch, one while it waits, and those that are not."""
    done: list[str] = []

    async def step(name: str, says: str) -> None:
        await vllm.batch.sample(_request(says=[says]))
        done.append(name)

    began = time.monotonic()
    async with anyio.create_task_group() as others:
        async with anyio.create_task_group() as group:
            group.start_soon(step, "running", analysis("word " * 300))
            await anyio.sleep(0.5)
            group.start_soon(step, "waiting", final("Hi."))
            others.start_soon(step, "other", final("Hi."))
            await anyio.sleep(0.1)
            group.cancel_scope.cancel()
        left = time.monotonic() - began
    return {"done": done, "left": left, "took": time.monotonic() - began}


async def wrong_loops(vllm: Rigged) -> list[str]:
    """What an `AsyncLLM` says of a loop that is not its own, and of trio."""
    await vllm.engine.sample(_request(says=[final("Hi.")]))
    said = []
    for backend in ("asyncio", "trio"):
        try:
            await anyio.to_thread.run_sync(
                lambda: anyio.run(vllm.engine.sample, _request(), backend=backend)  # noqa: B023
            )
        except ToolrunError as error:
            said.append(f"{type(error).__name__}: {error}")
    return said


def _request(
    says: Sequence[str] = (),
    *,
    prompt: Sequence[int] = (200006, 1428, 200008, 13225, 200007, 200006, 173781),
    stop: tuple[int, ...] = (RETURN, CALL),
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen
    extra: dict[str, Any] | None = None,
) -> TokenRequest:
    if extra is None:
        extra = {"vllm_xargs": {"harmony": list(says)}} if says else {}
    return TokenRequest(prompt, sampling, stop, extra=extra)


def _encoding() -> Any:
    from toolrun.models.harmony.vocabulary import load

    return load()


def _metrics() -> dict[str, float]:
    """vLLM's metrics of this process, summed over their labels."""
    from prometheus_client import generate_latest

    from tests.rig.server import parse_metrics

    return parse_metrics(generate_latest().decode())
