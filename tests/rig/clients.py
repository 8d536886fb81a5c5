"""How do tests run other people's clients? In an environment of their own, as scripts.

LangChain, smolagents, Strands, the Agents SDK and LiteLLM bring a hundred packages that toolrun
does not need, so they are never installed beside it. A script of `tests/integration/clients/` runs
there and prints one line of JSON; toolrun is importable there, too, from the repository.

Nothing is fetched at run time: LiteLLM's table of costs is its own copy, telemetry is off.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.rig.install import pip, python_of, site_packages
from tests.rig.parts import Part
from tests.rig.server import free_port
from tests.rig.supervised import end
from tests.rig.versions import REPOSITORY, RIG

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from tests.rig.versions import Progress

SCRIPTS: Final = REPOSITORY / "tests/integration/clients"
_SCRIPT_S: Final = 120.0
_START_S, _TAIL = 180.0, 40
_QUIET: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LANGSMITH_TRACING": "false",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "OTEL_SDK_DISABLED": "true",
}


class ClientError(Exception):
    """A script or the proxy failed; the message ends with what it printed."""


@dataclass(frozen=True, slots=True)
class Clients:
    """The environments, and what runs in them.

    Attributes:
        python: of LangChain, smolagents, the Agents SDK and LiteLLM.
        strands: of Strands.
    """

    python: Path
    strands: Path

    def run(
        self,
        script: str,
        *words: str,
        env: Mapping[str, str] | None = None,
        seconds: float = _SCRIPT_S,
    ) -> Any:
        """Run a script of `tests/integration/clients` and give what its last line says, as JSON.

        Raises:
            ClientError: it failed.
            subprocess.TimeoutExpired: it took longer than these seconds.
        """
        python = self.strands if script.startswith("strands") else self.python
        return self.run_file(SCRIPTS / script, *words, env=env, python=python, seconds=seconds)

    def run_file(
        self,
        path: Path,
        *words: str,
        env: Mapping[str, str] | None = None,
        python: Path | None = None,
        seconds: float = _SCRIPT_S,
    ) -> Any:
        """The same for any file."""
        done = subprocess.run(
            [str(python or self.python), str(path), *words],
            env=environment() | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        if done.returncode:
            raise ClientError(f"{path.name} ended with {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])


def install_clients(progress: Progress) -> Clients:
    """Build the environments, once.

    Raises:
        InstallError: they could not be built.
    """
    pins, apart = (_pins(name) for name in ("clients.txt", "strands.txt"))
    together = Part(
        "clients",
        tuple(pins),
        partial(_build, pins=pins),
        f"clients of other frameworks: installing {len(pins)} packages",
    ).ensure(progress)
    strands = Part(
        "strands",
        (together.name, *apart),
        partial(_build_beside, pins=apart, together=together),
        f"Strands: installing {len(apart)} packages",
    ).ensure(progress)
    return Clients(python_of(together), python_of(strands))


def environment() -> dict[str, str]:
    """The environment variables of whatever runs there."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "OPENAI_", "LITELLM_", "LANGCHAIN_", "LANGSMITH_"))
    }
    return kept | _QUIET | {"PYTHONPATH": str(REPOSITORY)}


class LiteLlmProxy:
    """A real LiteLLM proxy in front of a server, as a context manager.

    Attributes:
        url: its base URL, ending in `/v1`.
        key: what it asks for.
        pid: of the process that holds it, 0 while there is none.
        fds: the pipe to that.
    """

    def __init__(self, clients: Clients, behind: str, model: str, provider: str) -> None:
        """Prepare a proxy.

        Args:
            clients: where LiteLLM is installed.
            behind: the base URL of the server behind it.
            model: its name, here and there.
            provider: LiteLLM's for it: "hosted_vllm" or "openai".
        """
        self.root = f"http://127.0.0.1:{free_port()}"
        self.url = f"{self.root}/v1"
        self.key = f"sk-{secrets.token_hex(24)}"  # LiteLLM starts with no weak one
        self.pid = 0
        self.fds: tuple[int, ...] = ()
        self._clients = clients
        self._config = {
            "model_list": [
                {
                    "model_name": model,
                    "litellm_params": {
                        "model": f"{provider}/{model}",
                        "api_base": behind,
                        "api_key": "EMPTY",
                    },
                }
            ],
            "general_settings": {"master_key": self.key},
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            ClientError: it ended, or did not answer in time.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="toolrun-rig-")
        folder = Path(self._folder.name)
        (folder / "config.yaml").write_text(json.dumps(self._config))  # JSON is YAML
        self._process = subprocess.Popen(
            [
                *(sys.executable, str(RIG / "supervisor.py"), str(folder / "log")),
                *(str(self._clients.python.with_name("litellm")), "--telemetry", "False"),
                *("--config", str(folder / "config.yaml"), "--host", "127.0.0.1"),
                *("--port", self.root.rpartition(":")[2]),
            ],
            stdin=subprocess.PIPE,
            cwd=folder,
            env=environment() | {"NO_DOCS": "True"},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self.pid, self.fds = self._process.pid, (self._process.stdin.fileno(),)
        until = time.monotonic() + _START_S
        while not self._lives():
            if self._process.poll() is not None or time.monotonic() > until:
                tail = "\n".join((folder / "log").read_text().splitlines()[-_TAIL:])
                self.__exit__(None, None, None)
                raise ClientError(f"LiteLLM's proxy did not start:\n{tail}")
            time.sleep(0.2)  # it takes seconds; there is nothing to wait on but its port
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it."""
        if self._process is not None:
            end(self._process)
            self._process, self.pid = None, 0
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _lives(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.root}/health/liveliness", timeout=5) as response:
                return bool(response.status == HTTPStatus.OK)
        except OSError:
            return False


def _pins(name: str) -> list[str]:
    lines = (RIG / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _build(folder: Path, *, pins: list[str]) -> None:
    venv.create(folder, with_pip=True)
    # Compiled when it is imported: most of it never is.
    pip(python_of(folder), python_of(folder), pins, options=("--no-compile",))


def _build_beside(folder: Path, *, pins: list[str], together: Path) -> None:
    venv.create(folder, with_pip=False)
    pip(python_of(together), python_of(folder), pins, options=("--no-compile",))
    (site_packages(folder) / "shared.pth").write_text(f"{site_packages(together)}\n")
