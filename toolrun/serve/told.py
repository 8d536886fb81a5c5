"""What does a client hear of an answer? The seam between how it comes about and how it is written.

The methods give what is to be sent next, so that an answer that comes whole is written by the same
words as one that comes piece by piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import AssistantMessage
    from toolrun.serve.failures import Failure


class Told(Struct, frozen=True):
    """One event of a stream.

    Attributes:
        data: an object that becomes JSON, or text that stands as it is.
        name: of the event, in APIs that name theirs.
    """

    data: dict[str, Any] | str
    name: str | None = None


class End(Struct, frozen=True):
    """How an answer ended.

    Attributes:
        usage: tokens of all its steps.
        limited: whether a limit ended it.
    """

    usage: Usage
    limited: bool = False


class Writing(Protocol):
    """Writes one answer in the form of one API."""

    def begin(self) -> Sequence[Told]:
        """Before all else."""
        ...

    def reasoning(self, text: str) -> Sequence[Told]:
        """A piece of reasoning."""
        ...

    def text(self, text: str) -> Sequence[Told]:
        """A piece of text for the user."""
        ...

    def again(self) -> Sequence[Told]:
        """The step is sampled again: what came of it does not count, but cannot be unsaid."""
        ...

    def step(self, message: AssistantMessage) -> Sequence[Told]:
        """The end of a step; what it holds was told already where it came in pieces.

        Its calls are the client's to make.
        """
        ...

    def end(self, end: End) -> Sequence[Told]:
        """After all else."""
        ...

    def fail(self, failure: Failure) -> Sequence[Told]:
        """Instead of the end."""
        ...

    @property
    def whole(self) -> dict[str, Any]:
        """The answer, after its end, for a client that wants no stream."""
        ...
