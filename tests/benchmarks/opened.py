"""How do the phases get their contestants, in front of a mock on a core of its own?"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks import contestants, task
from tests.rig.mock import MockServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.benchmarks.measure import Setting
    from tests.benchmarks.task import Contestant


@dataclass(frozen=True)
class Opened:
    """Contestants by name, and the server that they ask; it says `task.SCRIPT`."""

    mock: MockServer
    by_name: dict[str, Contestant]


@asynccontextmanager
async def opened(setting: Setting) -> AsyncIterator[Opened]:
    """Open the contestants; this process must be on the clients' CPU already."""
    with MockServer(core=setting.cores.server, keep=0) as mock:
        mock.script(*task.SCRIPT)
        async with AsyncExitStack() as stack:
            by_name = {
                name: await stack.enter_async_context(
                    contestants.entry(name)(mock.url, mock.model),
                )
                for name in setting.names
            }
            yield Opened(mock, by_name)
