"""`toolrun sessions purge`: how do old sessions go?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter
from msgspec import structs

from toolrun.cli import screen as s
from toolrun.cli.kept import OfStatus, OfTenant, StoreOptions, opened
from toolrun.cli.sessions_list import asked, print_sessions

if TYPE_CHECKING:
    from toolrun.cli.options import Common
    from toolrun.store.contract import Query, SessionInfo

_ALL: Final = 1 << 31


def purge(
    *,
    older_than: Annotated[
        str, Parameter(metavar="AGE", help="Those whose last event is as old: 30d, 12h, 90m, 2w.")
    ],
    options: StoreOptions | None = None,
    tenant: OfTenant = None,
    status: OfStatus = (),
    dry_run: Annotated[
        bool, Parameter(help="List what would be removed, and remove nothing.")
    ] = False,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Remove the sessions that are old, and all that belongs to them; says how many.

    Those that somebody drives now are passed over. It does not ask: it is made for timers.

    Args:
        older_than: How old.
        options: Which store.
        tenant: Whose.
        status: How they ended.
        dry_run: Only list.
        common: What every command has.
    """
    import anyio

    query = asked(tenant, status, older_than, limit=_ALL)
    if dry_run:
        print_sessions(anyio.run(_doomed, options, query, common))
        return 0
    count: int = anyio.run(_purged, options, query, common)
    s.Screen.of(sys.stdout).line(s.NOTE, f"{count:,} session{'' if count == 1 else 's'} removed")
    return 0


async def _doomed(
    options: StoreOptions | None, query: Query, common: Common | None
) -> list[SessionInfo]:
    found: list[SessionInfo] = []
    async with opened(options, common) as store:
        page = structs.replace(query, limit=1000)
        while infos := await store.sessions(page):
            found += [each for each in infos if each.holder is None]
            page = structs.replace(page, offset=page.offset + len(infos))
    return found


async def _purged(options: StoreOptions | None, query: Query, common: Common | None) -> int:
    async with opened(options, common) as store:
        return await store.purge(query)
