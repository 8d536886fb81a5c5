"""Who takes part? A module each, with an `entry` that opens the contestant."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.benchmarks.task import Entry

TOOLRUN: Final = "toolrun"
SDK_LOOP: Final = "AsyncOpenAI loop"
FLOOR: Final = "raw aiohttp"

_MODULES: Final = {TOOLRUN: "toolrun_session", SDK_LOOP: "sdk_loop", FLOOR: "raw_aiohttp"}


def entry(name: str) -> Entry:
    """Import a contestant; late, so that one's imports don't weigh on another's figures."""
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    found: Entry = module.entry
    return found
