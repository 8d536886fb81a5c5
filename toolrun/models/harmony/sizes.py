"""How many tokens does a message take in a prompt, as harmony renders it?

The header of a call or a result is a token or two longer in one library's rendering than in
another's, and vLLM writes calls anew: so a server's prompt may differ by a few tokens a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.errors import ConfigError, MissingExtra, ToolrunError
from toolrun.extras import has
from toolrun.models.harmony.render import Renderer
from toolrun.models.harmony.vocabulary import load_beside

if TYPE_CHECKING:
    from toolrun.models.model import Request
    from toolrun.transcript import Message


class Sizes:
    """Counts by a renderer. What harmony cannot render, None stands for."""

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
        try:
            return len(self._renderer.message(message, request.builtins, reasoning=reasoning))
        except ToolrunError:
            return None


async def load_sizes() -> Sizes | None:
    """The sizes of gpt-oss's own vocabulary; None where no harmony library is installed."""
    if not has("openai_harmony"):
        return None
    try:
        return Sizes(Renderer(await load_beside()))
    except (MissingExtra, ConfigError):
        return None
