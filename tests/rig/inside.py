"""How does a test run toolrun and a real vLLM in one process? Functions that are called by name.

vLLM lives in the rig's environment, which has most of what toolrun needs and none of toolrun. A
process there finds toolrun in the repository, and what is missing in links to this environment's
packages, behind its own: so vLLM's versions win, and no second harmony library comes in.

    def test_something(inside: Inside):
        assert inside.call("tests.integration.in_process_checks:hello", name="x") == {"said": "x"}

calls `async def hello(vllm: Rigged, *, name: str)` of that module there; `inside_worker.py` says
what it gets. Arguments and results are JSON. Engines start at their first use, and stay.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.rig.install import install
from tests.rig.server import environment_of
from tests.rig.versions import LATEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from tests.rig.versions import Progress

_NEEDED: Final = ("toolrun", "trio")
_NAME: Final = re.compile(r"[\w.-]+")
_STOP_S, _TAIL = 10.0, 40


class InsideError(Exception):
    """A function failed in there, or the process ended; the message shows the traceback or log."""


class Inside:
    """A process of a vLLM version's environment that imports toolrun, too; a context manager.

    Attributes:
        version: of vLLM.
        pid: of the process, 0 while there is none. It leads a process group.
        fds: the pipes to it.
    """

    def __init__(self, version: str = LATEST, *, progress: Progress = lambda _: None) -> None:
        """Prepare a process of one of `RELEASES`."""
        self.version = version
        self.pid = 0
        self.fds: tuple[int, ...] = ()
        self._progress = progress
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        """Start the process; no engine yet.

        Raises:
            InstallError: the environment could not be installed.
        """
        installation = install(self.version, self._progress)
        self._folder = tempfile.TemporaryDirectory(prefix="toolrun-rig-")
        links = Path(self._folder.name, "packages")
        links.mkdir()
        for package in _closure(_NEEDED):
            _link(package, links)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(str(installation.python), "-m", "tests.rig.inside_worker"),
                    *(str(links), str(installation.model)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self._folder.name,
                env=environment_of(installation, self._progress),
                start_new_session=True,
            )
        self.pid = self._process.pid
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.fds = (self._process.stdin.fileno(), self._process.stdout.fileno())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it and what it has started. It also ends with this process: its input is a pipe."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        self.pid, self.fds = 0, ()

    def call(self, function: str, **arguments: Any) -> Any:
        """Call `MODULE:FUNCTION` in there and return what it returns.

        Raises:
            InsideError: it raised, or the process has ended.
        """
        assert self._process is not None, "enter it first"
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps([function, arguments]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise InsideError(f"vLLM {self.version}: the process has ended:\n{self._log_tail()}")
        reply = json.loads(line)
        if "error" in reply:
            raise InsideError(f"vLLM {self.version}: {function}:\n{reply['error']}")
        return reply["value"]

    @property
    def _log(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name, "inside.log")

    def _log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_TAIL:])


def _closure(names: tuple[str, ...]) -> Iterator[str]:
    """These distributions and all that they need, as far as they are installed here."""
    seen: set[str] = set()
    open_ = list(names)
    while open_:
        name = open_.pop()
        if name.lower() in seen:
            continue
        seen.add(name.lower())
        try:
            found = distribution(name)
        except PackageNotFoundError:  # for another system or Python
            continue
        yield name
        wanted = [each for each in found.requires or () if "extra ==" not in each]
        open_ += [match[0] for each in wanted if (match := _NAME.match(each)) is not None]


def _link(name: str, links: Path) -> None:
    """Link the top-level files and folders of a distribution into a folder."""
    found = distribution(name)
    tops = {file.parts[0] for file in found.files or () if file.parts[0] != ".."}
    for top in tops - {"__pycache__"}:
        target = Path(str(found.locate_file(top)))
        # toolrun itself is the repository's: what an editable install has is a hook.
        if name != "toolrun" and not (links / top).exists():
            (links / top).symlink_to(target)
