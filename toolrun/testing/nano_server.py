"""How does a client in any language meet the embedded model in a test? At a server of its own.

The server is another process, on this machine alone: `toolrun serve --model nano`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from toolrun.embedded import NANO
from toolrun.extras import need

if TYPE_CHECKING:
    from types import TracebackType

_END_S: Final = 10.0
"""Seconds in which it ends by itself; nothing that it does takes as long."""


class NanoServer:
    """An OpenAI-compatible server of the embedded model; a context manager.

    It answers by Chat Completions and Responses, to the models `toolrun-nano` and `nano`, with any
    key. Nothing of the folder, or of the `TOOLRUN_*` variables, changes what it says.

    Attributes:
        url: its base URL; ends in `/v1`.
        pid: of its process.
        fds: this process's end of the pipe to it.

    Raises:
        MissingExtra: it needs `toolrun[embedded,serve]`. From here on, when it is entered:
        RuntimeError: it did not start; the message has what it said.
    """

    url: str

    def __init__(self) -> None:
        for module, extra in (("numpy", "embedded"), ("uvicorn", "serve")):
            need(module, extra, "a server of the embedded model")
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def pid(self) -> int:
        """See the class."""
        return 0 if self._process is None else self._process.pid

    @property
    def fds(self) -> frozenset[int]:
        """See the class."""
        pipe = None if self._process is None else self._process.stdout
        return frozenset() if pipe is None else frozenset({pipe.fileno()})

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="toolrun-nano-")
        log = Path(self._folder.name, "log")
        command = [sys.executable, "-m", "toolrun", "serve", "--model", NANO, "--port", "0"]
        kept = {name: text for name, text in os.environ.items() if not name.startswith("TOOLRUN_")}
        # As this process finds it: it may run from a checkout.
        kept["PYTHONPATH"] = os.pathsep.join(each for each in sys.path if each)
        with log.open("w") as err:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                cwd=self._folder.name,
                env=kept,
                text=True,
            )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            said = log.read_text(errors="replace")
            self.close()
            raise RuntimeError(f"toolrun serve --model {NANO} did not start:\n{said}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
