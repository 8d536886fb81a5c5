"""What do many sessions share? A `Runtime` owns connections, sandboxes and compiled tools."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import anyio
from msgspec import Struct, field

from toolrun._version import __version__
from toolrun.decisions import Approver
from toolrun.errors import ConfigError
from toolrun.events import Sampling
from toolrun.journal import Journal
from toolrun.limits import Limits
from toolrun.models.chat import ChatModel
from toolrun.models.door import Timeouts
from toolrun.models.model import Model, Request
from toolrun.options import BASE_URL, MODEL, Options, Settings, check_options
from toolrun.tools.definition import define
from toolrun.tools.runners import Sandboxes, SandboxRunner, TrustedRunner
from toolrun.tools.toolbox import Toolbox
from toolrun.trace.writer import TraceSink, default_trace_path
from toolrun.transcript import from_openai

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Unpack

    from toolrun.journal import Sink
    from toolrun.session import Session


class Parts(Struct, frozen=True, eq=False):
    """What a session is put together from."""

    journal: Journal
    model: Model
    toolbox: Toolbox
    settings: Settings
    approve: Approver | None
    messages: Sequence[Mapping[str, Any]]
    trace: TraceSink | None
    date: str
    version: str = __version__
    cache: dict[str, Any] = field(default_factory=dict)

    @property
    def trace_path(self) -> Path | None:
        """Where the trace is written."""
        return self.trace.path if self.trace is not None else None

    def request(self, *, stream: bool) -> Request:
        """What stays the same from step to step."""
        settings = self.settings
        return Request(
            model=settings.model,
            messages=(),
            instructions=settings.instructions,
            tools=self.toolbox.schemas,
            tool_choice=settings.tool_choice,
            effort=settings.effort,
            sampling=settings.sampling,
            extra=settings.extra_body,
            stream=stream,
            cache=self.cache,
        )

    def close(self) -> None:
        """Finish the trace."""
        if self.trace is not None:
            self.trace.close()


class Runtime:
    """The shared half of any number of sessions; an asynchronous context manager.

    Args:
        **options: defaults for its sessions, see `Options`.

    Raises:
        ConfigError, ToolDefinitionError: an option or a tool does not fit.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        check_options(options)
        self._options = options
        self._models: dict[Any, ChatModel] = {}
        self._sandboxes = Sandboxes()
        # Compiled once for all sessions that have them; bounded, since a service may make a tool
        # for each session.
        self._defined = lru_cache(maxsize=1024)(define)
        self._toolbox = lru_cache(maxsize=256)(self._new_toolbox)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections and sandboxes; sessions that still run fail."""
        with anyio.CancelScope(shield=True):
            while self._models:
                await self._models.popitem()[1].aclose()
            await self._sandboxes.aclose()

    def session(self, id: str | None = None, **options: Unpack[Options]) -> Session:  # noqa: A002
        """A new session; enter it as an asynchronous context manager.

        Args:
            id: its name in journals and logs; a random one where None.
            **options: as the runtime's, for this session alone.

        Raises:
            ConfigError, ToolDefinitionError: an option or a tool does not fit.
        """
        from toolrun.session import Session

        check_options(options)
        return Session(self, id, **options)

    def assemble(self, session_id: str | None, options: Options) -> Parts:
        """Put a session together from the runtime's options and its own."""
        chosen: Options = {**self._options, **options}
        session_id = session_id or secrets.token_hex(8)
        model, name = self._model(chosen)
        said, _ = from_openai(chosen.get("messages") or ())
        parts = [part for part in (chosen.get("instructions"), said) if part]
        workspace = chosen.get("workspace")
        settings = Settings(
            model=name,
            base_url=chosen.get("base_url") or BASE_URL,
            instructions="\n\n".join(parts) or None,
            effort=chosen.get("effort"),
            sampling=chosen.get("sampling") or Sampling(),
            tool_choice=chosen.get("tool_choice"),
            profile=chosen.get("profile") or "pure",
            workspace=str(Path(workspace).resolve()) if workspace is not None else None,
            limits=chosen.get("limits") or Limits(),
            extra_body=dict(chosen.get("extra_body") or {}),
        )
        toolbox = self._toolbox(
            tuple(chosen.get("tools") or ()), settings.profile, settings.workspace
        )
        trace = _trace(chosen, session_id)
        sinks: list[Sink] = [trace] if trace is not None else []
        return Parts(
            Journal(session_id, sinks),
            model,
            toolbox,
            settings,
            chosen.get("approve"),
            chosen.get("messages") or (),
            trace,
            dt.datetime.now(dt.UTC).date().isoformat(),
        )

    def _model(self, options: Options) -> tuple[Model, str]:
        model = options.get("model") or MODEL
        if not isinstance(model, str):
            return model, type(model).__name__
        base_url = options.get("base_url") or BASE_URL
        api_key, headers = options.get("api_key"), options.get("headers") or {}
        timeouts = options.get("timeouts") or Timeouts()
        key = (base_url, api_key, tuple(sorted(headers.items())), timeouts)
        if (ready := self._models.get(key)) is None:
            ready = self._models[key] = ChatModel(
                base_url, api_key=api_key, headers=headers, timeouts=timeouts
            )
        return ready, model

    def _new_toolbox(
        self, functions: tuple[Callable[..., Any], ...], profile: str, workspace: str | None
    ) -> Toolbox:
        return Toolbox(
            [self._defined(function) for function in functions],
            trusted=TrustedRunner(),
            sandboxed=SandboxRunner(
                self._sandboxes, profile, Path(workspace) if workspace is not None else None
            ),
        )


def _trace(options: Options, session_id: str) -> TraceSink | None:
    """The sink for the trace that the options ask for."""
    wanted = options.get("trace")
    if not wanted:
        return None
    path = default_trace_path(session_id) if wanted is True else Path(wanted)
    if path.is_dir():
        raise ConfigError(f"trace: {str(path)!r} is a folder; give a file")
    key = options.get("api_key")
    return TraceSink(path, session=session_id, secrets=[key] if isinstance(key, str) else [])
