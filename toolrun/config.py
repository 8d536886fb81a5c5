"""Which settings hold? Defaults < `toolrun.toml` < `TOOLRUN_*` variables < arguments."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import Struct

from toolrun.config_check import MASK, NESTED, TRACE, USERINFO
from toolrun.config_sources import from_arguments, from_environment, from_file
from toolrun.embedded import NANO, is_embedded, without_server
from toolrun.limits import Limits, Prices
from toolrun.values import Json, Sampling

if TYPE_CHECKING:
    from collections.abc import Mapping

_STORES: Final = re.compile(r"(?<=://).+(?=@)|(?<=password=)[^&]+")
"""What may be, or hold, the password of a store."""


class Config(Struct, frozen=True, kw_only=True):
    """The settings of a session, as files, environment and command line give them.

    Each field is described in `schemas/config.schema.json`. The key is in no text of it.
    `recording` has what a table `trace` says beside the path, as a `Recording` takes it.
    `base_url` is `EMBEDDED` where the model is the one that comes with toolrun.
    """

    model: str = "openai/gpt-oss-20b"
    base_url: str | tuple[str, ...] = "http://localhost:8000/v1"
    via: Literal["auto", "chat", "responses", "harmony"] = "auto"
    dialect: str | None = None
    api_key: str | None = None
    effort: Literal["low", "medium", "high"] | None = None
    instructions: str | None = None
    profile: str | dict[str, Json] = "pure"
    workspace: Path | None = None
    backend: str | None = None
    tools: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    limits: Limits = Limits()
    trace: Path | None = None
    recording: dict[str, Json] = {}
    store: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    extra_body: dict[str, Json] = {}
    prices: dict[str, Prices] = {}

    @property
    def base_urls(self) -> tuple[str, ...]:
        """The servers, one or several."""
        return (self.base_url,) if isinstance(self.base_url, str) else self.base_url

    @property
    def is_embedded(self) -> bool:
        """Whether the model is the one that comes with toolrun, and no server is asked."""
        return is_embedded(self.base_url)

    @property
    def sampling(self) -> Sampling:
        """The sampling parameters."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, self.seed)

    def __repr__(self) -> str:
        """The settings that are not defaults, without secrets."""
        default = msgspec.structs.asdict(Config())
        given = {
            key: value
            for key, value in msgspec.structs.asdict(self).items()
            if value != default[key]
        }
        if "api_key" in given:
            given["api_key"] = MASK
        if "store" in given:
            given["store"] = _STORES.sub(MASK, given["store"])
        if "base_url" in given:
            shown = [USERINFO.sub(MASK, url) for url in self.base_urls]
            given["base_url"] = shown[0] if isinstance(self.base_url, str) else shown
        return f"Config({', '.join(f'{key}={value!r}' for key, value in given.items())})"


def load_config(
    path: Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    embedded: bool = False,
    **arguments: object,
) -> Config:
    """Put the settings together.

    Args:
        path: the file; `toolrun.toml` in the current folder, where there is one, if None.
        env: the environment; this process's if None. An empty variable counts as not set.
        embedded: whether the embedded model is meant where neither a model nor a server is named.
        **arguments: by key; those of a table with an underscore (`limits_steps`). None stands for
            not given.

    Returns:
        The settings that hold.

    Raises:
        ConfigError: a key that does not exist or a value that does not fit; the message names the
            file or variable, the key, what was seen and what would fit.
    """
    merged: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    recording: dict[str, Any] = {}
    layers = [
        from_file(path),
        from_environment(os.environ if env is None else env),
        from_arguments(arguments),
    ]
    if embedded and not any(key in layer for layer in layers for key in ("model", "base_url")):
        layers.insert(0, {"model": NANO})
    for layer in layers:
        limits |= layer.get(NESTED, {})
        recording |= _recording(layer)
        merged |= layer
    if math.isinf(limits.get("seconds", 0)):
        limits["seconds"] = None
    merged |= without_server(layers)
    whole = merged | {NESTED: limits, "recording": recording}
    return msgspec.convert(whole, Config, dec_hook=_path)


def _recording(layer: dict[str, Any]) -> dict[str, Any]:
    """What a layer's table `trace` says beside the path, which is left in its place.

    Another path, of a later layer, leaves it as it is: what must not be written still must not.
    """
    if not isinstance(layer.get(TRACE), dict):
        return {}
    table = dict(layer.pop(TRACE))
    if "path" in table:
        layer[TRACE] = table.pop("path")
    return table


def _path(kind: type, value: object) -> object:
    """What msgspec asks for where a field is a `Path`."""
    assert kind is Path
    return Path(str(value))
