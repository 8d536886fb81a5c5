"""How soon does `toolrun chat` prompt, how soon is a key seen while a model streams, at what cost?

What is measured is what a person meets: a terminal, keys, and the bytes that come back. Each key is
a letter that was not there before, and is seen when its letter comes.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks import repl
from tests.benchmarks.measure import Found, every_core, turns
from tests.rig.mock import MockServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.measure import Setting
    from tests.rig.teletype import Teletype

NAME: Final = "repl"
RATES: Final = (0, 50, 2000)
_ROUNDS: Final = 9
_KEYS: Final = 200
_BETWEEN_S: Final = (0.015, 0.045)
"""Between two keys: a fast typist's, and no rhythm that frames could fall in with."""
_LETTERS: Final = [chr(code) for code in range(0x100, 0x250)]
_WARM: Final = 10
_ANSWER: Final = 250
_QUIET_S: Final = 0.5
"""A chat that has used no CPU for so long has all that it imports behind its prompt."""


def run(setting: Setting) -> Found:
    """Measure the starts in turns, then keys at each rate, then a streamed answer."""
    found = Found()
    with every_core(), MockServer(core=setting.cores.server, keep=0) as mock:
        _starts(found, mock, setting.rounds or _ROUNDS)
        _keys(found, mock)
        _answers(found, mock, min(setting.rounds or 3, 3))
    return found


def _starts(found: Found, mock: MockServer, rounds: int) -> None:
    programs = {each.name: each for each in (repl.toolrun(mock.url), *repl.peers())}
    times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as home:
        for program in programs.values():
            _start(program, Path(home))  # compiles, fills the file cache, makes its folders
        for name in turns(list(programs), rounds):
            times[name].append(_start(programs[name], Path(home)))
    table: dict[str, dict[str, Any]] = {}
    for name, each in times.items():
        prompt, echo, cpu = (statistics.median(column) for column in zip(*each, strict=True))
        table[name] = {
            "prompt_ms": round(prompt, 1),
            "slowest_ms": round(max(one[0] for one in each), 1),
            "first key seen_ms": round(echo, 1),
            "cpu_ms": round(cpu, 1),
            "rounds": len(each),
        }
    found.tables["From the start to the prompt, and to the first key on the screen"] = table
    found.seen["chat: start to prompt, ms"] = table[repl.TOOLRUN]["prompt_ms"]
    for name in table.keys() - {repl.TOOLRUN}:
        ratio = table[repl.TOOLRUN]["prompt_ms"] / table[name]["prompt_ms"]
        found.seen[f"chat: start, to {name}"] = ratio


def _start(program: repl.Program, home: Path) -> tuple[float, float, float]:
    """Milliseconds from the start to the prompt, to the echo of a key, and of CPU until then."""
    with program.start(home) as terminal:
        prompt = terminal.until(program.prompt)
        since = len(terminal.seen)
        terminal.type(_LETTERS[0])
        echo = terminal.until(_LETTERS[0], since=since)
        return (
            1e3 * (prompt - terminal.began),
            1e3 * (echo - terminal.began),
            1e3 * terminal.cpu_s(),
        )


def _keys(found: Found, mock: MockServer) -> None:
    table = {}
    for rate in RATES:
        times = sorted(_echoes(mock, rate))
        p99 = times[round(0.99 * (len(times) - 1))]
        table[f"{rate:,} chunks/s"] = {
            "p50_ms": round(statistics.median(times), 2),
            "p99_ms": round(p99, 2),
            "slowest_ms": round(times[-1], 2),
            "keys": len(times),
        }
        found.seen[f"chat: key to echo at {rate}/s, p99 ms"] = p99
    found.tables["From a key to its letter on the screen, while a model streams"] = table


def _echoes(mock: MockServer, rate: int) -> list[float]:
    """The milliseconds of each key."""
    seconds = 2 + (_KEYS + _WARM) * (sum(_BETWEEN_S) / 2 + 0.02)
    if rate:
        repl.say(mock, round(rate * seconds), rate)
    with _chat(mock) as terminal:
        if rate:
            terminal.type("go\r")
            terminal.until("Part")
        draw = random.Random(0)
        times = []
        for letter in _LETTERS[: _KEYS + _WARM]:
            terminal.drain(draw.uniform(*_BETWEEN_S))
            since = len(terminal.seen)
            pressed = time.perf_counter()
            terminal.type(letter)
            times.append(1e3 * (terminal.until(letter, since=since) - pressed))
        if rate and not mock.running():
            raise RuntimeError("the stream ended before the last key: nothing was measured")
        return times[_WARM:]


def _answers(found: Found, mock: MockServer, rounds: int) -> None:
    """The CPU of the whole program while it shows a streamed answer, and while it waits."""
    costs, idle = [], []
    for _ in range(rounds):
        repl.say(mock, _ANSWER, 50)
        with _chat(mock) as terminal:
            before = terminal.cpu_s()
            terminal.drain(2)
            idle.append(1e3 * (terminal.cpu_s() - before) / 2)
            before = terminal.cpu_s()
            terminal.type("go\r")
            terminal.until("Part")
            while mock.running():
                terminal.drain(0.1)
            terminal.drain(0.5)  # the last frame
            costs.append(1e3 * (terminal.cpu_s() - before))
    row = {
        "cpu_ms": round(statistics.median(costs), 1),
        "idle, cpu_ms a second": round(statistics.median(idle), 1),
        "rounds": len(costs),
    }
    title = "An answer of 250 chunks at 50 a second: CPU of the whole program"
    found.tables[title] = {repl.TOOLRUN: row}
    found.seen["chat: 250 chunks, CPU ms"] = statistics.median(costs)


@contextmanager
def _chat(mock: MockServer) -> Iterator[Teletype]:
    """A chat that has prompted and come to rest."""
    with tempfile.TemporaryDirectory() as home, repl.toolrun(mock.url).start(Path(home)) as opened:
        opened.until(repl.PROMPT)
        used = -1.0
        while used != (used := opened.cpu_s()):
            opened.drain(_QUIET_S)
        yield opened
