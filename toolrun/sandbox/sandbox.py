"""Where do tools run? `Sandbox`: a profile and a workspace; each call gets a box of its own."""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from toolrun.errors import ConfigError, SandboxUnavailable
from toolrun.sandbox import bubblewrap
from toolrun.sandbox.box import Box, Start
from toolrun.sandbox.hidden import Hider
from toolrun.sandbox.job import Completed, Job, Outcome
from toolrun.sandbox.privilege import Passage, open_passage
from toolrun.sandbox.protocol import Malformed
from toolrun.sandbox.view import View, check_workspace, runtime, view_of, within, workspace_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from toolrun.sandbox.job import OnOutput, Status
    from toolrun.sandbox.profile import Profile

_BOOT: Final = (
    "import io,marshal,sys;f=io.open(int(sys.argv[1]),'rb');j=marshal.load(f);f.close();"
    "n={'__name__':'toolrun.sandbox.shim'};exec(marshal.loads(j['shim']),n);"
    "n['start'](j,int(sys.argv[2]))"
)
_FLAGS: Final = ("-I", "-S", "-B", "-X", "utf8", "-c", _BOOT)


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
        if profile.workspace == "none":
            workspace = None
        elif workspace is None:
            raise ConfigError(f"sandbox profile {profile.name!r} needs a workspace; give a folder")
        self._workspace = None if workspace is None else check_workspace(workspace)
        self._python_paths = tuple(os.path.realpath(path) for path in python_paths)
        self._hider = Hider()
        self._passages: dict[frozenset[str], Passage] = {}

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

        missing = set(self.profile.guarantees) - bubblewrap.GUARANTEES
        if missing:
            raise SandboxUnavailable(
                f"sandbox profile {self.profile.name!r} needs {', '.join(sorted(missing))}, which "
                "bubblewrap does not give"
            )
        try:
            await probe(self)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Give back what `open` and the calls have prepared."""
        self.close()

    def close(self) -> None:
        """The same where no event loop runs any more."""
        while self._passages:
            self._passages.popitem()[1].close()

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
            **_code(),
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
        return _outcome(box, elapsed, seconds)

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
        content = {**_code(), "argv": list(argv)}
        box, elapsed = await self._run(view, content, input, seconds, env or {}, on_output)
        status, error = _ended(box, seconds) or ("ok", None)
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
        passage = await self._passage(view)
        content |= {
            "limits": _limits(self.profile),
            "env": {**bubblewrap.ENVIRONMENT, **self.profile.env, **env},
        }
        with contextlib.ExitStack() as stack:
            start, give = self._start(stack, passage, view, marshal.dumps(content), stdin)
            box = Box(start, self.profile, on_output)
            give.close()
            await box.run(seconds - (time.monotonic() - started))
        if not box.reply.started and box.ended is None:
            raise _did_not_start(box)
        return box, time.monotonic() - started

    def _start(
        self,
        stack: contextlib.ExitStack,
        passage: Passage,
        view: View,
        content: bytes,
        stdin: bytes,
    ) -> tuple[Start, contextlib.ExitStack]:
        """Open the descriptors of a box; those of the second stack are its own once it runs."""
        give = stack.enter_context(contextlib.ExitStack())
        info, info_end = _pipe(stack, give)
        result, result_end = _pipe(stack, give)
        job = _memory(give, content)
        descriptors = bubblewrap.Descriptors(
            passwd=_memory(give, bubblewrap.PASSWD),
            group=_memory(give, bubblewrap.GROUP),
            info=info_end,
        )
        folders = [(folder, self._hider.masks(folder)) for folder in view.folders]
        described = bubblewrap.arguments(
            self.profile, runtime(), folders, descriptors, self._workspace or bubblewrap.HOME
        )
        # By a descriptor: a command line can be read by everybody, in the box and outside.
        args = _memory(give, "\0".join(described).encode())
        program = (bubblewrap.program(), "--args", str(args), "--", runtime().interpreter)
        inherit = (args, job, result_end, *msgspec.structs.astuple(descriptors))
        return Start(
            command=(*passage.prefix, *program, *_FLAGS, str(job), str(result_end)),
            inherit=inherit,
            stdin=_memory(give, stdin),
            info=info,
            result=result,
        ), give

    async def _passage(self, view: View) -> Passage:
        shown = runtime()
        needed = {folder.path for folder in view.folders} | set(shown.folders)
        if not within(bubblewrap.program(), needed):
            needed.add(bubblewrap.program())
        key = frozenset(needed)
        if key not in self._passages:
            passage = await open_passage(needed, shown.interpreter)
            if key in self._passages:  # two first calls at once
                passage.close()
            else:
                self._passages[key] = passage
        return self._passages[key]


@cache
def _code() -> dict[str, bytes]:
    """The code that runs in a box, compiled once."""
    here = Path(__file__).parent
    names = {"shim": "shim", "arguments_code": "shim_arguments", "values_code": "shim_values"}
    return {
        key: marshal.dumps(
            compile((here / f"{name}.py").read_bytes(), f"<toolrun {name}>", "exec", optimize=0)
        )
        for key, name in names.items()
    }


def _arguments(job: Job) -> dict[str, Any]:
    try:
        return msgspec.json.decode(job.arguments, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"tool {job.qualname}: arguments are no JSON object: {error}") from error


def _limits(profile: Profile) -> dict[str, int]:
    return {
        "RLIMIT_CPU": profile.cpu_seconds,
        "RLIMIT_AS": profile.address_space_bytes,
        "RLIMIT_NPROC": profile.processes,
        "RLIMIT_NOFILE": profile.open_files,
        "RLIMIT_FSIZE": profile.disk_bytes,
        "RLIMIT_CORE": 0,
    }


def _pipe(stack: contextlib.ExitStack, give: contextlib.ExitStack) -> tuple[int, int]:
    read, write = os.pipe2(os.O_CLOEXEC)
    stack.callback(os.close, read)
    give.callback(os.close, write)
    return read, write


def _memory(give: contextlib.ExitStack, content: bytes) -> int:
    """A descriptor to read bytes from: unlike a pipe it takes any number without waiting."""
    descriptor = os.memfd_create("toolrun", os.MFD_CLOEXEC)
    give.callback(os.close, descriptor)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _outcome(box: Box, elapsed: float, seconds: float) -> Outcome:
    common: dict[str, Any] = {
        "stdout": box.stdout.decode(errors="replace"),
        "stderr": box.stderr.decode(errors="replace"),
        "seconds": elapsed,
    }
    if (ended := _ended(box, seconds)) is not None:
        status, why = ended
        return Outcome(status=status, error=why, **common)
    if not box.reply.complete:
        status, why = _how_it_ended(box.exit)
        return Outcome(status=status, error=why, exit=box.exit, **common)
    if box.reply.error is not None:
        return Outcome(
            status="exception", error=box.reply.error, traceback=box.reply.traceback, **common
        )
    try:
        return Outcome(status="ok", value=box.reply.value(), **common)
    except Malformed as error:
        return Outcome(status="crash", error=f"wrote to the result's pipe: {error}", **common)


def _ended(box: Box, seconds: float) -> tuple[Status, str] | None:
    """Which limit ended a box, and in which words."""
    if box.ended is not None and box.ended[0] == "timeout":
        return "timeout", f"did not finish within {seconds:g} s and was stopped"
    return box.ended


def _how_it_ended(exit_status: int | None) -> tuple[Status, str]:
    assert exit_status is not None
    number = exit_status - 128  # as shells and bubblewrap say it
    if number == signal.SIGXCPU:
        return "timeout", "used up its CPU time and was stopped"
    if number in set(signal.Signals):
        name = signal.Signals(number).name
        return "crash", f"its process was ended by {name} before it returned"
    return "crash", f"its process ended with status {exit_status} before it returned"


def _did_not_start(box: Box) -> SandboxUnavailable:
    from toolrun.sandbox.probe import remedy

    said = box.stderr.decode(errors="replace").strip() or f"exit status {box.exit}"
    return SandboxUnavailable(f"sandbox: the box did not start: {said}. {remedy(said)}")
