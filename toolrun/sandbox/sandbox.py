"""Where do tools run? `Sandbox`: a profile and a workspace; each call gets a box of its own."""

from __future__ import annotations

import contextlib
import marshal
import os
import time
from typing import TYPE_CHECKING, Any, Self

import msgspec

from toolrun.errors import ConfigError, SandboxUnavailable
from toolrun.sandbox.box import Box
from toolrun.sandbox.bubblewrap.backend import Bubblewrap
from toolrun.sandbox.code import code, rlimits
from toolrun.sandbox.job import Completed, Job, Outcome
from toolrun.sandbox.order import ENVIRONMENT, Order, working_folder
from toolrun.sandbox.outcomes import ended, outcome
from toolrun.sandbox.view import View, check_workspace, runtime, view_of, workspace_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from toolrun.sandbox.backend import Backend
    from toolrun.sandbox.job import OnOutput
    from toolrun.sandbox.profile import Profile


class Sandbox:
    """Runs functions and commands in boxes that see what the profile allows, and nothing else.

    Cheap to make; `open` prepares and checks, `aclose` gives back what `open` took. Use it as an
    asynchronous context manager, or call them.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        workspace: Path | None = None,
        python_paths: Sequence[Path] = (),
    ) -> None:
        """Take a profile; a workspace where the profile shows one; folders to import from.

        Raises:
            ConfigError: the workspace is no folder, is missing, or the profile shows none.
        """
        self.profile = profile
        if profile.workspace in {"none", "scratch"}:
            workspace = None
        elif workspace is None:
            raise ConfigError(f"sandbox profile {profile.name!r} needs a workspace; give a folder")
        self._workspace = None if workspace is None else check_workspace(workspace)
        self._python_paths = tuple(os.path.realpath(path) for path in python_paths)
        self._backend: Backend = Bubblewrap()

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
        """Check that the backend holds what the profile needs, by attacking it once per process.

        Raises:
            SandboxUnavailable: it does not; the message says what was seen and how to fix it.
        """
        from toolrun.sandbox.probe import probe

        missing = set(self.profile.guarantees) - self._backend.guarantees
        if missing:
            raise SandboxUnavailable(
                f"sandbox profile {self.profile.name!r} needs {', '.join(sorted(missing))}, which "
                f"{self._backend.name} does not give"
            )
        try:
            await probe(self, self._backend.identity())
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Give back what `open` and the calls have prepared."""
        self.close()

    def close(self) -> None:
        """The same where no event loop runs any more."""
        self._backend.close()

    async def call(
        self,
        job: Job,
        *,
        timeout: float,  # noqa: ASYNC109 - the box's own deadline, told apart from a cancellation
        env: Mapping[str, str] | None = None,
        on_output: OnOutput | None = None,
    ) -> Outcome:
        """Call a function in a new box; cancelling kills everything in it at once.

        Args:
            job: the function and its arguments.
            timeout: seconds, the box's start included; the profile's own limit holds as well.
            env: environment variables beside the profile's.
            on_output: is told ("stdout" or "stderr", text) as the function prints, and
                ("progress", text) of each value that a generator yields.

        Raises:
            SandboxUnavailable: the box did not start; nothing ran.
            ConfigError: the module's file does not exist, or the arguments are no JSON object.
        """
        view = view_of(job, self._workspace, self._python_paths)
        content = {
            **code(),
            "module": job.module,
            "file": view.file,
            "qualname": job.qualname,
            "arguments": _arguments(job),
            "objects": {name: msgspec.structs.astuple(each) for name, each in job.objects.items()},
            "by_name": view.by_name,
            "first": list(view.first),
            "path": [*view.path, *runtime().path],
        }
        seconds = min(timeout, self.profile.wall_seconds)
        box, elapsed = await self._run(view, content, b"", seconds, env or {}, on_output)
        return outcome(box, elapsed, seconds)

    async def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",  # noqa: A002 - the standard library's name for it
        timeout: float,  # noqa: ASYNC109 - the box's own deadline, told apart from a cancellation
        env: Mapping[str, str] | None = None,
        on_output: OnOutput | None = None,
    ) -> Completed:
        """Run a command in a new box; the arguments are those of `call`.

        Raises:
            SandboxUnavailable: the box did not start; nothing ran.
        """
        view = workspace_view(self._workspace)
        seconds = min(timeout, self.profile.wall_seconds)
        content = {**code(), "argv": list(argv)}
        box, elapsed = await self._run(view, content, input, seconds, env or {}, on_output)
        status, error = ended(box, seconds) or ("ok", None)
        return Completed(
            status=status,
            exit=box.exit if status == "ok" else None,
            stdout=bytes(box.stdout),
            stderr=bytes(box.stderr),
            seconds=elapsed,
            error=error,
        )

    async def _run(
        self,
        view: View,
        content: dict[str, Any],
        stdin: bytes,
        seconds: float,
        env: Mapping[str, str],
        on_output: OnOutput | None,
    ) -> tuple[Box, float]:
        started = time.monotonic()
        content |= {
            "limits": rlimits(self.profile),
            "env": {**ENVIRONMENT, **self.profile.env, **env},
        }
        order = Order(
            profile=self.profile,
            view=view,
            content=marshal.dumps(content),
            stdin=stdin,
            cwd=working_folder(self.profile, self._workspace),
        )
        with contextlib.ExitStack() as stack:
            start, give = await self._backend.start(order, stack)
            box = Box(start, self.profile, on_output)
            give.close()
            await box.run(seconds - (time.monotonic() - started))
        if not box.reply.started and box.ended is None:
            raise self._did_not_start(box)
        return box, time.monotonic() - started

    def _did_not_start(self, box: Box) -> SandboxUnavailable:
        said = box.stderr.decode(errors="replace").strip() or f"exit status {box.exit}"
        remedy = self._backend.remedy(said)
        return SandboxUnavailable(f"sandbox: the box did not start: {said}. {remedy}")


def _arguments(job: Job) -> dict[str, Any]:
    try:
        return msgspec.json.decode(job.arguments, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"tool {job.qualname}: arguments are no JSON object: {error}") from error
