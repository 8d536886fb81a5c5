"""What can go wrong for the caller, and what to do about it.

    ToolrunError
    ├── ConfigError              a setting, profile or argument that does not fit
    ├── ToolDefinitionError      a tool that cannot be offered to the model
    ├── ServerError              a step could not be sampled
    │   ├── ServerUnreachable    no connection
    │   ├── ServerTimeout        connected, but silent for too long (`phase`)
    │   ├── ServerStatus         an HTTP status that a retry does not mend (`status`)
    │   ├── ModelNotFound        the server has no model of that name (`available`)
    │   └── MalformedOutput      what came back is not a reply
    ├── TurnIncomplete           raised by `Answer.raise_for_status` (`answer`)
    │   ├── TurnLimited
    │   ├── TurnParked
    │   └── TurnCancelled
    ├── OutputInvalid            a final answer that does not fit the asked-for type
    ├── ContextTooLong           the conversation no longer fits into the model
    ├── ToolsChanged             a session resumed with other tools than it was opened with
    ├── SandboxUnavailable       no backend gives the guarantees that the profile needs
    ├── SessionBusy              a second turn while one runs
    ├── Draining                 the process is about to end, and takes no more turns
    ├── LeaseLost                another process drives the session now
    ├── ReplayMismatch           a replay departs from its trace
    ├── TraceError               a trace file that cannot be read (`line`)
    ├── StoreError               the store failed
    └── MissingExtra             a package that an optional part needs is not installed

What a tool does wrong is never an exception of the session: it is a result for the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class ToolrunError(Exception):
    """Base of every error that toolrun raises on purpose."""


class ConfigError(ToolrunError):
    """A setting, profile or argument does not fit; the message names it and what would fit."""


class ToolDefinitionError(ToolrunError):
    """A tool cannot be offered to the model; the message names the tool and the parameter."""


class ServerError(ToolrunError):
    """A step could not be sampled. The session can go on: `Session.go_on()` samples again.

    Attributes:
        code: what went wrong, as a short word for events and metrics ("http-503").
        retry_after: seconds that the server asks to be left alone (HTTP's Retry-After), if it does.
        server: the base URL of the server, where there are several.
        elsewhere: whether another of them can sample the step at once.
    """

    code = "server"
    retry_after: float | None = None
    server = ""
    elsewhere = False


class ServerUnreachable(ServerError):
    """No connection to the server within the connect time-out.

    Attributes:
        answered: whether the server has answered this process before: then it may come back.
    """

    code = "unreachable"

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class ServerTimeout(ServerError):
    """The server was reached but stayed silent.

    Attributes:
        phase: which wait ran out: "connect", "first token", "between tokens" or "step".
    """

    def __init__(self, message: str, phase: str) -> None:
        super().__init__(message)
        self.phase = phase
        self.code: str = f"timeout-{phase.replace(' ', '-')}"


class ServerStatus(ServerError):
    """The server refused the request.

    Attributes:
        retry_after: seconds that the server asks to wait; None where it does not.
        status: the HTTP status, or that of an error inside a stream.
    """

    def __init__(self, message: str, status: int, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code: str = f"http-{status}"
        self.retry_after = retry_after


class ModelNotFound(ServerError):
    """The server answers, but has no model of that name.

    Attributes:
        available: the names that the server does serve.
    """

    code = "model-not-found"

    def __init__(self, message: str, available: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.available: tuple[str, ...] = tuple(available)


class MalformedOutput(ServerError):
    """What came back is not a reply, or is one that no turn can use.

    Attributes:
        code: which of them: "malformed-reply" (not JSON, not a stream, no message in it),
            "broken-stream", "malformed-header", "nothing-said", "analysis-only", "markup",
            "truncated-call", "garbled-call", "too-many-calls", "call-too-long", "no-tool-parser",
            "lost-history" (the server's store of responses did not hold what came before).
    """

    def __init__(self, message: str, code: str = "malformed-reply") -> None:
        super().__init__(message)
        self.code = code


class TurnIncomplete(ToolrunError):
    """A turn ended without an answer.

    Attributes:
        answer: the `Answer` of the turn, with what there is so far.
    """

    def __init__(self, message: str, answer: object = None) -> None:
        super().__init__(message)
        self.answer = answer


class TurnLimited(TurnIncomplete):
    """A limit ended the turn."""


class TurnParked(TurnIncomplete):
    """The turn waits for a decision: `Session.decide`, then `Session.go_on`."""


class TurnCancelled(TurnIncomplete):
    """The turn was cancelled."""


class OutputInvalid(ToolrunError):
    """The final answer does not fit the type that was asked for."""


class ContextTooLong(ToolrunError):
    """The conversation no longer fits into the model's context.

    Attributes:
        tokens: of the request, as they were counted, by the server where it refused; None where
            nobody said.
        length: tokens that the model takes, its reply included; None where nobody said.
    """

    def __init__(
        self, message: str, *, tokens: int | None = None, length: int | None = None
    ) -> None:
        super().__init__(message)
        self.tokens = tokens
        self.length = length


class ToolsChanged(ToolrunError):
    """The session was opened with other tools than those it is resumed with."""


class SandboxUnavailable(ToolrunError):
    """No sandbox backend gives the guarantees that the profile needs; nothing was run."""


class SessionBusy(ToolrunError):
    """The session already runs a turn; a session has one at a time."""


class Draining(ToolrunError):
    """The runtime takes no more turns: its process is about to end; another can go on."""


class LeaseLost(ToolrunError):
    """Another process drives the session now."""


class ReplayMismatch(ToolrunError):
    """A replay departs from its trace; the message names the first difference.

    Attributes:
        request: which request of the session it was, from 1; 0 where it was none.
        message: the index in the transcript of the message that differs; None where it is no
            message.
        field: which field of the message, the request or the event ("content",
            "tool_calls[0].function.arguments", "tools[1].description").
        expected: what the trace has there, as a JSON value; None where it has nothing.
        seen: what was there instead.
        nearest: the recorded step that has most messages in common: a `toolrun.trace.steps.Step`.
        transcript: the messages of the session up to there.

    Args:
        index: what becomes `message`.
    """

    def __init__(
        self,
        message: str,
        *,
        request: int = 0,
        index: int | None = None,
        field: str = "",
        expected: object = None,
        seen: object = None,
        nearest: object = None,
        transcript: Sequence[object] = (),
    ) -> None:
        super().__init__(message)
        self.request = request
        self.message = index
        self.field = field
        self.expected = expected
        self.seen = seen
        self.nearest = nearest
        self.transcript: list[object] = list(transcript)


class TraceError(ToolrunError):
    """A trace file cannot be read.

    Attributes:
        line: the 1-based line of the file, 0 where the file as a whole is meant.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class StoreError(ToolrunError):
    """The store failed; the message names the operation and the cause."""


class MissingExtra(ToolrunError):
    """An optional part needs a package that is not installed; the message names the extra."""
