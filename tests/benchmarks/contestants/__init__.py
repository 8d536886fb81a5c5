"""Who takes part? A module each, with an `entry` that opens the contestant."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.benchmarks.task import Entry

TOOLRUN: Final = "toolrun"
ASYNC_TOOL: Final = "toolrun, async tool"
"""The same with a tool that needs no thread."""
SDK_LOOP: Final = "AsyncOpenAI loop"
HTTPX: Final = "raw httpx"
FLOOR: Final = "raw aiohttp"
ALL: Final = (TOOLRUN, SDK_LOOP, HTTPX, FLOOR)
PEERS: Final = ("pydantic-ai", "openai-agents", "langchain")
"""Frameworks of others, at the versions in peers.txt: `make bench-peers`."""

_MODULES: Final = {
    TOOLRUN: "toolrun_session",
    ASYNC_TOOL: "toolrun_async",
    SDK_LOOP: "sdk_loop",
    HTTPX: "raw_httpx",
    FLOOR: "raw_aiohttp",
    **{name: f"peer_{name.replace('-', '_')}" for name in PEERS},
}


def entry(name: str) -> Entry:
    """Import a contestant; late, so that one's imports don't weigh on another's figures."""
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    found: Entry = module.entry
    return found
