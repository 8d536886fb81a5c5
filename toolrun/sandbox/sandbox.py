"""Where do tools run? `Sandbox`: a profile and a workspace; no box ever serves two tenants."""

from __future__ import annotations

import contextlib
import math
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from toolrun.errors import ConfigError, SandboxUnavailable
from toolrun.sandbox import choice
from toolrun.sandbox.calls import Calls
from toolrun.sandbox.job import Completed, Hears, Job, Outcome
from toolrun.sandbox.layer.copy_out import opened
from toolrun.sandbox.outcomes import ended, outcome
from toolrun.sandbox.pool import Pool
from toolrun.sandbox.profile import Profile
from toolrun.sandbox.resolve import load_profile
from toolrun.sandbox.view import check_workspace, view_of, with_file, workspace_view

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from toolrun.sandbox.backend import Backend
    from toolrun.sandbox.blocking import BlockingSandbox
    from toolrun.sandbox.egress.addresses import Resolve
    from toolrun.sandbox.egress.proxy import Tell
    from toolrun.sandbox.job import OnOutput
    from toolrun.sandbox.layer.copy_out import Changing
    from toolrun.sandbox.process import Process
    from toolrun.sandbox.profile import Chosen
    from toolrun.sandbox.view import View
    from toolrun.values import Json


