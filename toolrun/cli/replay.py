"""`toolrun replay`: a recorded session again: to look at, to check, or with another model."""

from __future__ import annotations

import math
import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from toolrun.cli.options import Common
from toolrun.cli.replay_options import AgainstOptions, CheckOptions, PlayOptions
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.cli.screen import Screen
    from toolrun.events import Event
    from toolrun.trace.reader import Trace


def replay(
    *files: Path,
    playing: PlayOptions | None = None,
    checking: CheckOptions | None = None,
    asking: AgainstOptions | None = None,
    as_json: Annotated[
        bool,
        Parameter(
            name="--json", help="What was found as one JSON object; with --check or --against."
        ),
    ] = False,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Run a recorded session again: its trace stands in for model, tools, clock and ids.

    At a terminal it plays as it happened: space pauses, right or enter goes to the next step, + and
    - change the speed, q leaves. Ends with 0 where every event is as recorded, with 1 at the first
    difference.

    Args:
        files: A trace; with --check or --against any number, and folders of them.
        playing: How it is played.
        checking: How they are checked.
        asking: Which model is asked the same.
        as_json: JSON instead of lines.
        common: What every command has.
    """
    playing, checking = playing or PlayOptions(), checking or CheckOptions()
    asking = asking or AgainstOptions()
    if not files:
        raise ConfigError("name a trace: toolrun replay FILE")
    if asking.against is not None:
        from toolrun.cli.replay_against import against

        _without(playing, "--against")
        if checking.check or checking.strictness != "strict":
            raise ConfigError("--check asks nobody, and --against a model: take one of them")
        return against(
            files,
            asking,
            common or Common(),
            exit_first=checking.exit_first,
            as_json=as_json,
        )
    if asking != AgainstOptions():
        raise ConfigError("who is to be asked? toolrun replay --against URL FILE")
    if checking.check:
        from toolrun.cli.replay_check import check

        _without(playing, "--check")
        return check(
            files,
            strictness=checking.strictness,
            exit_first=checking.exit_first,
            as_json=as_json,
        )
    if as_json or checking != CheckOptions():
        raise ConfigError("--json and -x are for --check and --against, --strictness for --check")
    if len(files) > 1:
        raise ConfigError("one trace is played at a time; --check takes many")
    return _play(files[0], playing)


def _without(playing: PlayOptions, option: str) -> None:
    """Refuse options of playing where nothing is played."""
    if playing != PlayOptions():
        raise ConfigError(f"--speed, --step and --quiet are for one trace that plays, not {option}")


def _play(file: Path, playing: PlayOptions) -> int:
    import anyio

    from toolrun.cli.screen import Screen
    from toolrun.cli.trace_files import a_trace

    screen = Screen.of(sys.stdout)
    keys = screen.cursor and sys.stdin.isatty() and not playing.quiet
    if playing.step and not keys:
        raise ConfigError("--step waits for keys, and there is no terminal to press them at")
    speed = _speed(playing.speed, default=1.0 if screen.cursor else math.inf)
    watched = _Watched(screen, speed, stepwise=playing.step, keys=keys)
    verdict, same = anyio.run(_played, a_trace(file), None if playing.quiet else watched)
    print(verdict)
    return 0 if same else 1


def _speed(text: str | None, *, default: float) -> float:
    """The factor that a text means; infinity for "max"."""
    if text is None:
        return default
    try:
        speed = math.inf if text == "max" else float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise ConfigError(f"--speed is a number greater than 0, or max, not {text!r}")
    return speed


class _Watched:
    """How and where events are played."""

    def __init__(self, screen: Screen, speed: float, *, stepwise: bool, keys: bool) -> None:
        self._screen = screen
        self._speed = speed
        self._stepwise = stepwise
        self._keys = keys

    async def play(self, events: list[Event]) -> None:
        from toolrun.cli.play import Player
        from toolrun.cli.render import Renderer

        renderer = Renderer(self._screen, self._screen, recorded=True)
        player = Player(
            events,
            renderer.show,
            self._screen,
            speed=self._speed,
            stepwise=self._stepwise,
            keys=self._keys,
        )
        try:
            await player.play()
        finally:
            renderer.close()


async def _played(file: Path, watched: _Watched | None) -> tuple[str, bool]:
    """Replay a trace, then play what was as recorded; how it went, and whether it is identical.

    One that cannot be replayed is played all the same.

    Raises:
        TraceError: the file is no trace.
    """
    from toolrun.cli.watch import Interrupts
    from toolrun.errors import TraceError
    from toolrun.trace.reader import read_trace

    trace: Trace = read_trace(file)
    events: list[Event] = []
    with Interrupts():
        try:
            verdict, same = await replayed(file, events.append)
        except TraceError as error:
            events[:] = trace.events
            verdict, same = f"not replayed: {error}", False
        if watched is not None:
            await watched.play(events)
    return verdict, same


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
