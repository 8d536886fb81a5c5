"""How does code without an event loop use a sandbox? Through one portal thread."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from toolrun.portal import refuse_to_block
from toolrun.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from toolrun.sandbox.job import Completed, Job, Outcome
    from toolrun.sandbox.process import Process
    from toolrun.sandbox.profile import Chosen, Profile


class BlockingProcess:
    """A `Process` whose methods block."""

    def __init__(self, process: Process, portal: BlockingPortal) -> None:
        """Internal: `BlockingSandbox.start` makes one."""
        self._process = process
        self._portal = portal

    def send(self, data: bytes) -> None:
        """Write to its standard input; see `Input.send`.

        Args:
            data: bytes.
        """
        self._portal.call(self._process.stdin.send, data)

    def close_input(self) -> None:
        """Say that there is no more to come."""
        self._portal.call(self._process.stdin.aclose)

    def receive(self, max_bytes: int = 65_536) -> bytes:
        """What it prints; empty once it has closed its output.

        Args:
            max_bytes: at most so many at once.
        """
        return self._receive(self._process.stdout, max_bytes)

    def receive_error(self, max_bytes: int = 65_536) -> bytes:
        """What it prints on its standard error; empty once it has closed that.

        Args:
            max_bytes: at most so many at once.
        """
        return self._receive(self._process.stderr, max_bytes)

    def wait(self) -> int | None:
        """See `Process.wait`."""
        return self._portal.call(self._process.wait)

    def _receive(self, stream: Any, max_bytes: int) -> bytes:
        import anyio

        try:
            received: bytes = self._portal.call(stream.receive, max_bytes)
        except anyio.EndOfStream:
            return b""
        return received


class BlockingSandbox:
    """A `Sandbox` whose methods block; a context manager. See `Sandbox` for each method.

    Args:
        profile: see `Sandbox`.
        **options: see `Sandbox`.
    """

    def __init__(self, profile: Profile | Chosen, **options: Any) -> None:
        self._sandbox = Sandbox(profile, **options)
        self._stack = contextlib.ExitStack()
        self._portal: BlockingPortal | None = None

    def __enter__(self) -> Self:
        """Start the thread and open the sandbox.

        Raises:
            ConfigError: called inside a running event loop, which it would block; a notebook's own
                loop waits for its cells anyway.
            SandboxUnavailable: no backend holds what the profile needs.
        """
        refuse_to_block("Sandbox.sync", "Sandbox")
        with contextlib.ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal())
            stack.enter_context(self._portal.wrap_async_context_manager(self._sandbox))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        self._portal = None

    def call(
        self, job: Job | str, arguments: Mapping[str, Any] | None = None, **options: Any
    ) -> Outcome:
        """See `Sandbox.call`.

        Args:
            job: as for `Sandbox.call`.
            arguments: as for `Sandbox.call`.
            **options: as for `Sandbox.call`.
        """
        return self._through().call(partial(self._sandbox.call, job, arguments, **options))

    def run(self, what: Sequence[str] | str, **options: Any) -> Completed:
        """See `Sandbox.run`.

        Args:
            what: as for `Sandbox.run`.
            **options: as for `Sandbox.run`.
        """
        return self._through().call(partial(self._sandbox.run, what, **options))

    @contextlib.contextmanager
    def start(self, argv: Sequence[str], **options: Any) -> Iterator[BlockingProcess]:
        """See `Sandbox.start`.

        Args:
            argv: as for `Sandbox.start`.
            **options: as for `Sandbox.start`.
        """
        portal = self._through()
        # Made in the portal's thread: it holds that thread's loop.
        started = portal.call(partial(self._sandbox.start, argv, **options))
        with portal.wrap_async_context_manager(started) as process:
            yield BlockingProcess(process, portal)

    def _through(self) -> BlockingPortal:
        if self._portal is None:
            raise RuntimeError("enter the sandbox first: with Sandbox.sync(...) as box")
        return self._portal
