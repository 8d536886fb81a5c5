"""What a step asks of a model, and what any model gives back: the seam of this room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct, field

from toolrun.events import AssistantMessage, Event
from toolrun.shortening import Shortened
from toolrun.transcript import Message
from toolrun.values import Json, Sampling

Observe: TypeAlias = Callable[[Event], None]


class Request(Struct, frozen=True, eq=False):
    """One sampling of the model.

    Attributes:
        model: the name that the server has for it.
        instructions: the developer's words.
        tool_choice: as Chat Completions has it; None for the server's.
        effort: "low", "medium" or "high"; None for the server's.
        sampling: None in it for the server's.
        messages: the transcript so far, as far as it is sent; a list that only grows within a
            session, until it is compacted.
        reasoning_from: assistant messages from this index on go out with their reasoning.
        tools: the function tools in the form of Chat Completions.
        extra: server-specific fields of the body, as given by the user.
        nudge: a user message at the end of this request alone; it is no part of the transcript.
        response_format: what the reply has to look like, in the form of Chat Completions. vLLM has
            no path for calls beside it, so the tools are then left out of the request.
        stream: whether the reply is wanted piece by piece.
        unstreamed: this step comes whole all the same; the pieces are then told at its end.
        cache: kept by the session from step to step for the model's use (encoded bytes).
        on_call: is told the name of a call as soon as its stream has said it.
        session: the id of the session, for models that send it to the same server each time.
        date: the session's, YYYY-MM-DD, for models that render the prompt themselves.
        builtins: which of the tools are the model's own ("python", "browser_open", ...): a model
            that renders the prompt itself declares them in the system message.
        shortened: how `messages` differ from the transcript; what was made of them at another
            number of `times` is void.
        avoid: base URLs of servers that this step has just failed at, for models behind several.
    """

    model: str
    messages: Sequence[Message]
    reasoning_from: int = 0
    instructions: str | None = None
    tools: Sequence[dict[str, Json]] = ()
    tool_choice: str | dict[str, Json] | None = None
    effort: str | None = None
    sampling: Sampling = Sampling()
    extra: dict[str, Json] = field(default_factory=dict)
    nudge: str | None = None
    response_format: dict[str, Json] | None = None
    stream: bool = False
    unstreamed: bool = False
    cache: dict[str, Any] = field(default_factory=dict)
    on_call: Callable[[str], None] | None = None
    session: str = ""
    date: str = ""
    builtins: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    shortened: Shortened = Shortened()

    @property
    def head(self) -> tuple[Any, ...]:
        """Internal: tells whether all but the messages is as in another request."""
        return (
            self.model,
            self.instructions,
            id(self.tools),
            self.tool_choice,
            self.effort,
            self.sampling,
            id(self.extra),
            self.response_format,
            self.streams,
        )

    @property
    def streams(self) -> bool:
        """Whether the server is asked for a stream."""
        return self.stream and not self.unstreamed


class Model(Protocol):
    """Something that samples steps. It may serve many sessions at once.

    One that has an attribute `sound` set to True promises messages that hold by themselves: texts
    that UTF-8 can encode, calls whose ids are there and differ. Those of others are checked.
    """

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        """Sample one step.

        Args:
            request: what to sample from.
            observe: told of what happens on the way (`RequestSent`, `ReasoningDelta`, ...), in
                order; None where nobody listens, which is cheaper.

        Returns:
            The complete message.

        Raises:
            ServerError: the step could not be sampled.
        """
        ...

    async def aclose(self) -> None:
        """Release connections; no step may run."""
        ...
