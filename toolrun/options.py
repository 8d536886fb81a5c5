"""With which options does a session begin, and which of them does its journal keep?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

import msgspec
from msgspec import Struct, field

from toolrun.decisions import Approver
from toolrun.errors import ConfigError
from toolrun.events import Sampling
from toolrun.limits import Limits
from toolrun.models.door import Timeouts
from toolrun.models.model import Model

Effort = Literal["low", "medium", "high"]
BASE_URL = "http://localhost:8000/v1"
MODEL = "openai/gpt-oss-20b"


class Options(TypedDict, total=False):
    """What a `Session` takes, and a `Runtime` takes as defaults for its sessions.

    Attributes:
        model: the name that the server serves it under ("openai/gpt-oss-20b"), or a `Model`.
        base_url: of the server, with its `/v1` ("http://localhost:8000/v1").
        api_key: sent as a bearer token, "EMPTY" by default; a coroutine function is asked for each
            request. No environment variable is read.
        headers: sent with each request.
        extra_body: further fields of each request's body, such as `return_token_ids`.
        instructions: the developer's words to the model.
        effort: how long the model reasons: "low", "medium" or "high".
        sampling: temperature and the like; the server's defaults where not given.
        tools: functions, marked by `@tool` or not (then sandboxed).
        tool_choice: "auto", "none", "required" or a named function, as Chat Completions has it.
        workspace: the folder that sandboxed tools may see, where their profile shows one; none.
        profile: of the sandbox: "pure" by default, "workspace-ro", or the path of a TOML file.
        approve: decides on calls of tools that ask for approval; without one they park the turn.
        limits: what a turn may take.
        timeouts: what each wait for the server may take.
        messages: a Chat Completions transcript to begin with.
        trace: the file to write a trace to; True: one below the user's state folder.
    """

    model: str | Model
    base_url: str
    api_key: str | Callable[[], Awaitable[str]] | None
    headers: Mapping[str, str] | None
    extra_body: dict[str, Any] | None
    instructions: str | None
    effort: Effort | None
    sampling: Sampling
    tools: Sequence[Callable[..., Any]]
    tool_choice: str | dict[str, Any] | None
    workspace: str | Path | None
    profile: str
    approve: Approver | None
    limits: Limits
    timeouts: Timeouts
    messages: Sequence[Mapping[str, Any]]
    trace: str | Path | bool | None


class Settings(Struct, frozen=True, omit_defaults=True):
    """The settings of a session that its journal keeps; nothing secret is among them."""

    model: str = MODEL
    base_url: str = BASE_URL
    instructions: str | None = None
    effort: Effort | None = None
    sampling: Sampling = Sampling()
    tool_choice: str | dict[str, Any] | None = None
    profile: str = "pure"
    workspace: str | None = None
    limits: Limits = Limits()
    extra_body: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON values; the defaults are left out."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that do not exist or cannot be.

    Raises:
        ConfigError: names the option and what would fit.
    """
    for name in options:
        if name not in Options.__annotations__:
            import difflib

            near = difflib.get_close_matches(name, Options.__annotations__, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"there is no option {name!r}{hint}")
    if options.get("effort") not in (None, "low", "medium", "high"):
        raise ConfigError(f"effort is low, medium or high, not {options['effort']!r}")
    workspace = options.get("workspace")
    if workspace is not None and not Path(workspace).is_dir():
        raise ConfigError(f"workspace {str(workspace)!r} is not a folder")
