"""How many tokens does a message take in a prompt, as harmony renders it?

The header of a call or a result is a token or two longer in one library's rendering than in
another's, and vLLM writes calls anew: so a server's prompt may differ by a few tokens a step.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from toolrun.errors import ConfigError, MissingExtra, ToolrunError
from toolrun.events import AssistantMessage
from toolrun.extras import has
from toolrun.models.harmony.render import Renderer
from toolrun.models.harmony.vocabulary import load_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.models.model import Request
    from toolrun.transcript import Message

_WORD: Final = re.compile(r"\S+")
_LONGEST: Final = 4096
"""Characters without a space, or spaces alone, of a text that is counted exactly.

The time of openai-harmony's regex grows with their square: 50,000 times "x" took 1.7 s, 200,000
times 28 s, and a million overflowed its stack and ended in a panic.
"""


class Sizes:
    """Counts by a renderer. For what harmony cannot render, or not soon, None stands."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def head(self, request: Request) -> int | None:
        """Of all that comes before the messages, and of what the model goes on from."""
        try:
            return len(self._renderer.head(request)) + len(self._renderer.opening)
        except ToolrunError:
            return None

    def message(self, message: Message, request: Request, *, reasoning: bool) -> int | None:
        """Of a message of a request."""
        if not all(map(_is_quick, _texts(message))):
            return None
        try:
            return len(self._renderer.message(message, request.builtins, reasoning=reasoning))
        except ToolrunError:
            return None


def _texts(message: Message) -> Iterator[str]:
    yield message.content or ""
    if isinstance(message, AssistantMessage):
        yield message.reasoning or ""
        yield from (call.arguments for call in message.tool_calls)


def _is_quick(text: str) -> bool:
    if len(text) <= _LONGEST:
        return True
    end = 0
    for word in _WORD.finditer(text):
        if word.end() - word.start() > _LONGEST or word.start() - end > _LONGEST:
            return False
        end = word.end()
    return len(text) - end <= _LONGEST


async def load_sizes() -> Sizes | None:
    """The sizes of gpt-oss's own vocabulary; None where no harmony library is installed."""
    if not has("openai_harmony"):
        return None
    try:
        return Sizes(Renderer(await load_beside()))
    except (MissingExtra, ConfigError):
        return None
