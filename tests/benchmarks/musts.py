"""Which figures does a step have to meet, and are they met?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping


class Must(Struct, frozen=True):
    """A row of the table.

    Attributes:
        phase: what is measured, in relation to what.
        key: the figure's, in `measure.Found.seen`.
        must: at most (at least, if `least`) this; None where only an aim is set.
        aim: the figure to go on to.
    """

    phase: str
    key: str
    must: float | None
    aim: float | None = None
    least: bool = False

    def meets(self, seen: float, bound: float) -> bool:
        """Whether a figure keeps a bound."""
        return seen >= bound if self.least else seen <= bound

    def says(self, bound: float | None) -> str:
        """A bound as it is written."""
        return "-" if bound is None else f"{'≥' if self.least else '≤'} {bound:g}"


MUSTS: Final = (
    Must("unstreamed step, to the loop", "unstreamed to loop", 0.40, 0.33),
    Must("streamed step of 250 chunks, to the loop", "streamed to loop", 0.12),
    Must("streamed step, to raw aiohttp", "streamed to floor", None, 1.4),
    Must("500 in flight, to the loop", "500 in flight to loop", 0.20),
    Must("500 in flight, times its sessions/s", "500 in flight: sessions/s", 5, 8, least=True),
    Must("100 streams in flight, to the loop", "100 streams in flight to loop", 0.10),
    Must("100 streams in flight, to raw aiohttp", "100 streams in flight to floor", None, 1.4),
    Must("100 rounds: last to first tenth", "rounds, last to first", 1.15, 1.05),
    Must("100 rounds: mean step, to the loop", "rounds, mean to loop", 0.06, 0.03),
    Must("trace recording, of a streamed step", "trace, streamed", 0.10, 0.04),
    Must("SQLite store: added to a step, of the loop's", "store, toolrun, SQLite", 0.5),
    Must("PostgreSQL store: the same", "store, toolrun, PostgreSQL", 0.8),
    Must("resuming 500 messages, SQLite, ms of CPU", "resume, toolrun, SQLite", 20),
    Must("resuming 500 messages, PostgreSQL, ms", "resume, toolrun, PostgreSQL", 20),
    Must("replayed streamed step, to the loop", "replay to loop", 0.05, 0.03),
    Must("peak RSS at 500 in flight, to the loop", "memory to loop", 1.2, 0.9),
    Must("2,000 in flight, to 500", "2,000 to 500", 1.3, 1.1),
    Must("valid call, large schema, to jsonschema", "validation, large, valid", 0.01),
    Must("import toolrun, to import openai", "import toolrun", 0.2, 0.1),
    Must("bare box, to a bare interpreter", "bare box", 2.1),
    Must("cold box, to the same", "cold box", 3.3),
    Must("cold box as root, to the same", "cold box, as root", 3.9),
    Must("warm worker, to the same", "warm worker", 0.4),
    Must("prewarmed box, to the same", "prewarmed box", 0.5),
    Must("warm calls/s, times the cold ones", "warm calls/s to cold", 5, least=True),
    Must("p99 of a cold call, to what it may be", "spread of cold", 1),
    Must("p99 of a prewarmed call, to the same", "spread of prewarmed", 1),
    Must("p99 of a warm call, to the same", "spread of warm", 1),
    Must("idle box, MiB", "idle box, MiB", 12),
    Must("cancelled until all is gone, ms", "cancelled, ms", 50),
    Must("streamed answer of 250 chunks, to one render", "render, streamed to final", 4),
    Must("lines of output, last to first tenth", "render, last tenth to first", 1.5),
    Must("chat: start to prompt, ms", "chat: start to prompt, ms", 300),
    Must("chat: key to echo at 2,000/s, p99 ms", "chat: key to echo at 2000/s, p99 ms", 20),
    Must("embedded model, tokens/s on one core", "embedded model, tokens/s", 200, least=True),
    Must("… with guesses, times those without", "embedded model, guessed", 1.15, 1.3, least=True),
    Must("… start of Python to first token, s of CPU", "embedded model, first token", 2.5, 1.5),
    Must("… 20 sessions at once, MiB at the peak", "embedded model, MiB", 400, 300),
)
"""The loop is the one written by hand with AsyncOpenAI. A session of one turn has a file made for
its two steps: that is the file system's time. Memory over 200,000 steps is `make
soak`'s."""


def verdicts(seen: Mapping[str, float]) -> list[dict[str, str]]:
    """The table of what was measured: phase, must, aim, seen, met."""
    return [
        {
            "phase": row.phase,
            "must": row.says(row.must),
            "aim": row.says(row.aim),
            "seen": f"{seen[row.key]:.3g}",
            "met": _met(row, seen[row.key]),
        }
        for row in MUSTS
        if row.key in seen
    ]


def _met(row: Must, seen: float) -> str:
    if row.must is not None and not row.meets(seen, row.must):
        return "NO"
    if row.aim is None:
        return "yes"
    aimed = row.meets(seen, row.aim)
    if row.must is None:
        return "aim" if aimed else "not the aim"
    return "yes, and the aim" if aimed else "yes"
