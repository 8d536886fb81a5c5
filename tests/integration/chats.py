"""How does a test hold a conversation at a terminal? `toolrun chat` in a tmux, before the mock."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import toolrun
from tests.integration.pane import Pane
from tests.unit.cli.work import PROMPT, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.mock import MockServer

EDITOR = """#!/bin/sh
echo begun > "$0.begun"
while [ ! -e "$0.text" ]; do sleep 0.02; done
cat "$0.text" > "$1"
"""
"""An editor that a test writes with: it waits for a text, and saves that."""


class Chats:
    """Starts chats in a folder of its own, which has tools and a store of its own.

    Attributes:
        folder: where they run; `fill` has put tools and notes there.
        env: their environment.
        editor: what `$EDITOR` names.
    """

    def __init__(self, folder: Path, mock: MockServer) -> None:
        self.folder = folder
        self.mock = mock
        self.editor = folder / "editor.sh"
        self.editor.write_text(EDITOR)
        self.editor.chmod(0o755)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("TOOLRUN_")}
        for name in ("NO_COLOR", "FORCE_COLOR", "VISUAL", "PAGER"):
            kept.pop(name, None)
        self.env = kept | {
            "PYTHONPATH": str(Path(toolrun.__file__).parent.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "EDITOR": str(self.editor),
            "LC_ALL": "C.UTF-8",
            "TOOLRUN_BASE_URL": mock.url,
        }
        self._panes: list[Pane] = []

    def __call__(self, *words: str, env: dict[str, str] | None = None, **pane: Any) -> Pane:
        """Start `toolrun chat` with these words, and wait for its prompt."""
        options = {"term": "xterm-256color", **pane}
        started = Pane(self.folder, self.env | (env or {}), "chat", *words, **options)
        self._panes.append(started)
        started.shows("> " if env and env.get("LC_ALL") == "C" else PROMPT)
        return started

    def edits(self, text: str) -> None:
        """Let the editor that runs, or the next one, save this and end."""
        self.editor.with_name("editor.sh.text").write_text(text)

    @property
    def editing(self) -> bool:
        """Whether the editor has begun."""
        return self.editor.with_name("editor.sh.begun").exists()

    def close(self) -> None:
        """End all that are left."""
        for pane in self._panes:
            pane.close()


@pytest.fixture
def chats(tmp_path: Path, mock: MockServer) -> Iterator[Chats]:
    """Where there is no tmux, what needs one is skipped."""
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux to press keys in; `.ci/run` installs it")
    fill(tmp_path)
    held = Chats(tmp_path, mock)
    yield held
    held.close()
