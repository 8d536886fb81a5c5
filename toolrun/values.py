"""Which values do events consist of?"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct

# gc=False: what holds texts and numbers alone is in no cycle, and the collector, which took a third
# of a step with 2,000 sessions in flight, has nothing to look for in it.

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Json: TypeAlias = Any
"""A JSON value: None, a bool, a number, a text, a list of these, or a dict of them by text.

Any, because a recursive type would have whoever reads one convince the type checker at each level.
"""
Status: TypeAlias = Literal["finished", "parked", "limited", "cancelled", "failed"]
Outcome: TypeAlias = Literal[
    "ok", "error", "timeout", "crash", "invalid", "denied", "cancelled", "unknown"
]
"""How a call ended; "unknown" where its process died while it ran, and it may have happened."""
OnCrash: TypeAlias = Literal["rerun", "key", "ask", "never"]
"""What becomes of a call whose process died while it ran; see `toolrun.tool`."""


class ToolCall(Struct, frozen=True, gc=False):
    """A call that the model wants made.

    `arguments` is the text that the model wrote, unparsed: it goes back to the server as it came.

    Attributes:
        id: of the call, as the server gave it.
        name: of the tool.
    """

    id: str
    name: str
    arguments: str


class Usage(Struct, frozen=True, omit_defaults=True, gc=False):
    """Tokens of a step or a turn, as the server counted them.

    Attributes:
        prompt_tokens: of what was sent.
        completion_tokens: of what was sampled, reasoning included.
        cached_tokens: those of the prompt that the server had in its cache.
        reasoning_tokens: those of the reply that are reasoning.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        """The sum of two usages, field by field."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


class ToolResult(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a tool call came to.

    `content` is what the model reads. `seconds` is the wall time of the run itself. `note` is what
    toolrun adds for the model: which files the call changed, and what of them was not kept.

    Attributes:
        outcome: how the call ended.
    """

    content: str
    outcome: Outcome = "ok"
    seconds: float = 0.0
    note: str = ""


class FileChange(Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True):
    """What a call does to one file of the workspace, with what is needed to take it back.

    Attributes:
        path: inside the workspace, with slashes.
        change: what becomes of it.
        folder: whether it is a folder: one that is made, or an empty one that is removed.
        before: the content that it had, base64 in JSON; None where it was not there or is a folder,
            and in a trace, where only its digest and size are.
        before_digest, before_size, before_mode: sha256, bytes and permissions of that.
        digest, size, mode: sha256, bytes and permissions after; empty and 0 where it is deleted.
    """

    path: str
    change: Literal["created", "modified", "deleted"]
    folder: bool = False
    before: bytes | None = None
    before_digest: str = ""
    before_size: int = 0
    before_mode: int = 0
    digest: str = ""
    size: int = 0
    mode: int = 0


class Sampling(Struct, frozen=True, omit_defaults=True):
    """Sampling parameters of a session; None leaves the server's default.

    Attributes:
        temperature: 0 for the likeliest token each time.
        top_p: the share of the likelihood, 0 to 1, that tokens are sampled from.
        max_tokens: of a step, reasoning included.
        seed: makes steps repeatable, as far as the server can.
        stop: texts at which a step ends.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None


class Rule(Struct, frozen=True, omit_defaults=True):
    """Which calls are meant: of which tool, with which arguments.

    Attributes:
        tool: its name; `*` and `?` stand for any characters, any one.
        arguments: those that matter, by name. A text is a pattern as above for texts; any other
            value must be equal. An argument that the call does not have does not match. `..`, which
            leads out of a folder, is only meant where the pattern has it, too.
    """

    tool: str
    arguments: dict[str, Json] = {}

    def matches(self, tool: str, arguments: Mapping[str, Json]) -> bool:
        """Whether a call is meant.

        Args:
            tool: its name.
            arguments: of the call.
        """
        return self.means(tool) and all(
            name in arguments and _fits(pattern, arguments[name])
            for name, pattern in self.arguments.items()
        )

    def means(self, tool: str) -> bool:
        """Whether some calls of a tool are meant.

        Args:
            tool: its name.
        """
        return fnmatchcase(tool, self.tool)


def _fits(pattern: Any, value: Any) -> bool:
    if isinstance(pattern, str):
        if not isinstance(value, str) or (_climbs(value) and not _climbs(pattern)):
            return False
        return fnmatchcase(value, pattern)
    return type(pattern) is type(value) and bool(pattern == value)


_CLIMBS: Final = re.compile(r"""(?<![^\s/\\"'=:])\.\.(?=[/\\]|\Z)|(?<=[/\\])\.\.(?![^\s/\\"'])""")


def _climbs(text: str) -> bool:
    """Whether a text leads out of a folder that it has named: `notes/../x` is not in `notes/`."""
    return ".." in text and _CLIMBS.search(text) is not None


def differing(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> set[str]:
    """The names of the tools that are new, gone, or others to the model than they were."""
    old, new = ({tool["function"]["name"]: tool for tool in tools} for tools in (before, after))
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def holding(rules: Iterable[Rule], changed: Iterable[str]) -> list[Rule]:
    """The standing approvals that mean none of the tools that changed: of those nobody approved."""
    return [rule for rule in rules if not any(rule.means(tool) for tool in changed)]
