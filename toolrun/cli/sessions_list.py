"""`toolrun sessions list`: which sessions does a store keep?"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter
from msgspec import json

from toolrun.cli import screen as s
from toolrun.cli.kept import OfStatus, OfTenant, StoreOptions, opened, seconds_of
from toolrun.store.contract import SessionStatus  # noqa: TC001 - cyclopts reads it

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.options import Common
    from toolrun.store.contract import Query, SessionInfo

_HEAD: Final = ("id", "status", "turns", "updated (UTC)", "tenant", "title")
_GAP: Final = "  "


def show(
    *,
    options: StoreOptions | None = None,
    tenant: OfTenant = None,
    status: OfStatus = (),
    search: Annotated[
        str, Parameter(metavar="TEXT", help="Only those in whose words or id it is found.")
    ] = "",
    older_than: Annotated[
        str | None, Parameter(metavar="AGE", help="Only those untouched for so long, such as 30d.")
    ] = None,
    limit: Annotated[int, Parameter(help="How many at most; 100 by default.")] = 100,
    as_json: Annotated[
        bool, Parameter(name="--json", help="An object a line, for programs.")
    ] = False,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """List the sessions of a store, the newest first.

    At a terminal a table; elsewhere a line each, its fields separated by tabs. "running" also
    means that its process died: `toolrun run --resume ID` goes on with it.

    Args:
        options: Which store.
        tenant: Whose.
        status: How they ended.
        search: What is in them.
        older_than: How old.
        limit: How many.
        as_json: For programs.
        common: What every command has.
    """
    import anyio

    query = asked(tenant, status, older_than, text=search, limit=limit)
    found: list[SessionInfo] = anyio.run(listed, options, query, common)
    if as_json:
        from toolrun.cli.view import json_line

        for each in found:
            print(json_line(json.encode(each)))
    else:
        print_sessions(found)
    return 0


def asked(
    tenant: str | None,
    status: Sequence[SessionStatus],
    older_than: str | None,
    *,
    text: str = "",
    limit: int,
) -> Query:
    """The sessions that options mean.

    Raises:
        ConfigError: an age is none.
    """
    import time

    from toolrun.store.contract import Query

    before = None
    if older_than is not None:
        before = time.time() - seconds_of(older_than, "--older-than")
    return Query(tenant, tuple(status), text, before=before, limit=limit)


async def listed(
    options: StoreOptions | None, query: Query, common: Common | None
) -> list[SessionInfo]:
    """The sessions that are meant."""
    async with opened(options, common) as store:
        return await store.sessions(query)


def print_sessions(found: Sequence[SessionInfo]) -> None:
    """Write a table at a terminal, else a line each."""
    screen = s.Screen.of(sys.stdout)
    rows = [tuple(_flat(cell) for cell in _cells(each)) for each in found]
    if not screen.cursor:
        for row in rows:
            print("\t".join(row))
        return
    if not rows:
        screen.line(s.NOTE, "no session like that")
        return
    room = shutil.get_terminal_size().columns
    table = [_HEAD, *rows]
    widths = [max(len(row[at]) for row in table) for at in range(len(_HEAD))]
    for number, row in enumerate(table):
        line = _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        screen.line(s.NAME if not number else s.ANSWER, s.cut(line.rstrip(), room - 1))


def _cells(info: SessionInfo) -> tuple[str, ...]:
    updated = dt.datetime.fromtimestamp(info.updated, dt.UTC).strftime("%Y-%m-%d %H:%M")
    held = f"{info.status}, held" if info.holder is not None else info.status
    return info.id, held, str(info.turns), updated, info.tenant or "-", info.title


def _flat(text: str) -> str:
    """A cell: one line, and nothing that a terminal obeys."""
    return s.visible(text).replace("\n", " ").replace("\t", " ")
