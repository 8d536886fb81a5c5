"""How is a session taken up again, and what is done where that is not possible as it stands?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
from msgspec import structs

from toolrun.cli.chat.face import Choice, Question
from toolrun.cli.chat.sessions.left import chosen, is_asked
from toolrun.cli.chat.stopping import stoppable
from toolrun.cli.screen import WARNING
from toolrun.copying import before_running_turn, copied
from toolrun.embedded import is_embedded
from toolrun.errors import (
    ConfigError,
    SessionBusy,
    StoreError,
    ToolsChanged,
)
from toolrun.resuming import PINNED, settings_of
from toolrun.store.contract import Query
from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.chat.conversation import Conversation
    from toolrun.config import Config
    from toolrun.events import Durable
    from toolrun.session import Session
    from toolrun.state import State

_BUSY: Final = (
    Choice("f", "fork", "go on in a new session that begins with what is stored of this one"),
    Choice("w", "wait", "until it is free; Ctrl-C ends that"),
    Choice("n", "no", "leave it"),
)
_OTHER_TOOLS: Final = (
    Choice("y", "adopt", "the model sees the tools as they are now"),
    Choice("n", "no", "leave it; start again with the tools that it had"),
)
_DAMAGED: Final = (
    Choice("y", "fork", "go on in a new session that begins with what is whole"),
    Choice("n", "no", "leave it"),
)
_NONE: Final = 1 << 30
"""An event number that no session comes to: nothing is read, only looked for."""
_FEW: Final = 5
_LINES: Final = 10
"""Differences of tools that are listed."""
_PATIENCE: Final = 86_400.0
"""Seconds to wait for a session that another process drives, where somebody chose to."""


async def taken_up(
    talk: Conversation,
    id: str,  # noqa: A002 - as sessions have
    *,
    adopt: bool = False,
    **options: Any,
) -> Session | None:
    """A session that is kept, open; None where the person decided to leave it.

    Raises:
        ConfigError: there is no such session, or an option does not fit.
        SessionBusy, ToolsChanged, StoreError: as `Runtime.resume`, where nobody can be asked.
        SandboxUnavailable: no sandbox holds.
    """
    wait: float | None = None
    id = await whole(talk, id)  # noqa: A001 - as above
    while True:
        try:
            return await _resumed(talk, id, wait, adopt=adopt, **options)
        except SessionBusy as busy:
            wait = None
            match await _asked(talk, busy, [f"{busy}"], "what then?", _BUSY):
                case "wait":
                    wait = _PATIENCE
                case "fork":
                    return await _fork(talk, id, await _stored(talk, id), options)
                case _:
                    return None
        except ToolsChanged as changed:
            head, _, others = str(changed).partition(". Give it")[0].partition(": ")
            lines = others.split("; ")
            more = [f"  and {len(lines) - _LINES} more"] if len(lines) > _LINES else []
            said = [f"{head}:", *(f"  {each}" for each in lines[:_LINES]), *more]
            if await _asked(talk, changed, said, "go on with these?", _OTHER_TOOLS) != "adopt":
                return None
            adopt = True
        except StoreError as damage:
            kept, found = await talk.keeping.salvage(id)
            if found is None or not kept:
                raise
            whole_ones = f"what came before it is whole: {counted(len(kept), 'event')}"
            said = [str(found).partition(";")[0], whole_ones]
            if await _asked(talk, damage, said, "what then?", _DAMAGED) != "fork":
                return None
            return await _fork(talk, id, kept, options)


async def whole(talk: Conversation, typed: str) -> str:
    """The id of a session, of which the beginning may have been typed.

    Raises:
        ConfigError: there is none, or several begin like this.
    """
    from toolrun.cli.chat.sessions.rows import MOST, ids_of

    try:
        await talk.keeping.read(typed, after=_NONE)
    except ConfigError:
        found = ids_of(await talk.keeping.sessions(Query(limit=MOST)), typed)
        if not found:
            raise
        if len(found) > 1:
            few = ", ".join(found[:_FEW])
            more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
            raise ConfigError(f"{len(found)} sessions begin with {typed}: {few}{more}") from None
        return found[0]
    return typed


async def _resumed(
    talk: Conversation,
    id: str,  # noqa: A002 - as sessions have
    wait: float | None,
    *,
    adopt: bool,
    **options: Any,
) -> Session:
    """The session, once it is free.

    Raises:
        SessionBusy: it is not, or nobody waits any longer.
    """
    resuming = talk.runtime.resume(id, adopt=adopt, wait=wait, **options)
    if wait is None:
        return await resuming
    found: list[Session] = []

    async def work() -> None:
        found.append(await resuming)

    talk.face.say(f"waiting for session {id}; Ctrl-C ends that")
    if await stoppable(talk, work):
        return found[0]
    raise SessionBusy(f"session {id!r} is still held by another process")


async def _stored(talk: Conversation, id: str) -> Sequence[Durable]:  # noqa: A002 - as sessions have
    events = await talk.keeping.read(id)
    before = before_running_turn(events)
    if len(before) < len(events):
        talk.face.say("the turn that runs there is left out")
    return before


async def _fork(
    talk: Conversation,
    id: str,  # noqa: A002 - as sessions have
    events: Sequence[Durable],
    options: dict[str, Any],
) -> Session:
    session = await copied(talk.runtime, id, events, **options).__aenter__()
    talk.face.say(f"forked from {id}; this is session {session.id}")
    return session


async def _asked(
    talk: Conversation,
    error: Exception,
    lines: Sequence[str],
    text: str,
    choices: tuple[Choice, ...],
) -> str | None:
    """What a person wants to do about an error; raises it where nobody is there."""
    if not is_asked(talk):
        raise error
    for line in lines:
        talk.face.say(line, WARNING)
    return await chosen(talk, Question(text, choices))


def settled(config: Config, state: State) -> Config:
    """The settings, with those that a session has of its own."""
    mine = settings_of(state)
    moved = is_embedded(mine.base_url) or is_embedded(config.base_url)
    return structs.replace(
        config,
        model=mine.model,
        base_url=mine.base_url if moved else config.base_url,
        effort=mine.effort,
        instructions=mine.instructions,
        profile=mine.profile,
        workspace=None if mine.workspace is None else Path(mine.workspace),
        extra_body=mine.extra_body,
    )


async def taken_away(talk: Conversation) -> None:
    """Another process has the open session now: find out how the person goes on.

    That happens to one that stood still for long, by Ctrl-Z or in a machine that slept.
    """
    from toolrun.cli.chat.sessions.showing import show_again

    id = talk.session.id  # noqa: A001 - as sessions have
    session: Session | None = None
    with suppress(SessionBusy):  # nobody is there to be asked
        session = await taken_up(talk, id, **shared(talk.deployed))
    if session is None:
        talk.face.say(f"what you say here does not get into session {id} any more; /new or /resume")
        return
    await talk.follow(session)
    show_again(talk, await talk.keeping.read(session.id))
    talk.face.say("your last message was not taken: say it again")


async def changed(talk: Conversation, *, adopt: bool = False, **options: Any) -> Session:
    """The open session with other options; where they do not fit, it goes on as it was.

    Raises:
        ToolrunError: why they do not; `talk.session` is then open with the options that it had.
    """
    before = talk.session
    await before.aclose()
    try:
        return await talk.runtime.resume(before.id, adopt=adopt, **{**talk.deployed, **options})
    except BaseException:
        with anyio.CancelScope(shield=True):
            talk.session = await talk.runtime.resume(before.id, adopt=True, **talk.deployed)
        raise


def deployed(options: dict[str, Any]) -> dict[str, Any]:
    """Those of the options that no session keeps: they have to be given again."""
    kept = (*PINNED, "model", "base_url", "messages")
    return {name: value for name, value in options.items() if name not in kept}


def shared(options: dict[str, Any]) -> dict[str, Any]:
    """Those of them that another session gets, too: a trace is one session's."""
    return {name: value for name, value in options.items() if name != "trace"}


async def picked(talk: Conversation) -> str | None:
    """The id of the session that a person picks; None where they pick none.

    Raises:
        ConfigError: there is none, or nobody to ask.
    """
    from toolrun.cli.chat.sessions.rows import listed

    if not is_asked(talk):
        raise ConfigError("nobody is there to pick a session: --resume ID names one")
    open_here = talk.session.id if hasattr(talk, "session") else ""
    found, rows = await listed(talk.keeping, open_here)
    if not found:
        where = talk.keeping.url
        raise ConfigError(f"there is no {'other ' if open_here else ''}session in {where}")
    place = await talk.face.pick("which session?", rows)
    return None if place is None else found[place].id
