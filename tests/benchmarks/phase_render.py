"""What does it cost to show an answer while it streams, and very many lines of a tool's output?

An answer with a heading, a list, code, a table and a link comes in 250 chunks, 50 a second, and is
drawn 15 times a second, as `terminal.frames` does; against one rendering of the same Markdown once
it is there. Beside them: one rendering by rich. Without a terminal: lines are made, and written
nowhere.
"""

from __future__ import annotations

import asyncio
import io
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markdown import Markdown

from tests.benchmarks import measure
from tests.benchmarks.measure import Cost, Figures, Found
from toolrun import events as ev
from toolrun.cli.chat.view.look import Look
from toolrun.cli.chat.view.view import View
from toolrun.values import ToolResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.measure import Setting

NAME: Final = "render"
STREAMED, FINAL, RICH = "streamed", "one final render", "rich, one final render"
_ROUNDS: Final = 15
_CHUNKS: Final = 250
_FRAMES: Final = (0, 3, 6)  # of ten chunks, which take a fifth of a second
_WIDTH, _ROWS = 100, 20
_LINES: Final = 10_000
_PIECE: Final = 100
_ANSWER: Final = """\
## What the log says

The server was **restarted three times** on the night of the 4th, and each time it took about \
*forty seconds* until the first request was answered. The reason is in `worker.py`: the pool is \
closed before its last job has ended.

1. The signal arrives while a job runs.
2. `close()` sets the flag, and does not wait.
   - the job then writes to a closed pipe
   - its error is caught and dropped
3. The supervisor sees an exit code of 1.

```python
async def close(self) -> None:
    \"\"\"Let the jobs end, and close the pool.\"\"\"
    self.closing = True
    async with self.lock:
        await self.idle.wait()
    self.pipe.close()
```

| night | restarts | seconds |
|:------|---------:|--------:|
| 3rd   |        0 |         |
| 4th   |        3 |     118 |
| 5th   |        1 |      41 |

So wait for the jobs first. See [the guide](https://example.com/guide) for how a pool is drained, \
and run the tests again once it is changed: two of them will fail until their timeouts are raised.
"""


def run(setting: Setting) -> Found:
    """Measure renderings; units are answers, then lines."""
    found = Found()
    figures = Figures("render")
    works: dict[str, Callable[[], object]] = {STREAMED: streamed, FINAL: final, RICH: _rich}
    assert streamed() == final()
    rounds = setting.rounds or _ROUNDS
    asyncio.run(
        measure.interleave(
            figures,
            {name: partial(_once, work) for name, work in works.items()},
            rounds=rounds,
            seconds=min(setting.seconds, 0.1),
        )
    )
    found.tables[f"An answer of {_CHUNKS} chunks, 75 frames"] = figures.table(FINAL, RICH)
    found.seen |= figures.ratios("render, streamed", STREAMED, final=FINAL)
    lines = Figures("lines")
    for _ in range(rounds):
        _output(lines)
    found.tables[f"{_LINES:,} lines of a tool's output, per 1,000"] = lines.table("first tenth")
    found.seen |= lines.ratios("render, last tenth", "last tenth", first="first tenth")
    return found


async def _once(work: Callable[[], object]) -> int:
    work()
    return 1


def streamed() -> list[str]:
    """The lines of the answer, printed while it comes."""
    view, lines = View(Look()), []
    size = len(_ANSWER) / _CHUNKS
    for number in range(_CHUNKS):
        text = _ANSWER[round(number * size) : round((number + 1) * size)]
        view.show(ev.TextDelta(text))
        if number % 10 in _FRAMES:
            lines += view.settled(_WIDTH)
            view.live(_WIDTH, _ROWS)
    view.show(ev.AssistantMessage(_ANSWER))
    return lines + view.settled(_WIDTH)


def final() -> list[str]:
    """The lines of the answer, once it is there."""
    view = View(Look())
    view.show(ev.AssistantMessage(_ANSWER))
    return view.settled(_WIDTH)


def _rich() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=_WIDTH)
    console.print(Markdown(_ANSWER))


def _output(figures: Figures) -> None:
    """A call that prints, a frame after every hundred lines; then all lines anew, unfolded."""
    view = View(Look())
    view.show(ev.ToolCallStarted("1", "build", {}, "pure"))
    pieces = [
        "".join(f"{at + n:>6} [info] compiled module_{n}.c in {n} ms\n" for n in range(_PIECE))
        for at in range(0, _LINES, _PIECE)
    ]
    tenth = len(pieces) // 10
    for name, some in {
        "first tenth": pieces[:tenth],
        "between": pieces[tenth:-tenth],
        "last tenth": pieces[-tenth:],
    }.items():
        began, wall = time.process_time(), time.perf_counter()
        for text in some:
            view.show(ev.ToolOutput("1", "stdout", text))
            view.settled(_WIDTH)
            view.live(_WIDTH, _ROWS)
        figures.add(name, _cost(began, wall, len(some) * _PIECE))
    view.show(ev.ToolCallFinished("1", "build", ToolResult("ok")))
    view.fold(1)
    began, wall = time.process_time(), time.perf_counter()
    assert len(view.whole(_WIDTH)) == _LINES
    figures.add("whole()", _cost(began, wall, _LINES))


def _cost(began: float, wall: float, lines: int) -> Cost:
    cpu, real = time.process_time() - began, time.perf_counter() - wall
    return Cost(1e6 * cpu / lines, 1e6 * real / lines)
