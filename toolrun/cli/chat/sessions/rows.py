"""What does a list of sessions say of each?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.face import Row
from toolrun.cli.chat.status import short
from toolrun.store.contract import Glimpse, Query
from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.chat.sessions.keeping import Keeping
    from toolrun.store.contract import SessionInfo

MOST: Final = 20_000
"""Sessions that are offered at once; older ones are found by `toolrun sessions list --search`."""
_PAGE: Final = 200
_ENDED: Final = {
    "running": "cut off",
    "parked": "waits for you",
    "limited": "at a limit",
    "cancelled": "stopped",
    "failed": "failed",
}
"""How the last turn ended, where it did not end with an answer."""


async def listed(keeping: Keeping, but: str = "") -> tuple[list[SessionInfo], list[Row]]:
    """The sessions in which something was said, the newest first, and a row for each.

    Args:
        keeping: where they are.
        but: the id of one that is left out: the one that is open.

    Raises:
        StoreError: the store cannot be used.
    """
    found = [
        each
        for each in await keeping.sessions(Query(limit=MOST))
        if each.id != but and _was_used(each)
    ]
    seen = await keeping.glimpses([each.id for each in found])
    return found, [row_of(each, seen.get(each.id, Glimpse())) for each in found]


def row_of(info: SessionInfo, glimpse: Glimpse) -> Row:
    """A session to pick: its title, and in a few words what it is."""
    ended = "open elsewhere" if info.holder is not None else _ENDED.get(info.status, "")
    tokens = f"{short(glimpse.tokens)} tokens" if glimpse.tokens else ""
    folder = at_home(glimpse.folder) if glimpse.folder else ""
    parts = [ended, counted(info.turns, "turn"), tokens, folder, info.id]
    return Row(info.title or "(no title)", ", ".join(filter(None, parts)), info.updated)


async def last_of(keeping: Keeping, folder: Path) -> tuple[SessionInfo, Glimpse] | None:
    """The newest session of a folder, else the newest of all; None where there is none.

    Raises:
        StoreError: the store cannot be used.
    """
    last: tuple[SessionInfo, Glimpse] | None = None
    query = Query(limit=_PAGE)
    while page := await keeping.sessions(query):
        seen = await keeping.glimpses([each.id for each in page])
        for each in filter(_was_used, page):
            found = each, seen.get(each.id, Glimpse())
            if found[1].folder == str(folder):
                return found
            last = last or found
        query = Query(limit=_PAGE, offset=query.offset + _PAGE)
    return last


def at_home(folder: str) -> str:
    """A folder as people write it: `~/notes`."""
    home = str(Path.home())
    return "~" + folder[len(home) :] if folder == home or folder.startswith(home + "/") else folder


def _was_used(info: SessionInfo) -> bool:
    """Whether anything was ever said in it."""
    return bool(info.turns or info.title)


def ids_of(found: Sequence[SessionInfo], typed: str) -> list[str]:
    """The ids that begin with what is typed."""
    return [each.id for each in found if each.id.startswith(typed)]
