"""What belongs to one request, from its first byte to its log line?"""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING, Any

from toolrun.serve.keys import Caller
from toolrun.serve.receiving import headers_of, read_json
from toolrun.serve.sending import Sending
from toolrun.serve.told import Told
from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolrun.serve.failures import Failure
    from toolrun.serve.receiving import Receive
    from toolrun.serve.sending import Send
    from toolrun.serve.told import Writing

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
KEY = "toolrun.exchange"
"""Where the scope of ASGI has it."""


class Exchange:
    """A request and its answer.

    Attributes:
        id: of the request; the client's own, where it sends one that can stand in a log.
        caller: who asks.
        out: the answer.
        usage: tokens that it took.
        writing: in whose form a stream tells of a failure; of Chat Completions where None.
        did: what became of it, for the log: "turn", "passed", or empty.
    """

    def __init__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[str, str] = headers_of(scope)
        said = self.headers.get("x-request-id", "")
        self.id: str = said if _ID.fullmatch(said) else f"req_{secrets.token_hex(12)}"
        self.caller: Caller = Caller()
        self.receive = receive
        self.out: Sending = Sending(send, self.id)
        self.usage: Usage = Usage()
        self.did = ""
        self.writing: Writing | None = None
        self.began: float = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self.began

    async def json(self, most: int) -> dict[str, Any]:
        """The JSON object of its body, of so many bytes at most.

        Raises:
            Failure: there is none that can be taken.
            ClientGone: the client went.
        """
        return await read_json(self.receive, self.headers, most)

    async def fail(self, failure: Failure) -> None:
        """Answer with an error, in the stream where that has begun.

        Raises:
            ClientGone: nobody is there to hear of it.
        """
        if not self.out.status:
            await self.out.whole(failure.status, failure.body(), headers=failure.headers())
        elif not self.out.done:
            told = [Told({"error": failure.error}), Told("[DONE]")]
            await self.out.tell(told if self.writing is None else self.writing.fail(failure))
            await self.out.end()
