"""How do tests and benchmarks get a mock vLLM of their own?

`python -m tests.rig.mock --port 0` prints its port and serves until it is stopped. `MockServer`
starts one as a process and asks it, over its control endpoints, to say and to spoil things.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tests.rig.mock_app import MODEL, VERSION, MockVllm, Received, Settings, serve
from tests.rig.mock_faults import PASSING
from tests.rig.mock_steps import Call, Script, Step

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["MODEL", "PASSING", "Call", "MockServer", "Received", "Step"]

_START_S = 20


class MockServer:
    """A mock vLLM in a process of its own; it ends with the block, or with this process.

    Attributes:
        root: the server's address, without a path.
        url: the base URL of its OpenAI API; ends in `/v1`.
        model: the name of the model that it serves.
    """

    def __init__(
        self,
        *,
        core: int | None = None,
        keep: int | None = None,
        port: int = 0,
        version: str = VERSION,
    ) -> None:
        """Start the server.

        Args:
            core: the CPU that it may use; None for any.
            keep: how many requests it remembers; 0 for benchmarks, None for its default.
            port: 0 takes a free one.
            version: of the vLLM that it is.
        """
        command = [sys.executable, "-m", "tests.rig.mock", "--port", str(port), "--until-eof"]
        command += ["--version", version]
        command += ["--core", str(core)] if core is not None else []
        command += ["--keep", str(keep)] if keep is not None else []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        printed = self.process.stdout.readline().decode().strip()
        if not printed:
            self.close()
            raise RuntimeError("the mock vLLM did not start; its standard error says why")
        self.model = MODEL
        self.root = f"http://127.0.0.1:{printed}"
        self.url = f"{self.root}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server, and wait for its end."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    @property
    def fds(self) -> frozenset[int]:
        """This process's ends of the pipes to the server."""
        pipes = (self.process.stdin, self.process.stdout)
        return frozenset(pipe.fileno() for pipe in pipes if pipe is not None and not pipe.closed)

    def script(self, *steps: Step, name: str = "default") -> str:
        """Say these steps from now on; returns the marker that a prompt chooses them by.

        The name `default` needs no marker: it answers all requests that have none.
        """
        self._post("script", msgspec.json.encode(Script(steps, name)))
        return f"[[script:{name}]]"

    def settings(self, **changes: Any) -> None:
        """Be another server; see `Settings`."""
        self._post("settings", msgspec.json.encode(changes))

    def requests(self, path: str = "/v1/chat/completions") -> list[Received]:
        """What came to a path since the last reset, in order."""
        received = msgspec.json.decode(self._post("requests", b""), type=list[Received])
        return [request for request in received if request.path == path]

    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of the requests to Chat Completions, decoded."""
        return [msgspec.json.decode(request.body) for request in self.requests()]

    def running(self) -> int:
        """The requests that are being answered, as `/metrics` gives them."""
        with urllib.request.urlopen(f"{self.root}/metrics", timeout=60) as reply:
            last = reply.read().decode().splitlines()[-1]
        return int(float(last.rpartition(" ")[2]))

    def reset(self) -> None:
        """Forget scripts, settings and requests."""
        self._post("reset", b"")

    def _post(self, what: str, body: bytes) -> bytes:
        request = urllib.request.Request(f"{self.root}/mock/{what}", body, method="POST")
        with urllib.request.urlopen(request, timeout=60) as reply:
            read: bytes = reply.read()
        return read


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.rig.mock", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 for any; printed")
    parser.add_argument("--core", type=int, help="the CPU to run on")
    parser.add_argument("--keep", type=int, default=10_000, help="requests to remember")
    parser.add_argument("--version", default=VERSION, help="the version of vLLM to be")
    parser.add_argument("--api-key")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    settings = Settings(version=arguments.version, api_key=arguments.api_key, keep=arguments.keep)
    server = await serve(MockVllm(settings), arguments.host, arguments.port)
    print(server.sockets[0].getsockname()[1], flush=True)
    if arguments.until_eof:
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), os._exit, 0)  # nothing is written: readable means ended
    await server.serve_forever()


if __name__ == "__main__":
    _arguments_given = _arguments()
    if _arguments_given.core is not None:
        os.sched_setaffinity(0, {_arguments_given.core})
    try:
        asyncio.run(_run(_arguments_given))
    except KeyboardInterrupt:
        sys.exit(130)
