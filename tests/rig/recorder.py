"""Which prompts does a client of the test really have the server sample from?

A proxy in front of a server that adds `return_token_ids` to Chat Completions requests and keeps the
prompt of each reply. It passes on whole replies, streams as well: what is sent is what counts.
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Sampled:
    """A step that the server sampled.

    Attributes:
        path: of the request.
        body: of the request, as the client sent it.
        prompt: its token ids; empty over Responses, which tells none.
        prompt_tokens: how many the server counted.
    """

    path: str
    body: dict[str, Any]
    prompt: tuple[int, ...]
    prompt_tokens: int


@dataclass
class Recorder:
    """What a recording proxy has seen.

    Attributes:
        url: its base URL, ending in `/v1`.
        steps: in order.
    """

    url: str
    steps: list[Sampled] = field(default_factory=list)


@contextlib.contextmanager
def recording(root: str) -> Iterator[Recorder]:
    """Run a proxy in front of the server at a root URL."""
    recorder = Recorder("")

    class Handler(_Handler):
        behind = root
        kept = recorder

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    behind: str
    kept: Recorder
    seconds = 60.0

    def do_GET(self) -> None:
        self._pass(None)

    def do_POST(self) -> None:
        read = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.path.endswith(("/chat/completions", "/responses")):
            self._pass(read)
            return
        body = json.loads(read)
        asked = body | ({} if self.path.endswith("/responses") else {"return_token_ids": True})
        status, reply = self._pass(json.dumps(asked).encode())
        if status == 200:
            prompt, count = _prompt(reply.decode())
            self.kept.steps.append(Sampled(self.path, body, prompt, count))

    def _pass(self, body: bytes | None) -> tuple[int, bytes]:
        request = urllib.request.Request(
            self.behind + self.path, body, {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self.seconds) as reply:
                status, kind, read = reply.status, reply.headers.get_content_type(), reply.read()
        except urllib.error.HTTPError as error:
            status, kind, read = error.code, error.headers.get_content_type(), error.read()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(read)))
        self.end_headers()
        self.wfile.write(read)
        return status, read

    def log_message(self, *_: Any) -> None:
        """Say nothing: a test's output is its own."""


def _prompt(reply: str) -> tuple[tuple[int, ...], int]:
    """The prompt's token ids and their number, from a whole reply or from a stream's chunks."""
    lines = [each.removeprefix("data: ") for each in reply.splitlines() if "data: {" in each]
    ids: tuple[int, ...] = ()
    count = 0
    for line in lines or [reply]:
        said = json.loads(line)
        ids = ids or tuple(said.get("prompt_token_ids") or ())
        usage = said.get("usage") or (said.get("response") or {}).get("usage") or {}
        count = usage.get("prompt_tokens") or usage.get("input_tokens") or count
    return ids, count or len(ids)
