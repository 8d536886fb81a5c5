"""What do tests of the command line work on? A folder of tools and notes, and the mock vLLM."""

from __future__ import annotations

import logging
import os
import sys
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest
import structlog

from tests.unit.cli.work import fill
from toolrun.cli.app import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.mock import MockServer


class Typed:
    """Runs command lines in this process, in a folder, with the mock as the server."""

    def __init__(
        self, folder: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self.folder = folder
        self._capsys = capsys
        self._patch = patch

    def __call__(self, *words: str, stdin: str = "", **env: str) -> CompletedProcess[str]:
        with self._patch.context() as patch:
            for key, value in env.items():
                patch.setenv(key, value)
            (self.folder / "stdin").write_text(stdin)
            try:
                with (self.folder / "stdin").open() as file:
                    patch.setattr(sys, "stdin", file)
                    code = command(words)
            finally:
                sys.modules.pop("my_tools", None)
        out, err = self._capsys.readouterr()
        return CompletedProcess(words, code, out, err)


@pytest.fixture
def typed(
    tmp_path: Path,
    mock: MockServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Typed]:
    fill(tmp_path)
    for key in [key for key in os.environ if key.startswith("TOOLRUN_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("TOOLRUN_BASE_URL", mock.url)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    root, own = logging.getLogger(), logging.getLogger("toolrun")
    before = (root.handlers[:], root.level, own.level)
    yield Typed(tmp_path, capsys, monkeypatch)
    root.handlers[:], root.level = before[0], before[1]
    own.setLevel(before[2])
    structlog.reset_defaults()
