"""How are the traces of a released version made? `python -m tests.rig.traces FOLDER`.

Every conversation that all ways of sampling are compared by (`tests/integration/conversations.py`)
is had with a real vLLM, streamed, some unstreamed, a few also over Responses and sampled directly.
A trace says nothing of the machine: the workspace and the server are those of an example.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio

from tests.integration.conversations import BY_NAME, prepare, transcript
from tests.rig.fixtures import running_servers
from tests.rig.server import VllmServer
from tests.rig.versions import LATEST
from toolrun.testing import replay_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.server import VllmServer as Server

WORKSPACE: Final = "/srv/agent/workspace"
URL: Final = "http://127.0.0.1:8000/v1"
OTHER_WAYS: Final = ("responses", "harmony")
IN_OTHER_WAYS: Final = ("one-call", "preamble", "three-steps")
AT_ONCE: Final = 6


class Take:
    """One trace to be recorded: a conversation, had in a way."""

    def __init__(self, name: str, *, streamed: bool, via: str = "chat") -> None:
        self.name = name
        self.streamed = streamed
        self.via = via
        parts = [name, via if via != "chat" else "", "streamed" if streamed else ""]
        self.file = "-".join(filter(None, parts)) + ".jsonl"


UNSTREAMED: Final = (
    *("final-without-reasoning", "one-call", "preamble", "two-turns", "invalid-json"),
    *("malformed-then-right", "limited-then-on", "denied", "nudged", "imported"),
)
"""Those that are had unstreamed, too: most of a trace is what both have in common."""
TAKES: Final = (
    *(Take(name, streamed=True) for name in BY_NAME),
    *(Take(name, streamed=False) for name in UNSTREAMED),
    *(Take(name, streamed=True, via=via) for name in IN_OTHER_WAYS for via in OTHER_WAYS),
)


async def record(
    takes: tuple[Take, ...], folder: Path, workspace: Path, *, url: str, model: str
) -> dict[str, list[Any]]:
    """Have conversations, several at once, each traced in a file of the folder.

    Returns:
        What each came to, by its file; see `conversations.transcript`.
    """
    said: dict[str, list[Any]] = {}
    limit = anyio.Semaphore(AT_ONCE)

    async def one(take: Take) -> None:
        async with limit:
            said[take.file] = await transcript(
                BY_NAME[take.name],
                workspace,
                streamed=take.streamed,
                base_url=url,
                model=model,
                via=take.via,
                trace=folder / take.file,
            )

    async with anyio.create_task_group() as group:
        for take in takes:
            group.start_soon(one, take)
    return said


def make(folder: Path, server: Server) -> int:
    """Record all of them into a folder, without a word of this machine; their size in bytes.

    Raises:
        ReplayMismatch: one does not happen again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        workspace = prepare(Path(made).resolve())
        workspace.chmod(0o755)
        anyio.run(_record_all, folder, workspace, server)
        for take in TAKES:
            path = folder / take.file
            text = path.read_text(encoding="utf-8")
            plain = text.replace(str(workspace), WORKSPACE).replace(server.url, URL)
            path.write_text(plain, encoding="utf-8")
            anyio.run(replay_trace, path)
    return sum((folder / take.file).stat().st_size for take in TAKES)


async def _record_all(folder: Path, workspace: Path, server: Server) -> None:
    await record(TAKES, folder, workspace, url=server.url, model=server.model)


@contextlib.contextmanager
def _server() -> Iterator[Server]:
    """The latest version: one that runs already, else one of our own."""
    if (root := running_servers().get(LATEST)) is not None:
        yield VllmServer(LATEST, port=int(root.rpartition(":")[2]))
        return
    with VllmServer(LATEST, progress=lambda line: print(line, file=sys.stderr)) as server:
        yield server


def main() -> None:
    """Record into the folder that is named."""
    parser = argparse.ArgumentParser(prog="python -m tests.rig.traces", description=__doc__)
    parser.add_argument("folder", type=Path, help="as tests/traces/format-2")
    folder: Path = parser.parse_args().folder
    with _server() as server:
        size = make(folder, server)
    print(f"{len(TAKES)} traces in {folder}, {size / 1000:.0f} KB; each happened again")


if __name__ == "__main__":
    main()
