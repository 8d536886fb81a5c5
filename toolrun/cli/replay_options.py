"""Which options does `toolrun replay` have, for each of the three things that it does?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import Annotated, Final, Literal

from cyclopts import Group, Parameter

_PLAY: Final = Group("To look at one", sort_key=1)
_CHECK: Final = Group("To check many", sort_key=2)
_AGAINST: Final = Group("To ask a live model the same", sort_key=3)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PlayOptions:
    """How a trace is played."""

    speed: Annotated[
        str | None,
        Parameter(
            group=_PLAY,
            help="1: the original pace, but no wait longer than 2 s, the default at a terminal; "
            "2: twice as fast; max: at once, the default elsewhere.",
        ),
    ] = None
    step: Annotated[bool, Parameter(group=_PLAY, help="Wait for a key before each step.")] = False
    quiet: Annotated[bool, Parameter(group=_PLAY, help="Only whether it is identical.")] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """How traces are checked."""

    check: Annotated[
        bool, Parameter(group=_CHECK, help="Replay all, a line each; 1 where one differs.")
    ] = False
    strictness: Annotated[
        Literal["strict", "semantic", "loose"],
        Parameter(
            group=_CHECK,
            help="strict: every byte; semantic: messages and calls; loose: the order of steps.",
        ),
    ] = "strict"
    exit_first: Annotated[
        bool,
        Parameter(name=["--exit-first", "-x"], group=_CHECK, help="Stop at the first difference."),
    ] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AgainstOptions:
    """Which model is asked what was asked in traces, and what of its behaviour counts."""

    against: Annotated[
        str | None,
        Parameter(
            group=_AGAINST,
            metavar="URL",
            help="Base URL of a server: its model gets the recorded words and results.",
        ),
    ] = None
    model: Annotated[
        str | None, Parameter(group=_AGAINST, help="Its name there; the recorded one by default.")
    ] = None
    via: Annotated[
        Literal["auto", "chat", "responses", "harmony"] | None,
        Parameter(group=_AGAINST, help="How the server is sampled; as recorded by default."),
    ] = None
    api_key: Annotated[
        str | None, Parameter(group=_AGAINST, help="Bearer token; TOOLRUN_API_KEY is better.")
    ] = None
    dialect: Annotated[
        str | None,
        Parameter(group=_AGAINST, help="What the server is, where it does not say so."),
    ] = None
    extra_body: Annotated[
        str | None,
        Parameter(group=_AGAINST, metavar="JSON", help="Fields of each request, over those."),
    ] = None
    fail_on: Annotated[
        Literal["calls", "answer", "none"],
        Parameter(
            group=_AGAINST,
            help="What ends with 1: other calls or ends of turns; other answers, too; nothing.",
        ),
    ] = "calls"
    record: Annotated[
        Path | None,
        Parameter(group=_AGAINST, metavar="FOLDER", help="Keep the traces of what it did."),
    ] = None
