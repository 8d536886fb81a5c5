"""What prompt must a server make of these messages? The rules of vLLM 0.28 and 0.32, written anew.

`Oracle.render` takes what a client sends to `/v1/chat/completions` and gives the token ids that the
server samples from, without vLLM's code and without toolrun's, by the harmony library that the
server uses. `tests/integration/test_rig.py` shows that they are the server's, token for token.

The rules:
- The system message is the library's, with the pinned date. Instructions (the leading system or
  developer message) and tools make the developer message; without both there is none.
- Reasoning stands in the analysis channel, before the calls; a preamble stands before it, though it
  was sampled after. Calls are `assistant to=functions.NAME<|channel|>commentary json`, whatever was
  sampled; the arguments are the bytes that the client sends.
- A result is `functions.NAME to=assistant<|channel|>commentary` with openai-harmony (0.28.0), and
  `functions.NAME<|channel|>commentary to=assistant` with oss-harmony (0.32.0). NAME comes from the
  call with that id; for an unknown id it is empty.
- Reasoning before the last answer (assistant content without calls) is dropped.
- Text that spells a special token is ordinary text.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Self

from tests.rig.install import install
from tests.rig.versions import LATEST, RIG, START_DATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from tests.rig.versions import Progress

_STOP_S = 10.0


class Oracle:
    """Renders, encodes and decodes by a server's harmony library; a context manager.

    Attributes:
        version: the vLLM version whose prompts it knows.
        pid: its process, 0 while there is none.
    """

    def __init__(self, version: str = LATEST, *, progress: Progress = lambda _: None) -> None:
        """Prepare the oracle of a vLLM version, one of `RELEASES`."""
        self.version = version
        self.pid = 0
        self._progress = progress
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start its process, which takes about a second.

        Raises:
            InstallError: the server's environment could not be installed.
        """
        installation = install(self.version, self._progress)
        self._process = subprocess.Popen(
            [str(installation.python), str(RIG / "oracle_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            | {"TIKTOKEN_ENCODINGS_BASE": str(installation.vocabulary)},
        )
        self.pid = self._process.pid
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End its process, which also ends when this one does: its input is a pipe from here."""
        process, self._process, self.pid = self._process, None, 0
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        instructions: str | None = None,
        effort: str | None = None,
        date: str = START_DATE,
    ) -> list[int]:
        """Give the prompt's token ids for a Chat Completions request.

        Args:
            messages: as sent, `reasoning` included; a leading system or developer message holds the
                instructions.
            tools: as sent.
            instructions: the instructions, where `messages` do not begin with them.
            effort: `low`, `medium` or `high`; None is the library's default, medium.
            date: what the server takes for today.
        """
        return self._tokens(
            do="render",
            messages=messages,
            tools=tools,
            instructions=instructions,
            effort=effort,
            date=date,
        )

    def encode(self, text: str) -> list[int]:
        """Encode text in which special tokens are special."""
        return self._tokens(do="encode", text=text)

    def decode(self, tokens: Sequence[int]) -> str:
        """Decode token ids, special ones included."""
        return str(self._ask(do="decode", tokens=list(tokens))["text"])

    def _tokens(self, **request: Any) -> list[int]:
        tokens: list[int] = self._ask(**request)["tokens"]
        return tokens

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process is not None, "enter it first"
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the oracle's process has ended; its error output says why")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise ValueError(reply["error"])
        return reply
