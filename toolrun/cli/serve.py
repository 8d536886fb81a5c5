"""`toolrun serve`: an OpenAI-compatible server that runs your tools, and forgets no reasoning."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Group, Parameter

from toolrun.cli.options import Common, SessionOptions, settings
from toolrun.embedded import is_embedded
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from socket import socket

    from toolrun.cli.exits import Exit
    from toolrun.config import Config
    from toolrun.serve.keys import Keys
    from toolrun.serve.memory import ReasoningMemory
    from toolrun.serve.passing import Behind

KEYS: Final = "TOOLRUN_SERVE_KEYS"
"""The variable that has API keys, separated by commas."""
_SERVE = Group("Serving", sort_key=0)
_QUOTA = Group("Limits of a key", sort_key=5)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """The options of a server, beside those of the sessions that it runs."""

    host: Annotated[
        str,
        Parameter(group=_SERVE, help="Address to listen on; another than loopback needs keys."),
    ] = "127.0.0.1"
    port: Annotated[
        int, Parameter(group=_SERVE, help="Port to listen on, 8080 by default; 0 for any.")
    ] = 8080
    api_key_file: Annotated[
        Path | None,
        Parameter(
            group=_SERVE,
            help=f"File of the keys that clients need, KEY or NAME KEY a line; or {KEYS}.",
        ),
    ] = None
    store: Annotated[
        str | None,
        Parameter(
            group=_SERVE,
            metavar="URL",
            help="Where the reasoning of clients that run their own tools is kept, for several "
            "processes: sqlite:///FILE or postgresql://USER@HOST/NAME. In this process by default.",
        ),
    ] = None
    grace: Annotated[
        float,
        Parameter(
            group=_SERVE, help="Seconds that requests may take after SIGTERM, 30 by default."
        ),
    ] = 30.0
    max_body: Annotated[
        int, Parameter(group=_SERVE, help="Bytes of a request, 4 MiB by default.")
    ] = 4 * 1024 * 1024
    in_flight: Annotated[int, Parameter(group=_QUOTA, help="Requests at once, 64 by default.")] = 64
    requests_per_minute: Annotated[
        int | None, Parameter(group=_QUOTA, help="Requests; any number by default.")
    ] = None
    tokens_per_minute: Annotated[
        int | None, Parameter(group=_QUOTA, help="Of prompts and completions; any by default.")
    ] = None


def serve(
    *,
    options: SessionOptions | None = None,
    serving: ServeOptions | None = None,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Serve the OpenAI API: your tools run here, and no client forgets its reasoning.

    Args:
        options: Of its sessions.
        serving: Of the server.
        common: What every command has.
    """
    from toolrun.extras import need

    for module in ("starlette.routing", "uvicorn"):
        need(module, "serve", "toolrun serve")
    from toolrun.serve.keys import read_keys
    from toolrun.serve.listen import LOOPBACK, Address

    chosen = serving or ServeOptions()
    config = _settings(options, common or Common(), chosen.store)
    if is_embedded(config.base_url):
        from toolrun.models.nano.sampler import check_there

        check_there()  # before anything is opened that would have to be closed
    keys = read_keys(chosen.api_key_file, os.environ.get(KEYS, ""))
    if chosen.api_key_file is not None:
        _check_hidden(chosen.api_key_file, config)
    if not len(keys) and chosen.host not in LOOPBACK:
        raise ConfigError(
            f"--host {chosen.host}: others could reach the tools of this machine without a key; "
            f"give --api-key-file or {KEYS}"
        )
    import anyio

    listening = Address(chosen.host, chosen.port).bind()
    code: Exit = anyio.run(_serve, chosen, config, keys, listening)
    return code


def _settings(options: SessionOptions | None, common: Common, store: str | None) -> Config:
    """The settings of the sessions; requests are logged unless another level is asked for."""
    from toolrun.cli.log import set_up

    config, mask = settings(options, common, store)
    if common.log_level is None and config.log_level == "warning":
        set_up("info", mask)
    if config.trace is not None and not config.trace.is_dir():
        raise ConfigError(
            f"trace: to `toolrun serve` it is a folder, for a file of each turn; {config.trace} "
            "is none"
        )
    return config


def _check_hidden(keys: Path, config: Config) -> None:
    """Refuse a file of keys where the boxes of tools see it: beside them, or in the workspace.

    Raises:
        ConfigError: it is there, and has no name that no box sees.
    """
    from toolrun.cli.load_tools import builtin_of
    from toolrun.sandbox.hidden import is_secret

    files = [each for each in config.tools if builtin_of(each) is None]
    beside = [Path(each.rpartition(":")[0] or each).parent for each in files]
    shown = beside if config.workspace is None else [*beside, Path(config.workspace)]
    file = keys.resolve()
    for folder in (each.resolve() for each in shown):
        if file.is_relative_to(folder) and not any(map(is_secret, file.relative_to(folder).parts)):
            raise ConfigError(
                f"--api-key-file {keys}: tools can read it there, and be talked into telling. Give "
                "it a name that begins with .env, which no box sees, or move it to another folder"
            )


async def _serve(options: ServeOptions, config: Config, keys: Keys, listening: socket) -> Exit:
    from toolrun.cli.exits import Exit
    from toolrun.cli.options import recording, session_options
    from toolrun.runtime import Runtime
    from toolrun.serve.front import Front, Serving
    from toolrun.serve.listen import listen
    from toolrun.serve.quota import Quota

    of_sessions = session_options(config)
    del of_sessions["trace"]
    serving = Serving(
        model=config.model,
        tools=bool(of_sessions["tools"]),
        trace=recording(config, config.trace),
        sampling=config.sampling,
        extra=config.extra_body,
        quota=Quota(options.in_flight, options.requests_per_minute, options.tokens_per_minute),
        max_body=options.max_body,
    )
    servers = _behind(config)
    async with _memory(config) as memory, Runtime(**of_sessions) as runtime:
        front = Front(runtime, servers, keys, serving, memory)
        try:
            ended = await listen(front, listening, options.grace, _ready)
        finally:
            for server in servers:
                await server.aclose()
    return Exit.ANSWER if ended else Exit.INTERRUPTED


def _behind(config: Config) -> list[Behind]:
    """The servers behind the front; the embedded model, where that is meant.

    Raises:
        ConfigError: there is no such dialect.
        MissingExtra: what the embedded model needs is not installed.
    """
    if is_embedded(config.base_url):
        from toolrun.serve.embedded import Embedded

        return [Embedded()]
    from toolrun.models.chat import ChatModel
    from toolrun.models.ways import Server

    known = Server("", dialect=config.dialect).known
    return [ChatModel(url, api_key=config.api_key, dialect=known) for url in config.base_urls]


@asynccontextmanager
async def _memory(config: Config) -> AsyncIterator[ReasoningMemory | None]:
    """Where the steps of clients that run their own tools are kept; None: in this process."""
    if config.store is None:
        yield None
        return
    from toolrun.serve.stored import Stored
    from toolrun.store.opening import sql_store

    store = sql_store(config.store)
    try:
        await store.open()
        yield Stored(store)
    finally:
        await store.aclose()


def _ready(url: str) -> None:
    """Say where the server is, on stdout, for scripts that wait for it."""
    print(url, flush=True)
