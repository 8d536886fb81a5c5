"""What does a server of the embedded model say where it cannot start, and how does it end?"""

from __future__ import annotations

import io
import subprocess
from typing import Any

import pytest

from toolrun.testing import nano_server
from toolrun.testing.nano_server import NanoServer


class Process:
    """As much of a process as is looked at.

    Attributes:
        ended: how it was ended, in order.
    """

    pid = 7

    def __init__(self, said: str, *, stays: bool) -> None:
        self.stdout = io.StringIO(said)
        self.ended: list[str] = []
        self._stays = stays

    def terminate(self) -> None:
        self.ended.append("terminated")

    def kill(self) -> None:
        self.ended.append("killed")

    def wait(self, timeout: float | None = None) -> int:
        if self._stays and timeout is not None:
            raise subprocess.TimeoutExpired("toolrun", timeout)
        return 0


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have a process be started that is none: what it says, and whether it stays when told."""

    def start(said: str, *, stays: bool = False, err: str = "") -> Process:
        process = Process(said, stays=stays)

        def popen(_: list[str], *, stderr: Any, env: dict[str, str], **__: Any) -> Process:
            assert not any(name.startswith("TOOLRUN_") for name in env)
            stderr.write(err)
            return process

        monkeypatch.setenv("TOOLRUN_MODEL", "other")
        monkeypatch.setattr("toolrun.testing.nano_server.subprocess.Popen", popen)
        return process

    return start


def test_it_has_a_url_and_a_process_while_it_runs(started: Any) -> None:
    process = started("http://127.0.0.1:1/v1\n")
    server = NanoServer()
    assert (server.pid, server.fds) == (0, frozenset())
    with server:
        assert (server.url, server.pid) == ("http://127.0.0.1:1/v1", 7)
    assert process.ended == ["terminated"]
    assert process.stdout.closed
    assert server.pid == 0
    server.close()  # a second time
    assert process.ended == ["terminated"]


def test_one_that_does_not_end_is_killed(started: Any) -> None:
    process = started("http://127.0.0.1:1/v1\n", stays=True)
    with NanoServer():
        pass
    assert process.ended == ["terminated", "killed"]


def test_one_that_does_not_start_says_why_and_is_gone(started: Any) -> None:
    process = started("", err="no such model")
    with pytest.raises(RuntimeError, match="did not start:\nno such model"), NanoServer():
        raise AssertionError
    assert process.stdout.closed


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(nano_server, "need", lambda module, extra, _: asked.append((module, extra)))
    NanoServer()
    assert asked == [("numpy", "embedded"), ("uvicorn", "serve")]
