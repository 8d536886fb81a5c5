"""How is a session put together, of what was asked for and what its runtime holds?"""

from __future__ import annotations

import contextlib
import datetime as dt
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
import msgspec

from toolrun.approvals import check_rules
from toolrun.errors import ConfigError
from toolrun.journal import Journal
from toolrun.opening import check_name, id_of
from toolrun.options import Options, RuntimeOptions
from toolrun.parts import Parts
from toolrun.sandbox.resolve import label, over, plain
from toolrun.settling import settled
from toolrun.spending import Teller
from toolrun.tools.definition import define
from toolrun.tools.gates import Gates
from toolrun.tools.manifest import define_all
from toolrun.tools.runners import TrustedRunner
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.secrets import Secrets
from toolrun.tools.toolbox import Toolbox
from toolrun.tools.where import hides_workspace
from toolrun.trace.recording import Recording
from toolrun.trace.sink import known_of, secrets_of
from toolrun.tracing import Traces
from toolrun.transcript import from_openai

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Sequence

    from toolrun.clock import Clock
    from toolrun.connections import Connections
    from toolrun.known import Known
    from toolrun.sandbox.profile import Chosen
    from toolrun.storing import Stores
    from toolrun.tools.definition import Tool, Toolset
    from toolrun.tools.sandboxes import Sandboxes
    from toolrun.trace.writer import TraceSink


class Assembly:
    """Puts the sessions of one runtime together.

    Args:
        options: the runtime's.
        models: connections that its sessions share.
        sandboxes: see there.
        stores: see there.
        counts: of events, of all its sessions.
        clock: theirs.
    """

    def __init__(
        self,
        options: RuntimeOptions,
        models: Connections,
        sandboxes: Sandboxes,
        stores: Stores,
        counts: Counter[str],
        clock: Clock,
    ) -> None:
        self._options = options
        self._models = models
        self._sandboxes = sandboxes
        self._stores = stores
        self._counts = counts
        self._clock = clock
        most = options.get("max_in_flight")
        self._gate = None if most is None else anyio.Semaphore(most)
        self._traces = Traces()
        self._gates = Gates()
        # Compiled once for all sessions that have them; bounded, since a service may make a tool
        # for each session.
        self._defined = lru_cache(maxsize=1024)(define)
        self._toolbox = lru_cache(maxsize=256)(self._new_toolbox)

    def chosen(self, options: Options) -> Options:
        """The options of a session: its own before the runtime's."""
        together = RuntimeOptions.__annotations__.keys() - Options.__annotations__.keys()
        mine = {name: value for name, value in self._options.items() if name not in together}
        return cast("Options", {**mine, **options})

    def parts(self, session_id: str | None, options: Options) -> Parts:
        """What a session, or a loop that is none, is made of.

        Args:
            session_id: its name; a random one where None.
            options: its own, which come before the runtime's.

        Raises:
            ConfigError, ToolDefinitionError: an option or a tool does not fit.
        """
        chosen = self.chosen(options)
        said, history = from_openai(chosen.get("messages") or ())
        session_id = id_of(session_id)
        if (tenant := chosen.get("tenant")) is not None:
            check_name(tenant, "tenant")
        model, name = self._models.of(chosen)
        parts = [part for part in (chosen.get("instructions"), said) if part]
        workspace = chosen.get("workspace")
        root = str(Path(workspace).resolve()) if workspace is not None else None
        profile = self._profile(options)
        tools, backend = tuple(chosen.get("tools") or ()), chosen.get("backend")
        toolbox = self._toolbox(tools, msgspec.json.encode(profile, order="sorted"), root, backend)
        check_rules(chosen.get("approve"), toolbox.tools)
        settings = settled(
            chosen,
            model=name,
            instructions="\n\n".join(parts) or None,
            profile=profile,
            workspace=root,
            toolbox=toolbox,
        )
        values = Secrets(chosen.get("secrets"))
        journal = Journal(session_id, clock=self._clock.time, counts=self._counts)
        secrets = secrets_of(values, toolbox.tools, profile, chosen.get("headers") or {})
        known = [values.given, *known_of(model)]
        trace = self._trace_of(chosen, journal, secrets, known, is_own="trace" in options)
        stored = self._stores.sink(chosen.get("store"), session_id, tenant)
        if trace is not None and stored is not None:
            trace.lead()
        for sink in (trace, stored, *(chosen.get("sinks") or ())):
            if sink is not None:
                journal.add(sink)
        now = dt.datetime.fromtimestamp(self._clock.time(), dt.UTC)
        account = chosen.get("account")
        return Parts(
            journal,
            model,
            toolbox,
            settings,
            chosen.get("approve"),
            history,
            trace,
            now.date().isoformat(),
            self._clock,
            self._gate,
            chosen.get("context"),
            values,
            stored=stored,
            teller=None if account is None else Teller(account, settings.tenant, name),
        )

    def _trace_of(
        self,
        chosen: Options,
        journal: Journal,
        secrets: Iterable[str],
        known: Sequence[Known],
        *,
        is_own: bool,
    ) -> TraceSink | None:
        """What writes the trace of a session, without its secrets; None where there is none."""
        if isinstance(key := chosen.get("api_key"), str):
            secrets = chain(secrets, [key])
        return self._traces.sink(
            Recording.of(chosen.get("trace")),
            journal,
            is_own=is_own,
            secrets=secrets,
            known=[*self._models.secrets(key), *known],
        )

    def _profile(self, options: Options) -> str | dict[str, Any]:
        """The sandbox profile of a session: its own over the runtime's."""
        mine = over("pure", self._options.get("profile") or None)
        return plain(over(mine, options.get("profile") or None), "of the session")

    def _new_toolbox(
        self,
        tools: tuple[Callable[..., Any] | Tool | Toolset | str | Path, ...],
        profile: bytes,
        workspace: str | None,
        backend: str | None,
    ) -> Toolbox:
        chosen = msgspec.json.decode(profile)
        toolbox = Toolbox(
            define_all(tools, self._defined),
            trusted=TrustedRunner(),
            sandboxed=SandboxRunner(
                self._sandboxes,
                chosen,
                Path(workspace) if workspace is not None else None,
                backend,
            ),
            gates=self._gates,
        )
        if workspace is not None:
            with contextlib.suppress(ConfigError):  # no such profile: opening the session says it
                if hides_workspace(toolbox.tools, chosen):
                    _say_what_is_hidden(workspace, chosen)
        return toolbox


def _say_what_is_hidden(workspace: str, profile: Chosen) -> None:
    """Log that a workspace was given in vain: else a tool finds no file, and nothing says why."""
    import structlog

    structlog.get_logger("toolrun").warning(
        "no tool sees the workspace",
        workspace=workspace,
        profile=label(profile),
        do="profile='workspace-ro' shows it to be read, 'workspace' to be written, too",
    )
