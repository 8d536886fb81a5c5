"""What does a step cost while hundreds of sessions are under way in one process?

A wave is that many workers at once, each of which holds two sessions, one after the other. A turn
is a wave that opens the connections, and then one that is measured. The server takes 20 ms to
reply.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from tests.benchmarks import measure, task
from tests.benchmarks.contestants import FLOOR, HTTPX, PEERS, SDK_LOOP, TOOLRUN
from tests.benchmarks.measure import Figures, Found
from tests.benchmarks.opened import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from tests.benchmarks.measure import Setting
    from tests.benchmarks.opened import Opened
    from tests.benchmarks.task import Contestant

    Work = Callable[[Contestant, str], Coroutine[None, None, int]]
    Wave = Callable[..., Coroutine[None, None, int]]

NAME: Final = "flight"
_ROUNDS = 5
_DELAY_S = 0.02
_HOLD_S = 5.0
_WITH_PEERS: Final = "100 in flight"
_MANY, _MOST = 500, 2000
_EACH = 2
"""With one session each, the figure would be that of a burst: its memory grows all the while, which
has Python's garbage collector look through all of it again and again."""


def run(setting: Setting) -> Found:
    """Measure waves of sessions; units are steps.

    Raises:
        AssertionError: a contestant did not do the task, or its sessions waited for one another.
    """
    measure.raise_open_files()
    return asyncio.run(_run(setting))


async def _run(setting: Setting) -> Found:
    found = Found()
    phases: dict[str, tuple[Work, int]] = {
        _WITH_PEERS: (task.ask, 100),
        "500 in flight": (task.ask, _MANY),
        "100 streams in flight": (task.stream, 100),
    }
    async with opened(setting) as there:
        marker = _slow(there, "flight", _DELAY_S)
        await _check(there)
        for name, (work, size) in phases.items():
            # The peers would take twenty minutes for the larger ones.
            if name != _WITH_PEERS and set(PEERS) & set(setting.names):
                continue
            figures = Figures(name)
            await _measure(
                figures,
                {
                    who: partial(_wave, work, each, size, marker)
                    for who, each in there.by_name.items()
                },
                setting,
            )
            table = found.tables[f"A step, {name}"] = figures.table(SDK_LOOP, HTTPX, FLOOR)
            _add_sessions(table, size)
            found.seen |= figures.ratios(name, TOOLRUN, loop=SDK_LOOP, floor=FLOOR)
            if {TOOLRUN, SDK_LOOP} <= figures.rounds.keys():
                found.seen[f"{name}: sessions/s"] = figures.times_as_fast(TOOLRUN, SDK_LOOP)
        if not set(PEERS) & set(setting.names):
            await _most(found, there, marker, setting)
    return found


async def _most(found: Found, there: Opened, marker: str, setting: Setting) -> None:
    """2,000 beside 500, of those that can."""
    figures = Figures("2,000")
    waves = {
        f"{who}, {size}": partial(_wave, task.ask, there.by_name[who], size, marker)
        for who in (TOOLRUN, FLOOR)
        if who in there.by_name
        for size in (_MANY, _MOST)
    }
    if not waves:
        return
    await _measure(figures, waves, setting)
    to = f"{TOOLRUN}, {_MANY}"
    found.tables["A step, 2,000 in flight beside 500"] = figures.table(to)
    if TOOLRUN in there.by_name:
        found.seen["2,000 to 500"] = figures.ratio(f"{TOOLRUN}, {_MOST}", to)


async def _measure(figures: Figures, waves: Mapping[str, Wave], setting: Setting) -> None:
    rounds = setting.rounds or _ROUNDS
    warm = {name: partial(wave, each=1) for name, wave in waves.items()}
    await measure.interleave(figures, waves, rounds=rounds, seconds=setting.seconds, warm=warm)


async def _wave(
    work: Work, contestant: Contestant, size: int, marker: str, each: int = _EACH
) -> int:
    async def worker() -> int:
        return sum([await work(contestant, marker) for _ in range(each)])

    return sum(await asyncio.gather(*(worker() for _ in range(size))))


def _slow(there: Opened, name: str, delay_s: float) -> str:
    steps = [msgspec.structs.replace(step, delay_s=delay_s) for step in task.SCRIPT]
    return there.mock.script(*steps, name=name)


async def _check(there: Opened) -> None:
    """See that the sessions of toolrun really are under way at once, as the server counts them."""
    if (contestant := there.by_name.get(TOOLRUN)) is None:
        return
    marker = _slow(there, "held", _HOLD_S)
    wave = asyncio.create_task(_wave(task.ask, contestant, _MOST, marker, each=1))
    most, ends = 0, asyncio.get_running_loop().time() + _HOLD_S
    while most < _MOST and asyncio.get_running_loop().time() < ends:
        await asyncio.sleep(0.25)
        most = max(most, await asyncio.to_thread(there.mock.running))
    await wave
    assert most == _MOST, f"{most} of {_MOST} sessions were under way at once"


def _add_sessions(table: measure.Table, size: int) -> None:
    for row in table.values():
        row["sessions/s"] = round(1e3 / (row["wall_ms"] * task.STEPS), 1)
        row["at once"] = size
