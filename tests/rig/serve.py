"""What does `make vllm` do? Runs a server until Ctrl-C and shows how to speak to it."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from tests.rig.scripts import SCRIPTS
from tests.rig.server import VllmServer
from tests.rig.versions import NANO

if TYPE_CHECKING:
    from tests.rig.versions import Progress


def serve(version: str, port: int, say: Progress, *, nano: bool = False) -> None:
    """Run a server until this process is interrupted or told to end."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _signal, _frame: over.set())
    server = VllmServer(version, port=port, nano=nano, progress=say).launch()
    try:
        threading.Thread(target=_announce, args=(server, say, over), daemon=True).start()
        over.wait()
    finally:
        server.stop()


def _announce(server: VllmServer, say: Progress, over: threading.Event) -> None:
    try:
        server.wait()
    except Exception as error:  # noqa: BLE001 - said, and the end of the command
        if not over.is_set():
            say(str(error))
            over.set()
        return
    if server.model == NANO:
        say(f"""
vLLM {server.version} serves {server.model}, the embedded model, sampled, at {server.url}
  toolrun chat --base-url {server.url}
Ctrl-C ends it.""")
        return
    say(f"""
vLLM {version_line(server)}
  toolrun run --base-url {server.url} "How many words? [[script:demo]]"
  curl {server.url}/chat/completions -H 'Content-Type: application/json' -d \\
    '{{"model": "{server.model}", "messages": [{{"role": "user", "content": "[[script:final]]"}}]}}'
The model follows the script that a message names: {", ".join(SCRIPTS)}.
Ctrl-C ends it.""")


def version_line(server: VllmServer) -> str:
    """Say which server answers where."""
    return f"{server.version} serves {server.model} (a tiny random model, scripted) at {server.url}"
