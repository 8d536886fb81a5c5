"""What do agents send, and what does the server say?

A proxy in front of a server. Requests pass as they are, but for `return_token_ids`, by which the
server tells what it sampled from, and `max_tokens`: a toy that goes astray goes on and on. Where
that is asked for, the reasoning is taken out of them.
"""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tests.rig.nano.spelling import encoding
from tests.rig.recorder import _Handler
from toolrun.models.proof import find_analysis

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDED = {"return_token_ids": True, "max_tokens": 120}
FIELDS = ("reasoning", "reasoning_content")


class Heard(Struct, frozen=True):
    """A step: what was sent, and what came back.

    Attributes:
        messages: of the request.
        prompt: the token ids that the server sampled from.
        message: of the reply.
    """

    messages: list[dict[str, Any]]
    prompt: tuple[int, ...]
    message: dict[str, Any]

    @property
    def reasoning(self) -> str:
        return self.message.get("reasoning") or ""

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The name and the arguments' JSON of each call."""
        calls = [each["function"] for each in self.message.get("tool_calls") or ()]
        return [(each["name"], each["arguments"]) for each in calls]

    def has(self, first: Heard) -> bool:
        """Whether the reasoning of an earlier step is in this prompt, in the analysis channel."""
        wanted = encoding().encode(first.reasoning, disallowed_special=())
        return bool(wanted) and find_analysis(self.prompt, wanted) > 0

    @property
    def user(self) -> str:
        """What the user said first."""
        first = next(each for each in self.messages if each["role"] == "user")["content"]
        return first if isinstance(first, str) else "".join(part["text"] for part in first)

    def fields(self, first: Heard) -> set[str]:
        """The fields of the request's messages that have that reasoning."""
        wanted = first.reasoning.strip()
        return {
            field
            for message in self.messages
            for field, value in message.items()
            if wanted and wanted in json.dumps(value, ensure_ascii=False)
        }


@contextlib.contextmanager
def listening(root: str, *, drops: bool = False) -> Iterator[tuple[str, list[Heard]]]:
    """Run a proxy in front of the server at a root URL.

    Args:
        root: of the server.
        drops: whether the reasoning is taken out of what is sent.

    Yields:
        Its base URL, ending in `/v1`, and what was heard, in the order of the replies.
    """
    heard: list[Heard] = []

    class Handler(_Handler):
        behind = root
        seconds = 600.0  # many wait at once

        def do_POST(self) -> None:  # noqa: N802 - what http.server calls
            read = self.rfile.read(int(self.headers.get("content-length", 0)))
            if not self.path.endswith("/chat/completions"):
                self._pass(read)
                return
            body = json.loads(read)
            sent = _without_reasoning(body) if drops else body
            status, reply = self._pass(json.dumps(sent | _ADDED).encode())
            if status == 200:
                heard.append(_heard(sent["messages"], json.loads(reply)))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _heard(messages: list[dict[str, Any]], reply: dict[str, Any]) -> Heard:
    choice = reply["choices"][0]
    return Heard(messages, tuple(reply["prompt_token_ids"]), choice["message"])


def _without_reasoning(body: dict[str, Any]) -> dict[str, Any]:
    kept = [
        {field: value for field, value in message.items() if field not in FIELDS}
        for message in body["messages"]
    ]
    return body | {"messages": kept}
