"""`toolrun sessions rm`: how is a session removed?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from toolrun.cli import screen as s
from toolrun.cli.kept import StoreOptions, opened
from toolrun.errors import ConfigError, SessionBusy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.options import Common
    from toolrun.store.contract import Store


def rm(
    *ids: str,
    options: StoreOptions | None = None,
    tenant: Annotated[str | None, Parameter(help="Whose they must be.")] = None,
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), help="Do not ask.")] = False,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Remove sessions, and all that belongs to them. There is no way back.

    Asks first at a terminal; elsewhere --yes is needed. One that somebody drives now stays. Ends
    with 1 where one stays.

    Args:
        ids: Of sessions.
        options: Which store.
        tenant: Whose.
        yes: Without asking.
        common: What every command has.
    """
    import anyio

    if not ids:
        raise ConfigError("name a session: toolrun sessions rm ID ...")
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError("nobody is there to be asked: --yes removes without asking")
    return anyio.run(_removed, ids, options, tenant, yes, common)


async def _removed(
    ids: Sequence[str],
    options: StoreOptions | None,
    tenant: str | None,
    yes: bool,  # noqa: FBT001 - anyio.run passes no names
    common: Common | None,
) -> int:
    left = 0
    async with opened(options, common) as store:
        for each in dict.fromkeys(ids):
            left += not await _remove(store, each, tenant, ask=not yes)
    return 1 if left else 0


async def _remove(store: Store, session: str, tenant: str | None, *, ask: bool) -> bool:
    """Remove one; False where it stays.

    Raises:
        ConfigError: there is none of that id.
    """
    screen = s.Screen.of(sys.stdout)
    if ask:
        events = await store.read(session, tenant)
        if not _sure(f"remove session {session} and its {len(events):,} events? [y/N] "):
            screen.line(s.NOTE, f"{session} stays")
            return False
    try:
        await store.delete(session, tenant)
    except SessionBusy as error:
        screen.line(s.BAD, f"{session} stays: {error}")
        return False
    screen.line(s.GOOD, f"{session} removed")
    return True


def _sure(question: str) -> bool:
    """Whether a person says yes."""
    print(s.visible(question), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
