"""Is a step that went wrong sampled again, and after which wait?"""

from __future__ import annotations

import zlib

from msgspec import Struct

from toolrun.errors import (
    ConfigError,
    MalformedOutput,
    ServerError,
    ServerStatus,
    ServerTimeout,
    ServerUnreachable,
)

_LASTING = ("no-tool-parser",)
"""Codes of malformed output that sampling again does not mend."""
_AT_ONCE = ("malformed-header", "malformed-call")
"""Codes of server errors that are the model's: the server is well, and may be asked at once."""
_CLOSING = 0.1
"""Seconds after such an error of status 500: vLLM closes the connection behind it without a word,
and a request that is sent on it in the same moment is lost (seen on 0.28.0)."""
_BUSY = (408, 425, 429)
_UNSUPPORTED = (501, 505)


class Retries(Struct, frozen=True):
    """How often one step is sampled again, and how long a server is left alone before that.

    What the model did wrong is sampled again at once. A server that is busy, failing or away
    (408, 425, 429, 5xx, time-outs, lost connections) is left alone for `first_wait` seconds, twice
    as long each time, up to `longest_wait`, less a jitter of up to a half; what it asks for by
    Retry-After comes on top. A server that has never answered is not waited for. A vLLM takes
    about a minute to start: `Retries(attempts=8)` rides over that. Where there are several servers,
    a step that one of them could not sample is sampled by the next at once, which is no attempt in
    this sense: one is over when none is left.

    Attributes:
        attempts: times that one step may be sampled again, whatever the reasons; 0 for never.
        first_wait: seconds.
        longest_wait: seconds.
    """

    attempts: int = 3
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ConfigError: a field is negative.
        """
        for name in ("attempts", "first_wait", "longest_wait"):
            if (value := getattr(self, name)) < 0:
                raise ConfigError(f"retries.{name} must be 0 or more, not {value}")

    def wait(self, error: ServerError, attempt: int, key: str) -> float | None:
        """Internal: seconds before the step is sampled again; None where it is not.

        Args:
            error: what went wrong.
            attempt: how often the step has been sampled, from 1.
            key: which step of which session: the jitter is drawn from it, so that sessions differ
                and the same session waits the same again.
        """
        if error.elsewhere:
            return 0.0
        if attempt > self.attempts or not _passing(error):
            return None
        if _at_once(error):
            return _CLOSING if isinstance(error, ServerStatus) else 0.0
        longest = min(self.longest_wait, self.first_wait * 2.0 ** min(attempt - 1, 32))
        drawn = zlib.crc32(f"{key}.{attempt}".encode()) / 2**32
        return round((error.retry_after or 0.0) + longest * (1 - drawn / 2), 3)


def _passing(error: ServerError) -> bool:
    """Whether the same request may fare better later."""
    match error:
        case MalformedOutput():
            return error.code not in _LASTING
        case ServerStatus():
            # What the model wrote is its fault under any status: some vLLMs call it a 400.
            busy = error.status in _BUSY or error.status >= 500  # noqa: PLR2004 - HTTP's
            return error.code in _AT_ONCE or (busy and error.status not in _UNSUPPORTED)
        case ServerTimeout():
            # A reply that was under way when its whole time was up would take as long again.
            return error.phase != "step"
        case ServerUnreachable():
            return error.answered
        case _:
            return False


def _at_once(error: ServerError) -> bool:
    """Whether the fault was the model's, so that the server needs no rest."""
    if isinstance(error, MalformedOutput):
        return error.code != "broken-stream"
    return error.code in _AT_ONCE
