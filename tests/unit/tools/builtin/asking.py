"""What do the calls of a script come to, in a session with the tools that they name?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolrun import Session, ToolResult
from toolrun.testing import ScriptedModel

if TYPE_CHECKING:
    from toolrun.testing.scripted import Step


async def results(*script: Step, **options: Any) -> list[ToolResult]:
    """The results of a script's calls, in order; it ends by itself."""
    model = ScriptedModel(*script, "Done.")
    async with Session(model=model, **options) as session:
        answer = await session.ask("Go.")
    assert all(call.result is not None for call in answer.tool_calls)
    return [call.result for call in answer.tool_calls if call.result is not None]
