"""How is a worker configured? By `toolrun.toml`, `TOOLRUN_*` and `SERVICE_*` variables.

What toolrun itself is told (model, base_url, store, limits, ...) comes from `load_config()`; what
the service adds stands here. A variable that is empty counts as not set.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from toolrun import Config, ConfigError, load_config

PREFIX = "SERVICE_"


class Settings(Struct, frozen=True):
    """What the service adds to toolrun's own settings.

    Attributes:
        host: where it listens.
        port: 0 for any that is free; it is printed.
        keys: of the tenants: `NAME KEY` pairs, separated by commas.
        keys_file: the same, one a line: for keys that are mounted as a file.
        tenant_sessions: how many sessions a tenant may have.
        body_bytes: the largest body, and the largest message of a WebSocket.
        text_chars: the longest thing that a user may say.
        ring_bytes: of the events of a running turn that are kept for clients that reconnect.
        on_disconnect: what becomes of a turn whose asking client goes away.
        drain_seconds: what turns may take after SIGTERM; the rest parks where it stands.
        take_over_seconds: how often a worker looks for turns that another one has left behind.
        watch_seconds: how often it looks for what other workers did to sessions that are watched.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    keys: str = ""
    keys_file: Path | None = None
    tenant_sessions: int = 1000
    body_bytes: int = 262_144
    text_chars: int = 100_000
    ring_bytes: int = 262_144
    on_disconnect: Literal["go_on", "cancel"] = "go_on"
    drain_seconds: float = 25.0
    take_over_seconds: float = 2.0
    watch_seconds: float = 0.5


def load_settings(env: Mapping[str, str] | None = None) -> tuple[Settings, Config]:
    """The settings of this process.

    Args:
        env: the environment; this process's if None.

    Raises:
        ConfigError: a variable that does not exist or does not fit, or no store is named.
    """
    env = os.environ if env is None else env
    given: dict[str, str] = {}
    for variable, text in env.items():
        if not variable.startswith(PREFIX) or not text:
            continue
        name = variable.removeprefix(PREFIX).lower()
        # Kubernetes sets SERVICE_HOST and the like for a Service that is called so: don't.
        if name not in Settings.__struct_fields__:
            raise ConfigError(f"unknown variable {variable}; see {Settings.__module__}")
        given[name] = text
    try:
        settings = msgspec.convert(given, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{PREFIX}*: {error}") from None
    config = load_config(env=env)
    if config.store is None:
        raise ConfigError(
            "no store: set TOOLRUN_STORE, such as postgresql://user:password@host/agents, "
            "or sqlite:///agents.db for workers on one machine"
        )
    return settings, config


def _path(kind: type, value: object) -> object:
    """What msgspec asks for where a field is a `Path`."""
    return kind(str(value))
