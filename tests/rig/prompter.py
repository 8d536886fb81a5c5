"""How is the model made to say something to a client that knows nothing of scripts?

A proxy in front of a server that adds the harmony to say to each Chat Completions request, by what
the user said last. All else passes as it is.
"""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.rig.recorder import _Handler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@contextlib.contextmanager
def saying(root: str, scripts: Mapping[str, Sequence[str]], port: int = 0) -> Iterator[str]:
    """Run a proxy in front of the server at a root URL.

    Args:
        root: of the server.
        scripts: by a part of the user's last message: what is said to it, step by step.
        port: to listen at; a free one where 0.

    Yields:
        Its base URL, ending in `/v1`.
    """

    class Handler(_Handler):
        behind = root

        def do_POST(self) -> None:  # noqa: N802 - what http.server calls
            read = self.rfile.read(int(self.headers.get("content-length", 0)))
            self._pass(_with_script(read, scripts))

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _with_script(read: bytes, scripts: Mapping[str, Sequence[str]]) -> bytes:
    body: dict[str, Any] = json.loads(read)
    said = [each["content"] for each in body.get("messages", ()) if each["role"] == "user"]
    found = next((steps for part, steps in scripts.items() if said and part in said[-1]), None)
    if found is None:
        return read
    return json.dumps(body | {"vllm_xargs": {"harmony": json.dumps([*found])}}).encode()