class Sandbox:
    """Runs functions and commands in boxes that see what the profile allows, and nothing else.

    Cheap to make; `open` prepares and checks, `aclose` gives back what `open` took. Use it as an
    asynchronous context manager, or call them.

    Attributes:
        profile: what its calls may touch.
    """

    def __init__(
        self,
        profile: Profile | Chosen,
        *,
        workspace: Path | str | None = None,
        python_paths: Sequence[Path] = (),
        pool: Pool | None = None,
        backend: str | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        """Take a profile; a workspace where the profile shows one; folders to import from.

        Args:
            profile: the name of one that ships, the path of a TOML file, or a table: see
                `load_profile`.
            workspace: the folder that the boxes see, where the profile shows one; else of no use.
            python_paths: folders to import from beside the module's own.
            pool: where boxes are kept; one of its own by default.
            backend: what makes the boxes: "bubblewrap", "sandlock", "container", "podman:runc"
                and the like. By default the first that holds here: see `choice.backends`.
            resolve: looks up the names of hosts that the profile allows; this machine's resolver
                by default.

        Raises:
            ConfigError: the profile shows a workspace and none is given, or what is given is no
                folder; there is no such profile, or no such backend.
        """
        if not isinstance(profile, Profile):
            profile = load_profile(profile)
        self.profile = profile
        if profile.workspace in {"none", "scratch"}:
            workspace = None
        elif workspace is None:
            raise ConfigError(f"sandbox profile {profile.name!r} needs a workspace; give a folder")
        self._workspace = None if workspace is None else check_workspace(Path(workspace))
        self._python_paths = tuple(os.path.realpath(path) for path in python_paths)
        self._wanted = backend
        self.fallback: str | None = None
        """Why another backend than the first makes the boxes, if so."""
        self._own_pool = pool is None
        self._pool = pool or Pool()
        first = next(choice.backends(backend))
        self._calls = Calls(profile, self._workspace, self._pool, first, resolve)

    @property
    def is_used(self) -> bool:
        """Internal: whether a call is under way."""
        return self._calls.active > 0

    @property
    def backend(self) -> Backend:
        """Internal: what makes the boxes: the chosen one, once it is open."""
        return self._calls.backend

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def open(self) -> None:
        """Choose a backend, and check that it holds what the profile needs, by attacking it.

        Attacked once per process. Falling back to another backend than the first is logged.

        Raises:
            SandboxUnavailable: none does; the message says what was seen and how to fix it.
        """
        try:
            await self._choose()
        except BaseException:
            await self.aclose()
            raise

    async def _choose(self) -> None:
        from toolrun.sandbox.probe import probe

        refusals: list[tuple[str, SandboxUnavailable]] = []
        for backend in choice.backends(self._wanted):
            self.backend.close()
            self._calls.backend = backend
            try:
                choice.check_guarantees(self.profile, backend)
                await probe(self, backend.identity())
            except SandboxUnavailable as error:
                refusals.append((backend.name, error))
                continue
            if refusals:
                self.fallback = choice.warn(backend.name, refusals)
            self._calls.may_run = True
            return
        raise choice.none_holds(refusals)

    async def aclose(self) -> None:
        """Kill the boxes that wait, if they are its own, and give back what was prepared."""
        if self._own_pool:
            await self._pool.aclose()
        self.backend.close()

    def close(self) -> None:
        """The same where no event loop runs any more."""
        if self._own_pool:
            self._pool.close()
        self.backend.close()

    @staticmethod
    def sync(profile: Profile | Chosen, **options: Any) -> BlockingSandbox:
        """The same, blocking, for code without an event loop; a context manager.

        Args:
            profile: see `Sandbox`.
            **options: see `Sandbox`.
        """
        from toolrun.sandbox.blocking import BlockingSandbox

        return BlockingSandbox(profile, **options)

    async def call(
        self,
        job: Job | str,
        arguments: Mapping[str, Json] | None = None,
        *,
        timeout: float = math.inf,  # noqa: ASYNC109 - the box's own deadline, no cancellation
        env: Mapping[str, str] | None = None,
        tenant: str | None = None,
        on_output: OnOutput | None = None,
        changing: Changing | None = None,
        on_egress: Tell | None = None,
    ) -> Outcome:
        """Call a function in a box; cancelling kills everything in it at once.

        Args:
            job: the function and its arguments; or "module:function", a module that can be
                imported here (it is found, not imported).
            arguments: its keyword arguments, JSON values, where it is named.
            timeout: seconds, the box's start included, a wait in line for one not; the profile's
                own limit holds as well.
            env: environment variables beside the profile's.
            tenant: on whose behalf; a box that has served a tenant is kept warm for its next call,
                and for nobody else's. None: the box serves this call alone.
            on_output: is told ("stdout" or "stderr", text) as the function prints, and
                ("progress", text) of each value that a generator yields.
            changing: is awaited with what the call did to a writable workspace, before that is
                touched; what it raises leaves the workspace as it is.
            on_egress: is told what becomes of each request to a host.

        Returns:
            What it returned, or how it ended otherwise.

        Raises:
            SandboxUnavailable: the box did not start; nothing ran.
            ConfigError: the module's file does not exist, or the arguments are no JSON object.
        """
        if isinstance(job, str):
            job = Job.named(job, arguments or {})
        content = {
            "qualname": job.qualname,
            "arguments": job.decoded(),
            "objects": {name: msgspec.structs.astuple(each) for name, each in job.objects.items()},
        }
        seconds = min(self.profile.wall_seconds, timeout)  # a NaN comes second: it loses
        run, elapsed = await self._calls.run(
            self._view(job),
            content,
            b"",
            seconds,
            env or {},
            tenant,
            Hears(on_output, changing, on_egress),
        )
        return outcome(run, elapsed, seconds)

    async def run(  # noqa: PLR0913 - each is an option of a call
        self,
        what: Sequence[str] | str,
        *,
        input: bytes | int = b"",  # noqa: A002 - the standard library's name for it
        timeout: float = math.inf,  # noqa: ASYNC109 - the box's own deadline, no cancellation
        env: Mapping[str, str] | None = None,
        tenant: str | None = None,
        on_output: OnOutput | None = None,
        changing: Changing | None = None,
        on_egress: Tell | None = None,
        python: str | None = None,
    ) -> Completed:
        """Run a command, or Python code, in a box.

        Args:
            what: the words of a command line; a string is Python code, run as a script.
            input: what it reads on its standard input, or a pipe's descriptor to read that from.
                Never a file's: who has one in a box can open it again in `/proc`, for writing too.
            timeout: see `call`.
            env: see `call`.
            tenant: see `call`.
            on_output: see `call`.
            changing: see `call`.
            on_egress: see `call`.
            python: a virtual environment that the box sees beside: its folder or its bin/python.

        Returns:
            How it ended, and what it printed.

        Raises:
            SandboxUnavailable: the box did not start; nothing ran.
            ConfigError: the input is the descriptor of something else than a pipe.
        """
        if isinstance(input, int) and not stat.S_ISFIFO(os.fstat(input).st_mode):
            raise ConfigError("sandbox: input is no pipe's descriptor; give bytes, or a pipe's")
        content = {"code": what} if isinstance(what, str) else {"argv": list(what)}
        seconds = min(self.profile.wall_seconds, timeout)  # a NaN comes second: it loses
        run, elapsed = await self._calls.run(
            self._view(None, python),
            content,
            input,
            seconds,
            env or {},
            tenant,
            Hears(on_output, changing, on_egress),
        )
        status, error = ended(run, seconds) or ("ok", None)
        if status == "ok" and not run.reply.started:
            status, error = "crash", "no box took it: each ended before"
        return Completed(
            status=status,
            exit=run.exit if status == "ok" else None,
            stdout=bytes(run.stdout),
            stderr=bytes(run.stderr),
            seconds=elapsed,
            error=error,
            kept=run.kept,
        )

    @contextlib.asynccontextmanager
    async def start(
        self,
        argv: Sequence[str],
        *,
        timeout: float = math.inf,  # noqa: ASYNC109 - the box's own deadline
        env: Mapping[str, str] | None = None,
        on_egress: Tell | None = None,
    ) -> AsyncIterator[Process]:
        """Run a program for as long as the context is open: an interpreter to talk to, a server.

        Args:
            argv: the words of its command line.
            timeout: seconds after which it is killed all the same; the profile's wall time is a
                call's and does not hold for it, all its other limits do.
            env: environment variables beside the profile's.
            on_egress: see `call`.

        Raises:
            SandboxUnavailable: the box did not start; nothing ran.
            ConfigError: the profile's workspace is writable: what a call changes is copied out
                when it is over.
        """
        view = self._view(None)
        async with self._calls.start(view, argv, env or {}, timeout, on_egress) as process:
            yield process

    @contextlib.contextmanager
    def attacked(self) -> Iterator[None]:
        """Internal: have boxes made though they were not seen to hold; `probe` looks."""
        self._calls.may_run = True
        try:
            yield
        finally:
            self._calls.may_run = False

    async def warm(
        self, job: Job | None = None, *, tenant: str | None = None, env: Iterable[str] = ()
    ) -> None:
        """Start a box for a call that will come soon, unless one waits; does not wait for it.

        Args:
            job: the function of the call; None for a command.
            tenant: whose call it will be.
            env: the names of environment variables that it will bring.

        Raises:
            SandboxUnavailable, ConfigError: as `call`.
        """
        view = self._view(job)
        with self._calls.in_use(), contextlib.ExitStack() as stack:
            if self.profile.workspace == "writable" and self._workspace is not None:
                # A box's layer lies over the workspace as it is when the call comes; what makes
                # the layers can be there by then.
                await opened(self.backend, view, self._workspace, self.profile, stack)
                return
            kind = self._calls.kind(view, env)
            await self._pool.warm(kind, tenant, kind.start)

    def _view(self, job: Job | None, python: str | None = None) -> View:
        """What a box sees for a job, or for a command with an environment of Python."""
        if job is None:
            view = workspace_view(self._workspace, python)
        else:
            view = view_of(job, self._workspace, self._python_paths)
        if self.profile.network == "none":
            return view
        from toolrun.sandbox.egress.authorities import bundle  # late: most profiles reach nothing

        file = bundle()
        return view if file is None else with_file(view, file)
