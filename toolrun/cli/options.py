"""Which options do the commands share, and what becomes of them?

cyclopts reads the annotations at run time, so what they name is imported for good.
"""

from __future__ import annotations

import math
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from cyclopts import Group, Parameter

from toolrun.errors import ConfigError
from toolrun.limits import Limits
from toolrun.values import Sampling

if TYPE_CHECKING:
    from toolrun.cli.log import Mask
    from toolrun.config import Config
    from toolrun.session import Session
    from toolrun.trace.recording import Recording

STDIN = "\0"
"""What the prompt is where `-` was typed."""

_PINNED: Final = ("model", "effort", "instructions", "profile", "workspace")
_SAMPLING: Final = ("temperature", "top_p", "max_tokens", "seed")
_LIMITED: Final = ("steps", "tool_calls", "seconds", "repeats")
_SERVER = Group("Server", sort_key=1)
_MODEL = Group("Model", sort_key=2)
_TOOLS = Group("Tools", sort_key=3)
_LIMITS = Group("Limits of a turn", sort_key=4)


@dataclass(frozen=True)
class Common:
    """What every command is given beside its own options."""

    debug: bool = False
    config: Path | None = None
    log_level: str | None = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ToolOptions:
    """The options of tools, and what those that are sandboxed may see."""

    tools: Annotated[
        tuple[str, ...] | None,
        Parameter(
            group=_TOOLS,
            metavar="NAME|FILE[:NAME]",
            consume_multiple=False,
            help=(
                "Built in: python, shell, files, browser. FILE.py: all that @tool marks in it; "
                "FILE.toml, FILE.json: a manifest; FILE:NAME: one of them. Several are separated "
                "by commas; may be repeated."
            ),
        ),
    ] = None
    secrets: Annotated[
        tuple[str, ...] | None,
        Parameter(
            group=_TOOLS,
            metavar="NAME",
            consume_multiple=False,
            help="Environment variable that tools may declare as a secret. May be repeated.",
        ),
    ] = None
    workspace: Annotated[
        Path | None, Parameter(group=_TOOLS, help="Folder that sandboxed tools may see.")
    ] = None
    profile: Annotated[
        str | None,
        Parameter(group=_TOOLS, help="Sandbox profile: a name, or a TOML file."),
    ] = None
    backend: Annotated[
        str | None,
        Parameter(
            group=_TOOLS,
            help=(
                "What makes the sandboxes: bubblewrap, sandlock, container, podman:RUNTIME; "
                "the first that holds here by default."
            ),
        ),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """The options of a server; None: not given, then `toolrun.toml`, variables and defaults."""

    model: Annotated[
        str | None,
        Parameter(
            group=_SERVER,
            help="Name that the server serves the model under; nano, without --base-url: the toy "
            "that comes with toolrun[embedded], and needs no server.",
        ),
    ] = None
    base_url: Annotated[
        tuple[str, ...] | None,
        Parameter(
            group=_SERVER,
            metavar="URL",
            consume_multiple=False,
            help="Base URL of the server, with its /v1. May be repeated: a fleet of servers.",
        ),
    ] = None
    api_key: Annotated[
        str | None,
        Parameter(
            group=_SERVER,
            help="Bearer token. TOOLRUN_API_KEY is better: others can read a command line.",
        ),
    ] = None
    dialect: Annotated[
        str | None,
        Parameter(
            group=_SERVER,
            help=(
                "What the server is, where it does not say so: vllm, ollama, lm-studio, litellm, "
                "llama.cpp, generic, with a version or without."
            ),
        ),
    ] = None
    extra_body: Annotated[
        str | None,
        Parameter(group=_SERVER, metavar="JSON", help="JSON object: more fields of each request."),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SessionOptions(ToolOptions, ServerOptions):
    """The options of a session; None: not given, then `toolrun.toml`, variables and defaults."""

    via: Annotated[
        Literal["auto", "chat", "responses", "harmony"] | None,
        Parameter(group=_SERVER, help="How the server is sampled; auto by default."),
    ] = None
    effort: Annotated[
        Literal["low", "medium", "high"] | None,
        Parameter(group=_MODEL, help="How long the model reasons."),
    ] = None
    instructions: Annotated[
        str | None, Parameter(group=_MODEL, help="The developer's words to the model.")
    ] = None
    temperature: Annotated[float | None, Parameter(group=_MODEL, help="Of the sampling.")] = None
    top_p: Annotated[float | None, Parameter(group=_MODEL, help="Of the sampling.")] = None
    max_tokens: Annotated[int | None, Parameter(group=_MODEL, help="Tokens a step may take.")] = (
        None
    )
    seed: Annotated[int | None, Parameter(group=_MODEL, help="Of the sampling.")] = None
    limits_steps: Annotated[int | None, Parameter(group=_LIMITS, help="Samplings.")] = None
    limits_tool_calls: Annotated[int | None, Parameter(group=_LIMITS, help="Tool calls.")] = None
    limits_seconds: Annotated[
        float | None, Parameter(group=_LIMITS, help="Wall time; inf for no end.")
    ] = None
    limits_repeats: Annotated[
        int | None, Parameter(group=_LIMITS, help="Times that the same call may be made.")
    ] = None
    trace: Annotated[Path | None, Parameter(help="File to write a trace to.")] = None


def settings(
    options: ToolOptions | ServerOptions | None,
    common: Common,
    store: str | None = None,
    *,
    embedded: bool = False,
) -> tuple[Config, Mask]:
    """The settings that hold, and what masks their secrets; logging is set up by them.

    Args:
        options: of the command line.
        common: what every command has.
        store: the URL of a store, of the command line.
        embedded: see `load_config`.

    Raises:
        ConfigError: a setting does not fit.
    """
    from toolrun.cli.log import Mask, set_up
    from toolrun.config import load_config

    given: dict[str, Any] = asdict(options or SessionOptions())
    urls: tuple[str, ...] = given.get("base_url") or ()
    if len(urls) == 1:
        given["base_url"] = urls[0]
    if given.get("extra_body") is not None:
        given["extra_body"] = _object(given["extra_body"], "--extra-body")
    given |= {"log_level": common.log_level, "store": store}
    config = load_config(common.config, embedded=embedded, **given)
    mask = Mask([config.api_key, *map(os.environ.get, config.secrets)])
    set_up(config.log_level, mask)
    return config, mask


def open_session(config: Config, **more: Any) -> Session:
    """A session with these settings; the tools' files are imported here.

    Raises:
        ConfigError, ToolDefinitionError: a tool or a setting does not fit.
    """
    from toolrun.session import Session

    return Session(**{**session_options(config), **more})


def session_options(config: Config) -> dict[str, Any]:
    """The options of sessions with these settings; the tools' files are imported here.

    Raises:
        ConfigError, ToolDefinitionError: a tool or a setting does not fit.
    """
    from toolrun.cli.load_tools import load_tools

    return {
        "model": config.model,
        "base_url": config.base_url,
        "via": config.via,
        "dialect": config.dialect,
        "api_key": config.api_key,
        "extra_body": config.extra_body,
        "instructions": config.instructions,
        "effort": config.effort,
        "sampling": config.sampling,
        "workspace": config.workspace,
        "profile": config.profile,
        "backend": config.backend,
        "limits": config.limits,
        "trace": recording(config, config.trace),
        "secrets": _secrets(config),
        "tools": load_tools(config.tools, config),
    }


def given(options: SessionOptions | None) -> dict[str, Any]:
    """What the command line itself says of a session, as options of one that is resumed.

    Files and variables are not asked: a session keeps what it began with.
    """
    said = {name: value for name, value in asdict(options or SessionOptions()).items() if value}
    found: dict[str, Any] = {name: said[name] for name in _PINNED if name in said}
    if "extra_body" in said:
        found["extra_body"] = _object(said["extra_body"], "--extra-body")
    if sampling := {name: said[name] for name in _SAMPLING if name in said}:
        found["sampling"] = Sampling(**sampling)
    if limits := {name: said[f"limits_{name}"] for name in _LIMITED if f"limits_{name}" in said}:
        if limits.get("seconds") == math.inf:
            limits["seconds"] = None
        found["limits"] = Limits(**limits)
    return found


def recording(config: Config, path: Path | Literal[True] | None) -> Recording | None:
    """How a trace is recorded to a path; None: there is none.

    Raises:
        ConfigError: a pattern does not fit.
    """
    from toolrun.trace.recording import Recording

    return None if path is None else Recording(path=path, **config.recording)


def _secrets(config: Config) -> dict[str, str]:
    """The values of the environment that tools may be given.

    Raises:
        ConfigError: one is not there.
    """
    for name in config.secrets:
        if not os.environ.get(name):
            raise ConfigError(f"secrets: the environment has no variable {name}; export it first")
    return {name: os.environ[name] for name in config.secrets}


def prompt_of(text: str) -> str:
    """The prompt that is meant: all of stdin where `-` was typed.

    Raises:
        ConfigError: it is empty.
    """
    prompt = sys.stdin.read() if text == STDIN else text
    if not prompt.strip():
        where = ": nothing came on stdin" if text == STDIN else ""
        raise ConfigError(f"the prompt is empty{where}")
    return prompt


def _object(text: str, option: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ConfigError(f'{option}: not a JSON object, such as {{"a": 1}}: {error}') from error
