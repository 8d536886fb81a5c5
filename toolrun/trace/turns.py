"""What is a session, once its events stand together? Turns of steps, and steps of calls.

Events tell what happened when; here each fact stands where it belongs: the result of a call beside
its arguments, the limit beside the turn that it ended.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from toolrun.values import FileChange, Json, Outcome, Status, Usage


class Call(Struct, frozen=True, kw_only=True):
    """A call of the model, and what it came to.

    Attributes:
        id: of the call.
        name: of the tool.
        arguments: as the model wrote them.
        ran: the arguments that it ran with, which a person may have edited; None: it did not run.
        profile: of the sandbox that it ran in; None where it ran in the process, or not at all.
        decision: what was decided of it ("approve", "deny", "edit"), "" where nobody was asked.
        outcome: None where it has none: it waits, or the trace ends.
        content: the result as the model reads it.
        seconds: that it ran.
        repaired: what was mended of it, in order.
        files: that it changed.
    """

    id: str
    name: str
    arguments: str
    ran: dict[str, Json] | None = None
    profile: str | None = None
    decision: str = ""
    outcome: Outcome | None = None
    content: str = ""
    seconds: float = 0.0
    repaired: tuple[str, ...] = ()
    files: tuple[FileChange, ...] = ()

    @property
    def parsed(self) -> dict[str, Json] | None:
        """The arguments as an object; None where the model wrote something else."""
        try:
            value = msgspec.json.decode(self.arguments or "{}")
        except (msgspec.MsgspecError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


class Step(Struct, frozen=True, kw_only=True):
    """A complete sampling of the model.

    Attributes:
        reasoning: the chain of thought.
        calls: that the model made, in order.
        finish_reason: as the server said it.
        usage: tokens, as the server counted them.
        number: in its turn, from 1.
        content: a preamble beside calls, else the answer.
        seconds, first_token: to the end and to the first token; None where nobody listened.
        retries: the code of each attempt that failed before it ("http-503").
        time: when it was complete, in seconds since the epoch.
    """

    number: int
    reasoning: str = ""
    content: str = ""
    calls: tuple[Call, ...] = ()
    finish_reason: str | None = None
    usage: Usage = Usage()
    seconds: float | None = None
    first_token: float | None = None
    retries: tuple[str, ...] = ()
    time: float = 0.0


class Turn(Struct, frozen=True, kw_only=True):
    """From what the user said to how it ended.

    Attributes:
        asked: what the user said.
        steps: that were completed, in order.
        error: why it failed; "" where it did not.
        number: from 1.
        settings: of the session, when it began.
        output: the JSON Schema that the answer has to fit, where one was asked for.
        status: None where the trace ends within the turn.
        retries: the code of each attempt that failed after its last complete step.
        limit: what ended it, where a limit did ("steps").
        undone: whether it was taken back later.
        copied: whether it came with a fork from another session.
        compacted: whether the model read less than what was said before (`Compacted`).
        seconds: from the user's words to its last event.
    """

    number: int
    asked: str
    settings: dict[str, Json]
    output: dict[str, Json] | None = None
    steps: tuple[Step, ...] = ()
    status: Status | None = None
    error: str = ""
    limit: str = ""
    retries: tuple[str, ...] = ()
    undone: bool = False
    copied: bool = False
    compacted: bool = False
    seconds: float = 0.0

    @property
    def usage(self) -> Usage:
        """Tokens of all its steps."""
        return sum((step.usage for step in self.steps), Usage())

    @property
    def calls(self) -> list[Call]:
        """Those of all its steps, in order."""
        return [call for step in self.steps for call in step.calls]

    @property
    def answer(self) -> str:
        """The text of its last step, if that has no calls."""
        last = self.steps[-1] if self.steps else None
        return last.content if last is not None and not last.calls else ""


class Behaviour(Struct, frozen=True, kw_only=True):
    """All that a session did.

    Attributes:
        session: its id.
        date: pinned when it opened, YYYY-MM-DD.
        turns: in order.
        version: of toolrun.
        settings: those that it ended with.
        tools: as the model was told of them.
    """

    session: str = ""
    version: str = ""
    date: str = ""
    settings: dict[str, Json] = {}
    tools: list[dict[str, Json]] = []
    turns: tuple[Turn, ...] = ()
