"""How fast is the embedded model on one core, how soon does it speak, and what does it take?

With guesses and without, in turns and in CPU time; beside them what this machine reads of memory
meanwhile, as that is what a token costs: 31 MB of weights. Fresh processes for the first token and
for 20 sessions at once: `python -m tests.benchmarks.phase_nano first | many`.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from tests.benchmarks.measure import Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.measure import Setting, Table
    from toolrun.models.nano.run import Voice

NAME: Final = "nano"
SESSIONS: Final = 20
GUESSED, PLAIN = "with guesses", "without"
_PROMPTS = 16
_SEED = 4_242
_LONGEST = 220
_STARTS = 3
_READ_MB = 32
_ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(setting: Setting) -> Found:
    """Measure; a round is one prompt, sampled in both ways, which must say the same."""
    os.environ.update(_ONE_CORE)  # before numpy is imported
    import msgspec

    from toolrun.models.nano.sampler import NanoSampler

    voice = NanoSampler().voice()
    voices = {GUESSED: voice, PLAIN: msgspec.structs.replace(voice, usual=None)}
    speeds: dict[str, list[tuple[float, float, int, int]]] = {name: [] for name in voices}
    memory: list[float] = []
    for prompt in _prompts(setting.rounds or _PROMPTS):
        memory.append(_bandwidth())
        said = {name: _sample(voices[name], prompt, speeds[name]) for name in voices}
        assert said[GUESSED] == said[PLAIN]
    table = {name: _row(each) for name, each in speeds.items()}
    firsts = [float(_process("first")) for _ in range(_STARTS)]
    peak = float(_process("many", json.dumps(_prompts(SESSIONS))))
    rest: Table = {
        "memory, GB/s": _spread(memory),
        "first token, s of CPU": _spread(firsts),
        f"{SESSIONS} sessions at once, MiB": _spread([peak]),
    }
    return Found(
        {"The embedded model on one core": table, "Beside it": rest},
        {
            "embedded model, tokens/s": table[GUESSED]["tokens/s"],
            "embedded model, guessed": table[GUESSED]["tokens/s"] / table[PLAIN]["tokens/s"],
            "embedded model, first token": statistics.median(firsts),
            "embedded model, MiB": peak,
        },
    )


def _prompts(count: int) -> list[list[int]]:
    """Of made-up conversations that nothing was trained on."""
    from tests.rig.nano.conversations import Writer

    writer, r = Writer(), Random(_SEED)
    found: list[list[int]] = []
    while len(found) < count:
        found += [sample.prompt for sample in writer.samples(r)[:2]]
    return found[:count]


def _sample(
    voice: Voice, prompt: Sequence[int], speeds: list[tuple[float, float, int, int]]
) -> list[int]:
    from toolrun.models.harmony.tokens import CALL, RETURN
    from toolrun.models.nano.run import Run
    from toolrun.values import Sampling

    began = time.process_time()
    run = Run(voice, prompt, (CALL, RETURN), Sampling(max_tokens=_LONGEST))
    while not run.said:
        run.advance(1)
    read = time.process_time()
    while run.reason is None:
        run.advance(4)
    # the first token was said by what read the prompt
    speeds.append((read - began, time.process_time() - read, len(prompt), len(run.said) - 1))
    return run.said


def _row(speeds: Sequence[tuple[float, float, int, int]]) -> dict[str, float]:
    reading, saying, read, said = (sum(column) for column in zip(*speeds, strict=True))
    return {
        "tokens/s": round(said / saying, 1),
        "prompt tokens/s": round(read / reading),
        "tokens": said,
        "replies": len(speeds),
    }


def _bandwidth() -> float:
    """GB/s that one core reads."""
    import numpy as np

    numbers = np.ones(_READ_MB * 250_000, np.float32)
    began = time.process_time()
    numbers.sum()
    return _READ_MB / 1e3 / (time.process_time() - began)


def _spread(figures: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(figures), 2),
        "least": round(min(figures), 2),
        "most": round(max(figures), 2),
        "rounds": len(figures),
    }


def _process(what: str, given: str = "") -> str:
    command = [sys.executable, "-m", "tests.benchmarks.phase_nano", what]
    env = {**os.environ, **_ONE_CORE}
    return subprocess.check_output(command, input=given, text=True, timeout=600, env=env)


def _first() -> float:
    """Seconds of CPU from the start of this process to the first token, through a session."""
    import anyio

    from toolrun import ReasoningDelta, Session, tool
    from toolrun.testing import nano

    @tool(trusted=True)
    def word_count(path: str) -> int:
        """Count the words of a text file."""
        return len(path)

    async def main() -> float:
        async with (
            Session(model=nano(), tools=[word_count]) as session,
            session.stream("How many words does docs/report.md have?") as events,
        ):
            async for event in events:
                if isinstance(event, ReasoningDelta):
                    return time.process_time()
        raise AssertionError

    return anyio.run(main)


def _many() -> float:
    """MiB at the peak of this process, with sessions at once that share a model."""
    import anyio

    from toolrun.models.harmony.tokens import CALL, RETURN, TokenRequest
    from toolrun.models.nano.sampler import NanoSampler
    from toolrun.values import Sampling

    prompts = json.load(sys.stdin)  # what makes them takes memory, too
    sampler = NanoSampler()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for prompt in prompts:
                long = (prompt * 9)[-900:]  # as of a conversation of some turns
                sampling = Sampling(max_tokens=40)
                request = TokenRequest(tuple(long), sampling, (CALL, RETURN))
                group.start_soon(sampler.sample, request)

    anyio.run(main)
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    print({"first": _first, "many": _many}[sys.argv[1]]())
