"""`toolrun replay`: a recorded session again, without model, tools or network."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.events import Event


def replay(
    file: Path,
    /,
    *,
    quiet: Annotated[bool, Parameter(help="Only whether it is identical.")] = False,
) -> int:
    """Run a recorded session again: its trace stands in for model, tools, clock and ids.

    Ends with 0 where every event is as recorded, with 1 at the first difference.

    Args:
        file: A trace.
        quiet: Don't show the session.
    """
    import anyio

    from toolrun.cli.render import Renderer
    from toolrun.cli.screen import Screen

    if not file.is_file():
        raise ConfigError(f"there is no trace {file}")
    screen = Screen.of(sys.stdout)
    renderer = Renderer(screen, screen, recorded=True)
    verdict, same = anyio.run(replayed, file, None if quiet else renderer.show)
    renderer.close()
    print(verdict)
    return 0 if same else 1


async def replayed(file: Path, show: Callable[[Event], None] | None = None) -> tuple[str, bool]:
    """Replay a trace; a sentence on how it went, and whether it is identical.

    Raises:
        TraceError: the file is no trace.
    """
    from toolrun.errors import ReplayMismatch
    from toolrun.events import AssistantMessage
    from toolrun.testing.replay import replay_trace

    events = steps = 0

    def count(event: Event) -> None:
        nonlocal events, steps
        events += 1
        steps += isinstance(event, AssistantMessage)
        if show is not None:
            show(event)

    try:
        report = await replay_trace(file, on_event=count)
    except ReplayMismatch as error:
        return f"replayed {events:,} events, {steps:,} steps; then it differs: {error}", False
    rest = "; the trace ends in the middle of a turn" if report.unfinished else ""
    return f"replayed {events:,} events, {steps:,} steps: identical{rest}", True
