"""How does the prompt of a conversation stand before the command line has been read?

What reads it takes longer to import than what draws the prompt. So where a conversation begins at a
terminal the prompt is drawn first, and a thread does the rest; what is typed meanwhile waits.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.cli.chat.face import Face, Talk

_ELSEWHERE: Final = ("--help", "-h", "--version", "--screen-reader")
"""Options with which no prompt is drawn."""

_SWITCH: Final = 0.0005
"""Seconds after which an import lets the keyboard have its turn."""

_standing: ContextVar[Any] = ContextVar("standing", default=None)


def begins(arguments: Sequence[str]) -> bool:
    """Whether a command line begins a conversation at a terminal."""
    return arguments[:1] == ["chat"] and not set(_ELSEWHERE) & set(arguments) and at_terminal()


def at_terminal() -> bool:
    """Whether a person sits at stdin and stdout, and the cursor of their terminal can be moved."""
    import os

    terminal = os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    return terminal and sys.stdin.isatty() and sys.stdout.isatty()


def begin(arguments: Sequence[str]) -> int:
    """Draw the prompt, and run the command line behind it; the exit code."""
    import asyncio
    import gc

    gc.disable()  # there is nothing to collect in what is imported
    switch = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    try:
        outcome = asyncio.run(_begun(arguments))
    finally:
        sys.setswitchinterval(switch)
        gc.enable()
    from toolrun.cli.app import ended

    return ended(outcome, arguments)


async def _begun(arguments: Sequence[str]) -> Callable[[], int | None]:
    """What the command line has come to: gives its code, or raises what it has raised."""
    import asyncio

    from toolrun.cli.chat.terminal.face import Terminal

    face = Terminal()
    _standing.set((face, asyncio.get_running_loop()))
    code: int | None = None
    error: Exception | None = None
    async with face.opened():
        try:
            code = await asyncio.to_thread(_launched, arguments)
        except Exception as raised:  # noqa: BLE001 - told of once the prompt is gone
            error = raised

    def outcome() -> int | None:
        if error is not None:
            raise error
        return code

    return outcome


def _launched(arguments: Sequence[str]) -> int | None:
    from toolrun.cli.app import launched

    return launched(arguments)


def face_here(*, aloud: bool = False) -> Face:
    """The face for what this process's stdin and stdout are.

    Args:
        aloud: whether the screen is read aloud: then only lines are written.
    """
    if (standing := _standing.get()) is not None:
        face: Face = standing[0]
        return face
    if aloud or not at_terminal():
        from toolrun.cli.chat.lines import Lines

        return Lines(aloud=aloud)
    from toolrun.cli.chat.terminal.face import Terminal

    return Terminal()


def come_to_rest() -> None:
    """What is there now stays: collections do not look through it any more, where keys would wait.

    One that does takes 30 ms.
    """
    if _standing.get() is not None:
        import gc

        gc.freeze()


def import_all() -> None:
    """Import what a session needs, so that it comes at once where it is asked for."""
    import toolrun.cli.about
    import toolrun.cli.chat.banner
    import toolrun.cli.chat.sessions.first
    import toolrun.cli.chat.sessions.left
    import toolrun.cli.chat.sessions.showing
    import toolrun.cli.load_tools
    import toolrun.models.auto
    import toolrun.models.door
    import toolrun.models.probe
    import toolrun.models.transport_aiohttp
    import toolrun.runtime
    import toolrun.session
    import toolrun.tools.builtin.changing  # noqa: F401 - all of them: to be found loaded


def held(face: Face, talk: Talk) -> int:
    """Hold a conversation, where the prompt stands already, or where it does not; the exit code."""
    import asyncio

    if (standing := _standing.get()) is not None:
        import gc

        import toolrun.cli.chat.view.view
        import toolrun.models.door
        import toolrun.session  # noqa: F401 - so that it is there when it is asked for
        from toolrun.cli.chat.view.parser import warm

        held = asyncio.run_coroutine_threadsafe(face.run(talk), standing[1])
        warm()  # while the session opens
        sys.setswitchinterval(0.005)
        gc.enable()
        come_to_rest()
        return held.result()
    import anyio

    return anyio.run(face.run, talk)
