"""What does `make demo` show? One session against a real vLLM whose tiny model is scripted."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.rig.server import VllmServer
from tests.rig.versions import LATEST

if TYPE_CHECKING:
    from tests.rig.versions import Progress

ESSAY = """On keeping one's thoughts

A model that calls a tool has a reason for it. The reason stands in its chain of thought, and
nowhere else. Take it away while the tool runs, and what comes back is a number without a question.
"""
NOTE = (
    "The server is a real vLLM {version} on this machine's CPU. Its model is NOT gpt-oss: it has "
    "gpt-oss's architecture and vocabulary, two layers and random weights, and a logits processor "
    "has it write a script. Scheduler, parsers, streaming and prompts are vLLM's own."
)


def demo(say: Progress) -> int:
    """Run `toolrun demo` against a server of its own; give its exit status."""
    began = time.monotonic()

    def progress(line: str) -> None:
        say(f"  [{time.monotonic() - began:3.0f} s] {line}")

    with (
        VllmServer(LATEST, progress=progress) as server,
        tempfile.TemporaryDirectory(prefix="toolrun-demo-") as folder,
    ):
        workspace = Path(folder)
        workspace.chmod(0o755)
        (workspace / "essay.txt").write_text(ESSAY)
        return subprocess.run(
            [
                *(sys.executable, "-m", "toolrun", "demo"),
                *("--base-url", server.url, "--model", server.model),
                *("--workspace", folder),
                *("--extra-body", json.dumps({"vllm_xargs": {"script": "demo"}})),
                *("--server-note", NOTE.format(version=server.version)),
                "How many words does essay.txt have?",
            ],
            check=False,
        ).returncode
