"""`toolrun trace minimize`: the smallest trace that still fails."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import anyio
from cyclopts import Parameter

from toolrun.errors import ConfigError, ReplayMismatch, TraceError

if TYPE_CHECKING:
    from toolrun.events import Event
    from toolrun.trace.reader import Trace

_NUMBER: Final = re.compile(r"\d+")
_ADDED: Final = re.compile(r"^adds\[\d+\]\.")
_EVENT: Final = re.compile(r"\((\w+), turn \d+")


def minimize(
    file: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Where it is written to.")],
    command: Annotated[
        str | None,
        Parameter(
            name="--while",
            metavar="COMMAND",
            help="Keep what lets this command fail; {} in it, or its last word, is the trace.",
        ),
    ] = None,
    tries: Annotated[int, Parameter(help="Traces to try at most; 1000 by default.")] = 1000,
) -> int:
    """Write the smallest trace that still fails.

    A trace fails where its replay differs: one that still does in the same field is kept. With
    --while, where a command ends with the same exit code, which is not 0. Turns, steps, calls,
    tools, observed events and the rest of long texts are left out, as far as it goes.

    Args:
        file: A trace that fails.
        output: A file that is not there yet.
        command: To say what failing is.
        tries: Bounds how long it takes.
    """
    from toolrun.cli.trace_files import a_trace
    from toolrun.trace.reader import read_trace

    if output.exists():
        raise ConfigError(f"-o {output}: is there already; nothing was written")
    trace = read_trace(a_trace(file))
    before, after, tried, ended = anyio.run(_minimized, trace, output, command, tries)
    rest = "" if ended else "; the tries are used up, --tries gives it more"
    print(f"{before:,} events to {after:,} in {tried:,} tries: {output}{rest}")
    return 0


async def _minimized(
    trace: Trace, output: Path, command: str | None, tries: int
) -> tuple[int, int, int, bool]:
    from toolrun.cli.bar import Bar
    from toolrun.cli.watch import Interrupts
    from toolrun.trace.minimize import minimize as smallest

    with Interrupts(), tempfile.TemporaryDirectory(prefix="toolrun-minimize-") as folder:
        candidate = Path(folder) / output.name
        how = _replay if command is None else _Command(command)

        async def seen(events: list[Event]) -> str | None:
            await write(candidate, trace, events)
            return await how(candidate)

        wanted = await seen(list(trace.events))
        if wanted is None:
            raise ConfigError(
                "it does not fail: its replay is identical"
                if command is None
                else f"it does not fail: {command} ends with 0"
            )

        async def fails(events: list[Event]) -> bool:
            return await seen(events) == wanted

        with Bar(tries, sys.stderr) as bar:
            found = await smallest(
                trace.events,
                fails,
                tries=tries,
                on_try=lambda _, left: bar.at(f"{left:,} events: {wanted}"),
            )
        await write(output, trace, found.events)
    return len(trace.events), len(found.events), found.tries, found.ended


async def write(path: Path, trace: Trace, events: list[Event]) -> None:
    """Write a trace of these events, with the id and the date of another.

    Raises:
        TraceError: it cannot be written.
    """
    from toolrun.events import Durable
    from toolrun.trace.writer import TraceSink

    sink = TraceSink(path, session=trace.header.session, clock=lambda: trace.header.created)
    for event in events:
        if isinstance(event, Durable):
            await sink.record(event)
        else:
            sink.observe(event)
    sink.close()
    if sink.failed:
        raise TraceError(f"{path}: cannot be written")


async def _replay(path: Path) -> str | None:
    """In which field the replay of a trace differs; None where it does not."""
    from toolrun.testing.replay import replay_trace

    try:
        await replay_trace(path)
    except ReplayMismatch as error:
        return _kind(error)
    except TraceError as error:
        return _NUMBER.sub("N", f"not replayable: {error}")
    return None


def _kind(error: ReplayMismatch) -> str:
    """In which field of which event, wherever in the trace that is."""
    said = str(error).splitlines()[0]
    event = _EVENT.search(said)
    # Of a request whose digest is as recorded, it is the message that it adds that differs.
    field = _ADDED.sub("", error.field)
    return _NUMBER.sub("N", f"{event[1] if event else ''} {field or said}".strip())


class _Command:
    """Says of a trace with which code a command ends for it."""

    def __init__(self, text: str) -> None:
        words = shlex.split(text)
        if not words:
            raise ConfigError("--while: the command is empty")
        self._words = words if any("{}" in word for word in words) else [*words, "{}"]

    async def __call__(self, path: Path) -> str | None:
        words = [word.replace("{}", str(path)) for word in self._words]
        try:
            done = await anyio.run_process(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except OSError as error:
            raise ConfigError(f"--while {words[0]}: {error.strerror or error}") from error
        return f"exit code {done.returncode}" if done.returncode else None
