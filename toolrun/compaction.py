"""What becomes of a conversation that grows beyond the model's context?"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from toolrun.errors import ConfigError

How: TypeAlias = Literal["trim", "summarise", "stop"]


class Compaction(Struct, frozen=True):
    """When and how what is sent of a session's transcript is made shorter.

    The transcript, the store and the trace keep the whole. The reasoning of the running turn is
    never cut. Where nothing is left that could be done, `ContextTooLong` is raised before anything
    is sent.

    Attributes:
        how: "trim" sends a line in place of old tool results, which the model can read again with
            `recall_result`; "summarise" has the model summarise what lies before the last turns,
            in a step of its own, and trims where that is not enough; "stop" does neither.
        when: it begins once a request takes this share of the context, less `sampling.max_tokens`.
            With "stop" the session stops there.
        to: it goes on down to this share, so that it is rarely needed: each time the prompt's
            prefix changes, and a server's cache of it is lost.
        keep_turns: turns before the running one that are not summarised.
        summary_tokens: what the step that summarises may sample, its reasoning included.
    """

    how: How = "trim"
    when: float = 0.85
    to: float = 0.6
    keep_turns: int = 2
    summary_tokens: int = 2048

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ConfigError: a field does not fit.
        """
        if self.how not in ("trim", "summarise", "stop"):
            raise ConfigError(f"compaction.how is trim, summarise or stop, not {self.how!r}")
        if not 0 < self.to <= self.when <= 1:
            raise ConfigError(
                "compaction.to and compaction.when are shares of the context, 0 < to <= when <= 1, "
                f"not {self.to} and {self.when}"
            )
        if self.keep_turns < 0 or self.summary_tokens < 1:
            raise ConfigError(
                "compaction.keep_turns must be 0 or more and summary_tokens 1 or more, not "
                f"{self.keep_turns} and {self.summary_tokens}"
            )
