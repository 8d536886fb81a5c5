"""`toolrun sessions show`: what was said and done in a session that a store keeps?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from toolrun.cli.kept import StoreOptions, opened
from toolrun.cli.trace_show import chosen, print_json, print_session

if TYPE_CHECKING:
    from toolrun.cli.options import Common
    from toolrun.events import Durable


def show(
    session: str,
    /,
    *,
    options: StoreOptions | None = None,
    tenant: Annotated[str | None, Parameter(help="Whose it must be.")] = None,
    turn: Annotated[int | None, Parameter(help="Only this turn, from 1.")] = None,
    no_reasoning: Annotated[bool, Parameter(help="Leave the chain of thought out.")] = False,
    full: Annotated[bool, Parameter(help="Long results and arguments in full.")] = False,
    as_json: Annotated[
        bool, Parameter(name="--json", help="All events as JSON, one a line, for programs.")
    ] = False,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Show a session: what was said and done, as `toolrun trace show` does of a trace.

    A store keeps secrets that came up in a session as they were: nothing is redacted. It may be
    looked at while somebody drives it.

    Args:
        session: Its id.
        options: Which store.
        tenant: Whose.
        turn: From 1.
        no_reasoning: Without the chain of thought.
        full: Whole results.
        as_json: For programs.
        common: What every command has.
    """
    import anyio

    from toolrun.events import FileChanged

    found = chosen(anyio.run(_read, options, session, tenant, common), turn, None, "the session")
    events = (each.without_content() if isinstance(each, FileChanged) else each for each in found)
    if as_json:
        print_json(events)
    else:
        print_session(events, reasoning=not no_reasoning, whole=full, summed=not turn)
    return 0


async def _read(
    options: StoreOptions | None, session: str, tenant: str | None, common: Common | None
) -> list[Durable]:
    async with opened(options, common) as store:
        return await store.read(session, tenant)
