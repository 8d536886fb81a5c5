"""How does a test start a real `vllm serve`, and how does it surely end?"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.rig.install import install, install_nano
from tests.rig.libraries import library_folder
from tests.rig.scripts import marker
from tests.rig.supervised import end
from tests.rig.versions import LATEST, MODEL, NANO, NANO_CONTEXT, REPOSITORY, RIG, START_DATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from tests.rig.install import Installation
    from tests.rig.versions import Progress

CONTEXT: Final = 8192
"""The longest prompt and answer together, in tokens, of the scripted model."""

_PARSERS: Final = (
    *("--tool-call-parser", "openai", "--enable-auto-tool-choice"),
    *("--reasoning-parser", "openai_gptoss"),
)
_SCRIPTED: Final = ("--logits-processors", "tests.rig.scripted:Scripted")
# The model runs in the engine's process, on one core of the system's choice: 10 s and 0.6 GB less
# than with a worker, and two servers do not share the core that vLLM would bind both of them to.
_ONE_PROCESS_LESS: Final = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # else `uni` becomes `mp`; the engine stays apart
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
}
_WEIGHTS: Final = "gpt-oss-tiny"  # in the server's folder: /v1/models shows the path
_START_S, _REQUEST_S = 300.0, 180.0
_TAIL: Final = 40


class ServerFailedError(Exception):
    """The server did not start; the message ends with the last lines of its log."""


class VllmServer:
    """A vLLM server, scripted or not, in processes of its own, as a context manager.

    It ends with `stop`, with the `with` block, and with this process, however that ends.

    Attributes:
        version: vLLM's version.
        root: the server's URL, without `/v1`.
        url: the base URL of its OpenAI API, ending in `/v1`.
        model: the name that the model is served under.
        pid: the process that holds all others of the server; 0 while there is none.
    """

    def __init__(
        self,
        version: str = LATEST,
        *,
        port: int = 0,
        nano: bool = False,
        parsers: bool = True,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        progress: Progress = lambda _: None,
    ) -> None:
        """Prepare a server; nothing runs before `start` or `launch`.

        Args:
            version: one of `RELEASES`; installed when it isn't yet.
            port: 0 takes a free one.
            nano: whether it serves the embedded model, sampled and not scripted.
            parsers: whether tool calls and reasoning are parsed. Without them a server answers
                with calls that vanish, a common mistake of operators.
            args: more options of `vllm serve`; they win over the rig's own.
            env: more of its environment.
            progress: takes a line about each thing that takes long.
        """
        self.version = version
        self.model = NANO if nano else MODEL
        self.root = f"http://127.0.0.1:{port or free_port()}"
        self.url = f"{self.root}/v1"
        self.pid = 0
        self._nano = nano
        self._options = (*(_PARSERS if parsers else ()), *args)
        self._env = dict(env or {})
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._launched_at = 0.0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Launch the server and wait until it answers.

        Raises:
            InstallError: it could not be installed.
            ServerFailedError: it ended, or did not answer in time.
        """
        self.launch()
        try:
            return self.wait()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> Self:
        """Start the server's processes without waiting, so that several come up at once.

        Raises:
            InstallError: it could not be installed.
        """
        installation = install(self.version, self._progress)
        if self._nano:
            weights, context = install_nano(self.version, self._progress), NANO_CONTEXT
        else:
            weights, context = installation.model, CONTEXT
        self._folder = tempfile.TemporaryDirectory(prefix="toolrun-rig-")
        environment = environment_of(installation, self._progress) | self._env
        command = [
            *(str(installation.python.with_name("vllm")), "serve", _WEIGHTS),
            *("--host", "127.0.0.1", "--port", self.root.rpartition(":")[2]),
            *("--served-model-name", self.model, "--max-model-len", str(context)),
            *("--enforce-eager", "--dtype", "bfloat16", "--distributed-executor-backend", "uni"),
            *(() if self._nano else _SCRIPTED),
            *self._options,
        ]
        Path(self._folder.name, _WEIGHTS).symlink_to(weights)
        self._launched_at = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, str(RIG / "supervisor.py"), str(self._log), *command],
            stdin=subprocess.PIPE,
            cwd=self._folder.name,
            env=environment,
            start_new_session=True,
        )
        self.pid = self._process.pid
        _running[self.pid] = self
        self._progress(f"vLLM {self.version}: starting at {self.root}")
        return self

    def wait(self) -> Self:
        """Wait until a launched server answers.

        Raises:
            ServerFailedError: it ended, or did not answer in time.
        """
        assert self._process is not None, "launch it first"
        deadline = self._launched_at + _START_S
        while not self._healthy():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise self._failed("ended" if ended else f"was silent for {_START_S:.0f} s")
            time.sleep(0.2)
        try:
            self._warm_up()
        except OSError as error:
            raise self._failed(f"failed at its first request ({error})") from error
        seconds = time.monotonic() - self._launched_at
        self._progress(f"vLLM {self.version}: answers after {seconds:.0f} s")
        return self

    def stop(self) -> None:
        """End all processes of the server and forget its log; again does nothing."""
        if self._process is not None:
            end(self._process)
            _running.pop(self.pid, None)
            self._process, self.pid = None, 0
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def kill(self) -> None:
        """SIGKILL the server whatever it does, as a crash would; `start` starts it again there."""
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        self.stop()

    def log(self) -> str:
        """What the server has written so far; empty when it does not run."""
        return self._log.read_text(errors="replace") if self._folder and self._log.exists() else ""

    def script(self, name: str, text: str = "Please go on.") -> str:
        """Write a user message that has the model follow a script of `scripts.py`.

        Raises:
            ValueError: there is no script of that name.
        """
        return f"{text} {marker(name)}"

    def metrics(self) -> dict[str, float]:
        """Read `/metrics`: samples by name, summed over their labels, without histogram buckets."""
        with urllib.request.urlopen(f"{self.root}/metrics", timeout=_REQUEST_S) as response:
            return parse_metrics(response.read().decode())

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST JSON to a path such as `/v1/chat/completions` and return the JSON of the answer.

        Raises:
            urllib.error.HTTPError: the server refused.
        """
        request = urllib.request.Request(
            self.root + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_REQUEST_S) as response:
            answer: dict[str, Any] = json.load(response)
        return answer

    @property
    def _log(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name, "server.log")

    def _failed(self, why: str) -> ServerFailedError:
        """Stop, and say why with the end of the log."""
        tail = "\n".join(self.log().splitlines()[-_TAIL:])
        self.stop()
        return ServerFailedError(f"vLLM {self.version} {why}; its log ends with:\n{tail}")

    def _warm_up(self) -> None:
        """Sample once: the first request imports for seconds, more than a test's time-out."""
        hello = {"role": "user", "content": marker("final")}
        few = {"model": self.model, "messages": [hello], "max_tokens": 8}
        self.post("/v1/chat/completions", few)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.root}/health", timeout=5) as response:
                return bool(response.status == HTTPStatus.OK)
        except OSError:
            return False


def environment_of(installation: Installation, progress: Progress) -> dict[str, str]:
    """The environment variables of a process that runs vLLM, as a server or in itself.

    Raises:
        InstallError: a library that the system lacks could not be fetched.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VLLM_"))}
    environment = inherited | {
        "PYTHONPATH": str(REPOSITORY),
        "PATH": f"{installation.python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "TIKTOKEN_ENCODINGS_BASE": str(installation.vocabulary),
        "VLLM_SYSTEM_START_DATE": START_DATE,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        **_ONE_PROCESS_LESS,
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
    }
    if (libraries := library_folder(progress)) is not None:
        known = environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = f"{libraries}:{known}" if known else str(libraries)
    return environment


_running: dict[int, VllmServer] = {}


def parse_metrics(text: str) -> dict[str, float]:
    """Parse the Prometheus text format: sums by sample name, without histogram buckets."""
    sums: dict[str, float] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name = line.partition("{")[0].partition(" ")[0]
        if not name.endswith("_bucket"):
            sums[name] = sums.get(name, 0.0) + float(line.rpartition(" ")[2])
    return sums


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
